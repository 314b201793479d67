"""Expected validation performance: the best of n random trials, from B trials that were run.

In: validation scores of random trials, or a search of ``search.json``. Out: the expected best score
for each budget, in trials and in what they cost. Called by the report of a search; trials that a
sampler chose in view of earlier ones are not random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWS = 1000
"""Bootstrap samples of the band of expected validation performance."""


@dataclass(frozen=True)
class BudgetCurve:
    """Expected best of 1..B random trials of a search; arrays of length B, or 0 without any.

    Attributes
    ----------
    middle, low, high : (B,)
        Estimate, and the middle 1 - alpha of it under resampling of the trials, low <= high.
    epochs, seconds : (B,)
        What n of these trials cost on average: n times their mean, as each is equally likely.
    """

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    epochs: np.ndarray
    seconds: np.ndarray


def budget_curve(search: dict[str, Any], alpha: float) -> BudgetCurve:
    """What a budget of random trials is worth in one search.

    A diverged or pruned trial counts as the worst score that the search recorded: it cost
    something and gave no settings that one could use. Empty where fewer than two trials were drawn
    at random or none has a score.
    """
    sign = 1.0 if search["direction"] == "maximize" else -1.0
    drawn = [t for t in search["trials"] if t["drawn"] == "random"]
    known = [sign * t["value"] for t in search["trials"] if t["value"] is not None]
    if len(drawn) < 2 or not known:
        return BudgetCurve(*(np.empty(0),) * 5)
    worst = min(known)
    scores = np.array([sign * t["value"] if t["state"] == "complete" else worst for t in drawn])
    budgets = list(range(1, len(scores) + 1))
    # A seed of its own: the same trials give the same band.
    samples = np.random.default_rng(0).choice(scores, (DRAWS, len(scores)))
    curves = np.array([expected_best(sample, budgets) for sample in samples])
    middle = np.array(expected_best(scores, budgets))
    low, high = np.sort(sign * np.quantile(curves, [alpha / 2, 1 - alpha / 2], axis=0), axis=0)
    cost = {
        key: np.array(budgets) * np.mean([float(t[key]) for t in drawn])
        for key in ("epochs", "train_seconds")
    }
    return BudgetCurve(sign * middle, low, high, cost["epochs"], cost["train_seconds"])


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
