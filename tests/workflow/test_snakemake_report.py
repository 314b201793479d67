"""Snakemake's own report of a finished study, and what is made only where it is asked for."""

from __future__ import annotations

import json
import os

import pytest

from afn.study import study_from_mapping
from tests.analysis.pages import MINIMAL
from tests.workflow.project import Project

pytestmark = pytest.mark.seconds
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>drawn</text></svg>'


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Project:
    """A project in which every file of a study lies, the later steps' later; all made up."""
    project = Project(tmp_path_factory.mktemp("finished"))
    project.write_study(MINIMAL)
    study = study_from_mapping(MINIMAL, "test")
    results, reports = project.folder / "results/tiny", project.folder / "reports/tiny"
    paths = [project.folder / "data/prepared/digits8x8/manifest.json", results / "study.json"]
    for cell in study.cells():
        paths += [results / f"runs/{cell.path}/seed{s}/result.json" for s in study.seeds]
    names = ("results.parquet", "history.parquet", "correct.npz", "membership.csv")
    paths += [results / name for name in (*names, "decisions.json", "ablations.json")]
    paths += [results / "search.json", reports / "figures/index.json"]
    paths += [reports / "figures/by_section/shift/severity.svg"]
    paths += [reports / "figures/by_section/decisions/forest.svg"]
    paths += [reports / "tables/index.json", reports / "index.html"]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text({".svg": SVG, ".csv": "experiment\nonly\n"}.get(path.suffix, "{}"))
        os.utime(path, (1e9 + number, 1e9 + number))
    (results / "study.json").write_text(study.to_json())
    os.utime(results / "study.json", (1e9, 1e9))
    folder = reports / "figures/by_section"
    (folder / ".snakemake_timestamp").touch()
    os.utime(folder / ".snakemake_timestamp", (1e9 + 900, 1e9 + 900))
    os.utime(reports / "tables/index.json", (1e9 + 900, 1e9 + 900))
    os.utime(reports / "index.html", (1e9 + 901, 1e9 + 901))
    return project


def test_the_report_of_snakemake_shows_page_figures_and_results(finished):
    done = finished.snakemake("--report", "out.html")
    assert "Report created" in done.stderr
    text = (finished.folder / "out.html").read_text(encoding="utf-8")
    for shown in ("by_section/shift/severity.svg", "by_section/decisions/forest.svg"):
        assert shown in text
    for name in ("reports/tiny/index.html", "membership.csv", "decisions.json"):
        assert name in text
    for words in ("the page", "cells of every experiment", "Paired runs of normalisation layers"):
        assert words in text, words
    assert json.dumps("Figures") in text
    assert "figures/severity.csv" in text  # the caption names the numbers of its figure


def test_nothing_is_to_be_done_for_a_finished_study(finished):
    done = finished.snakemake("-n", "--rerun-triggers", "mtime")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_paper_and_an_archive_are_made_where_they_are_asked_for(finished):
    done = finished.snakemake("-n", "supplement", "--rerun-triggers", "mtime")
    told = done.stdout + done.stderr
    assert "rule paper:" in told
    assert "rule supplement:" in told
    assert "rule report:" not in told
