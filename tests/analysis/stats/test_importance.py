"""Shares of variance of hyper-parameters, against functions whose shares are known."""

from __future__ import annotations

import itertools
import math

import pytest

from analysis.stats.search.importance import Importance, importance

UNIT = {"kind": "float", "low": 0.0, "high": 1.0, "log": False}
GRID = [(i + 0.5) / 10 for i in range(10)]


def search(function, *, space=None, points=None, states=None):
    """A search over the unit square whose score is a function of its two parameters."""
    space = space or {"recipe.a": UNIT, "recipe.b": UNIT}
    points = points or list(itertools.product(GRID, GRID))
    states = states or ["complete"] * len(points)
    trials = [
        {"state": state, "value": function(*p), "params": dict(zip(space, p, strict=True))}
        for p, state in zip(points, states, strict=True)
    ]
    return {"space": space, "trials": trials}


@pytest.mark.seconds
def test_one_parameter_that_explains_all():
    found = importance(search(lambda a, b: 3 * a), forests=3)
    assert isinstance(found, Importance)
    assert found.n == 100
    assert (found.shares["recipe.a"] > 0.99).all()
    assert (found.shares["recipe.b"] < 0.01).all()


@pytest.mark.seconds
def test_shares_of_a_sum():
    # Var(2a) : Var(b) = 4 : 1, without interaction.
    found = importance(search(lambda a, b: 2 * a + b), forests=5)
    mean = found.shares.mean()
    assert mean["recipe.a"] == pytest.approx(0.8, abs=0.05)
    assert mean["recipe.b"] == pytest.approx(0.2, abs=0.05)


def test_the_rest_belongs_to_interactions():
    # (a - 1/2)(b - 1/2) has no main effects.
    found = importance(search(lambda a, b: (a - 0.5) * (b - 0.5)), forests=3)
    assert (found.shares.sum(axis=1) < 0.2).all()


def test_logarithmic_whole_and_categorical_domains():
    space = {
        "recipe.lr": {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "recipe.n": {"kind": "int", "low": 1, "high": 4, "log": False, "step": 1},
        "norm.c": {"kind": "categorical", "choices": ["off", -1]},
    }
    rates = [10 ** (-4 + 3 * (i + 0.5) / 8) for i in range(8)]
    points = list(itertools.product(rates, [1, 2, 3, 4], ["off", -1]))
    found = importance(
        search(lambda lr, n, c: math.log10(lr), space=space, points=points), forests=2
    )
    assert list(found.shares) == list(space)
    assert (found.shares["recipe.lr"] > 0.99).all()


def test_twenty_forests_that_are_the_same_every_time():
    points = [(0.1 * i, (0.37 * i) % 1) for i in range(8)]
    given = search(lambda a, b: a + b * b, points=points)
    found = importance(given)
    assert len(found.shares) == 20
    assert found.shares["recipe.a"].std() > 0
    assert importance(given, forests=3).shares.equals(found.shares.head(3))


def test_trials_that_did_not_complete_are_left_out():
    # Where a < 1/2 the trials were stopped; among the others b explains everything.
    points = list(itertools.product(GRID, GRID))
    states = ["complete" if a > 0.5 else "pruned" for a, _ in points]
    found = importance(
        search(lambda a, b: b if a > 0.5 else -100 * a, points=points, states=states), forests=2
    )
    assert found.n == 50
    assert (found.shares["recipe.b"] > 0.99).all()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (search(lambda a: a, space={"recipe.a": UNIT}, points=[(0.1,), (0.2,)]), "one parameter"),
        (search(lambda a, b: a, points=[(0.1, 0.2)] * 5), "5 trials were completed"),
        (search(lambda a, b: a, points=[(0.1, 0.2)], states=["diverged"]), "0 trials"),
        (search(lambda a, b: 1.0), "same score"),
        (
            search(
                lambda a, b: a, space={"recipe.a": UNIT, "recipe.b": UNIT | {"when": {"x.y": [1]}}}
            ),
            "one parameter",
        ),
    ],
)
def test_why_there_is_none(given, reason):
    found = importance(given)
    assert isinstance(found, str)
    assert reason in found
