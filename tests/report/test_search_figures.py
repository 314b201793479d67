"""Figures of a search, against budgets worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from analysis.figures import style, tuning
from analysis.figures.picture import Missing, Picture


def search(values, *, metric="accuracy", drawn="random", states=None):
    states = states or ["complete"] * len(values)
    trials = [
        {
            "number": number,
            "round": number // 2,
            "drawn": drawn,
            "state": state,
            "value": value,
            "params": {"recipe.lr": 0.01 * (number + 1)},
        }
        for number, (value, state) in enumerate(zip(values, states, strict=True))
    ]
    done = [t for t in trials if t["state"] == "complete"]
    return {
        "experiment": "tuned",
        "label": "afn",
        "cells": ["digits8x8/resnet8/afn/tuned"],
        "metric": metric,
        "direction": "maximize" if metric == "accuracy" else "minimize",
        "trials": trials,
        "chosen": done[-1] if done else None,
    }


def drawn(*searches):
    style.use()
    return list(tuning.pictures(SimpleNamespace(searches=list(searches))))


def test_the_expected_best_of_three_trials():
    # Pairs of 1, 2, 3 have the best 2, 3, 3.
    middle, low, high = tuning.budget_curve(search([3.0, 1.0, 2.0]))
    assert middle == pytest.approx([2, 8 / 3, 3])
    assert (low <= middle).all()
    assert (middle <= high).all()


def test_of_losses_the_lowest_is_best():
    middle, low, high = tuning.budget_curve(search([3.0, 1.0, 2.0], metric="loss"))
    assert middle == pytest.approx([2, 4 / 3, 1])
    assert (low <= high).all()


def test_a_diverged_trial_counts_as_the_worst():
    states = ["complete", "diverged", "complete"]
    middle, *_ = tuning.budget_curve(search([90.0, 10.0, 80.0], states=states))
    assert middle[0] == pytest.approx(60)
    middle, *_ = tuning.budget_curve(search([0.5, None, 0.7], metric="loss", states=states))
    assert middle[0] == pytest.approx((0.5 + 0.7 + 0.7) / 3)


def test_trials_that_a_sampler_chose_are_no_budget():
    assert not len(tuning.budget_curve(search([1.0, 2.0], drawn="tpe"))[0])


def test_a_picture_for_every_experiment_and_its_numbers():
    (picture,) = drawn(search([90.0, 95.0, 93.0]), search([80.0], drawn="tpe"))
    assert isinstance(picture, Picture)
    assert picture.section == "tuning"
    assert list(picture.numbers["value"]) == [90.0, 95.0, 93.0, 80.0]
    assert np.isclose(picture.numbers["recipe.lr"].iloc[2], 0.03)


def test_nothing_is_drawn_where_everything_diverged_or_nothing_was_searched():
    (missing,) = drawn(search([10.0, 10.0], states=["diverged"] * 2))
    assert isinstance(missing, Missing)
    assert "diverged" in missing.reason
    assert drawn() == []
