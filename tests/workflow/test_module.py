"""The workflow as a module of another one, and by the file that the catalog reads."""

from __future__ import annotations

import copy
import re

import pytest
import yaml

from tests.workflow.project import ROOT, TINY, Project

OUTER = f"""
configfile: "outer.yaml"

module study:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config["afn"]

use rule * from study as study_*

onstart:
    study.onstart()

rule mine:
    default_target: True
    input:
        "results/inner/study.json"
    output:
        "mine.txt"
    shell:
        "wc -c < {{input}} > {{output}}"
"""


@pytest.fixture
def folder(tmp_path):
    """A workflow of somebody else's, with a configuration of its own."""
    (tmp_path / "Snakefile").write_text(OUTER)
    outer = {"samples": ["a", "b"], "afn": {"study_file": "inner.yaml", "seeds_per_job": 2}}
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump(outer))
    study = copy.deepcopy(TINY)
    study["study"] = "inner"
    (tmp_path / "inner.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    project = object.__new__(Project)
    project.folder = tmp_path
    return project


def test_another_workflow_takes_its_rules_and_keeps_its_own_config(folder):
    page = "reports/inner/index.html"
    done = folder.run(*folder.command("-n", page, "--config", "other=1"))
    for rule in (
        "study_report",
        "study_decide",
        "study_train_seed0_to_1",
        "study_train_seed4_to_5",
    ):
        assert f"rule {rule}:" in done.stdout
    assert "rule mine:" not in done.stdout


def test_its_jobs_are_given_what_they_need(folder):
    folder.run(*folder.command())
    size = int((folder.folder / "mine.txt").read_text())
    assert size == (folder.folder / "results/inner/study.json").stat().st_size > 100


def test_without_the_study_file_the_message_names_it(folder):
    (folder.folder / "inner.yaml").unlink()
    done = folder.run(*folder.command("-n"), check=False)
    assert done.returncode != 0
    assert "error: inner.yaml: No such file" in done.stdout + done.stderr


def test_the_file_of_the_catalog_is_the_same_workflow(tmp_path):
    project = Project(tmp_path)
    usual = project.run(*project.command("-n"))
    other = project.run(*project.command("-n", "-s", "workflow/Snakefile"))
    assert {"train_seed0_to_5", "report", "all"} <= _rules(usual.stdout)
    assert _rules(other.stdout) - _rules(usual.stdout) == {"everything"}
    assert _rules(usual.stdout) - _rules(other.stdout) == {"all"}


def _rules(text: str) -> set[str]:
    return set(re.findall(r"^(?:local)?rule (\S+):$", text, re.MULTILINE))
