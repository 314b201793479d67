"""A label names exactly one cell, or says what it is a mean of: for random small studies."""

from __future__ import annotations

import random
from collections import defaultdict

import matplotlib.pyplot as plt
import pytest

from afn.study import study_from_mapping
from analysis.display.labels import Labels, by_value
from analysis.figures import conditions, confound, forest, severity
from analysis.figures.drawing import style
from analysis.figures.training import cost, curves
from analysis.tables import measured
from tests.analysis import synthetic
from tests.analysis.pages import MINIMAL, TWO_WAYS, load

NORMS = ["batch", "asr", "afn", "layer", "instance", "afn_released"]
OPTIONS = {
    "norm.lambda_init": [-1, -3, -5],
    "norm.residual": ["learned", "off"],
    "norm.stan_ratio": [2, 8],
}
RECIPES = {
    "recipe.lr": [0.001, 0.003, 0.01],
    "recipe.epochs": [2, 3],
    "recipe.batch_size": [32, 64],
    "recipe.optimizer": ["adam", "sgd"],
}
SEARCH = {"space": {"recipe.lr": {"log": [1e-4, 1e-1]}}, "trials": 4, "per": ["norm"]}


def drawn(number: int) -> dict:
    """A small study file: one experiment of methods, and with luck variants and searches."""
    rng = random.Random(number)
    factors: dict = {"norm": ["batch", *rng.sample(NORMS[1:], rng.randint(1, 3))]}
    for key in rng.sample(sorted(RECIPES), rng.randint(0, 2)):
        factors[key] = rng.sample(RECIPES[key], 2)
    if rng.random() < 0.6:
        factors["backbone"] = ["convnet_small", "resnet8"]
    other = factors["norm"][1]
    both = other not in ("afn_released",)
    contrasts = [[other, "batch"]] if both else [[other, "batch@test_batch"]]
    if other == "afn":
        contrasts.append(["afn@test_batch", "batch@test_batch"])
    experiments: dict = {"methods": {"factors": factors, "contrasts": contrasts}}
    if rng.random() < 0.6:
        key = rng.choice(sorted(OPTIONS))
        variants = {"norm": ["afn"], key: OPTIONS[key]}
        if rng.random() < 0.5:
            variants |= {k: v for k, v in factors.items() if k.startswith("recipe.")}
        experiments["variants"] = {"factors": variants}
    for name in ("tuned", "tuned_again")[: rng.randint(0, 2)]:
        own = {"norm": ["batch", "afn"]}
        experiments[name] = {
            "factors": own,
            "contrasts": [["afn", "batch"]],
            "search": SEARCH,
        }
    plan = {"outcomes": ["clean", "shift"], "primary": ["methods"], "strict": False}
    return MINIMAL | {
        "study": f"random{number}",
        "seeds": 2,
        "protocols": TWO_WAYS["protocols"],
        "experiments": experiments,
        "plan": plan,
    }


def one_each(pairs) -> None:
    """Each name belongs to one thing."""
    owners = defaultdict(set)
    for name, owner in pairs:
        owners[name].add(owner)
    shared = {name: found for name, found in owners.items() if len(found) > 1}
    assert not shared


@pytest.mark.parametrize("number", range(30))
def test_arms_of_a_study_have_names_of_their_own(number):
    study = study_from_mapping(drawn(number), "test")
    labels = Labels(study.cells())
    one_each((labels.arm(c.norm, c.recipe), (c.norm, c.recipe)) for c in study.cells())
    searched = {c.recipe for c in study.cells() if c.search}
    declared = {c.recipe for c in study.cells() if not c.search}
    for recipe in searched:
        assert labels.recipe(recipe).startswith("tuned")
    for recipe in declared:
        assert "tuned" not in labels.recipe(recipe)
        assert bool(labels.recipe(recipe)) == (len(declared) > 1)
    one_each(
        ((*labels.variant(c.norm, c.recipe), c.norm.partition("+")[0]), (c.norm, c.recipe))
        for c in study.cells()
    )


@pytest.mark.parametrize("number", [2, 11, 23])
@pytest.mark.seconds
def test_figures_and_tables_name_one_cell_per_label(number, monkeypatch):
    monkeypatch.setattr(synthetic, "_METHOD", defaultdict(lambda: (0.0, 0.0), synthetic._METHOD))
    inputs = load(drawn(number))
    style.use()
    for module in (severity, conditions, confound, forest, cost, curves):
        for picture in module.pictures(inputs):
            if not hasattr(picture, "numbers"):
                continue
            n = picture.numbers
            several = n["backbone"].str.contains(";")
            if "panel" not in n:
                n = n.assign(panel="")
            place = n[["backbone", "panel", "outcome", "label"]].astype(str).itertuples(index=False)
            cells = n[["task", "norm", "recipe", "protocol"]].itertuples(index=False, name=None)
            if module is not cost:  # one row has a mark per protocol, and its caption says so
                one_each(zip(place, cells, strict=True))
            else:
                cells = n[["task", "norm", "recipe"]].itertuples(index=False, name=None)
                one_each(zip(place, cells, strict=True))
            if several.any():  # only figures of decisions show means over backbones
                assert module in (forest, confound)
            if module is forest:
                assert n.loc[several, "label"].str.contains("mean of").all()
            plt.close(picture.figure)
    for table in (measured.accuracies(inputs), measured.cost(inputs)):
        names = [head in ("task", "backbone", "method", "statistics") for head in table.heads]
        rows = [
            tuple(cell for cell, name in zip(row, names, strict=True) if name) for row in table.rows
        ]
        assert len(rows) == len(set(rows))


def test_recipes_are_named_by_value():
    plain = {"name": "plain", "lr": 0.001, "epochs": 3}
    recipes = {"plain": plain, "plain+lr=0.003": plain | {"lr": 0.003}}
    assert by_value(recipes) == {"plain": "lr 0.001", "plain+lr=0.003": "lr 0.003"}
    recipes["rsc"] = {"name": "rsc", "lr": 0.001, "epochs": 3}
    assert by_value(recipes)["rsc"] == "rsc"
    assert by_value(recipes)["plain"] == "plain, lr 0.001"


def test_a_table_of_diverged_runs_has_rows(default, minimal):
    assert "divergence" in {t.name for t in measured.tables(default.inputs)}
    assert "divergence" not in {t.name for t in measured.tables(minimal.inputs)}
