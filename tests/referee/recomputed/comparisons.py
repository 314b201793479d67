"""Figures of comparisons, computed again: the forest plot and the panels of pairs.

In: the evidence and rows of their CSV files. Out: what they have to say; a rule for
`expected.check`, and findings about the kinds of intervals. Called by `tests.referee.referee`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pandas as pd

from tests.referee.evidence import Evidence
from tests.referee.recomputed import statistics as st
from tests.referee.recomputed.decisions import Expected
from tests.referee.recomputed.expected import Number


def compared(e: Evidence, row: dict[str, Any]) -> Number | None:
    """A comparison: its difference and interval, one pair of it, or what pairing saves."""
    x = _of(e, row)
    d = x.difference
    if row["quantity"] == "pair":
        return Number(float(d[int(float(row["unit"]))]), 1)
    if row["quantity"] == "variance ratio":
        return Number(st.variance_ratio(x.a, x.b), len(d))
    wide = row["quantity"] == "simultaneous interval"
    low, high = x.interval(1 - e.alpha / (e.family_size if wide else 1))
    if math.isinf(low) or math.isinf(high):
        low = high = math.nan
    return Number(float(d.mean()), len(d), low, high)


def kinds(e: Evidence, name: str, rows: pd.DataFrame) -> list[str]:
    """Intervals that are called otherwise than they were computed."""
    found = []
    for row in rows[rows["interval"].notna()].to_dict("records"):
        x = _of(e, row)
        kind = "sign-flip" if x.by_flips else "t"
        if x.by_image is not None:
            kind = "t over seeds and images"
        elif x.over_more is not None:
            kind = "t over splits, corrected"
        wide = row["quantity"] == "simultaneous interval"
        level = 1 - e.alpha / (e.family_size if wide else 1)
        shown, _, at = row["interval"].rpartition(", ")
        shown = shown.removeprefix("simultaneous, ")
        if shown != kind or not (wide or math.isclose(float(at), level)):
            found.append(f"{name}, {row['label']}: {row['interval']!r} is an interval by {kind}")
    return found


def _of(e: Evidence, row: dict[str, Any]) -> Expected:
    at = {k: "" if row[k] == "any" else f"@{row[k]}" for k in ("protocol", "minus_protocol")}
    arms = row["norm"] + at["protocol"], row["minus_norm"] + at["minus_protocol"]
    return _expected(e, row["task"], row["recipe"], row["outcome"], *arms, row["backbone"])


@cache
def _expected(
    e: Evidence, task: str, recipe: str, outcome: str, a: str, b: str, backbones: str
) -> Expected:
    """Once for the many rows of a comparison."""
    d = {"task": task, "recipe": recipe, "outcome": outcome, "a": a, "b": b, "primary": True}
    return Expected(e, d | {"blocks": backbones.split("; "), "backbone": "pooled"}, e.family_size)
