"""What a number of paired seeds can show: power, detectable effects, smallest possible p.

In: standardised effects d_z (mean of the paired differences over their standard deviation),
numbers of pairs, alpha. Out: plain numbers. Called by the plan before any training and by the
analysis beside every verdict. scipy is imported inside the functions, because a study is loaded
many times and most of those times ask for no power.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any


def power_paired_t(d_z: float, n: int, alpha: float = 0.05) -> float:
    """Power of the two-sided paired t-test.

    Parameters
    ----------
    d_z : float
        True mean difference over the true standard deviation of the differences.
    n : int
        Number of pairs, at least 2.
    alpha : float
        Two-sided level.

    Returns
    -------
    float
        Probability of rejecting, both tails of the noncentral t distribution.
    """
    from scipy.special import ndtr
    from scipy.stats import t

    _check(n, alpha)
    critical, shift = float(t.isf(alpha / 2, n - 1)), abs(d_z) * math.sqrt(n)

    def given(s: Any) -> Any:
        return ndtr(shift - critical * s) + ndtr(-critical * s - shift)

    turn = shift / critical
    return _mean_over_sd(given, n - 1, [turn - 8 / critical, turn, turn + 8 / critical])


def _mean_over_sd(given: Callable[[Any], Any], degrees: int, breaks: list[float]) -> float:
    """Mean of a probability that depends on s, the sample over the true standard deviation.

    scipy's noncentral t returns nan in its lower tail (1.17: n = 3, d_z = 5), so the average over
    the chi distribution of s is taken directly: Gauss-Legendre on pieces that end where the
    integrand turns (``breaks``) and at quantiles of s.
    """
    import numpy as np
    from scipy.stats import chi2

    quantiles = np.sqrt(chi2.ppf([1e-3, 0.05, 0.5, 0.95, 1 - 1e-3], degrees) / degrees)
    end = math.sqrt(chi2.isf(1e-16, degrees) / degrees)
    inner = [x for x in (*breaks, *quantiles) if 0 < x < end]
    nodes, weights = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for low, high in itertools.pairwise(sorted([0.0, *inner, end])):
        s = low + (high - low) * (nodes + 1) / 2
        density = chi2.pdf(degrees * s**2, degrees) * 2 * degrees * s
        total += float(np.sum(weights * density * given(s))) * (high - low) / 2
    return min(1.0, max(0.0, total))


def minimum_detectable_d_z(n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest d_z that the paired t-test finds with the given power; infinite for n < 2."""
    from scipy.optimize import brentq

    if n < 2:
        return math.inf
    _check(n, alpha)
    if not alpha < power < 1:
        raise ValueError(f"power must lie between alpha = {alpha} and 1, not {power}")
    upper = 1.0
    while power_paired_t(upper, n, alpha) < power:
        upper *= 2
    return float(brentq(lambda d: power_paired_t(d, n, alpha) - power, 0.0, upper, xtol=1e-9))


def seeds_for(d_z: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Smallest number of paired seeds with which the t-test has the given power against d_z."""
    if d_z == 0 or not math.isfinite(d_z):
        raise ValueError(f"no number of seeds can be given for d_z = {d_z}")
    low, high = 1, 2
    while power_paired_t(d_z, high, alpha) < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if power_paired_t(d_z, middle, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def power_equivalence(margin_z: float, n: int, alpha: float = 0.05) -> float:
    """Power of the two one-sided tests when the true difference is zero.

    Parameters
    ----------
    margin_z : float
        Margin over the true standard deviation of the paired differences.
    n : int
        Number of pairs, at least 2.
    alpha : float
        Level of each one-sided test.

    Notes
    -----
    Given the sample standard deviation s, both tests reject when the mean lies within
    margin - t s / sqrt(n) of zero; that normal probability is averaged over the distribution of s.
    """
    from scipy.special import ndtr
    from scipy.stats import t

    _check(n, alpha)
    root, critical = math.sqrt(n), float(t.isf(alpha, n - 1))

    def given(s: Any) -> Any:
        room = root * margin_z - critical * s
        return (2 * ndtr(room) - 1) * (room > 0)

    return _mean_over_sd(given, n - 1, [root * margin_z / critical])


def smallest_p_sign_flip(n: int) -> float:
    """Smallest two-sided p that the exact sign-flip test of n pairs can give: 2 / 2^n."""
    return min(1.0, 2.0 ** (1 - n))


def smallest_seeds_for_holm(m: int, alpha: float = 0.05) -> int:
    """Smallest number of seeds whose sign-flip test can pass Holm's first step among m."""
    if m < 1:
        raise ValueError(f"a family has at least one decision, not {m}")
    n = 1
    while smallest_p_sign_flip(n) > alpha / m:
        n += 1
    return n


def pilot_sd_upper(sd: float, n: int, level: float = 0.8) -> float:
    """Upper confidence limit of a standard deviation that a pilot of n pairs estimated.

    A pilot's own value plans too few seeds half of the time; at 5 pairs the 80 % limit is 1.56
    times as large.
    """
    from scipy.stats import chi2

    if n < 2:
        raise ValueError(f"a pilot of {n} pair has no standard deviation")
    return float(sd * math.sqrt((n - 1) / chi2.ppf(1 - level, n - 1)))


def _check(n: int, alpha: float) -> None:
    if n < 2:
        raise ValueError(f"a paired test needs at least 2 pairs, not {n}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
