"""Blocks of several sizes in one study: Snakemake finds one rule for each result, and the bits of
results, and what is done, do not depend on the blocks."""

from __future__ import annotations

import json

import pytest

from tests.workflow.project import Project

pytestmark = pytest.mark.long
SHORT = ("--config", "minutes_per_job=0.005")


def test_blocks_by_cost_change_jobs_and_no_result(tmp_path):
    project, other = Project(tmp_path / "one"), Project(tmp_path / "other")
    told = project.snakemake("-n", "results", *SHORT).stdout
    sizes = {line.split()[0] for line in told.splitlines() if line.startswith("train_seed")}
    ends = [tuple(map(int, name.removeprefix("train_seed").split("_to_"))) for name in sizes]
    assert len({last - first for first, last in ends}) > 1, told
    project.snakemake("results", *SHORT)
    other.snakemake("results")
    assert project.hashes() == other.hashes()
    assert project.epochs_trained() == other.epochs_trained()
    assert "Nothing to be done" in project.snakemake("-n", "results").stdout
    assert "Nothing to be done" in other.snakemake("-n", "results", *SHORT).stdout


def test_seeds_at_a_time_change_no_result(tmp_path):
    project, other = Project(tmp_path / "one"), Project(tmp_path / "other")
    project.snakemake("results", "--config", "seeds_at_once=2")
    other.snakemake("results")
    assert project.hashes() == other.hashes()
    results = list((project.folder / "results/tiny/runs").rglob("result.json"))
    assert {json.loads(file.read_text())["at_once"] for file in results} == {2}
    assert "Nothing to be done" in project.snakemake("-n", "results").stdout
