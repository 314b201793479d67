"""Two results folders of one study side by side: what differs is said, nothing is decided anew."""

from __future__ import annotations

import re
from html import unescape

import pandas as pd
import pytest

from afn.common.errors import StudyError
from afn.study import study_from_mapping
from analysis.__main__ import main
from analysis.across import two_results, two_results_page
from analysis.across.two_results_words import named
from analysis.decisions.decision import write_decisions
from tests.analysis.made_decisions import decision
from tests.analysis.pages import TWO_WAYS

ARMS = [("afn", "batch"), ("afn@test_batch", "batch@test_batch"), ("batch@test_batch", "batch")]


def decided(a: str, b: str, estimate: float, verdict: str, half: float = 0.3, **fields):
    """A comparison whose interval reaches ``half`` to both sides."""
    ci = [estimate - half, estimate + half]
    return decision(a=a, b=b, estimate=estimate, ci=ci, verdict=verdict, **fields)


def folder_of(path, decisions, **changed):
    path.mkdir()
    study = study_from_mapping(TWO_WAYS | changed, "test")
    (path / "study.json").write_text(study.to_json())
    write_decisions(path / "decisions.json", decisions, {})
    return path


@pytest.fixture
def two(tmp_path):
    """One verdict alike, one now inconclusive, one that contradicts, and one of a backbone."""
    a = [
        decided(*ARMS[0], 0.1, "equivalent"),
        decided(*ARMS[1], 1.0, "superior", half=0.5),
        decided(*ARMS[2], 12.0, "superior"),
        decided(*ARMS[0], 0.4, "superior", backbone="resnet8", primary=False),
    ]
    b = [
        decided(*ARMS[0], 0.2, "equivalent"),
        decided(*ARMS[1], 0.1, "inconclusive", half=2.0),
        decided(*ARMS[2], -12.0, "inferior"),
        decided(*ARMS[0], -0.4, "inferior", backbone="resnet8", primary=False),
    ]
    return folder_of(tmp_path / "a", a), folder_of(tmp_path / "b", b)


def test_what_moved_and_what_contradicts(two):
    table = two_results.compare(*two)
    assert table["contradict"].tolist() == [False, False, True, True]
    assert table["same"].tolist() == [True, False, False, False]
    assert table["half_widths"].tolist() == pytest.approx([0.1 / 0.3, 0.9 / 0.5, 80.0, 0.8 / 0.3])
    lines = two_results.summary(table, [["x"], ["y"]])
    assert lines[2].startswith(
        "primary decisions: 1 of 3 verdicts are the same, one contradicts the other's"
    )
    assert two_results.listed(table)[0].startswith("X batch@test_batch - batch, clean, pooled")


@pytest.mark.parametrize(
    ("first", "second", "contradicted"),
    [
        (("superior", 2.0), ("inferior", -2.0), True),
        (("equivalent", 0.0), ("superior", 2.0), True),  # 1.7 to 2.3 lies outside the margin of 1
        (("equivalent", 0.0), ("inferior", -2.0), True),
        (
            ("equivalent", 0.0),
            ("superior", 0.8),
            False,
        ),  # 0.5 to 1.1: a difference below the margin
        (("equivalent", 0.0), ("inconclusive", 0.9), False),
        (("superior", 2.0), ("inconclusive", 0.0), False),
        (("superior", 2.0), ("non-inferior", -0.1), False),
    ],
)
def test_which_verdicts_cannot_both_be_right(first, second, contradicted):
    a, b = (decided(*ARMS[0], estimate, verdict) for verdict, estimate in (first, second))
    assert two_results.contradict(a, b) is contradicted
    assert two_results.contradict(b, a) is contradicted


def test_the_page_says_what_the_folders_decided(two, tmp_path, capsys):
    page = tmp_path / "page"
    assert main(["compare-results", *map(str, two), "--page", str(page), "-o", f"{page}.csv"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(str(page / "index.html"))
    html = (page / "index.html").read_text()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(html)))
    assert "One of the three primary decisions contradicts the other folder's" in text
    assert "superior in A, inconclusive in B" in text
    assert html.count("<svg") == 1
    assert "<script" not in html
    assert "http" not in re.sub(r"http-equiv", "", html)
    whole = pd.read_csv(f"{page}.csv")
    drawn = pd.read_csv(page / "figures/two-results.csv")
    listed = pd.read_csv(page / "tables/two-results.csv")
    assert len(whole) == len(listed) == 4
    assert len(drawn) == 3  # what is primary
    assert set(drawn["estimate_1"]) == {0.1, 1.0, 12.0}


def test_two_folders_that_agree_say_so(two, tmp_path):
    table = named(two_results.compare(two[0], two[0]), "running")
    told = two_results_page.sentences(table)
    assert told[:2] == [
        "None of the three primary decisions contradicts the other folder's.",
        "All verdicts are the same.",
    ]


def test_folders_of_different_plans_are_refused(two, tmp_path):
    other = folder_of(tmp_path / "c", [decision()], plan=TWO_WAYS["plan"] | {"margin": 2.0})
    with pytest.raises(StudyError, match="different plans"):
        two_results.compare(two[0], other)
