"""Looks that nobody planned: evidence that may be looked at after every pair.

In: the t and the number of pairs. Out: e values, which under no difference have mean at most one
at any stopping time (that depends on the t's), and the confidence sequence that inverts them.
Called where a plan was broken by added seeds; it costs power, which is said where it is used.

e_n = (1 + n g)^(-1/2) [(1 + t^2/v) / (1 + t^2/(v (1 + n g)))]^((v + 1)/2), v = n - 1: the ratio of
the t's density mixed over effects d ~ N(0, g) to that without an effect, with the scale of the
differences integrated out under its right Haar prior (Lai 1976; Wang and Ramdas 2025).
"""

from __future__ import annotations

import numpy as np

SPREAD = 1.0
"""g, the variance of the effects that are looked for, in standard deviations."""


def e_value(t: np.ndarray, n: np.ndarray | int, g: float = SPREAD) -> np.ndarray:
    """Evidence of n pairs with this t; reject at e >= m / alpha in a family of m."""
    v, growth = np.asarray(n, float) - 1, 1 + np.asarray(n, float) * g
    ratio = np.log1p(t * t / v) - np.log1p(t * t / (v * growth))
    return np.exp((v + 1) / 2 * ratio - np.log(growth) / 2)


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
