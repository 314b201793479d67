"""Repeated-measures ANOVA in closed form, against statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.anova import AnovaRM

from analysis.decisions.steps.pairing import POOLED, Comparison, heterogeneity
from analysis.results.scores import ArmScores
from analysis.stats.models.repeated_measures import repeated_measures


def long(y: np.ndarray) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(map(range, y.shape), names=["seed", "method", "block"])
    return pd.Series(y.ravel(), index=index, name="score").reset_index()


@pytest.mark.parametrize("shape", [(2, 2, 2), (6, 3, 4), (10, 5, 2)])
def test_two_factors_as_in_statsmodels(shape):
    y = np.random.default_rng(0).normal(70, 2, shape) + np.arange(shape[1])[:, None] / 2
    theirs = AnovaRM(long(y), "score", "seed", within=["method", "block"]).fit().anova_table
    found = repeated_measures(y, ["method", "block"])
    assert [row["term"] for row in found] == list(theirs.index)
    for row, (_, other) in zip(found, theirs.iterrows(), strict=True):
        assert row["df"] == [other["Num DF"], other["Den DF"]]
        assert row["F"] == pytest.approx(other["F Value"])
        assert row["p"] == pytest.approx(other["Pr > F"])


def test_one_factor_and_its_epsilon():
    """Epsilon from the double-centred covariance, the textbook form."""
    y = np.random.default_rng(1).normal(size=(7, 4)) * [1, 2, 3, 1]
    (row,) = repeated_measures(y, ["method"])
    centre = np.eye(4) - 1 / 4
    v = centre @ np.cov(y, rowvar=False) @ centre
    assert row["epsilon"] == pytest.approx(np.trace(v) ** 2 / (3 * np.sum(v**2)))
    assert 1 / 3 <= row["epsilon"] <= 1
    assert row["p_corrected"] > row["p"] or row["F"] < 1
    assert row["ci"][0] <= row["partial_eta2"] <= row["ci"][1]


def test_two_levels_are_the_paired_t_squared():
    from scipy import stats

    y = np.random.default_rng(2).normal(size=(8, 2))
    (row,) = repeated_measures(y, ["method"])
    theirs = stats.ttest_rel(y[:, 0], y[:, 1])
    assert row["F"] == pytest.approx(theirs.statistic**2)
    assert row["p"] == row["p_corrected"] == pytest.approx(theirs.pvalue)
    assert row["epsilon"] == pytest.approx(1)


def test_interaction_of_two_methods_is_the_heterogeneity_of_their_contrast():
    y = np.random.default_rng(3).normal(70, 2, (9, 2, 3))
    row = repeated_measures(y, ["method", "block"])[2]
    arms = [
        {str(b): ArmScores(dict(enumerate(y[:, m, b].tolist()))) for b in range(3)} for m in (0, 1)
    ]
    comparison = Comparison(
        "e", "", "score", "a", "b", POOLED, True, "these_backbones", "f", range(9), *arms
    )
    other = heterogeneity(comparison)
    assert (row["F"], row["p"]) == (pytest.approx(other["F"]), pytest.approx(other["p"]))


def test_a_constant_and_the_order_of_subjects_change_nothing():
    y = np.random.default_rng(4).normal(70, 2, (6, 3, 4))
    moved = y[np.random.default_rng(5).permutation(6)] + 1000.0
    for row, other in zip(*(repeated_measures(x, ["a", "b"]) for x in (y, moved)), strict=True):
        assert other["F"] == pytest.approx(row["F"], rel=1e-9)
        assert other["p_corrected"] == pytest.approx(row["p_corrected"], rel=1e-9)


def test_what_cannot_be_tested():
    (row,) = repeated_measures(np.tile([1.0, 2.0, 3.0], (4, 1)), ["method"])
    assert (row["F"], row["p"], row["ci"]) == (None, None, [None, None])
    assert [r["term"] for r in repeated_measures(np.eye(4)[:, :, None], ["a", "b"])] == ["a"]
    with pytest.raises(ValueError, match="subjects"):
        repeated_measures(np.ones((1, 3)), ["a"])
    with pytest.raises(ValueError, match="not finite"):
        repeated_measures(np.full((3, 3), np.nan), ["a"])
