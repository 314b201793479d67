"""What a row of a figure's CSV has to say, by what it says that it shows.

In: the evidence, and the CSV beside a figure. Out: `Difference` for every number of a row that is
not what the runs say. Called by the tests of studies and by the mutations.

Every row names a cell (task, backbone, norm, recipe, protocol) and a quantity. From these alone
its number, its interval and its n are computed again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tests.referee.evidence import CELL, Evidence, chosen
from tests.referee.recomputed import statistics as st

PARTS = [*CELL, "protocol"]
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Number:
    """A value over n seeds, with the ends of what is drawn around it."""

    value: float
    n: int
    low: float = math.nan
    high: float = math.nan


Rule = Callable[[Evidence, dict[str, Any]], Number | None]


def mean_with_t(e: Evidence, values: pd.Series, level: float | None = None) -> Number:
    low, high = st.t_interval(values, 1 - e.alpha if level is None else level)
    return Number(float(values.mean()), len(values), low, high)


def spread(values: pd.Series, width: float) -> Number:
    mean = float(values.mean())
    return Number(mean, len(values), mean - width, mean + width)


def check(e: Evidence, name: str, rows: pd.DataFrame, rule: Rule) -> list[str]:
    """Every difference between the rows of a CSV and what the runs say, in words."""
    found = []
    for row in rows.to_dict("records"):
        wanted = rule(e, row)
        where = f"{name}: " + " ".join(
            f"{k}={row[k]}" for k in (*PARTS, "outcome", "quantity", "label") if k in row
        )
        if wanted is None:
            found.append(f"{where}: nothing in the runs is so named")
            continue
        pairs = [("value", wanted.value), ("n", wanted.n)]
        if not pd.isna(row.get("low")):
            pairs += [("low", wanted.low), ("high", wanted.high)]
        for column, truth in pairs:
            if not close(row[column], truth):
                found.append(f"{where}: {column} is {row[column]}, the runs give {truth}")
    return found


def close(shown: Any, truth: float) -> bool:
    """Equal to rounding; what does not exist is empty on both sides."""
    missing = pd.isna(shown)
    if missing or math.isnan(truth):
        return bool(missing and not math.isfinite(truth))
    return bool(abs(float(shown) - truth) <= TOLERANCE * max(1.0, abs(truth)))


def lacking(rows: pd.DataFrame, keys: list[str], wanted: Iterable[tuple]) -> list[str]:
    """What had to be drawn and is not, or is drawn twice."""
    own = rows[keys].fillna("").astype(str)
    have = list(own.itertuples(index=False, name=None))
    twice = {k for k in have if have.count(k) > 1}
    wanted = {tuple(map(str, k)) for k in wanted}
    return [f"not drawn: {k}" for k in sorted(wanted - set(have))] + [
        f"drawn twice: {k}" for k in sorted(twice)
    ]


def severity(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Mean over seeds of the mean over conditions of one severity, and its standard error."""
    values = _at_severity(e, row, row["protocol"])
    return spread(values, float(values.sem())) if len(values) else None


def severity_difference(e: Evidence, row: dict[str, Any]) -> Number | None:
    """The same, minus the baseline of the same task, backbone and recipe, seed by seed.

    The baseline is tested under the study's first protocol.
    """
    base = {**row, "norm": row["quantity"].removeprefix("difference from ")}
    own = _at_severity(e, row, row["protocol"])
    values = (own - _at_severity(e, base, e.served(base, e.protocols[0]))).dropna()
    return spread(values, float(values.sem())) if len(values) else None


def _at_severity(e: Evidence, cell: dict[str, Any], protocol: str) -> pd.Series:
    rows = e.of(cell)
    rows = rows[(rows["protocol"] == protocol) & (rows["severity"] == cell["severity"])]
    return rows.groupby("seed")["accuracy"].mean()


def condition(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Mean accuracy of finished runs under one condition, or under all shifted ones."""
    rows = e.of(row)
    outcome = "shift" if row["outcome"] in ("all shifted", "all", "shift") else row["outcome"]
    rows = rows[(rows["protocol"] == row["protocol"]) & chosen(rows, outcome)]
    values = rows.groupby("seed")["accuracy"].mean()
    return Number(float(values.mean()), len(values)) if len(values) else None


def cost(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Medians over runs, single runs, and mean accuracies with their t interval."""
    keep = np.logical_and.reduce([e.runs[k] == row[k] for k in CELL])
    runs = e.runs[keep]
    if row["quantity"] == "accuracy":
        return mean_with_t(e, e.scores(row, row["protocol"], row["outcome"]))
    if row["quantity"] == "step_ms of a run":
        return Number(float(runs.set_index("seed")["step_ms"][row["seed"]]), 1)
    known = runs[row["quantity"]].dropna().astype(float)
    return Number(float(known.median()), len(known))


def curve(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Mean and standard deviation over seeds at one epoch; accuracies in percent."""
    whole = e.history[e.history["layer"] == ""]
    values = _followed(whole, row)
    if "accuracy" in row["quantity"]:
        values = 100.0 * values
        return spread(values, float(values.std(ddof=1)))
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    return Number(mean, len(values), max(mean - sd, 0.5 * mean), mean + sd)


def scalar(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Mean and standard deviation over seeds of one layer's scalar at one epoch."""
    values = _followed(e.history[e.history["layer"] == row["layer"]], row)
    return spread(values, float(values.std(ddof=1))) if len(values) else None


def _followed(history: pd.DataFrame, row: dict[str, Any]) -> pd.Series:
    keys = [*CELL, "quantity", "epoch"]
    keep = np.logical_and.reduce([history[k] == row[k] for k in keys])
    return history[keep].set_index("seed")["value"]


def level_of_option(e: Evidence, row: dict[str, Any]) -> Number | None:
    """Score of a seed, or their mean with its t interval."""
    values = e.scores(row, row["protocol"], row["outcome"])
    if row["quantity"] == "accuracy of a seed":
        return Number(float(values[row["seed"]]), 1)
    return mean_with_t(e, values)
