"""Boundaries against the literature, against each other, and against simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from afn.common.errors import StudyError
from analysis.stats.sequential import calibration
from analysis.stats.sequential.calibration import (
    DEFAULT_LOOKS,
    SHAPES,
    LookSchedule,
    Taken,
    boundaries,
    calibrate,
    crossing,
    spend,
)
from analysis.stats.sequential.process import TProcess, Walk, ZProcess
from tests.analysis.golden_values import golden

Z = ZProcess()
DEFAULT = LookSchedule(DEFAULT_LOOKS)


def test_naive_looks_at_a_normal_deviate():
    """Upper side, z = 1.96 at every look (Armitage, McPherson and Rowe 1969)."""
    for looks, error in ((2, 0.042), (4, 0.063), (10, 0.097), (20, 0.124)):
        walk, total = None, 0.0
        high, low = 1.96, Z.ends()[0]
        for n in range(1, looks + 1):
            arrived = Z.first(n, high, 9.5) if walk is None else walk.arrive(n, high, 9.5)
            total += arrived[1].sum()
            begin = walk is None
            walk = Walk.begin(Z, n, low, high) if begin else walk.go_on(n, low, high)
        assert total == pytest.approx(error, abs=5.1e-4)
        assert total + walk.weights.sum() == pytest.approx(1, abs=1e-9)


def test_constants_of_pocock_and_obrien_fleming():
    """Jennison and Turnbull (2000), tables 2.1 and 2.3."""
    table, _ = golden("group_sequential_bounds")
    for row in table.itertuples():
        looks = list(range(1, row.K + 1))
        for c, power in ((row.pocock_C, 0.0), (row.obrien_fleming_C, 0.5)):
            error = crossing(looks, [c * (row.K / k) ** power for k in looks], Z)[-1]
            # The constants are printed with three digits.
            assert error == pytest.approx(0.05, abs=2e-4)


def test_obrien_fleming_edges():
    edges = [2.024 * math.sqrt(4 / k) for k in (1, 2, 3, 4)]
    assert edges == pytest.approx([4.05, 2.86, 2.34, 2.02], abs=5e-3)
    assert crossing([1, 2, 3, 4], edges, Z)[-1] / 2 == pytest.approx(0.025, abs=1e-4)


def spending(looks: int) -> list[float]:
    """Lan and DeMets' function like O'Brien and Fleming's, .025 on either side."""
    at = stats.norm.isf(0.0125)
    return [4 * special.ndtr(-at / math.sqrt(k / looks)) for k in range(1, looks + 1)]


def test_lan_demets():
    published = [4.33263, 2.96333, 2.35902, 2.01409]
    found = spend([1, 2, 3, 4], spending(4), Z)
    # The second one is 2.9631 in gsDesign: older programs integrated coarsely.
    assert found == pytest.approx(published, abs=3e-4)
    _, expected = golden("group_sequential_bounds")
    assert spend([1, 2, 3, 4, 5], spending(5), Z) == pytest.approx(
        expected["lan_demets_obf_K5_z"], abs=2e-4
    )


@pytest.mark.parametrize(
    ("level", "c", "nominal"),
    [
        (0.10, 1.898, [0.00298, 0.0125, 0.0240, 0.0357, 0.0470, 0.0577]),
        (0.05, 2.174, [0.000667, 0.00422, 0.00972, 0.0161, 0.0229, 0.0297]),
        (0.05 / 2, 2.428, [0.000145, 0.00140, 0.00389, 0.00721, 0.0110, 0.0152]),
        (0.05 / 4, 2.663, [3.07e-5, 4.57e-4, 0.00154, 0.00321, 0.00532, 0.00774]),
        (0.05 / 6, 2.790, [1.26e-5, 2.40e-4, 9.06e-4, 0.00202, 0.00350, 0.00527]),
        (0.05 / 12, 3.001, [2.64e-6, 7.82e-5, 3.58e-4, 8.96e-4, 0.00168, 0.00269]),
        (0.05 / 14, 3.047, [1.86e-6, 6.08e-5, 2.91e-4, 7.47e-4, 0.00143, 0.00231]),
        (0.05 / 20, 3.148, [8.38e-7, 3.44e-5, 1.82e-4, 4.95e-4, 9.86e-4, 0.00165]),
    ],
)
def test_constants_of_an_independent_simulation(level, c, nominal):
    """Six million null paths of the paired t at 5, 10, ..., 30."""
    table = calibrate(DEFAULT)
    assert table.constant(level) == pytest.approx(c, abs=0.0025)
    assert table.planned.nominal(level) == pytest.approx(nominal, rel=0.025)


@pytest.mark.parametrize("boundary", SHAPES)
def test_what_is_shipped_is_what_is_computed(boundary, monkeypatch):
    shipped = calibrate(LookSchedule(DEFAULT_LOOKS, boundary))
    assert shipped.constants == pytest.approx(calibration.CONSTANTS)
    some = calibration.CONSTANTS[::6]
    monkeypatch.setattr(calibration, "CONSTANTS", some)
    fresh = calibration.compute(LookSchedule(DEFAULT_LOOKS, boundary))
    assert fresh.spent == pytest.approx(shipped.spent[::6], rel=1e-6)


def test_between_the_levels_of_the_grid():
    """Interpolated edges spend their level."""
    table = calibrate(DEFAULT)
    for level in (0.3, 0.07, 0.05, 0.013, 0.0017, 3e-5):
        spent = crossing(DEFAULT_LOOKS, table.planned.edge(level))[-1]
        assert spent == pytest.approx(level, rel=5e-4)


def simulated_t(rng, studies, looks, effect=0.0):
    """P of the paired t at each look, by scipy from every single difference."""
    d = rng.normal(effect, 1, (studies, looks[-1]))
    return np.stack([stats.ttest_1samp(d[:, :n], 0, axis=1).pvalue for n in looks], axis=1)


@pytest.mark.parametrize("looks", [(2, 3, 4, 6), (5, 6, 8, 30), (3, 40)])
@pytest.mark.parametrize("effect", [0.0, 0.7])
def test_any_schedule_against_simulation(looks, effect):
    """Steps of one, two and many pairs, with and without a true difference."""
    studies, z = 40_000, [2.4, 2.2, 2.0, 1.9][: len(looks)]
    p = simulated_t(np.random.default_rng(3), studies, looks, effect)
    hit = np.maximum.accumulate(p <= 2 * special.ndtr(-np.array(z)), axis=1).mean(axis=0)
    exact = crossing(looks, z, TProcess(effect))
    assert np.all(np.abs(hit - exact) < 4.5 * np.sqrt(exact * (1 - exact) / studies))


def test_likelihood_ratio_is_the_noncentral_t():
    from analysis.stats.sequential.process import log_ratio

    x = np.array([-0.7, -0.1, 0.3, 1.2])
    for n, d in ((3, 0.5), (10, 0.8), (30, 0.2)):
        t = math.sqrt(n - 1) * np.tan(x)
        scipys = stats.nct.logpdf(t, n - 1, d * math.sqrt(n)) - stats.t.logpdf(t, n - 1)
        assert log_ratio(x, n, d) == pytest.approx(scipys, abs=1e-6)


@given(st.floats(1e-8, 0.9), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_level_and_nominal_p_are_inverse(level, look):
    planned = calibrate(DEFAULT).planned
    p = planned.nominal(level)[look]
    if p > 1e-18:
        assert planned.level(look, p) == pytest.approx(level, rel=2e-3)


@given(st.lists(st.floats(1e-12, 1.0), min_size=2, max_size=30), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_smaller_p_never_reaches_a_larger_level(p, look):
    reached = calibrate(DEFAULT).planned.level(look, np.sort(p))
    assert np.all(np.diff(reached) >= -1e-12)
    assert np.all((reached >= 0) & (reached <= 1))


def test_fewer_pairs_keep_the_spending():
    """Nine and fourteen pairs instead of ten and fifteen: the plan's error by each wave."""
    taken = (Taken(0, 5), Taken(1, 9), Taken(2, 14))
    found = boundaries(DEFAULT, taken)
    table = calibrate(DEFAULT)
    for i in (5, 11, 16):
        spent = crossing((5, 9, 14), found.edges[i])
        assert spent == pytest.approx(table.spent[i, :3], rel=1e-4)
    assert found.nominal(0.05)[0] == pytest.approx(table.planned.nominal(0.05)[0])


def test_looks_as_planned_have_the_planned_boundaries():
    taken = tuple(Taken(k, n) for k, n in enumerate(DEFAULT_LOOKS))
    assert boundaries(DEFAULT, taken).edges == pytest.approx(calibrate(DEFAULT).planned.edges)


@pytest.mark.seconds
def test_a_look_that_cannot_reject_leaves_its_error_to_later_ones():
    """Sign-flip from the second look on: at .05/14 the first possible rejection is at 15."""
    taken = (Taken(0, 5), *(Taken(k, n, 2.0 ** (1 - n)) for k, n in ((1, 10), (2, 15), (3, 20))))
    level, found = 0.05 / 14, boundaries(DEFAULT, taken)
    nominal, planned = found.nominal(level), calibrate(DEFAULT).planned.nominal(level)
    assert [p >= t.smallest_p for p, t in zip(nominal, taken, strict=True)] == [
        True,
        False,
        True,
        True,
    ]
    assert nominal[2] > planned[2]
    reached = found.level(1, 2.0**-9)
    assert reached > level
    assert np.all(np.diff(found.edges, axis=0) >= 0), "smaller levels cross no more than larger"


@pytest.mark.parametrize(
    ("looks", "boundary", "told"),
    [
        ((5, 5), "pocock", "rising"),
        ((), "pocock", "rising"),
        ((1, 5), "pocock", "2 or more"),
        ((5, 10), "pococks", "did you mean 'pocock'"),
    ],
)
def test_schedules_that_do_not_exist(looks, boundary, told):
    with pytest.raises(StudyError, match=told):
        LookSchedule(looks, boundary)
