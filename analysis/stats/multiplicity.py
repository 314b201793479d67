"""Adjusted p values of a family of comparisons.

Called by the decisions of a study and of a table of scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def adjust(p_values: Sequence[float], correction: str = "holm") -> list[float]:
    """Adjusted p's of a family; an undecidable member (nan) counts in its size and stays nan.

    ``holm``, ``benjamini-hochberg`` or ``none``. Holm is written out because statsmodels collects
    all garbage at each call (0.1 s); the tests compare the two.
    """
    p = np.asarray(p_values, dtype=float)
    filled = np.where(np.isnan(p), 1.0, p)
    if correction == "none" or not len(p):
        adjusted = filled
    elif correction == "benjamini-hochberg":
        adjusted = stats.false_discovery_control(filled)
    else:
        order = np.argsort(filled)
        steps = np.maximum.accumulate(filled[order] * np.arange(len(p), 0, -1))
        adjusted = np.empty(len(p))
        adjusted[order] = np.minimum(1.0, steps)
    return [math.nan if math.isnan(q) else float(x) for q, x in zip(p, adjusted, strict=True)]
