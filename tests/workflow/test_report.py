"""From runs to the page by the real commands: failures stay failures, looks are counted."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.workflow.project import TINY, Project

pytestmark = pytest.mark.long
RUN = [sys.executable, "workflow/run.py"]
VERIFY = [sys.executable, "-m", "afn.study", "verify"]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("study"))
    norms = {"factors": {"norm": ["batch", "afn"]}, "contrasts": [["afn", "batch"]]}
    base = {**TINY["base"], "recipe": {"epochs": 1}}
    project.write_study({**TINY, "base": base, "experiments": {"norms": norms}})
    where = "where=seed < 3"
    project.snakemake("cells", "--config", where, "seeds_per_job=3")
    return project


def page(project: Project, name: str = "index.html") -> str:
    return " ".join((project.folder / "reports/tiny" / name).read_text().split())


def test_half_of_a_study_is_not_decided_and_the_looks_are_counted(project):
    for times in ("once", "twice"):
        project.run(*RUN, "--partial")
        text = page(project, "partial/index.html")
        assert "6 of 12</b> runs" in text
        assert "3 of 6</b> seeds" in text
        assert "verdict inferior" not in text
        assert "p =" not in text
        assert f"looked at {times} before" in text
    done = project.run(*RUN)
    assert done.stdout.strip().endswith("reports/tiny/index.html")
    assert "The results were looked at twice before they were complete" in page(project)
    assert project.run(*VERIFY).stdout.strip().endswith("12 of 12 results are whole")


def test_a_damaged_result_fails_until_it_is_mended(project):
    before = page(project)
    path = next((project.folder / "results/tiny/runs").rglob("seed2/predictions.npz"))
    shutil.copy2(path, project.folder / "kept.npz")
    path.write_bytes(path.read_bytes() + b"x")
    # As after an edit of the code that collects: the step runs again, and fails.
    file = project.folder / "analysis/results/collect.py"
    file.write_text(file.read_text() + "\n\nADDED = 1\n")
    for _ in range(2):
        done = project.run(*RUN, check=False)
        assert done.returncode == 1
        assert "predictions.npz is damaged" in done.stderr
        assert "done in" not in done.stdout
    told = project.run(*VERIFY, check=False)
    assert told.returncode == 1
    assert "results.parquet, from which it was made, is not there" in told.stdout
    assert page(project) == before
    shutil.copy2(project.folder / "kept.npz", path)
    assert "done in" in project.run(*RUN).stdout
    assert project.run(*VERIFY).returncode == 0


def test_a_rerun_gives_the_same_bits_and_says_so(project):
    done = project.run(*RUN, "--rerun", "--where", "norm == 'afn' and seed == 3")
    assert "training 1 run again:\n  digits8x8/convnet_small/afn/" in done.stdout
    assert "the new bits equal the old in 1 of 1 runs" in done.stdout
