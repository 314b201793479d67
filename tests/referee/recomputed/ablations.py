"""Ordered factors, grids of factors, and statistics at test time, computed again.

In: the evidence and rows of figures. Out: what they have to say. Rules for `expected.check`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from tests.referee.evidence import Evidence, chosen
from tests.referee.recomputed import statistics as st
from tests.referee.recomputed.decisions import Expected
from tests.referee.recomputed.expected import Number, mean_with_t, spread


def nets_of(row: dict[str, Any]) -> list[str]:
    return row["backbone"].split("; ")


def _mean(e: Evidence, row: dict[str, Any], norm: str | None = None) -> pd.Series:
    cell = row if norm is None else {**row, "norm": norm}
    asked = "" if row["protocol"] == "any" else row["protocol"]
    return e.mean_scores(cell, nets_of(row), asked, row["outcome"])


def trend(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Levels of an ordered factor: means, differences from the default, slope and its tests."""
    levels = ladder(e, row)
    if row["quantity"] == "accuracy":
        return mean_with_t(e, _mean(e, row))
    if row["quantity"] == "accuracy of a seed":
        return Number(float(_mean(e, row)[row["seed"]]), 1)
    if row["quantity"] == "difference from the default":
        d = (_mean(e, row) - _mean(e, row, "afn")).dropna()
        return Number(float(d.mean()), len(d))
    table = pd.concat([_mean(e, row, norm) for norm in levels.values()], axis=1).dropna()
    x = np.log2(list(levels))  # a ratio: points per doubling
    if row["quantity"] == "slope":
        own = pd.Series([np.polyfit(x, y, 1)[0] for y in table.to_numpy()])
        return mean_with_t(e, own)
    if row["label"] == "page":
        return Number(page_p(table.to_numpy()), len(table))
    return Number(lack_of_fit_p(table.to_numpy(), x), len(table))


def ladder(e: Evidence, row: dict[str, Any]) -> dict[float, str]:
    """Level -> norm of the ordered factor, from the names that the runs have."""
    option = row["factor"].partition(".")[2]
    default = {"stan_ratio": 2.0}[option]
    factors = next(
        x["factors"] for x in e.document["experiments"].values() if x.get("trend") == row["factor"]
    )
    return {
        float(v): "afn" if v == default else f"afn+{option}={v:g}"
        for v in sorted(factors[row["factor"]])
    }


def page_p(table: np.ndarray) -> float:
    """Two-sided p of Page's test: by every permutation within the rows, tied ranks as they are."""
    ranks = stats.rankdata(table, axis=1)
    order = np.arange(1, table.shape[1] + 1)
    sums = np.zeros(1)
    for row in ranks:
        every = np.array(list(itertools.permutations(row)))
        sums = np.add.outer(sums, every @ order).ravel()
    seen = float((ranks @ order).sum())
    up, down = np.mean(sums >= seen - 1e-9), np.mean(sums <= seen + 1e-9)
    return float(min(1.0, 2 * min(up, down)))


def lack_of_fit_p(table: np.ndarray, x: np.ndarray) -> float:
    """p of what level means add to a straight line; nothing with two levels."""
    seeds, k = table.shape
    if k < 3:
        return math.nan
    means = table.mean(axis=0)
    off = means - np.polyval(np.polyfit(x, means, 1), x)
    rest = table - table.mean(axis=1, keepdims=True) - means + means.mean()
    df = k - 2, (seeds - 1) * (k - 1)
    f = seeds * np.sum(off**2) / df[0] / (np.sum(rest**2) / df[1])
    return float(stats.f.sf(f, *df))


def grid(e: Evidence, row: dict[str, Any]) -> Number | None:
    """A grid of two factors of two levels: cells, and each term against its own error."""
    if row["quantity"] == "accuracy":
        values = _mean(e, row)
        return spread(values, float(values.std(ddof=1)))
    effect = effects(e, row).get(term_of(row))
    if effect is None:
        return None
    f, n = float(stats.ttest_1samp(effect, 0.0).statistic ** 2), len(effect)
    assert abs(f - row["F"]) <= 1e-7 * max(1.0, f), (row["label"], f, row["F"])
    assert abs(st.t_p(effect) - row["p"]) <= 1e-9
    if row["quantity"] == "effect":
        return mean_with_t(e, pd.Series(effect))
    low, high = eta_interval(f, n - 1, e.alpha)
    return Number(f / (f + n - 1), n, low, high)


def term_of(row: dict[str, Any]) -> str:
    words = row["label"].lower().replace("\u00d7", "x")
    if " x " in words or words == "interaction":
        return "both"
    return "stan" if "stan" in words else "rescale"


def effects(e: Evidence, row: dict[str, Any]) -> dict[str, np.ndarray]:
    """Effects of a 2 x 2 grid by seed: of one factor, of the other, and their interaction."""
    names = {
        (2, 4): "afn+rescale_ratio=4",
        (2, 16): "afn",
        (8, 4): "afn+rescale_ratio=4+stan_ratio=8",
        (8, 16): "afn+stan_ratio=8",
    }
    y = {k: _mean(e, row, norm) for k, norm in names.items()}
    return {
        "stan": ((y[8, 4] + y[8, 16] - y[2, 4] - y[2, 16]) / 2).to_numpy(),
        "rescale": ((y[2, 16] + y[8, 16] - y[2, 4] - y[8, 4]) / 2).to_numpy(),
        "both": (y[8, 16] - y[8, 4] - y[2, 16] + y[2, 4]).to_numpy(),
    }


def eta_interval(f: float, error: int, alpha: float) -> tuple[float, float]:
    """Interval of partial eta squared of one degree of freedom: noncentral F."""

    def bound(q: float) -> float:
        if stats.ncf.cdf(f, 1, error, 0.0) <= q:
            return 0.0
        gap = lambda x: stats.ncf.cdf(f, 1, error, x) - q  # noqa: E731
        top = 10.0 + 2 * f
        while gap(top) > 0:
            top *= 2
        return float(optimize.brentq(gap, 0.0, top, xtol=1e-13))

    ends = [bound(q) for q in (1 - alpha / 2, alpha / 2)]
    low, high = (x / (x + 1 + error + 1) for x in ends)
    return low, high


def batch_size(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Accuracy under a size of the test batch, or its difference from BatchNorm, seed by seed."""
    values = _swept(e, row, row["norm"])
    if row["quantity"] == "difference":
        values = (values - _swept(e, row, "batch")).dropna()
    return mean_with_t(e, values)


def _swept(e: Evidence, row: dict[str, Any], norm: str) -> pd.Series:
    each = []
    for net in nets_of(row):
        rows = e.of({**row, "norm": norm, "backbone": net})
        rows = rows[(rows["protocol"] == row["protocol"]) & chosen(rows, row["outcome"])]
        each.append(rows.groupby("seed")["accuracy"].mean())
    return pd.concat(each, axis=1).dropna().mean(axis=1)


def confound(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Scores under both statistics, and the bars: comparisons, the first being their sum."""
    values = _mean(e, row)
    if row["quantity"] == "accuracy of a seed":
        return Number(float(values[row["seed"]]), 1)
    if row["quantity"] == "accuracy":
        return Number(float(values.mean()), len(values))
    at = {k: "" if row[k] == "any" else f"@{row[k]}" for k in ("protocol", "minus_protocol")}
    arms = {"a": row["norm"] + at["protocol"], "b": row["minus_norm"] + at["minus_protocol"]}
    x = Expected(e, {**row, **arms, "blocks": nets_of(row), "backbone": "pooled"}, 1)
    return Number(float(x.difference.mean()), len(x.difference), *x.interval(1 - e.alpha))
