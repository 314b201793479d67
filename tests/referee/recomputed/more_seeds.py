"""What more seeds would buy, once more: from the runs, by scipy's noncentral t.

In: the evidence and the CSV of ``more_seeds``. Out: differences in words. Called by
`tests.referee.referee`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from tests.referee.evidence import Evidence
from tests.referee.recomputed.repeated import MOST, crossed_error, parts_of
from tests.referee.recomputed.searches import as_compared
from tests.referee.recomputed.tables import differing

Design = Callable[[int], tuple[float, float]]
"""A number of seeds -> the standard error and its degrees of freedom."""


def more_seeds(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Every primary comparison of seeds once, with what so many seeds find."""
    found, size = [], sum(d["primary"] for d in e.declared)
    for row in table.to_dict("records"):
        x = as_compared(e, row, row["experiment"], row["recipe"])
        design, n = _design(x), int(row["n"])
        truth: dict[str, Any] = {
            f"found_with_{k}n": _detected(*design(k * n), e.alpha / size) for k in (1, 2, 3)
        }
        truth["found_without_limit"] = (
            0.0 if x.by_image is None else _detected(*design(MOST * MOST), e.alpha / size)
        )
        half = lambda k: stats.t.isf(e.alpha / 2, design(k)[1]) * design(k)[0]  # noqa: B023, E731
        truth["seeds_for_margin"] = _least(lambda k: half(k) <= e.margin)  # noqa: B023
        sees = lambda k: _detected(*design(k), e.alpha / size) <= e.margin  # noqa: B023, E731
        truth["seeds_to_find_margin"] = _least(sees)
        found += [t for t in differing("more_seeds", row, truth) if not _alike(row, truth, t)]
    return found


def _least(suffices: Callable[[int], bool]) -> float:
    """The least number from 2 on, by steps of one; beyond 60 by halving what is left; else nan."""
    for k in range(2, 60):
        if suffices(k):
            return float(k)
    if not suffices(MOST):
        return math.nan
    low, high = 59, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return float(high)


def _design(x: Any) -> Design:
    if x.by_image is not None:
        parts, images = parts_of(x.by_image), x.by_image.shape[1]
        return lambda seeds: crossed_error(parts, seeds, images)
    sd, overlap = float(np.std(x.difference, ddof=1)), x.e.overlap or 0.0
    return lambda seeds: (sd * math.sqrt(1 / seeds + overlap), seeds - 1)


def _detected(error: float, df: float, alpha: float) -> float:
    """The difference found in four of five repetitions, without the wrong side."""
    critical = stats.t.isf(alpha / 2, df)
    power = lambda shift: stats.nct.sf(critical, df, shift) - 0.8  # noqa: E731
    return error * optimize.brentq(power, 0, critical + 50) if error > 0 else math.nan


def _alike(row: dict[str, Any], truth: dict[str, Any], told: str) -> bool:
    """Whether what was told is the fifth digit of a root, or a number of nothing."""
    key = next(k for k in truth if f": {k} is " in told)
    shown, own = float(row[key]), float(truth[key])
    return math.isclose(shown, own, rel_tol=1e-4, abs_tol=1e-9) or (shown == 0 and own != own)
