"""The page of a study that is not complete shows progress and estimates, and decides nothing."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from afn.common.canonical import sealed
from afn.study import study_from_mapping
from analysis.__main__ import main
from analysis.report import looks
from analysis.results.collect import collect
from analysis.results.scores import Scores
from tests.analysis.pages import TWO_WAYS
from tests.analysis.synthetic import draw_history, draw_results, write_runs

CONCLUDES = re.compile(
    r"superior|inferior|equivalent|inconclusive|cannot reject|verdict|significan|interval|"
    r"better than batch|adjusted|\bp\s*[=<]|\u00b1",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def study():
    return study_from_mapping(TWO_WAYS, "tiny.yaml")


@pytest.fixture(scope="module")
def results(study):
    return draw_results(study, diverged=[("resnet8", "afn", 1)])


@pytest.fixture
def half(tmp_path, study, results):
    """Of six seeds three, and in one cell two with a reason why the third is not there."""
    write_runs(tmp_path / "results/runs", study, results, draw_history(study))
    for seed in (3, 4, 5):
        for folder in (tmp_path / "results/runs").rglob(f"seed{seed}"):
            shutil.rmtree(folder)
    torn = next((tmp_path / "results/runs").glob("*/resnet8/batch/*/seed2/result.json"))
    torn.write_text("{")
    (tmp_path / "study.json").write_text(study.to_json())
    return tmp_path


def render(folder: Path) -> str:
    words = ["partial", str(folder / "study.json"), "--runs", str(folder / "results/runs")]
    assert main([*words, "-o", str(folder / "partial"), "--study-file", "mine.yaml"]) == 0
    text = (folder / "partial/index.html").read_text().replace(TWO_WAYS["question"], "")
    body = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_it_shows_progress_and_concludes_nothing(half, study):
    text = render(half)
    done, declared = 3 * len(study.cells()) - 1, 6 * len(study.cells())
    assert f"{done} of {declared} runs" in text
    assert "2 of 6 seeds in every cell" in text
    assert "1 of" in text
    assert "diverged. They count" in text
    assert "seed2 not there yet: the result cannot be read" in text
    assert CONCLUDES.findall(text) == []
    assert "6 seeds" not in text.replace("2 of 6 seeds", "")


def test_mixed_builds_are_named(half):
    """Runs that were merged from two machines."""
    assert "Mixed builds" not in render(half)
    path = next((half / "results/runs").glob("*/*/*/*/seed0/result.json"))
    record = json.loads(path.read_text())
    record["versions"]["processor"] = "another"
    path.write_text(json.dumps(sealed(record)))
    text = render(half)
    assert "Mixed builds" in text
    assert "another" in text


def test_its_estimates_are_means_of_the_pairs_that_exist(half, study):
    render(half)
    frame = pd.read_csv(half / "partial/tables/estimates.csv")
    assert not [c for c in frame if c.startswith(("p", "ci", "verdict")) and c != "paired_by"]
    one = frame[(frame.a == "afn") & (frame.b == "batch") & (frame.backbone == "resnet8")].iloc[0]
    assert (one.n, one.of) == (2, 6)
    scores = Scores(collect(study, half / "results/runs", partial=True)["results"], study)
    a, b = (
        scores.of(next(c for c in study.cells() if (c.backbone, c.norm) == ("resnet8", n)), "clean")
        for n in ("afn", "batch")
    )
    assert one.estimate == pytest.approx(sum(a.values[k] - b.values[k] for k in (0, 1)) / 2)


def test_nothing_that_was_decided_is_left_in_its_folder(half):
    (half / "partial/tables").mkdir(parents=True)
    (half / "partial/tables/verdicts.csv").write_text("p\n.01\n")
    (half / "partial/decisions.json").write_text("[]")
    render(half)
    assert not (half / "partial/decisions.json").exists()
    assert not (half / "partial/tables/verdicts.csv").exists()


def test_every_look_is_noted(half):
    assert "looked at once before" in render(half)
    assert "looked at twice before" in render(half)
    noted = looks.read(half / "results/looks.jsonl")
    assert [(look["command"], look["runs"] < look["declared"]) for look in noted] == [
        ("partial", True),
        ("partial", True),
    ]


def test_a_complete_study_is_told_to_be_decided(tmp_path, study, results):
    write_runs(tmp_path / "results/runs", study, results, draw_history(study))
    (tmp_path / "study.json").write_text(study.to_json())
    text = render(tmp_path)
    assert "All declared runs are there. make report STUDY=mine.yaml decides" in text
    assert CONCLUDES.findall(text) == []


def test_nothing_there_yet(tmp_path, study):
    (tmp_path / "study.json").write_text(study.to_json())
    (tmp_path / "results/runs").mkdir(parents=True)
    assert f"0 of {6 * len(study.cells())} runs" in render(tmp_path)


def look(runs: int, declared: int, command: str = "partial") -> dict:
    return {"time": f"day {runs}", "command": command, "runs": runs, "declared": declared}


@pytest.mark.parametrize(
    ("noted", "told"),
    [
        ([], ""),
        ([look(9, 9), look(9, 9, "report")], ""),
        (
            [look(3, 9), look(6, 6, "report")],
            "The results were looked at twice before they were complete: on day 3 (3 of 9 runs) "
            "and on day 6 (6 of 9 runs, a report of an earlier plan).",
        ),
        (
            [look(k, 9) for k in range(1, 6)],
            "The results were looked at five times before they were complete: first on day 1 "
            "(1 of 9 runs), last on day 5 (5 of 9 runs).",
        ),
    ],
)
def test_looks_in_words(noted, told):
    assert looks.sentence(noted, 9) == told


def test_a_report_of_the_same_table_again_is_the_same_look(tmp_path):
    file = tmp_path / "looks.jsonl"
    for content in ("a", "a", "b"):
        looks.note(file, "report", 9, 9, content)
    looks.note(file, "partial", 3, 9, "a")
    with file.open("a") as stream:
        stream.write('{"time": "cut o')
    assert [entry["command"] for entry in looks.read(file)] == ["report", "report", "partial"]
    assert json.loads(file.read_text().splitlines()[0])["content"] == "a"
