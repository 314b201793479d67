"""An estimate with a standard error and degrees of freedom, and what follows from the three.

In: numbers. Out: p, intervals and the detectable difference of Student's t. Made by `crossed` and
by `resampled`, whose standard errors are not those of the paired t-test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special, stats

Interval = tuple[float, float]


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
        half = float(stats.t.isf((1 - level) / 2, self.df)) * self.error
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
