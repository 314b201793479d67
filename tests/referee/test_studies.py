"""Studies made by the real commands say nothing that their runs do not say."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from tests.referee import referee
from tests.referee.evidence import Evidence
from tests.referee.page import answer, sentences, tables
from tests.referee.recomputed import decisions, expected

pytestmark = pytest.mark.long
STUDIES = ("rates", "default", "searched", "split")
SHARED = {"forest", "severity", "severity-difference", "conditions", "cost", "training"}
SEARCHES = {f"search-{k}" for k in ("history", "budget", "slices", "coordinates", "importance")}
FIGURES = {
    "rates": {*SHARED, "pairs-clean"},
    "default": {
        *SHARED,
        # Four trials of a search are too few to say what matters.
        *(SEARCHES - {"search-importance"}),
        "confound",
        "batch-size",
        "trend-ratio",
        "factorial-bottleneck",
    },
    "searched": {*SHARED, *SEARCHES},
    "split": SHARED,
}
"""Figures that have to be there, so that the referee has something to read."""


@pytest.fixture(params=STUDIES)
def evidence(request) -> Evidence:
    return request.getfixturevalue(request.param)


def page(e: Evidence) -> dict[str, str]:
    return answer.read(e.made.report / "index.html")


def test_every_decision_is_that_of_the_runs(evidence):
    assert referee.of_decisions(evidence, evidence.made.report) == []


def decided(e: Evidence) -> list[dict]:
    return json.loads((e.made.results / "decisions.json").read_text())["decisions"]


def test_every_verdict_is_allowed_by_its_numbers(evidence):
    assert decisions.words(evidence, decided(evidence)) == []


def test_every_table_is_that_of_the_runs(evidence):
    assert referee.of_tables(evidence, evidence.made.report) == []


def test_every_printed_cell_is_that_of_the_runs(evidence):
    assert referee.of_page(evidence, evidence.made.report) == []


def test_every_figure_draws_what_the_runs_say(evidence):
    assert referee.of_figures(evidence, evidence.made.report) == []


def test_every_decision_is_said_with_its_own_numbers(evidence):
    path = evidence.made.report / "index.html"
    assert sentences.spoken(evidence, path, decided(evidence)) == []


def test_every_declared_contrast_is_on_the_board_and_explored_ones_are_marked(evidence):
    board = tables.read(evidence.made.report / "index.html")["board"]
    says = board.heads.index("verdict")
    marked = sum("exploratory" in row[says] for row in board.rows)
    assert len(board.rows) == len(evidence.declared)
    assert marked == sum(not d["primary"] for d in evidence.declared)


def test_what_is_said_beside_something_stands_in_one_pair_of_brackets(evidence):
    assert sentences.doubled(" ".join(page(evidence).values())) == []


@pytest.mark.parametrize(("study", "figures"), FIGURES.items())
def test_what_has_to_be_drawn_is_there(request, study, figures):
    report = request.getfixturevalue(study).made.report
    drawn = {entry["name"] for entry in referee.listed(report / "figures")}
    assert drawn >= figures


def test_every_run_of_the_grid_was_trained(rates, default, searched, split):
    assert len(split.runs) == 2 * 2 * 5
    assert len(rates.runs) == 2 * 3 * 2 * 5
    assert len(default.runs) == (2 * 3 + 4 + 2) * 6
    assert len(default.trials) == 2 * 3 * 4
    assert len(default.finalists) == 2 * 3 * 2
    assert len(searched.runs) == (3 * 2 + 2) * 6
    assert len(searched.trials) == 2 * 8


def test_some_runs_and_trials_diverged(searched):
    """Otherwise nothing is asked of what becomes of them."""
    lost = searched.runs[searched.runs["status"] == "diverged"]
    assert 0 < len(lost) < len(searched.runs)
    assert lost["recipe"].nunique() == 1
    assert 0 < (searched.trials["state"] == "diverged").sum() < len(searched.trials)


def test_every_cell_has_a_line_at_every_severity(rates):
    rows = pd.read_csv(rates.made.report / "figures/severity.csv")
    keys = ["task", "backbone", "norm", "recipe", "panel", "severity"]
    compared = {
        (d["task"], net, arm.partition("@")[0], d["recipe"])
        for d in rates.declared
        for net in rates.levels(d["experiment"], "backbone")
        for arm in (d["a"], d["b"])
    }
    severities = rates.tests["severity"].unique()
    wanted = [(*c, p, s) for c in compared for p in rates.protocols for s in severities]
    assert expected.lacking(rows, keys, wanted) == []


def test_every_declared_contrast_is_decided_once_at_every_rate(rates):
    flat = pd.read_csv(rates.made.report / "data/decisions.csv")
    assert len(rates.declared) == 2 * 2 * 2
    assert decisions.undeclared(rates, flat[flat["backbone"] == "pooled"]) == []


def test_every_declared_contrast_is_in_the_table_of_verdicts_with_its_rate(rates):
    table = pd.read_csv(rates.made.report / "tables/verdicts.csv")
    assert decisions.undeclared(rates, table) == []
    assert sentences.places(rates, " ".join(page(rates).values())) == []


def test_at_90_percent_no_other_level_is_on_the_page(rates):
    assert sentences.false_levels(rates, " ".join(page(rates).values())) == []


def test_captions_give_the_plans_level(rates):
    for entry in referee.listed(rates.made.report / "figures"):
        assert sentences.false_levels(rates, f"{entry['title']} {entry['caption']}") == []


def test_the_page_calls_no_rate_shared_where_rates_differ(rates):
    assert sentences.false_caveats(rates, " ".join(page(rates).values())) == []


def test_every_number_of_the_answer_is_that_of_a_decision(rates):
    text = page(rates)["answer sentences"]
    names = ("test_batch", "lr 0.001", "lr 0.003", "ResNet-8", "resnet8", "digits8x8")
    assert answer.NUMBER.findall(text)
    assert answer.unknown(rates, text, names) == []


def test_accuracies_that_are_described_are_those_of_the_runs(default):
    text = page(default)["statistics sentences"]
    assert "has no such choice" in text
    assert sentences.without_choice(default, text) == []
    changed = re.sub(r"reaches ([\d.]+) %", "reaches 3.7 %", text)
    assert sentences.without_choice(default, changed) == ["3.7"]


def test_decisions_json_and_csv_are_of_the_same_length(evidence):
    own = json.loads((evidence.made.results / "decisions.json").read_text())["decisions"]
    flat = pd.read_csv(evidence.made.report / "data/decisions.csv")
    assert [d["estimate"] for d in own] == pytest.approx(flat["estimate"].tolist(), nan_ok=True)
