"""Counts of runs or examples: exact McNemar and the Clopper-Pearson interval.

In: outcomes that are true or false. Out: counts, p values, intervals. Called by the table of
divergence, the published numbers and the comparison of single runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint


def exact_mcnemar(a: list[bool], b: list[bool]) -> dict[str, Any]:
    """Discordant pairs and the exact two-sided p (binomial on the discordant pairs)."""
    x, y = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    table = [[np.sum(x & y), np.sum(x & ~y)], [np.sum(~x & y), np.sum(~x & ~y)]]
    p = float(mcnemar(table, exact=True).pvalue)
    return {"only_a": int(table[0][1]), "only_b": int(table[1][0]), "p": min(1.0, p)}


def clopper_pearson(k: int, n: int, alpha: float) -> list[float]:
    """Exact interval of a share."""
    low, high = proportion_confint(k, n, alpha=alpha, method="beta")
    return [0.0 if k == 0 else float(low), 1.0 if k == n else float(high)]
