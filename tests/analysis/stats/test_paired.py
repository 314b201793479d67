"""One paired comparison: published values, other implementations, exact enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from analysis.stats import paired
from tests.analysis.golden_values import golden


def accuracies(n: int, seed: int) -> np.ndarray:
    """Differences of counts out of 360 images: many ties."""
    return np.random.default_rng(seed).integers(-4, 8, n) / 360 * 100


def test_paired_t_on_the_sleep_data():
    table, expected = golden("paired_t_sleep")
    d = (table["group1"] - table["group2"]).to_numpy()
    result = paired.paired_t(d, 0.05, 1)
    assert result.test == "paired t"
    assert result.p == pytest.approx(expected["p"], abs=5e-7)
    assert result.ci == pytest.approx(expected["ci95"], abs=5e-8)
    assert d.mean() == pytest.approx(expected["mean_diff"])
    assert paired.effect_sizes(d)[0] == pytest.approx(expected["d_z"], abs=5e-7)


@pytest.mark.parametrize("n", [2, 5, 8, 11])
@pytest.mark.parametrize("seed", [0, 1])
def test_sign_flip_agrees_with_scipy(n, seed):
    d = accuracies(n, seed)
    for alternative, ours in (
        ("two-sided", paired.SignFlips(d).p()),
        ("greater", paired.SignFlips(d).p_greater()),
        ("less", paired.SignFlips(d).p_less()),
    ):
        theirs = stats.permutation_test(
            (d,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative=alternative
        )
        assert ours == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.01])
def test_sign_flip_interval_from_the_means_of_all_subsets(alpha):
    """Hartigan: the limits are order statistics of the means of all non-empty subsets."""
    d = np.random.default_rng(3).normal(1, 2, 9)
    subsets = itertools.chain(*(itertools.combinations(d, k) for k in range(1, 10)))
    means = sorted(math.fsum(s) / len(s) for s in subsets)
    k = math.floor(alpha / 2 * 2**9)
    assert paired.SignFlips(d).interval(alpha) == pytest.approx((means[k - 1], means[-k]))


def test_sign_flip_interval_holds_what_is_not_rejected():
    flips = paired.SignFlips(accuracies(10, 5))
    low, high = flips.interval(0.05)
    for inside in (low + 1e-6, (low + high) / 2, high - 1e-6):
        assert flips.p(inside) > 0.05
    for outside in (low - 1e-6, high + 1e-6):
        assert flips.p(outside) <= 0.05


def test_too_few_pairs_leave_the_interval_open():
    assert paired.SignFlips(np.array([1.0, 2.0, 3.0])).interval(0.05) == paired.UNBOUNDED


def test_many_pairs_joined_halves_equal_random_draws(monkeypatch):
    d = np.random.default_rng(0).normal(0.5, 1, 30)
    exact = paired.SignFlips(d)
    monkeypatch.setattr(paired, "EXACT_UP_TO", 29)
    drawn = paired.SignFlips(d)
    assert exact.name == "exact sign-flip"
    assert "99999 draws, seed" in drawn.name
    assert exact.p() == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.003)
    assert drawn.p() == pytest.approx(exact.p(), abs=0.003)
    assert drawn.interval(0.05) == pytest.approx(exact.interval(0.05), abs=0.03)


def test_constant_differences():
    same = np.full(10, 0.3)
    assert paired.is_constant(same)
    assert paired.sign_flip(same, 0.05, 1).p == 2 / 2**10
    assert paired.sign_flip(same, 0.05, 1).ci == paired.UNBOUNDED
    assert paired.sign_flip(np.zeros(10), 0.05, 1).p == 1.0
    assert all(math.isnan(x) for x in paired.effect_sizes(same))
    assert math.isnan(paired.variance_ratio(same + 1, np.ones(10)))


@pytest.mark.parametrize("margin", [0.2, 0.6, 0.9, 2.0])
def test_equivalence_is_the_interval_inside_the_margin(margin):
    """The two one-sided tests, and the one of non-inferiority, by statsmodels."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.1, 1, 12), rng.normal(0, 1, 12)
    both, greater, _ = ttost_paired(a, b, -margin, margin)
    found = paired.paired_t(a - b, 0.05, 7).ci_equivalence
    assert paired.inside(found, margin) == (both < 0.05)
    assert (found[0] > -margin) == (greater[1] < 0.05)
    edge = max(map(abs, found))
    assert ttost_paired(a, b, -edge, edge)[0] == pytest.approx(0.05)


def test_hedges_correction():
    """Five pairs: J = .80 (exactly .7979)."""
    d_z, g_z = paired.effect_sizes(np.array([1.0, 2.0, 3.0, 5.0, 4.0]))
    assert d_z == pytest.approx(3 / math.sqrt(2.5))
    assert g_z / d_z == pytest.approx(0.7979, abs=5e-5)


def test_improvement_counts_ties_half():
    estimate, (low, high) = paired.improvement(np.array([1.0, -1.0, 0.0, 2.0]), 0.05)
    z = stats.norm.isf(0.025)
    center = (2.5 + z**2 / 2) / (4 + z**2)
    half = z / (4 + z**2) * math.sqrt(2.5 * 1.5 / 4 + z**2 / 4)
    assert estimate == 0.625
    assert (low, high) == pytest.approx((center - half, center + half))


def test_pairing_is_worth_what_it_removes():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 3, 500)
    a, b = common + rng.normal(0, 1, 500), common + rng.normal(0, 1, 500)
    assert paired.variance_ratio(a, b) == pytest.approx(10, rel=0.15)
    assert paired.variance_ratio(rng.normal(size=500), b) == pytest.approx(1, rel=0.15)


def test_a12_ignores_the_pairing():
    assert paired.a12(np.array([1.0, 3.0]), np.array([2.0, 1.0])) == (0 + 0.5 + 1 + 1) / 4


def test_detectable_difference():
    d = np.random.default_rng(1).normal(size=10)
    assert paired.detectable(d, 0.05) == pytest.approx(1.00 * d.std(ddof=1), rel=0.005)


def test_beyond_thirty_pairs_no_order_changes_the_draws():
    d = np.random.default_rng(3).normal(0.2, 1, 45)
    p, ends = paired.SignFlips(d).p(), paired.SignFlips(d).interval(0.05)
    mixed = paired.SignFlips(np.random.default_rng(4).permutation(d))
    assert (mixed.p(), mixed.interval(0.05)) == (p, ends)
    mirrored = paired.SignFlips(-d)
    assert mirrored.p() == p
    assert mirrored.interval(0.05) == pytest.approx((-ends[1], -ends[0]))
