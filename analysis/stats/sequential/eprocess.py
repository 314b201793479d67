"""Looks that nobody planned: evidence that may be looked at after every pair.

In: the t and the number of pairs. Out: e values, which under no difference have mean at most one
at any stopping time (that depends on the t's), the confidence sequence that inverts them, and
`Evidence`, which says what follows from both.
Called where a plan was broken by added seeds; it costs power, which is said where it is used.

e_n = (1 + n g)^(-1/2) [(1 + t^2/v) / (1 + t^2/(v (1 + n g)))]^((v + 1)/2), v = n - 1: the ratio of
the t's density mixed over effects d ~ N(0, g) to that without an effect, with the scale of the
differences integrated out under its right Haar prior (Lai 1976; Wang and Ramdas 2025).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.stats.verdict import Verdict

Interval = tuple[float, float]
SPREAD = 1.0
"""g, the variance of the effects that are looked for, in standard deviations."""


def e_value(t: np.ndarray, n: np.ndarray | int, g: float = SPREAD) -> np.ndarray:
    """Evidence of n pairs with this t; reject at e >= m / alpha in a family of m."""
    v, growth = np.asarray(n, float) - 1, 1 + np.asarray(n, float) * g
    ratio = np.log1p(t * t / v) - np.log1p(t * t / (v * growth))
    result: np.ndarray = np.exp((v + 1) / 2 * ratio - np.log(growth) / 2)
    return result


def critical_t(n: np.ndarray | int, level: np.ndarray | float, g: float = SPREAD) -> np.ndarray:
    """The t at which e reaches 1 / level; infinite where n pairs cannot."""
    v, growth = np.asarray(n, float) - 1, 1 + np.asarray(n, float) * g
    q = (np.sqrt(growth) / level) ** (2 / (v + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        square = v * (q - 1) / (1 - q / growth)
    return np.where(q < growth, np.sqrt(np.maximum(square, 0.0)), np.inf)


def confidence_sequence(
    mean: np.ndarray, sd: np.ndarray, n: np.ndarray | int, level: float, g: float = SPREAD
) -> tuple[np.ndarray, np.ndarray]:
    """All true differences whose e is below 1 / level; covers at every n at once with 1 - level.

    Equivalence at level alpha is judged by the sequence at 2 alpha, as each end errs with half.
    """
    half = critical_t(n, level, g) * sd / np.sqrt(n)
    return mean - half, mean + half


@dataclass(frozen=True)
class Evidence:
    """What the pairs of a comparison say, however often somebody looked at them.

    Attributes
    ----------
    n : int
        Pairs.
    e, needed : float
        The e value, and the one that rejects in the family.
    estimate : float
        Mean difference.
    interval, interval_equivalence : (low, high)
        Confidence sequences at 1 - alpha and at 1 - 2 alpha.
    intervals_by_part : tuple of (low, high)
        The second one of each part that was given, in its order.
    verdict : Verdict
        Superior, inferior, equivalent or undecided.
    """

    n: int
    e: float
    needed: float
    estimate: float
    interval: Interval
    interval_equivalence: Interval
    intervals_by_part: tuple[Interval, ...]
    verdict: Verdict


def weigh(
    d: np.ndarray,
    needed: float,
    *,
    alpha: float,
    margin: float | None,
    parts: Iterable[np.ndarray] = (),
    higher_is_better: bool = True,
) -> Evidence | None:
    """Judge paired differences by their e value; None for fewer than three, or if none vary.

    Parameters
    ----------
    d : (n,)
        Paired differences.
    needed : float
        The e value that rejects: m / alpha in a family of m.
    margin : float, optional
        Equivalent is what lies inside it; without one nothing is.
    parts : arrays of differences
        What ``d`` is a mean of, a backbone each: equivalence is asked of every one of them, too.
    """
    n, sd = len(d), float(np.std(d, ddof=1)) if len(d) > 2 else 0.0
    if not sd > 0:
        return None
    mean = float(np.mean(d))
    e = float(e_value(np.array(mean * math.sqrt(n) / sd), n))
    wide = _sequence(d, 2 * alpha)
    alone = tuple(_sequence(part, 2 * alpha) for part in parts)
    verdict = Verdict.UNDECIDED
    if e >= needed:
        verdict = Verdict.SUPERIOR if (mean > 0) == higher_is_better else Verdict.INFERIOR
    elif margin is not None and all(-margin < x and y < margin for x, y in (wide, *alone)):
        verdict = Verdict.EQUIVALENT
    return Evidence(n, e, needed, mean, _sequence(d, alpha), wide, alone, verdict)


def _sequence(d: np.ndarray, level: float) -> Interval:
    """The confidence sequence of some differences at 1 - level."""
    mean, sd = np.array(np.mean(d)), np.array(np.std(d, ddof=1))
    low, high = confidence_sequence(mean, sd, len(d), level)
    return float(low), float(high)
