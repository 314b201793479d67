"""Jonckheere-Terpstra: enumeration, and the Mann-Whitney test as its case of two groups."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from analysis.stats.trends.jonckheere import _counts, jonckheere


def in_order(groups) -> float:
    """Pairs in the declared order, ties half."""
    return sum(
        (x < y) + 0.5 * (x == y)
        for first, second in itertools.combinations(groups, 2)
        for x in first
        for y in second
    )


@pytest.mark.parametrize("sizes", [(2, 3), (3, 2, 2), (1, 2, 3)])
def test_counts_by_enumeration(sizes):
    n = sum(sizes)
    edges = np.cumsum(sizes)[:-1]
    found: dict[float, int] = {}
    for order in itertools.permutations(range(n)):
        j = in_order([g.tolist() for g in np.split(np.array(order), edges)])
        found[j] = found.get(j, 0) + 1
    within = math.prod(math.factorial(s) for s in sizes)
    assert _counts(sizes) == [found[j] // within for j in sorted(found)]


@pytest.mark.parametrize("seed", range(3))
def test_two_groups_are_mann_whitney(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=5), rng.normal(1, 1, size=7)
    theirs = stats.mannwhitneyu(y, x, method="exact")
    found = jonckheere([x, y])
    assert found["J"] == theirs.statistic
    assert found["p"] == pytest.approx(theirs.pvalue)
    assert found["method"] == "exact"


def test_direction_and_mirror():
    rng = np.random.default_rng(0)
    groups = [rng.normal(k, 1, 6) for k in range(4)]
    up, down = jonckheere(groups), jonckheere(groups[::-1])
    assert (up["direction"], down["direction"]) == ("increasing", "decreasing")
    assert up["p"] == pytest.approx(down["p"])
    assert up["p"] < 0.001
    assert up["J"] == in_order([g.tolist() for g in groups])


def test_ties_are_permuted():
    groups = [np.array([1.0, 2, 2]), np.array([2.0, 3]), np.array([3.0, 1])]
    pooled, hits = np.concatenate(groups), []
    for order in itertools.permutations(range(7)):
        shuffled = pooled[list(order)]
        hits.append(in_order(np.split(shuffled, [3, 5])) >= in_order(groups))
    found = jonckheere(groups)
    assert found["p"] == pytest.approx(2 * np.mean(hits), abs=0.01)
    assert found["method"] == "99999 draws"
    assert jonckheere(groups) == found


def test_what_cannot_be_ordered_is_refused():
    with pytest.raises(ValueError, match="two groups"):
        jonckheere([np.array([1.0])])
    with pytest.raises(ValueError, match="nan"):
        jonckheere([np.array([1.0]), np.array([np.nan])])
