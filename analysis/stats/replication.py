"""A published number that has no variance, against runs of our own.

In: our scores (one per seed) and the published one. Out: replicated, contradicted, inconclusive.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analysis.stats.proportions import clopper_pearson
from analysis.stats.t_estimate import mean_reach, reach


def replicate(
    scores: np.ndarray, published: float, margin: float, *, alpha: float = 0.05
) -> dict[str, Any]:
    """Judge one published score (or gain: pass paired differences and the published gain).

    Parameters
    ----------
    scores : (seeds,)
        Ours, in points.
    published : float
        In points.
    margin : float
        Differences below it do not matter, in points.
    alpha : float
        The prediction interval is at 1 - alpha, the interval of the difference at 1 - 2 alpha.

    Returns
    -------
    dict
        ``difference`` (ours - published), its ``ci``, the ``prediction`` interval of one new run,
        mean +- t s sqrt(1 + 1/S), and the ``verdict``: replicated if the interval of the
        difference lies inside the margin; contradicted if the published score lies outside the
        prediction interval and the interval of the difference outside the margin; else
        inconclusive. Fewer than two seeds are inconclusive with open intervals (None).
    """
    scores = np.asarray(scores, dtype=float)
    n = len(scores)
    if not np.isfinite(scores).all() or not math.isfinite(published):
        raise ValueError("scores are finite; a published nan is a claim about divergence")
    difference = float(scores.mean() - published) if n else math.nan
    out: dict[str, Any] = {"n": n, "difference": difference if n else None, "ci": None}
    out["prediction"] = None
    if n < 2:
        return {**out, "verdict": "inconclusive"}
    sd = float(scores.std(ddof=1))
    half = mean_reach(scores, 2 * alpha)
    new = reach(sd * math.sqrt(1 + 1 / n), n - 1, alpha)
    low, high = difference - half, difference + half
    outside = abs(difference) > new
    if -margin < low and high < margin:
        verdict = "replicated"
    elif outside and (low > margin or high < -margin):
        verdict = "contradicted"
    else:
        verdict = "inconclusive"
    mean = float(scores.mean())
    return {
        **out,
        "ci": [low, high],
        "prediction": [mean - new, mean + new],
        "verdict": verdict,
    }


def replicate_divergence(diverged: int, n: int, *, alpha: float = 0.05) -> dict[str, Any]:
    """A published ``nan`` says that training diverges: more often than not, or not?

    replicated: the Clopper-Pearson interval of our rate lies above one half; contradicted: below.
    """
    low, high = clopper_pearson(diverged, n, alpha)
    verdict = "replicated" if low > 0.5 else "contradicted" if high < 0.5 else "inconclusive"
    return {"n": n, "diverged": diverged, "ci": [low, high], "verdict": verdict}
