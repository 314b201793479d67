"""Whether differences depend on backbone, recipe or task: tested, corrected, and told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM

from analysis.decisions.dependence import between, corrected, test_of
from analysis.decisions.words import phrases
from analysis.stats import paired
from analysis.tables import dependence
from tests.analysis.pages import load
from tests.analysis.report.test_answer import TWO_RATES

test_of.__test__ = False  # a function of the analysis, whatever its name says


@pytest.fixture(scope="module")
def rates():
    return load(TWO_RATES)


def test_the_test_is_a_repeated_measures_anova():
    rng = np.random.default_rng(3)
    table = rng.normal(size=(6, 3)) + np.array([0.0, 0.5, 2.0])
    rows = [{"s": s, "k": k, "y": table[s, k]} for s, k in np.ndindex(table.shape)]
    theirs = AnovaRM(pd.DataFrame(rows), "y", "s", within=["k"]).fit().anova_table
    found = test_of(table)
    assert found["F"] == pytest.approx(theirs["F Value"].iloc[0])
    assert found["p"] == pytest.approx(theirs["Pr > F"].iloc[0])
    assert not found["constant"]


def test_a_dependence_that_is_alike_at_every_seed_is_told():
    seeds = np.arange(5.0)[:, None]
    assert test_of(seeds + np.array([0.0, 1.5]))["constant"]
    assert not test_of(seeds + np.array([1.0, 1.0]))["constant"]
    assert not test_of(np.ones((1, 2)))["constant"]
    told = {"p": None, "p_adjusted": None, "constant": True, "estimates": {"one": 0.5, "two": -1.0}}
    assert phrases.dependence(told, 0.05) == "alike at every seed: one +0.50, two \u22121.00"


def test_backbones_are_corrected_over_the_contrasts_of_the_family(rates):
    own = [d for d in rates.decisions if d.heterogeneity]
    assert len(own) == 8
    p = np.array([d.heterogeneity["p"] for d in own])
    order = np.argsort(p)
    holm = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    found = [own[i].heterogeneity["p_adjusted"] for i in order]
    assert found == pytest.approx(holm)
    assert corrected([], "holm") == []


def test_what_only_the_uncorrected_test_finds_is_not_said():
    found = {"p": 0.01, "p_adjusted": 0.08, "estimates": {"one": 0.5, "two": -0.5}}
    assert phrases.dependence(found, 0.05) == ""
    assert phrases.dependence(found | {"p_adjusted": 0.04}, 0.05).startswith("adjusted p = 0.040")


def test_recipes_are_asked_as_backbones_are(rates):
    found = between([d for d in rates.decisions if d.backbone == "pooled"], "holm")
    assert {(r["on"], r["a"], r["b"], r["outcome"]) for r in found} == {
        ("recipe", "afn", b, o) for b in ("batch", "asr") for o in ("clean", "shift")
    }
    record = next(r for r in found if (r["b"], r["outcome"]) == ("asr", "shift"))
    low, high = (
        [
            pair["difference"]
            for d in rates.decisions
            if (d.backbone, d.b, d.outcome, d.recipe) == ("pooled", "asr", "shift", r)
            for pair in d.differences
        ]
        for r in record["estimates"]
    )
    # Two places: F is the square of the paired t of their difference.
    assert record["p"] == pytest.approx(stats.ttest_rel(low, high).pvalue)
    assert list(record["estimates"].values()) == pytest.approx([np.mean(low), np.mean(high)])
    assert record["p"] <= record["p_adjusted"] <= min(1, 4 * record["p"])
    assert record["n"] == 8


def test_the_table_names_each_place(rates):
    table = dependence.table(rates)
    asked = dependence.asked(rates)
    assert len(table.rows) == len(asked) == 8 + 4
    on = table.heads.index("on")
    for row, record in zip(table.rows, asked, strict=True):
        assert row[on] == record["on"]
        assert ("lr 0.001 " in row[-1]) == (record["on"] == "recipe")
        assert ("resnet8" in row[-1]) == (record["on"] == "backbone")


def test_a_dependence_on_the_recipe_reaches_the_answer(rates):
    assert dependence.sentences(rates, primary=True) == []
    changed = load(TWO_RATES)
    for d in changed.decisions:
        if (d.backbone, d.b, d.outcome) == ("pooled", "asr", "clean"):
            add = 5.0 if "0.003" in d.recipe else 0.0
            for pair in d.differences:
                pair["difference"] += add
    (text,) = dependence.sentences(changed, primary=True)
    assert "AFN \u2212 ASRNorm on clean images depends on the recipe" in text
    assert "lr 0.003" in text


def test_the_ratio_of_pairing_has_a_range():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        common = rng.normal(size=10) * 3
        a, b = common + rng.normal(size=10), common + rng.normal(size=10)
        low, high = paired.variance_ratio_interval(a, b, 0.05)
        inside += low <= 10.0 <= high
    # True ratio (9 + 1 + 9 + 1) / 2 = 10; a percentile bootstrap of ten pairs covers less.
    assert 0.75 <= inside / 200 <= 1.0
    assert paired.variance_ratio_interval(a, b, 0.05) == paired.variance_ratio_interval(a, b, 0.05)
    wide, narrow = (paired.variance_ratio_interval(a, b, alpha) for alpha in (0.05, 0.5))
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]
    assert paired.variance_ratio_interval(a[:2], b[:2], 0.05) == paired.UNBOUNDED
    assert paired.variance_ratio_interval(a, a, 0.05) == paired.UNBOUNDED
