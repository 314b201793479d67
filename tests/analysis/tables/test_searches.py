"""Tables of searches show the numbers of search.json; a study without searches has none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from analysis.decisions.chosen_settings import at_edge, defaults
from analysis.tables import searches as made

PATH = "digits8x8/resnet8/afn/tuned"
LR = {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True}


def search(best, state="complete"):
    trial = {"number": 0, "state": state}
    return {
        "experiment": "tuned",
        "label": "afn",
        "cells": [PATH],
        "space": {"recipe.lr": LR},
        "dropped": ["norm.x"],
        "sampler": "tpe",
        "metric": "accuracy",
        "trials": [trial],
        "chosen": best,
        "budget": {"trials": 1, "epochs": 12, "train_seconds": 3.25},
    }


def inputs(*searches, rate=1e-3):
    cells = [
        SimpleNamespace(path=PATH, settings={"recipe": {"lr": rate}}),
        SimpleNamespace(path="another", settings={"recipe": {"lr": 7.0}}),
    ]
    return SimpleNamespace(searches=searches, study=SimpleNamespace(cells=lambda: cells))


BEST = {"number": 0, "value": 97.2, "params": {"recipe.lr": 0.1}}


def test_without_searches_there_is_nothing():
    assert list(made.tables(inputs())) == []
    assert made.summary([]) == []


@pytest.mark.parametrize(("value", "edge"), [(1e-4, True), (0.1, True), (3e-3, False)])
def test_edge_of_a_logarithmic_range(value, edge):
    assert at_edge(LR, value) is edge


def test_numbers_of_the_tables():
    chosen, budget = made.tables(inputs(search(BEST)))
    edge = "at the edge: widen the range"
    assert chosen.rows[0][3:] == ["0.001", "0.0001 to 0.1, log", "0.1", edge]
    assert chosen.frame[["default", "chosen", "edge"]].iloc[0].tolist() == ["0.001", 0.1, True]
    assert budget.rows[0][3:] == ["1", "1", "0", "0", "12", "3.2", "97.20", "norm.x"]
    assert budget.frame["train_seconds"].item() == 3.25


def test_all_diverged_is_said():
    chosen, budget = made.tables(inputs(search(None, "diverged")))
    assert "every trial diverged" in chosen.rows[0][-1]
    assert "default kept" in chosen.rows[0][-1]
    assert chosen.rows[0][3] == "0.001"
    assert budget.rows[0][3:6] == ["1", "0", "1"]
    assert any("base settings" in text for text in made.summary([search(None, "diverged")]))


def test_a_search_that_pruned_everything_is_not_called_diverged():
    chosen, budget = made.tables(inputs(search(BEST, "pruned")))
    assert chosen.rows[0][-2:] == ["0.1", "at the edge: widen the range"]
    assert budget.rows[0][4:7] == ["0", "0", "1"]
    assert not any("diverged" in text for text in made.summary([search(BEST, "pruned")]))


@pytest.mark.parametrize(
    ("choices", "value", "edge"),
    [
        ([-1, -3, -5], -5, True),
        ([-1, -3, -5], -3, False),
        ([-1, -3], -1, False),
        (["adam", "sgd", "adamw"], "adam", False),
        ([1, 2, "off"], 1, False),
    ],
)
def test_edge_of_choices(choices, value, edge):
    assert at_edge({"kind": "categorical", "choices": choices}, value) is edge


def test_the_default_is_that_of_the_searched_cells_each_value_once():
    one = search(BEST)
    assert defaults(inputs(one).study, one) == {"recipe.lr": [1e-3]}
    assert defaults(inputs(one | {"cells": []}).study, one | {"cells": []}) == {"recipe.lr": []}
