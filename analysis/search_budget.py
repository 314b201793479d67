"""Expected validation performance: the best of n random trials, from B trials that were run.

In: validation scores of random trials. Out: the expected best score for each budget. Called by
the report of a search; trials that a sampler chose in view of earlier ones are not random.
"""

from __future__ import annotations

import math

import numpy as np


def expected_best(
    scores: np.ndarray, budgets: list[int], *, worst: float | None = None
) -> list[float]:
    """Unbiased estimate of E[best of n trials] without replacement (Tang et al. 2020).

    sum over k >= n of v_(k) C(k-1, n-1) / C(B, n), v_(1) <= ... <= v_(B).

    Parameters
    ----------
    scores : (B,)
        Higher is better; nan is a failed trial.
    budgets : list of int
        Each between 1 and B: more trials than were run say nothing.
    worst : float, optional
        What a failed trial counts as; needed if there is one.

    Raises
    ------
    ValueError
        For a budget outside 1..B, or a failed trial without ``worst``.
    """
    v = np.asarray(scores, dtype=float)
    failed = np.isnan(v)
    if failed.any() and worst is None:
        raise ValueError(f"{int(failed.sum())} trials failed: say what they count as (worst)")
    v = np.sort(np.where(failed, worst if worst is not None else 0.0, v))
    if not budgets or min(budgets) < 1 or max(budgets) > len(v):
        raise ValueError(f"budgets must lie between 1 and the {len(v)} trials, not {budgets}")
    expected = []
    for n in budgets:
        weights = [math.comb(k - 1, n - 1) / math.comb(len(v), n) for k in range(1, len(v) + 1)]
        expected.append(math.fsum(w * x for w, x in zip(weights, v.tolist(), strict=True)))
    return expected
