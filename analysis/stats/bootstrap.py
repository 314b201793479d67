"""Aggregates over tasks with a seed-paired, stratified bootstrap.

In: scores of shape (methods, tasks, seeds), complete. Out: estimates and intervals of the mean,
the interquartile mean, the optimality gap, performance profiles and the probability of
improvement. Seeds are resampled within each task and with the same draw for every method, because
methods share their seeds; deviations are inflated by sqrt(S / (S - 1)), because S seeds resampled
with replacement vary too little.

A draw is a count per (task, seed), so every statistic is a weighted sum and the interquartile mean
needs no sorting per draw: values are sorted once and the counts are clipped where the middle half
begins and ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

CHUNK = 1000


@dataclass(frozen=True)
class Estimate:
    """A number per method (or pair) with its interval; arrays of equal shape."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


class SeedBootstrap:
    """Draws shared by all methods of one table of scores.

    Parameters
    ----------
    scores : (methods, tasks, seeds)
        Finite; a diverged run holds its declared value.
    rng : Generator
        The same generator state gives the same intervals.
    draws : int
        Bootstrap draws.
    alpha : float
        Intervals are at 1 - alpha.

    Raises
    ------
    ValueError
        For another shape, fewer than two seeds, or a score that is not finite.
    """

    def __init__(
        self,
        scores: np.ndarray,
        rng: np.random.Generator,
        *,
        draws: int = 50_000,
        alpha: float = 0.05,
    ):
        scores = np.asarray(scores, dtype=float)
        if scores.ndim != 3 or scores.shape[2] < 2:
            raise ValueError(f"scores are (methods, tasks, seeds >= 2), not {scores.shape}")
        if not np.isfinite(scores).all():
            missing = int((~np.isfinite(scores)).sum())
            raise ValueError(f"{missing} scores are not finite: complete them or say so first")
        self.methods, self.tasks, self.seeds = scores.shape
        # Seeds within a task, and tasks, are exchangeable; in the order of their means, the order
        # in which they were given draws no other sample.
        means = scores.mean(axis=0)
        by_seed = np.argsort(means, axis=1, kind="stable")
        scores = np.take_along_axis(scores, by_seed[None], axis=2)
        scores = scores[:, np.argsort(means.mean(axis=1), kind="stable")]
        self.values = scores.reshape(self.methods, -1)
        self.draws, self.alpha = draws, alpha
        self._key = rng.integers(2**63)

    def mean(self) -> Estimate:
        """Mean over tasks and seeds."""
        return self._linear(self.values)

    def optimality_gap(self, target: float) -> Estimate:
        """Mean shortfall below a target score; lower is better."""
        return self._linear(np.maximum(0.0, target - self.values))

    def profile(self, thresholds: np.ndarray) -> Estimate:
        """Share of runs above each threshold: (methods, thresholds)."""
        above = self.values[:, None, :] > np.asarray(thresholds, dtype=float)[:, None]
        flat = self._linear(above.reshape(-1, self.values.shape[1]).astype(float))
        shape = (self.methods, len(thresholds))
        return Estimate(*(x.reshape(shape) for x in (flat.estimate, flat.low, flat.high)))

    def improvement(self, over: int | None = None) -> Estimate:
        """Chance that a run of method i beats the run of j with its seed, ties half: (i, j).

        ``over``: one method j, (i, 1); all of them cost their square.
        """
        others = self.values if over is None else self.values[[over]]
        gap = self.values[:, None, :] - others[None, :, :]
        better = (gap > 0) + 0.5 * (gap == 0)
        flat = self._linear(better.reshape(-1, self.values.shape[1]))
        shape = (self.methods, len(others))
        return Estimate(*(x.reshape(shape) for x in (flat.estimate, flat.low, flat.high)))

    def interquartile_mean(self) -> Estimate:
        """Mean of the middle half of all runs of a method, fractional runs at both ends."""
        order = np.argsort(self.values, axis=1, kind="stable")
        sorted_values = np.take_along_axis(self.values, order, axis=1)
        total = self.values.shape[1]

        def statistic(counts: np.ndarray) -> np.ndarray:
            # Draws in single precision (counts are small whole numbers), the estimate in double.
            kind: Any = np.float32 if len(counts) > 1 else np.float64
            out = np.empty((len(counts), self.methods))
            for m in range(self.methods):
                reached = np.cumsum(counts[:, order[m]], axis=1, dtype=kind)
                np.clip(reached, 0.25 * total, 0.75 * total, out=reached)
                # Summation by parts: middle counts times values, without forming the counts.
                steps = np.diff(sorted_values[m]).astype(kind)
                last = sorted_values[m, -1] * 0.5 * total
                below = (reached[:, :-1] - kind(0.25 * total)) @ steps
                out[:, m] = (last - below) / (0.5 * total)
            return out

        return self._interval(statistic)

    def _linear(self, terms: np.ndarray) -> Estimate:
        """Statistics that are means of a fixed term per (task, seed): terms (statistics, T S)."""
        return self._interval(lambda counts: counts @ terms.T / terms.shape[1])

    def _interval(self, statistic: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        size = self.tasks * self.seeds
        estimate = statistic(np.ones((1, size)))[0]
        drawn = np.concatenate([statistic(counts) for counts in self._counts()])
        inflation = math.sqrt(self.seeds / (self.seeds - 1))
        tails = np.quantile(drawn, [self.alpha / 2, 1 - self.alpha / 2], axis=0)
        low, high = estimate + inflation * (tails - estimate)
        return Estimate(estimate, low, high)

    def _counts(self) -> Iterator[np.ndarray]:
        """How often each (task, seed) is drawn, in chunks; the same for every statistic."""
        rng = np.random.default_rng(self._key)
        for start in range(0, self.draws, CHUNK):
            size = min(CHUNK, self.draws - start)
            # Drawn seeds are numbered through over draws and tasks, then counted in one pass.
            picked = rng.integers(0, self.seeds, size=(size * self.tasks, self.seeds))
            picked += np.arange(size * self.tasks)[:, None] * self.seeds
            counts = np.bincount(picked.ravel(), minlength=size * self.tasks * self.seeds)
            yield counts.reshape(size, self.tasks * self.seeds).astype(float)
