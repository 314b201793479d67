"""What few pairs, or pairs that all agree, allow to be said."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.decisions.contrast import Comparison, Rules, decide_all
from analysis.decisions.words import phrases
from analysis.results.scores import ArmScores
from analysis.stats import paired
from analysis.stats.verdict import Verdict


def decided(differences, **rules):
    n = len(differences)
    base = ArmScores(dict.fromkeys(range(n), 50.0))
    other = ArmScores({i: 50.0 + d for i, d in enumerate(differences)})
    labels = {"experiment": "e", "task": "t", "outcome": "clean", "a": "afn", "b": "batch"}
    places = {"backbone": "pooled", "primary": True, "estimand": "these_backbones"}
    scores = {"scores_a": {"r": other}, "scores_b": {"r": base}}
    comparison = Comparison(**labels, **places, family="primary", seeds=range(n), **scores)
    return decide_all([comparison], Rules(**rules))[0]


@pytest.mark.parametrize("differences", [[9.0], [9.0, 9.01], [0.01, 0.02]])
def test_below_three_pairs_nothing_is_judged(differences):
    d = decided(differences)
    assert d.verdict is Verdict.NOT_ENOUGH_PAIRS
    assert d.n == len(differences)
    assert decided([9.0, 9.01, 9.02]).verdict is Verdict.SUPERIOR


@pytest.mark.parametrize("n", [3, 6, 10])
def test_pairs_without_any_difference_have_no_interval(n):
    d = decided([0.0] * n)
    assert d.ci == paired.UNBOUNDED
    own = d.to_dict()
    assert own["ci"] is None or own["ci"] == [None, None]
    assert phrases.interval(d) == f"no difference in {n} pairs"
    assert f"no difference in {n} pairs" in d.sentence()
    assert "0.00 to 0.00" not in d.sentence()
    assert phrases.interval(decided([1.0] * n)) == f"the same difference in {n} pairs"


def test_no_sign_flip_interval_has_no_width():
    # Nine ties and one difference: inverting the test keeps a single value.
    for d in ([0.0] * 9 + [1.0], [0.0] * 8, [2.0] * 8):
        found = paired.sign_flip(np.array(d), 0.05, 1)
        for low, high in (found.ci, found.ci_simultaneous):
            assert high - low > 1e-6


def test_one_decision_is_not_adjusted_for_anything():
    assert "adjusted" not in decided([0.1, 0.2, 0.35, 0.3]).sentence()


def test_a_difference_found_by_the_t_test_alone_says_so():
    few = decided([9.0, 9.1, 9.2, 9.3])
    assert few.verdict is Verdict.SUPERIOR
    assert "superior (t-test alone)" in few.sentence()
    many = decided(list(9.0 + 0.1 * np.arange(8)))
    assert "t-test alone" not in many.sentence()
