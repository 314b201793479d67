"""From looks to one p per comparison, and from comparisons to a family.

In: the level that each look has reached (`calibration.Boundaries.level`). Out: sequential p
values, which are valid however the study was stopped, and Holm's procedure on them. Called by
`waves` and the benchmarks.

The sequential p is the smallest level whose boundary has been crossed by now. As every single one
is a valid p value, Holm on them keeps the family-wise error (Ye, Li, Liu and Yao 2013); a
comparison that was stopped keeps its p while those of others may still fall.
"""

from __future__ import annotations

import numpy as np


def sequential_p(reached: np.ndarray) -> np.ndarray:
    """Smallest level reached by each look, shape (..., looks); nan is a look without a test."""
    return np.minimum.accumulate(np.where(np.isnan(reached), 1.0, reached), axis=-1)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p values along the last axis, shape (..., family)."""
    order = np.argsort(p, axis=-1, kind="stable")
    m = p.shape[-1]
    steps = np.take_along_axis(p, order, axis=-1) * np.arange(m, 0, -1)
    steps = np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0)
    adjusted = np.empty_like(steps)
    np.put_along_axis(adjusted, order, steps, axis=-1)
    return adjusted


def holm_level(p: np.ndarray, alpha: float) -> np.ndarray:
    """Level at which Holm's procedure has tested each member, shape (family,).

    alpha / (m - i) for the member rejected as the (i + 1)th; for all others the level of the step
    at which the procedure has stopped.
    """
    order = np.argsort(p, kind="stable")
    rejected = holm(p)[order] <= alpha
    steps = np.minimum(np.arange(len(p)), rejected.sum())
    levels = np.empty(len(p))
    levels[order] = alpha / (len(p) - np.minimum(steps, len(p) - 1))
    return levels
