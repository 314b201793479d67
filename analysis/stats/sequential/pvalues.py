"""From comparisons to a family: Holm's procedure on sequential p values.

In: the sequential p of every comparison, the smallest level whose boundary has been crossed by now
(`calibration.Boundaries.level`), which is valid however the study was stopped. Out: adjusted p
values and levels. Called by `waves` and the benchmarks.

As every single one is a valid p value, Holm on them keeps the family-wise error (Ye, Li, Liu and
Yao 2013); a comparison that was stopped keeps its p while those of others may still fall.
"""

from __future__ import annotations

import numpy as np


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
