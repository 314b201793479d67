"""Scores of any size: ties, one huge value, tiny losses, few blocks."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from afn.common.errors import StudyError
from analysis.standalone import compare as compare_module
from analysis.standalone import figures
from analysis.standalone.compare import compare
from analysis.standalone.reading import read_table
from analysis.stats import paired, ranks
from analysis.stats.bootstrap import SeedBootstrap
from analysis.stats.verdict import Verdict
from tests.analysis.standalone.field_tables import (
    FAULTS,
    NAMES,
    arms,
    plan,
    told,
)


def by_signs(differences: list[Fraction]) -> float:
    """Two-sided p of all sign vectors, in fractions."""
    total = abs(sum(differences))
    signs = list(itertools.product((1, -1), repeat=len(differences)))
    sums = (abs(sum(s * d for s, d in zip(v, differences, strict=True))) for v in signs)
    return sum(x >= total for x in sums) / len(signs)


@pytest.mark.parametrize("value", ["10", "1e9", "1e10", "1e12", "1e99"])
def test_one_diverged_loss(value):
    asked = plan(metric="loss", higher_is_better=False, diverged=float(value))
    frame = read_table(str(FAULTS / "loss_one_diverged.csv"), NAMES, ("loss",)).frame
    (d,) = compare(frame, asked)
    assert d.p == 2 / 2**10
    assert d.verdict is Verdict.SUPERIOR


@pytest.mark.parametrize("huge", [1e3, 1e8, 1e12])
@pytest.mark.parametrize("shift", [0, 10**6])
def test_sign_flip_beside_one_huge_value_is_that_of_fractions(huge, shift):
    hundredths = [3, -1, 4, 1, -5, 9, -2, 6]
    b = np.array([7003 + 11 * i for i in range(9)]) / 100 + shift
    a = np.append(np.round(b[:8] + np.array(hundredths) / 100, 2), huge + shift)
    exact = [Fraction(h, 100) for h in hundredths] + [Fraction(int(huge))]
    assert paired.SignFlips(paired.difference(a, b)).p() == by_signs(exact)


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-7, 1.0, 1e6, 1e90])
def test_tied_sums_in_any_unit(unit):
    steps = np.array([1, 2, -3, 4, -1, 2, 1, -2])
    b = np.array([700.3, 701.1, 699.9, 702.7, 700.1, 698.3, 700.7, 701.3])
    a = b + steps / 10
    d = paired.difference(a * unit, b * unit)
    expected = by_signs([Fraction(int(x)) for x in steps])
    assert paired.SignFlips(d).p() == expected
    assert not paired.is_constant(d)
    assert paired.improvement(d, 0.05)[0] == 5 / 8
    assert paired.is_constant(paired.difference((b + 0.1) * unit, b * unit))


def test_losses_of_any_size_are_decided_alike():
    frame = arms()
    for unit in (1e-12, 1e12):
        small = frame.assign(accuracy=frame["accuracy"] * unit)
        for d, other in zip(compare(frame, plan()), compare(small, plan()), strict=True):
            assert (other.verdict, other.test) == (d.verdict, d.test)
            assert other.p == pytest.approx(d.p)
            assert other.a12 == pytest.approx(d.a12)
            shown = " ".join(other.row().values())
            assert "0.0000" not in shown
            assert d.p == other.p or other.estimate == pytest.approx(d.estimate * unit)


def test_tied_means_are_tied_ranks():
    scores = np.array([[0.1 + 0.2, 0.3, 0.4], [0.3, 0.1 + 0.2, 0.5]] * 3)
    found = ranks.friedman(scores)
    assert found["mean_ranks"] == [2.5, 2.5, 1.0]
    for unit in (1e-12, 1e6):
        assert ranks.friedman(scores * unit)["p_permutation"] == found["p_permutation"]


def test_two_blocks_give_way_to_permutations():
    found = ranks.friedman(np.array([[1.0, 2.0, 3.0], [11.0, 12.0, 13.0]]))
    assert found["p"] == found["p_permutation"] == pytest.approx(1 / 6)
    assert found["p_from"] == "permutation"


@pytest.mark.parametrize("value", [1e101, -1e300])
def test_scores_beyond_every_test_are_refused(value):
    frame = arms()
    frame.loc[3, "accuracy"] = value
    with pytest.raises(StudyError, match=r"1 scores lie beyond 1e\+100, the first: b, x, seed 1"):
        compare(frame, plan())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({option: x}, f"--{option}")
        for option in ("diverged", "margin", "alpha", "target")
        for x in (math.nan, math.inf, -math.inf)
    ],
)
def test_options_that_are_not_finite_are_refused(given, name):
    with pytest.raises(StudyError, match=name):
        compare(arms(), plan(**given))


def test_many_methods_leave_out_what_nobody_can_read(monkeypatch):
    frame = arms(names=tuple("abcd"))
    monkeypatch.setattr(compare_module, "MOST_PER_BLOCK", 5)
    found = compare(frame, plan())
    assert [d.primary for d in found] == [True] * 3
    assert "decisions of single blocks: they are left out" in told(frame, plan())
    monkeypatch.setattr(figures, "MOST_LINES", 2)
    kept = figures.clearest(found)
    assert {d.p for d in kept} == set(sorted(d.p for d in found)[:2])
    assert "Shown are the 2 of 3 comparisons" in figures.forest(found).caption
    assert "Shown are the 2 of 3 comparisons" in figures.pairs(found).caption


def test_improvement_over_one_method_is_a_column_of_all():
    scores = np.random.default_rng(0).normal(size=(4, 2, 6))
    every, one = (
        SeedBootstrap(scores, np.random.default_rng(1), draws=200).improvement(over)
        for over in (None, 2)
    )
    for whole, column in zip(
        (every.estimate, every.low, every.high), (one.estimate, one.low, one.high), strict=True
    ):
        assert column[:, 0] == pytest.approx(whole[:, 2])


@pytest.mark.parametrize("n", [40, 300])
def test_drawn_signs_beside_one_huge_value(n):
    """The huge value decides the sign of the sum: p is the share of draws that lack no other."""
    d = np.append(np.random.default_rng(2).normal(1.0, 0.1, n - 1), 1e12)
    ordinary = np.append(d[:-1], 1e6)
    assert paired.SignFlips(d).p() == paired.SignFlips(ordinary).p()
    assert paired.SignFlips(d).name.startswith("sign-flip, ")


def test_chunked_draws_cover_every_pair(monkeypatch):
    monkeypatch.setattr(paired, "CACHED", 50_000)
    d = np.ones(300)
    flips = paired.SignFlips(d)
    assert np.array_equal(flips._sums, flips._sizes)
    assert flips._sizes.mean() == pytest.approx(150, abs=1)
