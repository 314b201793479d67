"""No figure averages over a part of a cell that it does not name; its CSV is what it draws.

Every number is recomputed here from the results table with plain pandas.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analysis.figures import batch_size, conditions, confound, pairs, severity
from analysis.figures.ablations import option_levels, trends
from analysis.figures.drawing import style, tidy
from analysis.figures.training import cost, curves, scalars
from tests.analysis.pages import MINIMAL, TWO_WAYS, load

CELL = ["task", "backbone", "norm", "recipe"]
RATES = MINIMAL | {
    "study": "rates",
    "seeds": 4,
    "protocols": TWO_WAYS["protocols"],
    "experiments": {
        "only": {
            "factors": {
                "backbone": ["convnet_small", "resnet8"],
                "norm": ["batch", "asr", "afn"],
                "recipe.lr": [0.001, 0.003],
            },
            "contrasts": [
                ["afn", "batch"],
                ["afn@test_batch", "batch@test_batch"],
                ["batch@test_batch", "batch"],
            ],
        },
        "line": {
            "factors": {
                "norm": ["afn"],
                "norm.lambda_init": [-1, -3, -5],
                "recipe.lr": [0.001, 0.003],
            },
            "trend": "norm.lambda_init",
        },
        "variants": {
            "factors": {
                "norm": ["afn"],
                "norm.residual": ["learned", "off"],
                "recipe.lr": [0.001, 0.003],
            }
        },
    },
    "plan": {"outcomes": ["clean", "shift"], "primary": ["only"], "strict": False},
}
SECOND = "plain+lr=0.003"
APART = 0.2
"""How far (in accuracy) networks of the second rate are put from those of the first."""


@pytest.fixture(scope="module")
def rates():
    """Two rates whose networks differ by 20 points, and with a search beside them by 40."""
    document = RATES | {"experiments": dict(RATES["experiments"])}
    document["experiments"]["tuned"] = {
        "factors": {"norm": ["batch", "afn"]},
        "contrasts": [["afn", "batch"]],
        "search": {"space": {"recipe.lr": {"log": [1e-4, 1e-1]}}, "trials": 4, "per": ["norm"]},
    }
    inputs = load(document)
    for recipe, down in ((SECOND, APART), ("tuned", 2 * APART)):
        chosen = inputs.results["recipe"] == recipe
        assert chosen.any()
        inputs.results.loc[chosen, "accuracy"] -= down
        kept = inputs.history["recipe"] == recipe
        inputs.history.loc[kept, "value"] += 1.0
    style.use()
    return inputs


def rows_of(inputs) -> pd.DataFrame:
    rows = inputs.results[inputs.results["split"] == "test"]
    return rows.assign(accuracy=100 * rows["accuracy"])


def made(module, inputs, known={}) -> list:  # noqa: B006 (each figure is drawn once)
    key = (module.__name__, id(inputs))
    if key not in known:
        found = [item for item in module.pictures(inputs) if hasattr(item, "numbers")]
        for item in found:
            plt.close(item.figure)
        known[key] = found
    return known[key]


def test_severity_subtracts_the_baseline_of_the_same_recipe(rates):
    numbers = made(severity, rates)[1].numbers
    first = numbers[(numbers["panel"] == "running") & (numbers["norm"] == "batch")]
    assert set(first["recipe"]) == {"plain", SECOND}
    assert np.abs(first["value"]).max() == 0  # the baseline is zero at both rates
    rows = rows_of(rates)
    for r in numbers.itertuples():
        rest = (rows["backbone"] == r.backbone) & (rows["recipe"] == r.recipe)
        own = rows[rest & (rows["severity"].fillna(0) == r.severity)]
        score = own.groupby(["norm", "protocol", "seed"])["accuracy"].mean()
        difference = score.loc[r.norm, r.protocol] - score.loc["batch", "running"]
        assert r.value == pytest.approx(difference.mean())
        assert r.n == len(difference)


@pytest.mark.parametrize("module", [severity, conditions, cost])
def test_accuracies_are_those_of_the_named_cell(rates, module):
    numbers = made(module, rates)[0].numbers
    numbers = (
        numbers[
            ~numbers.get("quantity", "accuracy").isin(["parameters", "step_ms", "step_ms of a run"])
        ]
        if "quantity" in numbers
        else numbers
    )
    rows = rows_of(rates)
    assert len(numbers)
    for r in numbers.itertuples():
        own = rows[
            (rows[[*CELL, "protocol"]] == [getattr(r, k) for k in [*CELL, "protocol"]]).all(axis=1)
        ]
        shifted = own["condition"] != "clean"
        wanted = {"clean": ~shifted, "shift": shifted, "all shifted": shifted}.get(r.outcome)
        if wanted is None and r.outcome.startswith("severity_"):
            wanted = shifted & (own["severity"] == int(r.outcome[9:]))
        elif wanted is None:
            wanted = own["condition"] == r.outcome
        assert r.value == pytest.approx(own[wanted].groupby("seed")["accuracy"].mean().mean())


@pytest.mark.parametrize("module", [curves, scalars])
def test_histories_are_those_of_the_named_cell(rates, module):
    found = made(module, rates)
    if module is scalars:
        assert [p.title for p in found] == [
            "What AFN \u00b7 lr 0.001 learns, layer by layer",
            "What AFN \u00b7 lr 0.003 learns, layer by layer",
        ]
    for picture in found:
        sample = picture.numbers.sample(20, random_state=0)
        for r in sample.itertuples():
            own = rates.history[(rates.history[CELL] == [getattr(r, k) for k in CELL]).all(axis=1)]
            layer = getattr(r, "layer", "")
            own = own[(own["quantity"] == r.quantity) & (own["epoch"] == r.epoch)]
            own = own[own["layer"] == layer]
            times = 100 if "accuracy" in r.quantity else 1
            assert r.value == pytest.approx(times * own["value"].mean())


def test_one_figure_for_every_recipe_where_a_figure_shows_one(rates):
    for module in (confound, trends, option_levels, scalars):
        found = made(module, rates)
        names, titles = [p.name for p in found], [p.title for p in found]
        assert len(found) == 2
        assert len(set(names)) == len(set(titles)) == 2
        for picture, rate in zip(found, ("lr 0.001", "lr 0.003"), strict=True):
            assert rate in picture.title
            assert picture.numbers["recipe"].nunique() == 1


def test_parts_of_a_gain_are_of_one_recipe(rates):
    for picture in made(confound, rates):
        (recipe,) = set(picture.numbers["recipe"])
        seeds = picture.numbers[picture.numbers["quantity"] == "accuracy of a seed"]
        rows = rows_of(rates)
        for r in seeds.sample(10, random_state=1).itertuples():
            own = rows[(rows["recipe"] == recipe) & (rows["backbone"] == r.backbone)]
            own = own[(own["norm"] == r.norm) & (own["protocol"] == r.panel)]
            own = own[
                (own["seed"] == r.seed) & ((own["condition"] == "clean") == (r.outcome == "clean"))
            ]
            assert r.value == pytest.approx(own["accuracy"].mean())


def test_panels_of_seeds_have_titles_of_their_own(rates):
    for picture in made(pairs, rates):
        titles = [
            " ".join(text.get_text().split())
            for ax in picture.figure.axes
            for text in ax.texts
            if "\u2212" in text.get_text()
        ]
        assert len(titles) == 6
        assert len(set(titles)) == 6


@pytest.mark.seconds
def test_each_size_of_the_sweep_is_of_one_recipe():
    document = RATES | {
        "protocol_sweep": {"experiments": ["only"], "batch_sizes": [8, 32], "orders": ["shuffled"]}
    }
    inputs = load(document)
    source = inputs.results[
        (inputs.results["protocol"] == "test_batch")
        & inputs.results["severity"].fillna(0).isin([0, 5])
    ]
    swept = [source.assign(protocol=f"batch{size}") for size in (8, 32)]
    inputs.results = pd.concat([inputs.results, *swept], ignore_index=True)
    inputs.results.loc[inputs.results["recipe"] == SECOND, "accuracy"] -= APART
    style.use()
    (picture,) = made(batch_size, inputs)
    numbers = picture.numbers[picture.numbers["quantity"] == "accuracy"]
    means = numbers[numbers["outcome"] == "clean"].groupby("recipe")["value"].mean()
    assert means["plain"] - means[SECOND] == pytest.approx(100 * APART, abs=2)
    differences = picture.numbers[picture.numbers["quantity"] == "difference"]
    assert np.abs(differences["value"]).max() < 5  # and not 20, across recipes
    assert set(numbers["label"]) == {
        f"{name} \u00b7 lr {rate}" for name in ("BatchNorm", "AFN") for rate in ("0.001", "0.003")
    }


def test_every_figure_has_the_columns_of_a_cell(rates):
    for module in (severity, conditions, cost, curves, scalars, confound, pairs, trends):
        for picture in made(module, rates):
            assert list(picture.numbers.columns[:7]) == tidy.FIRST
            assert list(picture.numbers.columns[-5:]) == tidy.LAST
            assert picture.numbers["value"].notna().all()


def test_the_map_of_conditions_says_how_many_cells_it_leaves_out():
    (picture,) = conditions.pictures(load(TWO_WAYS))
    told = "Six further cells (of ablations, or tuned) are not shown and may be higher"
    assert told in picture.caption
    (picture,) = conditions.pictures(load(MINIMAL))
    assert "further cell" not in picture.caption


def test_maps_one_below_the_other_have_no_row_of_an_arm_that_a_backbone_lacks(default, monkeypatch):
    """Side by side they share the names of their rows, and so they keep them."""

    def rows(picture) -> list[int]:
        drawn = [ax for ax in picture.figure.axes if ax.get_visible()]
        return [round(ax.get_ylim()[0] + 0.5) for ax in drawn]

    (picture,) = conditions.pictures(default.inputs)
    beside = rows(picture)
    assert len(set(beside)) == 1
    monkeypatch.setattr(style, "WIDTH", 4.0)
    (picture,) = conditions.pictures(default.inputs)
    below = rows(picture)
    arms = picture.numbers.groupby("backbone")[["label"]].nunique()["label"]
    assert below == [arms[b] for b in default.inputs.backbones("digits8x8")]
    assert min(below) < max(below) <= beside[0]
    labels = [len([t for t in ax.get_yticklabels() if t.get_text()]) for ax in picture.figure.axes]
    assert labels == below
