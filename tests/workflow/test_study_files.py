"""Study files and `where` through Snakemake and every target of make: one message, one meaning."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from tests.workflow.project import ROOT, TINY, Project

FAULTS = ROOT / "tests/study/faults"
SIX = FAULTS / "two_norms_six_seeds.yaml"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy in which nothing is trained: Snakemake is only asked what it would do."""
    return Project(tmp_path_factory.mktemp("project"))


def planned(project: Project, *arguments: str) -> str:
    done = project.snakemake("-n", "--nolock", *arguments, check=False)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def where(text: str, target: str = "cells") -> tuple[str, ...]:
    return (target, "--configfile", str(SIX), "--config", f"where={text}")


@pytest.mark.parametrize("text", ['norm == "afn"', "norm == 'afn'", '"afn" == norm', "norm=='afn'"])
def test_where_with_any_quotes_selects_the_six_runs(text, project):
    told = planned(project, *where(text))
    assert "train_seed0_to_5        1" in told
    assert "/batch/" not in told


@pytest.mark.parametrize(
    ("text", "target", "fault"),
    [
        ("norm = 'afn'", "cells", "did you mean norm == 'afn'?"),
        ("norm == afn", "cells", "did you mean the text 'afn'?"),
        ("", "cells", "error: where: is empty"),
        ("norm == 'afn'", "all", "error: where: selects the runs of the target cells"),
        ("norm == 'afn'", "report", "error: where: selects the runs of the target cells"),
    ],
)
def test_where_that_selects_nothing_plans_nothing(text, target, fault, project):
    told = planned(project, *where(text, target))
    assert fault in told
    assert "total" not in told.split()


def test_snakemake_reads_numbers_as_the_project_does(project):
    text = SIX.read_text().replace("seeds: 6", "seeds: 010").replace("epochs: 1", "lr: 1e-4")
    path = project.folder / "octal.yaml"
    path.write_text(text)
    told = planned(project, "--configfile", str(path))
    assert "20 runs: 2 cells x 10 seeds" in told
    assert "plain+lr=0.0001" in told


@pytest.mark.parametrize("target", ["report", "partial", "rerun", "status", "plan", "verify"])
@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda text: f"{text}x: {'[' * 400_000}\n", "nested deeper than 30 levels"),
        (lambda text: f"{text}x: &x [*x]\n", "x.0: its anchor holds an alias of itself"),
        (lambda text: text.replace("seeds: 6", "seeds: true"), "seeds = True"),
    ],
)
def test_every_target_of_make_checks_the_file_first(target, spoil, fault, tmp_path):
    path = tmp_path / "spoilt study.yaml"
    path.write_text(spoil(SIX.read_text()))
    # The command that make would give, without the environment that it might make first.
    asked = ["make", "-n", target, f"STUDY={path}", 'WHERE=norm == "afn"']
    line = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = line.strip().splitlines()[-1].replace(".venv/bin/python", sys.executable)
    command = ["bash", "-c", line]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    assert f"error: {path}:" in done.stderr
    assert fault in done.stderr
    assert "Traceback" not in done.stderr


def test_braces_and_other_signs_in_a_title_reach_the_page_as_they_are(tmp_path):
    project = Project(tmp_path)
    title = "a {config} b {wildcards.x} {{ %s <b> & \\input{x}"
    experiments = {"norms": TINY["experiments"]["norms"]}
    base = {**TINY["base"], "recipe": {"epochs": 1}}
    seeds = [2**63 - 1, 2**63 - 2, 2**53 + 1, 2**53, 0, 1]
    study = {**TINY, "title": title, "question": title, "seeds": seeds, "base": base}
    project.write_study({**study, "experiments": experiments})
    project.snakemake()
    page = (project.folder / "reports/tiny/index.html").read_text(encoding="utf-8")
    assert "a {config} b {wildcards.x} {{ %s &lt;b&gt; &amp; \\input{x}" in page
    assert {path.rpartition("seed")[2] for path in project.results()} == {str(s) for s in seeds}
    table = pd.read_parquet(project.folder / "results/tiny/results.parquet")
    assert set(table["seed"]) == set(seeds)
