"""What more seeds would buy each primary comparison, from the variances that were observed.

In: the loaded study with its decisions. Out: one table, or nothing where no decision has seeds as
its unit. Called by `analysis.tables.writing`. A study in waves has none: how many pairs it has
follows from what was seen, and `python -m analysis expected` says what can be expected.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from afn.study.plan.purchase import MOST_UNITS, fewest, standard_error, units_for
from analysis.decisions.decision import Decision
from analysis.decisions.words.phrases import ALIKE, PLACE
from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs
from analysis.stats.t_estimate import TEstimate

TIMES = (1, 2, 3)
"""Multiples of the pairs that there are."""


def table(inputs: Inputs) -> Table | None:
    """One row per primary comparison: what so many seeds find, and how many the margin needs."""
    own = [
        d
        for d in inputs.decisions
        if d.primary and d.backbone == "pooled" and d.paired_by == "seed" and d.components
    ]
    if not own or inputs.looks is not None:
        return None
    plan, size = inputs.study.plan, max(d.family_size for d in own)
    records = [_record(d, plan.alpha, plan.margin) for d in own]
    rows = [_row(inputs, d, record) for d, record in zip(own, records, strict=True)]
    pairs = sorted({d.n for d in own})
    heads = [f"{k * pairs[0]} seeds" if len(pairs) == 1 else f"{k}n seeds" for k in TIMES]
    margin = f"{formatting.PLUS_MINUS}{plan.margin:g}"
    return Table(
        "more_seeds",
        "What more seeds would buy",
        f"The smallest true difference, in points, that so many seeds find with 80 % power at the "
        f"first step of the correction (alpha / {size}), and with endlessly many, where the test "
        f"images alone set the limit. Then how many seeds so find a difference of {plan.margin:g}, "
        f"and with how many the {inputs.level} interval, uncorrected, is no wider than "
        f"{margin}, which takes fewer (a dash: no number up to {MOST_UNITS:,} does). All of it if "
        "the variances that were observed here are the true ones.",
        [
            *("comparison", "outcome", "n", *heads, "endless"),
            *(f"seeds to find {plan.margin:g}", f"for interval {margin}"),
        ],
        "ll" + "r" * (len(heads) + 4),
        rows,
        pd.DataFrame(records),
    )


def _record(d: Decision, alpha: float, margin: float) -> dict[str, Any]:
    parts = d.components
    assert parts is not None, "asked of decisions with components only"
    images = d.images if d.target == ALIKE else None
    record: dict[str, Any] = {key: getattr(d, key) for key in PLACE} | {"n": d.n}
    first = alpha / d.family_size
    for times in TIMES:
        record[f"found_with_{times}n"] = _found(parts, times * d.n, images, first)
    record["found_without_limit"] = 0.0 if images is None else _limit(parts, images, first)
    # What does not vary at all (nan) is found with any number.
    finding = fewest(lambda units: not _found(parts, units, images, first) > margin)
    needed = units_for(parts, margin, images=images, level=1 - alpha)
    return record | {"seeds_to_find_margin": finding, "seeds_for_margin": needed}


def _found(parts: dict[str, Any], units: int, images: int | None, alpha: float) -> float:
    if units < 2:
        return math.nan
    return TEstimate(0.0, *standard_error(parts, units, images=images)).detectable(alpha)


def _limit(parts: dict[str, Any], images: int, alpha: float) -> float:
    """Of so many seeds that only the images are left to vary."""
    found = _found(parts, MOST_UNITS * MOST_UNITS, images, alpha)
    return 0.0 if math.isnan(found) else found


def _row(inputs: Inputs, d: Decision, record: dict[str, Any]) -> list[str]:
    found = [record[f"found_with_{times}n"] for times in TIMES] + [record["found_without_limit"]]
    place = [inputs.comparison(d) + inputs.on(d.task), naming.outcome(d.outcome), str(d.n)]
    needed = [record["seeds_to_find_margin"], record["seeds_for_margin"]]
    shown = [f"{n:,}" if n else "\u2013" for n in needed]
    return [*place, *(formatting.number(x) for x in found), *shown]
