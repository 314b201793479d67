"""The unit of scores: accuracies are shares of one in the files of runs, and points in decisions.

In: shares. Out: points. Called wherever an accuracy leaves the table of results.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd

POINTS = 100.0
"""Points in a share of one."""

Shares = TypeVar("Shares", float, np.ndarray, pd.Series)


def points(share: Shares) -> Shares:
    """A share of right answers in points.

    >>> points(0.5)
    50.0
    """
    return POINTS * share
