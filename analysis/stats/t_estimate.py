"""An estimate with a standard error and degrees of freedom, and what follows from the three.

In: numbers. Out: p, intervals and the detectable difference of Student's t. `TEstimate` is made by
`crossed` and by `resampled`, whose standard errors are not those of the paired t-test; `reach` and
`mean_reach` are the half widths of every other t interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

Interval = tuple[float, float]


def reach(error: float, df: float, alpha: float) -> float:
    """Half of the t interval at 1 - alpha around an estimate with this standard error."""
    return float(stats.t.isf(alpha / 2, df)) * error


def mean_reach(values: np.ndarray, alpha: float) -> float:
    """Half of the t interval of a mean at 1 - alpha; 0 where there are fewer than two values.

    >>> values = np.array([1.0, 2.0, 3.0])
    >>> round(mean_reach(values, 0.05), 4)
    2.4841
    """
    n = len(values)
    if n < 2:
        return 0.0
    return reach(float(np.std(values, ddof=1)) / math.sqrt(n), n - 1, alpha)


@dataclass(frozen=True)
class TEstimate:
    """Estimate over standard error is taken for Student's t with ``df`` degrees of freedom.

    Attributes
    ----------
    estimate, error : float
        In the unit of the scores; ``error`` is zero where nothing varied, and then only the
        interval exists (it is the estimate itself).
    df : float
        At least 1; need not be a whole number.
    """

    estimate: float
    error: float
    df: float

    def p(self, theta: float = 0.0) -> float:
        """Two-sided p against a true difference of theta; nan where nothing varied."""
        if not self.error > 0:
            return math.nan
        return float(2 * stats.t.sf(abs(self.estimate - theta) / self.error, self.df))

    def interval(self, level: float) -> Interval:
        """Interval at a level such as .95."""
        half = reach(self.error, self.df, 1 - level)
        return self.estimate - half, self.estimate + half

    def detectable(self, alpha: float, power: float = 0.8) -> float:
        """Difference that the test finds with this power, if the error is what was observed.

        From the noncentral t, without its chance of rejecting on the wrong side (which changes the
        sixth digit; see `afn.study.plan.power.minimum_detectable_d_z`). Nan where nothing varied.
        """
        if not self.error > 0:
            return math.nan
        critical = float(stats.t.isf(alpha / 2, self.df))
        return float(special.nctdtrinc(self.df, 1 - power, critical)) * self.error
