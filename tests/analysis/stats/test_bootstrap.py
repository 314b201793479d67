"""Aggregates, examples and replication: other implementations, enumeration, coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.stats import examples
from analysis.stats.bootstrap import SeedBootstrap
from analysis.stats.replication import replicate, replicate_divergence


def scores(methods=3, tasks=4, seeds=6, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 2, (1, tasks, seeds)) + rng.normal(60, 10, (1, tasks, 1))
    return common + rng.normal(0, 1, (methods, tasks, seeds)) + np.arange(methods)[:, None, None]


def boot(values, **options) -> SeedBootstrap:
    return SeedBootstrap(values, np.random.default_rng(5), **({"draws": 4000} | options))


def interquartile(values: np.ndarray) -> float:
    """Mean of the middle half, by integrating the sorted values."""
    v = np.sort(values.ravel())
    edges = np.clip(np.arange(len(v) + 1), len(v) / 4, 3 * len(v) / 4)
    return float(np.sum(v * np.diff(edges)) / (len(v) / 2))


def test_estimates():
    x = scores()
    b = boot(x)
    assert b.mean().estimate == pytest.approx(x.mean(axis=(1, 2)))
    iqm = b.interquartile_mean().estimate
    assert iqm == pytest.approx([interquartile(m) for m in x], rel=1e-6)
    assert iqm == pytest.approx([stats.trim_mean(m.ravel(), 0.25) for m in x], rel=1e-6)
    assert b.optimality_gap(65.0).estimate == pytest.approx(
        [np.mean(np.maximum(0, 65 - m)) for m in x]
    )
    profile = b.profile(np.array([50.0, 60.0, 70.0]))
    assert profile.estimate == pytest.approx(
        np.array([[np.mean(m > t) for t in (50, 60, 70)] for m in x])
    )
    better = b.improvement().estimate
    assert better[1, 0] == pytest.approx(np.mean(x[1] > x[0]))
    assert np.diag(better) == pytest.approx(0.5)
    assert better + better.T == pytest.approx(1.0)


def test_drawn_statistics_by_a_plain_loop():
    """The same draws, resampled and sorted one by one, give the same interval."""
    b = boot(scores(methods=2), draws=300)
    x = b.values
    assert sorted(x[0]) == sorted(scores(methods=2)[0].ravel())
    drawn = []
    for counts in b._counts():
        for row in counts.astype(int):
            drawn.append([interquartile(np.repeat(m.ravel(), row)) for m in x])
    drawn = np.array(drawn)
    center = np.array([interquartile(m) for m in x])
    tails = np.quantile(drawn, [0.025, 0.975], axis=0)
    low, high = center + math.sqrt(6 / 5) * (tails - center)
    found = b.interquartile_mean()
    assert found.low == pytest.approx(low, rel=1e-5)
    assert found.high == pytest.approx(high, rel=1e-5)


def test_seeds_are_resampled_within_tasks():
    counts = np.concatenate(list(boot(scores(), draws=2500)._counts()))
    assert counts.shape == (2500, 24)
    assert (counts.reshape(2500, 4, 6).sum(axis=2) == 6).all()
    assert counts.mean() == pytest.approx(1.0)
    assert counts.var() == pytest.approx(1 - 1 / 6, abs=0.02)


def test_the_same_generator_gives_the_same_interval():
    first, again = boot(scores()).interquartile_mean(), boot(scores()).interquartile_mean()
    assert (first.low == again.low).all()
    other = SeedBootstrap(scores(), np.random.default_rng(6), draws=4000).interquartile_mean()
    assert (first.low != other.low).any()


@pytest.mark.seconds
def test_coverage_of_the_mean():
    """Nominal .95; its quantiles are normal ones on 24 degrees of freedom: .938.

    Without the inflation sqrt(5 / 4) it would be .90; the standard error is .005.
    """
    rng, hits, plain = np.random.default_rng(0), [], []
    for _ in range(2000):
        b = SeedBootstrap(rng.normal(0, 1, (1, 6, 5)), rng, draws=1000)
        found = b.mean()
        low, high = found.low[0] - found.estimate[0], found.high[0] - found.estimate[0]
        hits.append(low < -found.estimate[0] < high)
        plain.append(low < -found.estimate[0] * math.sqrt(5 / 4) < high)
    assert np.mean(hits) == pytest.approx(0.938, abs=0.016)
    assert np.mean(plain) < 0.915


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((2, 3)), "methods, tasks"),
        (np.ones((2, 3, 1)), "seeds >= 2"),
        (np.full((2, 3, 4), np.nan), "24 scores are not finite"),
    ],
)
def test_incomplete_scores_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        boot(values)


def correct(seeds=8, n=400, seed=0, gain=0.03):
    """Right or wrong: examples differ in difficulty, arms differ by ``gain``."""
    rng = np.random.default_rng(seed)
    easy = rng.uniform(0.5, 1.0 - gain, n)
    draw = rng.random((seeds, n))
    return draw < easy + gain, draw * 0.5 + 0.5 * rng.random((seeds, n)) < easy


def test_error_over_examples():
    a, b = (x[0] for x in correct())
    found = examples.test_set_error(a, b)
    gap = a.astype(float) - b
    assert found["estimate"] == pytest.approx(100 * gap.mean())
    assert found["standard_error"] == pytest.approx(100 * gap.std() / math.sqrt(400))


def test_one_run_each_is_mcnemar():
    a, b = (x[0] for x in correct())
    found = examples.one_run_each(a, b)
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(~a & b))
    assert found["p"] == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)
    with pytest.raises(ValueError, match="one row"):
        examples.one_run_each(*correct())


def test_replication_verdicts():
    ours = np.array([90.1, 90.3, 89.9, 90.2, 90.0])
    assert replicate(ours, 90.2, 0.5)["verdict"] == "replicated"
    assert replicate(ours, 93.0, 0.5)["verdict"] == "contradicted"
    assert replicate(ours, 90.5, 0.4)["verdict"] == "inconclusive"
    assert replicate(ours[:1], 90.1, 0.5)["verdict"] == "inconclusive"
    found = replicate(ours, 90.2, 0.5)
    sd = ours.std(ddof=1)
    half = stats.t.ppf(0.95, 4) * sd / math.sqrt(5)
    reach = stats.t.ppf(0.975, 4) * sd * math.sqrt(1.2)
    assert found["ci"] == pytest.approx([-0.1 - half, -0.1 + half])
    assert found["prediction"] == pytest.approx([90.1 - reach, 90.1 + reach])
    with pytest.raises(ValueError, match="divergence"):
        replicate(ours, math.nan, 0.5)


def test_a_published_nan_is_about_divergence():
    assert replicate_divergence(10, 10)["verdict"] == "replicated"
    assert replicate_divergence(0, 10)["verdict"] == "contradicted"
    assert replicate_divergence(3, 10)["verdict"] == "inconclusive"
