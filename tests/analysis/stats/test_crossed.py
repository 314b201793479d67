"""Crossed and resampled intervals against independent forms, limits and a small simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from afn.study.plan.power import minimum_detectable_d_z
from analysis.stats.crossed import Crossed, ImageSet, crossed, crossed_table
from analysis.stats.resampled import resampled


def table(seed: int, seeds: int, images: int, conditions: int = 3) -> np.ndarray:
    """Integer differences with effects of seeds and of images, (seeds, images)."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0.3, 1, images) + rng.normal(0, 0.3, (seeds, 1))
    return sum(np.sign(np.round(base + rng.normal(0, 1, base.shape))) for _ in range(conditions))


def by_hand(d: np.ndarray) -> tuple[Fraction, float, float]:
    """Mean, its variance and degrees of freedom, from the analysis of variance in exact numbers."""
    seeds, images = d.shape
    cells = [[Fraction(int(x)) for x in row] for row in d]
    grand = sum(map(sum, cells)) / (seeds * images)
    rows = [sum(row) / images for row in cells]
    columns = [sum(row[i] for row in cells) / seeds for i in range(images)]
    squares = {
        "seeds": images * sum((r - grand) ** 2 for r in rows) / (seeds - 1),
        "images": seeds * sum((c - grand) ** 2 for c in columns) / (images - 1),
    }
    total = sum((x - grand) ** 2 for row in cells for x in row)
    explained = squares["seeds"] * (seeds - 1) + squares["images"] * (images - 1)
    squares["rest"] = (total - explained) / ((seeds - 1) * (images - 1))
    both = squares["seeds"] + squares["images"] - squares["rest"]
    both = max(both, squares["seeds"], squares["images"])
    spread = (
        squares["seeds"] ** 2 / (seeds - 1)
        + squares["images"] ** 2 / (images - 1)
        + squares["rest"] ** 2 / ((seeds - 1) * (images - 1))
    )
    df = min(max(both**2 / spread, seeds - 1), images - 1)
    return grand, float(both / (seeds * images)), float(df)


@pytest.mark.parametrize(
    ("seeds", "images"), [(2, 2), (2, 40), (3, 17), (5, 30), (10, 60), (12, 4)]
)
def test_it_is_the_analysis_of_variance(seeds, images):
    for seed in range(6):
        d = table(seed, seeds, images)
        mean, variance, df = by_hand(d)
        found = crossed_table(d)
        assert found.estimate == pytest.approx(float(mean), rel=1e-9, abs=1e-12)
        assert found.error == pytest.approx(math.sqrt(variance), rel=1e-9)
        assert found.df == pytest.approx(df, rel=1e-9)
        half = stats.t.ppf(0.975, df) * math.sqrt(variance)
        expected = float(mean) - half, float(mean) + half
        assert found.interval(0.95) == pytest.approx(expected, rel=1e-9)


def test_adding_rows_one_by_one_is_the_whole_table():
    """What is kept is enough: the two-pass form of numpy on the whole table agrees."""
    d = table(3, 9, 500) + 1e6  # an offset that sums of squares would not survive
    kept = ImageSet(500)
    for row in d:
        kept.add(row)
    centred = d - d.mean(axis=1, keepdims=True)
    rest = centred - centred.mean(axis=0)
    assert kept.of_residual() == pytest.approx((rest**2).sum() / 8 / 499 / 9 / 500, rel=1e-9)
    assert kept.of_images() == pytest.approx(d.mean(axis=0).var(ddof=1) / 500, rel=1e-9)
    assert kept.means == pytest.approx(d.mean(axis=1).tolist(), rel=1e-12)


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e-12])
def test_unit_and_sign_change_nothing_else(scale):
    d = table(1, 6, 50)
    one, other = crossed_table(d), crossed_table(-scale * d)
    assert other.estimate == pytest.approx(-scale * one.estimate, rel=1e-9)
    assert other.error == pytest.approx(scale * one.error, rel=1e-9)
    assert (other.df, other.p()) == pytest.approx((one.df, one.p()), rel=1e-9)


def test_the_order_of_seeds_and_images_does_not_matter():
    d = table(2, 7, 80)
    rng = np.random.default_rng(0)
    other = crossed_table(d[rng.permutation(7)][:, rng.permutation(80)])
    assert (other.error, other.df) == pytest.approx(
        (crossed_table(d).error, crossed_table(d).df), rel=1e-9
    )


def test_images_that_do_not_vary_leave_the_paired_t():
    by_seed = np.array([0.4, -0.1, 0.7, 0.2, 0.9])
    found = crossed_table(np.repeat(by_seed[:, None], 200, axis=1))
    expected = stats.ttest_1samp(by_seed, 0)
    assert found.df == pytest.approx(4, rel=1e-9)
    assert found.p() == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.interval(0.9) == pytest.approx(tuple(expected.confidence_interval(0.9)), rel=1e-9)
    d_z = minimum_detectable_d_z(5, 0.01)
    assert found.detectable(0.01) == pytest.approx(d_z * by_seed.std(ddof=1), rel=1e-4)


def test_seeds_that_do_not_vary_leave_the_t_over_images():
    by_image = np.sign(np.random.default_rng(4).normal(0.2, 1, 90))
    found = crossed_table(np.repeat(by_image[None], 6, axis=0))
    expected = stats.ttest_1samp(by_image, 0)
    assert (found.df, found.p()) == pytest.approx((89, expected.pvalue), rel=1e-9)


def test_it_is_never_narrower_than_either():
    for seed in range(30):
        d = table(seed, 4, 25, conditions=1)
        found = crossed_table(d)
        assert found.error**2 >= d.mean(axis=1).var(ddof=1) / 4 * (1 - 1e-9)
        assert found.error**2 >= d.mean(axis=0).var(ddof=1) / 25 * (1 - 1e-9)
        assert 3 <= found.df <= 24


@pytest.mark.parametrize("value", [0.0, -33.3, 1e-9])
def test_without_any_variation_there_is_no_test(value):
    found = crossed_table(np.full((5, 30), value))
    assert found.error == 0
    assert math.isnan(found.p())
    assert math.isnan(found.detectable(0.05))
    assert found.interval(0.95) == pytest.approx((value, value))


def gathered(parts: list[np.ndarray], weights: list[float]) -> Crossed:
    sets = []
    for d, weight in zip(parts, weights, strict=True):
        sets.append(ImageSet(d.shape[1], weight))
        for row in d:
            sets[-1].add(row)
    return crossed(sets)


def test_image_sets_add_their_image_parts():
    """Seeds are shared: their part is that of the outcome; images are not: their parts add."""
    parts = [table(8, 6, 40), table(9, 6, 90), table(10, 6, 25)]
    weights = [0.5, 0.25, 0.25]
    outcome = sum(w * d.mean(axis=1) for w, d in zip(weights, parts, strict=True))
    seeds, images, rest, spread = outcome.var(ddof=1) / 6, 0.0, 0.0, 0.0
    for w, d in zip(weights, parts, strict=True):
        n = d.shape[1]
        own = d - d.mean(axis=0) - d.mean(axis=1, keepdims=True) + d.mean()
        image = w**2 * d.mean(axis=0).var(ddof=1) / n
        residual = w**2 * (own**2).sum() / (5 * (n - 1)) / (6 * n)
        images, rest = images + image, rest + residual
        spread += image**2 / (n - 1) + residual**2 / (5 * (n - 1))
    variance = max(seeds + images - rest, seeds, images)
    found = gathered(parts, weights)
    assert found.estimate == pytest.approx(outcome.mean(), rel=1e-9)
    assert found.error == pytest.approx(math.sqrt(variance), rel=1e-9)
    df = variance**2 / (spread + seeds**2 / 5)
    assert found.df == pytest.approx(min(max(df, 5), 39 + 89 + 24), rel=1e-9)


def test_one_set_given_in_two_halves_of_its_conditions_is_one_set():
    """Conditions of the same images are averaged first; as two sets they would look independent."""
    d = table(5, 8, 60)
    assert gathered([d], [1.0]) == crossed_table(d)
    assert gathered([d, d], [0.5, 0.5]).images < 0.6 * crossed_table(d).images


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(ValueError, match="two or more seeds"):
        crossed_table(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="without rows"):
        crossed_table([])
    with pytest.raises(ValueError, match="no variance between images"):
        crossed_table(np.zeros((5, 1)))
    with pytest.raises(ValueError, match="sum to one"):
        gathered([table(1, 3, 9), table(2, 3, 9)], [0.5, 0.6])
    with pytest.raises(ValueError, match=r"not \[3, 4\]"):
        gathered([table(1, 3, 9), table(2, 4, 9)], [0.5, 0.5])
    with pytest.raises(ValueError, match="a row of 9 images"):
        ImageSet(9).add(np.zeros(8))


def test_the_detectable_difference_has_the_power():
    """By the noncentral t of a fractional number of degrees of freedom."""
    found = crossed_table(table(0, 5, 40))
    assert found.df != round(found.df)
    for alpha in (0.05, 0.05 / 14):
        shift = found.detectable(alpha) / found.error
        critical = stats.t.isf(alpha / 2, found.df)
        assert stats.nct.sf(critical, found.df, shift) == pytest.approx(0.8, abs=1e-4)


@pytest.mark.seconds
def test_the_interval_covers_new_images_and_the_one_over_seeds_does_not():
    """600 tables; images matter more than seeds."""
    rng = np.random.default_rng(11)
    covered = {"crossed": 0, "seeds": 0}
    for _ in range(600):
        image = rng.normal(0, 0.6, 120)
        d = 1.0 + image + rng.normal(0, 0.05, (6, 1)) + rng.normal(0, 0.5, (6, 120))
        low, high = crossed_table(d).interval(0.95)
        covered["crossed"] += low < 1 < high
        covered["seeds"] += stats.ttest_1samp(d.mean(axis=1), 1).pvalue > 0.05
    assert 0.92 < covered["crossed"] / 600 < 0.98
    assert covered["seeds"] / 600 < 0.85


def test_resampled_is_the_formula():
    d = np.array([0.3, 0.5, -0.2, 0.9])
    found = resampled(d, n_train=300, n_test=100)
    assert found.error == pytest.approx(d.std(ddof=1) * math.sqrt(1 / 4 + 1 / 3), rel=1e-12)
    assert (found.estimate, found.df) == (pytest.approx(d.mean()), 3)
    low, high = found.interval(0.95)
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 3) * found.error, rel=1e-9)
    # With all data in training the plain paired t is left.
    plain = stats.ttest_1samp(d, 0)
    assert resampled(d, 10**12, 1).p() == pytest.approx(plain.pvalue, rel=1e-6)


def test_resampled_refuses_what_is_no_split():
    with pytest.raises(ValueError, match="two or more"):
        resampled(np.array([1.0]), 10, 10)
    with pytest.raises(ValueError, match="a split of 0"):
        resampled(np.array([1.0, 2.0]), 0, 10)
    assert math.isnan(resampled(np.ones(4), 10, 10).p())
