"""Tables of searches show the numbers of search.json; a study without searches has none."""

from __future__ import annotations

import pytest

from analysis import tuning

LR = {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True}


def search(best, state="complete"):
    trial = {"number": 0, "state": state}
    return {
        "experiment": "tuned",
        "label": "afn",
        "space": {"recipe.lr": LR},
        "dropped": ["norm.x"],
        "sampler": "tpe",
        "metric": "accuracy",
        "trials": [trial],
        "chosen": best,
        "budget": {"trials": 1, "epochs": 12, "train_seconds": 3.25},
    }


BEST = {"number": 0, "value": 97.2, "params": {"recipe.lr": 0.1}}


def test_without_searches_there_is_nothing():
    assert list(tuning.tables([])) == []
    assert tuning.summary([]) == []


@pytest.mark.parametrize(("value", "edge"), [(1e-4, True), (0.1, True), (3e-3, False)])
def test_edge_of_a_logarithmic_range(value, edge):
    assert tuning.at_edge(LR, value) is edge


def test_numbers_of_the_tables():
    chosen, budget = tuning.tables([search(BEST)])
    assert chosen.rows[0][3:] == ["0.1", "0.0001 to 0.1, log", "at the edge: widen the range"]
    assert budget.rows[0][3:] == ["1", "0", "0", "12", "3.2", "97.20", "norm.x"]
    assert budget.frame["train_seconds"].item() == 3.25


def test_all_diverged_is_said():
    chosen, budget = tuning.tables([search(None, "diverged")])
    assert "every trial diverged" in chosen.rows[0][-1]
    assert budget.rows[0][4] == "1"
    assert any("base settings" in text for text in tuning.summary([search(None, "diverged")]))
