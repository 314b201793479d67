"""What a number of paired seeds can show: power, detectable effects, smallest possible p.

In: standardised effects d_z (mean of the paired differences over their standard deviation),
numbers of pairs, alpha. Out: plain numbers. Called by the plan before any training and by the
analysis beside every verdict. scipy is imported inside the functions, because a study is loaded
many times and most of those times ask for no power.
"""

from __future__ import annotations

import itertools
import math


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
        Probability of rejecting, from the noncentral t distribution (both tails).
    """
    from scipy.stats import nct, t

    _check(n, alpha)
    critical = t.isf(alpha / 2, n - 1)
    shift = abs(d_z) * math.sqrt(n)
    power = nct.sf(critical, n - 1, shift) + nct.cdf(-critical, n - 1, shift)
    return float(min(1.0, power))


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
    import numpy as np
    from scipy.integrate import quad
    from scipy.stats import chi2, norm, t

    _check(n, alpha)
    degrees, critical = n - 1, t.isf(alpha, n - 1)

    def given(x: float) -> float:
        room = math.sqrt(n) * margin_z - critical * math.sqrt(x / degrees)
        return (2 * norm.cdf(room) - 1) * chi2.pdf(x, degrees)

    end = min(degrees * n * (margin_z / critical) ** 2, chi2.isf(1e-15, degrees))
    # Half of the mass lies below the median: a break there keeps narrow peaks from being missed.
    breaks = [b for b in chi2.ppf([0.01, 0.5, 0.99], degrees) if b < end]
    edges = [0.0, *breaks, end]
    pieces = [quad(given, a, b)[0] for a, b in itertools.pairwise(edges)]
    return float(np.clip(sum(pieces), 0, 1))


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
