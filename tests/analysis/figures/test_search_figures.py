"""Figures of a search, against budgets worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.search import trials as search_figures
from analysis.figures.search.marks import scores as score_limits
from analysis.stats.search.expected_best import budget_curve

LR = {"kind": "float", "low": 1e-4, "high": 1.0, "log": True}
MORE = {
    "recipe.weight_decay": {"kind": "float", "low": 0.0, "high": 0.1, "log": False},
    "recipe.optimizer": {"kind": "categorical", "choices": ["adam", "sgd"]},
    "norm.stan_ratio": {"kind": "int", "low": 2, "high": 9, "log": False, "step": 1},
    "norm.lambda_init": {
        "kind": "categorical",
        "choices": [-1, -3, -5],
        "when": {"recipe.optimizer": ["adam"]},
    },
}
FIGURES = ["history", "budget", "slices", "coordinates", "importance"]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def params(number, space):
    """Settings of a trial; the last key only with adam."""
    found = {"recipe.lr": 0.01 * (number + 1)}
    found["recipe.weight_decay"] = 0.1 * ((0.37 * number) % 1)
    found["recipe.optimizer"] = ["adam", "sgd"][number % 2]
    found["norm.stan_ratio"] = 2 + number % 8
    if number % 2 == 0:
        found["norm.lambda_init"] = [-1, -3, -5][number // 2 % 3]
    return {key: value for key, value in found.items() if key in space}


def search(values, *, metric="accuracy", drawn="random", states=None, norm="afn", space=None):
    states = states or ["complete"] * len(values)
    space = space or {"recipe.lr": LR}
    trials = [
        {
            "number": number,
            "round": number // 2,
            "drawn": drawn,
            "state": state,
            "value": value,
            "epochs": 4 if state == "complete" else 1,
            "train_seconds": 2.0,
            "params": params(number, space),
        }
        for number, (value, state) in enumerate(zip(values, states, strict=True))
    ]
    done = [t for t in trials if t["state"] == "complete"]
    return {
        "experiment": "tuned",
        "label": norm,
        "cells": [f"digits8x8/resnet8/{norm}/tuned"],
        "space": space,
        "metric": metric,
        "direction": "maximize" if metric == "accuracy" else "minimize",
        "trials": trials,
        "chosen": done[-1] if done else None,
    }


def drawn(*searches, default=1e-3):
    cells = [
        SimpleNamespace(path=s["cells"][0], settings={"recipe": {"lr": default}}) for s in searches
    ]
    style.use()
    study = SimpleNamespace(cells=lambda: cells, plan=SimpleNamespace(alpha=0.05))
    return list(search_figures.pictures(SimpleNamespace(searches=list(searches), study=study)))


def named(made):
    return {item.name.removeprefix("search-"): item for item in made}


def test_the_expected_best_of_three_trials():
    # Pairs of 1, 2, 3 have the best 2, 3, 3.
    curve = budget_curve(search([3.0, 1.0, 2.0]), 0.05)
    assert curve.middle == pytest.approx([2, 8 / 3, 3])
    assert (curve.low <= curve.middle).all()
    assert (curve.middle <= curve.high).all()


def test_of_losses_the_lowest_is_best():
    curve = budget_curve(search([3.0, 1.0, 2.0], metric="loss"), 0.05)
    assert curve.middle == pytest.approx([2, 4 / 3, 1])
    assert (curve.low <= curve.high).all()


def test_a_diverged_trial_counts_as_the_worst():
    states = ["complete", "diverged", "complete"]
    curve = budget_curve(search([90.0, 10.0, 80.0], states=states), 0.05)
    assert curve.middle[0] == pytest.approx(60)
    curve = budget_curve(search([0.5, None, 0.7], metric="loss", states=states), 0.05)
    assert curve.middle[0] == pytest.approx((0.5 + 0.7 + 0.7) / 3)


def test_a_pruned_trial_counts_as_the_worst_whatever_it_had_reached():
    states = ["complete", "pruned", "complete"]
    curve = budget_curve(search([90.0, 88.0, 60.0], states=states), 0.05)
    assert curve.middle == pytest.approx([(90 + 60 + 60) / 3, (90 + 90 + 60) / 3, 90])


def test_a_budget_costs_what_its_trials_cost_on_average():
    # 4 + 1 + 4 epochs: 3 per trial.
    curve = budget_curve(
        search([90.0, 88.0, 60.0], states=["complete", "pruned", "complete"]), 0.05
    )
    assert curve.epochs == pytest.approx([3, 6, 9])
    assert curve.seconds == pytest.approx([2, 4, 6])


def test_trials_that_a_sampler_chose_are_no_budget():
    assert not len(budget_curve(search([1.0, 2.0], drawn="tpe"), 0.05).middle)


def test_the_pictures_of_an_experiment_and_their_numbers():
    made = named(drawn(search([90.0, 95.0, 93.0]), search([80.0], drawn="tpe", norm="asr")))
    assert list(made) == FIGURES
    assert isinstance(made["importance"], Missing)
    pictures = [item for item in made.values() if isinstance(item, Picture)]
    assert {picture.section for picture in pictures} == {"tuning"}
    history, slices = made["history"].numbers, made["slices"].numbers
    assert list(history["value"]) == [90.0, 95.0, 93.0, 80.0]
    assert np.isclose(history["recipe.lr"].iloc[2], 0.03)
    assert list(slices["setting"]) == pytest.approx([0.01, 0.02, 0.03, 0.01])
    assert list(slices["chosen"]) == [False, False, True, True]
    budget = made["budget"].numbers
    assert set(budget["search"]) == {"afn"}
    assert "ASRNorm" in made["budget"].caption
    assert list(budget["epochs"]) == pytest.approx([4, 8, 12])


def test_slices_mark_states_the_chosen_trial_and_the_default():
    states = ["complete", "pruned", "diverged", "complete"]
    made = named(drawn(search([90.0, 50.0, None, 95.0], states=states)))
    (ax,) = [a for a in made["slices"].figure.axes if a.get_visible()]
    assert ax.get_xscale() == "log"
    marks = [(line.get_marker(), *line.get_xdata()) for line in ax.lines]
    places = [("o", 0.01), ("v", 0.02), ("x", 0.03), ("o", 0.04), ("o", 0.04)]
    assert [m for m in marks if m[0] != "None"] == [(m, pytest.approx(x)) for m, x in places]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "None"] == [1e-3]
    # The pruned trial and the one without a score lie at the worse edge.
    low = ax.get_ylim()[0]
    assert [line.get_ydata()[0] for line in ax.lines if line.get_marker() in "vx"] == [low, low]
    assert "worse edge" in made["slices"].caption


def test_coordinates_put_values_and_scores_on_their_axes():
    space = {"recipe.lr": LR} | MORE
    made = named(drawn(search([90.0, 95.0], space=space)))
    ax = made["coordinates"].figure.axes[0]
    lines = [line for line in ax.lines if len(line.get_xdata()) == 6]
    worse, chosen = (line.get_ydata() for line in lines)
    # 0.01 is half of the way from 1e-4 to 1; adam the first choice, 2 the least, -1 the first.
    assert worse[:5] == pytest.approx([0.5, 0, 0, 0, 0])
    assert chosen[2:4] == pytest.approx([1, 1 / 7])
    assert chosen[4] < 0
    assert worse[5] < chosen[5] <= 1
    assert lines[1].get_linewidth() > lines[0].get_linewidth()
    shown = [text.get_text() for text in ax.texts]
    assert {"adam", "sgd", "\u22123", "not set"} <= set(shown)
    assert shown.count("not set") == 1


def test_of_losses_the_worse_edge_is_above():
    states = ["complete", "complete", "diverged", "pruned"]
    limits = score_limits(search([0.5, 0.6, None, 9.0], metric="loss", states=states))
    assert limits.at(None) == limits.high
    assert limits.at(9.0) == limits.high < 1
    few = search([97.0, 96.0, 95.0, 94.0, 10.0], states=["complete"] * 5)
    assert score_limits(few).low > 80
    assert score_limits(few).cut


@pytest.mark.seconds
def test_five_parameters_of_three_searches():
    space = {"recipe.lr": LR} | MORE
    values = [90.0 + (7 * i) % 5 for i in range(12)]
    states = ["complete"] * 10 + ["pruned", "diverged"]
    lost = search([10.0] * 12, states=["diverged"] * 12, norm="batch", space=space)
    found = [search(values, states=states, norm=norm, space=space) for norm in ("afn", "asr")]
    made = named(drawn(found[0], lost, found[1]))
    assert all(isinstance(item, (Picture, Missing)) for item in made.values())
    assert len(made["slices"].figure.axes) == 15
    assert len(made["coordinates"].figure.axes) == 3
    # 10 completed trials are too few for four parameters; the fifth has a condition.
    assert "at least 12" in made["importance"].reason
    assert "every trial diverged" in made["slices"].alt


@pytest.mark.seconds
def test_importance_stands_beside_a_search_that_has_none():
    space = {"recipe.lr": LR, "recipe.weight_decay": MORE["recipe.weight_decay"]}
    good = search([90.0 - i for i in range(8)], space=space)
    lost = search([10.0] * 8, states=["diverged"] * 8, norm="asr", space=space)
    picture = named(drawn(good, lost))["importance"]
    numbers = picture.numbers.set_index("parameter")
    assert set(numbers["search"]) == {"afn"}
    assert list(numbers["forests"]) == [20, 20]
    assert numbers["mean"].idxmax() == "recipe.lr"
    assert "ASRNorm: 0 trials were completed" in picture.caption
    assert "no test" in picture.caption


def test_many_searches_get_several_figures():
    many = [search([90.0, 91.0]) | {"label": f"afn, {i}"} for i in range(5)]
    names = [item.name for item in drawn(*many)]
    assert [n for n in names if "slices" in n] == ["search-slices-1", "search-slices-2"]


@pytest.mark.parametrize(("value", "metric"), [(10.0, "accuracy"), (None, "loss")])
def test_where_everything_diverged_every_figure_says_so(value, metric):
    made = drawn(search([value] * 2, states=["diverged"] * 2, metric=metric))
    assert [item.name for item in made] == [f"search-{name}" for name in FIGURES]
    assert all(isinstance(item, Missing) and "diverged" in item.reason for item in made)


def test_where_everything_was_pruned_nothing_is_called_diverged():
    made = drawn(search([10.0] * 2, states=["pruned"] * 2))
    assert {item.reason for item in made} == {"no trial of tuned completed"}


def test_without_a_search_there_is_no_figure():
    assert drawn() == []


@pytest.mark.parametrize(
    ("how", "legend", "caption", "history"),
    [
        ("random", "random", "so few of them, another", "open where it was drawn at random"),
        ("qmc", "Sobol point", "so few of them, another", "every trial; the line"),
        ("tpe", "chosen by the sampler", "and most chosen in view of", "every trial; the line"),
    ],
)
@pytest.mark.seconds
def test_the_words_say_how_the_trials_were_drawn(how, legend, caption, history):
    space = {"recipe.lr": LR, "recipe.weight_decay": MORE["recipe.weight_decay"]}
    made = named(drawn(search([90.0 - i for i in range(8)], drawn=how, space=space)))
    assert caption in made["importance"].caption
    assert history in made["history"].caption
    shown = [t.get_text() for t in made["history"].figure.legends[0].get_texts()]
    assert shown == [legend]


@pytest.mark.seconds
def test_some_trials_chosen_in_view_of_others():
    space = {"recipe.lr": LR, "recipe.weight_decay": MORE["recipe.weight_decay"]}
    found = search([90.0 - i for i in range(8)], space=space)
    for trial in found["trials"][5:]:
        trial["drawn"] = "gp"
    made = named(drawn(found))
    assert "and some chosen in view of earlier ones, another" in made["importance"].caption
    shown = [t.get_text() for t in made["history"].figure.legends[0].get_texts()]
    assert shown == ["random", "chosen by the sampler"]
