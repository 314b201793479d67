"""Studies made by the real commands say nothing that their runs do not say."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.referee import answer, decisions, expected, pages, referee
from tests.referee.evidence import Evidence

pytestmark = pytest.mark.long
STUDIES = ("rates", "default")
FIGURES = {
    "rates": {"forest", "severity", "severity-difference", "conditions", "cost", "training"},
    "default": {"forest", "severity", "confound", "batch-size", "trend-ratio", "conditions"},
}
"""Some of the figures that have to be there, so that the referee has something to read."""


@pytest.fixture(params=STUDIES)
def evidence(request) -> Evidence:
    return request.getfixturevalue(request.param)


def page(e: Evidence) -> dict[str, str]:
    return answer.read(e.made.report / "index.html")


def test_every_decision_is_that_of_the_runs(evidence):
    assert referee.of_decisions(evidence, evidence.made.report) == []


def test_every_table_is_that_of_the_runs(evidence):
    assert referee.of_tables(evidence, evidence.made.report) == []


def test_every_figure_draws_what_the_runs_say(evidence):
    assert referee.of_figures(evidence, evidence.made.report) == []


def test_what_has_to_be_drawn_is_there(evidence):
    drawn = {entry["name"] for entry in referee.listed(evidence.made.report / "figures")}
    name = "rates" if evidence.document["study"] == "rates" else "default"
    assert drawn >= FIGURES[name]


def test_every_run_of_the_grid_was_trained(rates, default):
    assert len(rates.runs) == 2 * 3 * 2 * 5
    assert len(default.runs) == (2 * 3 + 4) * 4


def test_every_cell_has_a_line_at_every_severity(evidence):
    rows = pd.read_csv(evidence.made.report / "figures/severity.csv")
    keys = ["task", "backbone", "norm", "recipe", "panel", "severity"]
    compared = {
        (d["task"], net, arm.partition("@")[0], d["recipe"])
        for d in evidence.declared
        for net in evidence.levels(d["experiment"], "backbone")
        for arm in (d["a"], d["b"])
    }
    severities = evidence.tests["severity"].unique()
    wanted = [(*c, p, s) for c in compared for p in evidence.protocols for s in severities]
    assert expected.lacking(rows, keys, wanted) == []


def test_every_declared_contrast_is_decided_once_at_every_rate(rates):
    flat = pd.read_csv(rates.made.report / "data/decisions.csv")
    assert len(rates.declared) == 2 * 2 * 2
    assert decisions.undeclared(rates, flat[flat["backbone"] == "pooled"]) == []


def test_every_declared_contrast_is_in_the_table_of_verdicts_with_its_rate(rates):
    table = pd.read_csv(rates.made.report / "tables/verdicts.csv")
    assert decisions.undeclared(rates, table) == []
    assert pages.places(rates, " ".join(page(rates).values())) == []


def test_no_level_on_the_page_is_another_than_the_plans(evidence):
    assert pages.false_levels(evidence, " ".join(page(evidence).values())) == []


def test_captions_give_the_plans_level(evidence):
    for entry in referee.listed(evidence.made.report / "figures"):
        assert pages.false_levels(evidence, f"{entry['title']} {entry['caption']}") == []


def test_the_page_calls_nothing_shared_that_differs(evidence):
    assert pages.false_caveats(evidence, " ".join(page(evidence).values())) == []


def test_every_number_of_the_answer_is_that_of_a_decision(evidence):
    text = page(evidence)["answer sentences"]
    names = ("test_batch", "lr 0.001", "lr 0.003", "ResNet-8", "resnet8", "digits8x8")
    assert answer.NUMBER.findall(text)
    assert answer.unknown(evidence, text, names) == []


def test_decisions_json_and_csv_are_of_the_same_length(evidence):
    own = json.loads((evidence.made.results / "decisions.json").read_text())["decisions"]
    flat = pd.read_csv(evidence.made.report / "data/decisions.csv")
    assert [d["estimate"] for d in own] == pytest.approx(flat["estimate"].tolist(), nan_ok=True)
