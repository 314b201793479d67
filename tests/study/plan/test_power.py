"""Power of paired seeds against published tables, statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from afn.study.plan import power


@pytest.mark.parametrize(
    ("n", "d_z"), [(3, 3.26), (5, 1.68), (8, 1.16), (10, 1.00), (20, 0.66), (30, 0.53)]
)
def test_minimum_detectable_effect(n, d_z):
    assert round(power.minimum_detectable_d_z(n), 2) == d_z


@pytest.mark.parametrize(
    ("d_z", "at_80", "at_90"), [(0.5, 34, 44), (0.8, 15, 19), (1.0, 10, 13), (2.0, 5, 5)]
)
def test_seeds_for_an_effect(d_z, at_80, at_90):
    assert power.seeds_for(d_z) == at_80
    assert power.seeds_for(-d_z, 0.9) == at_90


@pytest.mark.parametrize(("n", "d_z", "alpha"), [(5, 1.0, 0.05), (10, 0.3, 0.01), (30, 0.0, 0.05)])
def test_power_agrees_with_statsmodels(n, d_z, alpha):
    theirs = TTestPower().power(d_z, n, alpha, alternative="two-sided")
    assert power.power_paired_t(d_z, n, alpha) == pytest.approx(theirs, abs=1e-9)


def test_power_of_a_large_effect_with_few_pairs():
    """Where scipy's noncentral t gives nan; the simulation's standard error is .0016."""
    draws = np.random.default_rng(0).normal(5.0, 1.0, size=(100_000, 3))
    rejected = np.mean(stats.ttest_1samp(draws, 0.0, axis=1).pvalue < 0.01)
    assert power.power_paired_t(5.0, 3, 0.01) == pytest.approx(rejected, abs=0.006)
    assert power.power_paired_t(50.0, 10) == pytest.approx(1.0)


def test_detectable_effect_inverts_power():
    for n in (2, 4, 17):
        d_z = power.minimum_detectable_d_z(n, 0.01, 0.9)
        assert power.power_paired_t(d_z, n, 0.01) == pytest.approx(0.9, abs=1e-6)
    assert power.minimum_detectable_d_z(1) == math.inf


@pytest.mark.parametrize(("sd", "expected"), [(0.5, 0.63), (0.7, 0.23), (1.0, 0.04)])
def test_power_of_equivalence(sd, expected):
    assert power.power_equivalence(0.5 / sd, 8) == pytest.approx(expected, abs=0.006)


def test_power_of_equivalence_by_simulation():
    draws = np.random.default_rng(1).normal(size=(40_000, 6))
    half = stats.t.isf(0.05, 5) * draws.std(axis=1, ddof=1) / math.sqrt(6)
    simulated = np.mean(np.abs(draws.mean(axis=1)) + half < 1.1)
    assert power.power_equivalence(1.1, 6) == pytest.approx(simulated, abs=0.01)


@pytest.mark.parametrize(
    ("n", "p"),
    [(3, 0.25), (4, 0.125), (5, 0.0625), (6, 0.031), (7, 0.016), (8, 0.0078), (10, 0.002)],
)
def test_smallest_p(n, p):
    assert power.smallest_p_sign_flip(n) == pytest.approx(p, rel=0.03)


@pytest.mark.parametrize(("m", "seeds"), [(1, 6), (3, 7), (6, 8), (10, 9), (20, 10)])
def test_seeds_for_the_first_step_of_holm(m, seeds):
    assert power.smallest_seeds_for_holm(m) == seeds


def test_upper_limit_of_a_pilot():
    assert power.pilot_sd_upper(1.0, 5) == pytest.approx(1.56, abs=0.005)


@pytest.mark.parametrize(
    "call",
    [
        lambda: power.power_paired_t(1.0, 1),
        lambda: power.power_paired_t(1.0, 5, alpha=0.0),
        lambda: power.minimum_detectable_d_z(5, 0.05, 1.0),
        lambda: power.seeds_for(0.0),
        lambda: power.smallest_seeds_for_holm(0),
        lambda: power.pilot_sd_upper(1.0, 1),
    ],
)
def test_what_has_no_answer_is_refused(call):
    with pytest.raises(ValueError, match=r"\d"):
        call()
