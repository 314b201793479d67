"""The paper's numbers and gains beside ours, as tables.

In: `Judged` records (as ``inputs.published``) and the plan. Out: `Table` objects. Called by
`analysis.tables.writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from analysis.display import formatting
from analysis.display.paper_names import heading, method, ordered, place, statistics
from analysis.display.table import Table, starts
from analysis.inputs import Inputs


def tables(inputs: Inputs) -> Iterator[Table]:
    """Numbers, then gains; none where the study repeats nothing."""
    judged, plan = inputs.published, inputs.study.plan
    if not judged:
        return
    level = formatting.level(2 * plan.alpha)
    rules = (
        f"Difference: ours {formatting.MINUS} printed, in points, with its {level} interval. "
        "Range of a "
        f"new run: where {formatting.level(plan.alpha)} of single runs would lie. Replicated: the "
        f"interval of the difference lies within {formatting.PLUS_MINUS}{plan.margin:g}; "
        "contradicted: "
        "it lies outside, and so does the printed value of the range of a new run; else "
        f"inconclusive. Ours: mean {formatting.PLUS_MINUS} standard deviation (seeds)."
    )
    yield _numbers(judged.numbers, rules)
    if judged.gains:
        yield _gains(judged.gains, rules)


def _numbers(records: list[dict], rules: str) -> Table:
    records = ordered(records)
    note = (
        "Each printed number is held against the statistics that it was printed under; rows in "
        "brackets show the same networks under running statistics, which the paper does not print. "
        "A printed nan claims divergence: there the rate of diverged runs is judged against one "
        f"half, and the interval is the rate's. {rules}"
    )
    heads = ["place", "method", "statistics", "printed", "ours", "difference", "interval"]
    heads += ["range of a new run", "diverged", "verdict"]
    rows = [
        [
            *_head(records, r),
            method(r["method"]),
            _beside(statistics(r), r),
            _printed(r),
            _ours(r),
            formatting.signed(r["difference"]),
            _interval(r),
            _range(r),
            f"{r['diverged']} of {r['runs']}" if r["diverged"] else "0",
            r["verdict"],
        ]
        for r in records
    ]
    title = "The paper's numbers and ours"
    return _table("published", title, note, heads, rows, records, left=3)


def _gains(records: list[dict], rules: str) -> Table:
    records = ordered(records)
    note = (
        "A gain is a number minus that of its baseline; ours are differences seed by seed. Rows in "
        "brackets compare the same networks under equal statistics, which the paper does not "
        f"print. {rules}"
    )
    heads = ["place", "gain", "statistics", "printed", "ours", "difference", "interval"]
    heads += ["range of a new run", "verdict"]
    rows = [
        [
            *_head(records, r),
            f"{method(r['method'])} {formatting.MINUS} {method(r['baseline'])}",
            _beside(statistics(r), r),
            formatting.signed(r["printed"]),
            _ours(r, formatting.signed),
            formatting.signed(r["difference"]),
            _interval(r),
            _range(r, signed=True),
            r["verdict"],
        ]
        for r in records
    ]
    return _table("published_gains", "The paper's gains and ours", note, heads, rows, records, 3)


def _table(name, title, note, heads, rows, records, left) -> Table:
    align = "l" * left + "r" * (len(heads) - left - 1) + "l"
    frame = pd.DataFrame(
        [{**r, "cells": ";".join(r["cells"])} if "cells" in r else r for r in records]
    )
    return Table(name, title, note, heads, align, rows, frame, starts(rows), verdict=len(heads) - 1)


def _head(records: list[dict], record: dict) -> list[str]:
    several = len({r["table"] for r in records}) > 1
    return [(f"Table {record['table']}, {place(record)}" if several else heading(record))]


def _beside(text: str, record: dict) -> str:
    return text if record["as_printed"] else f"({text})"


def _printed(record: dict) -> str:
    if not formatting.is_number(record["printed"]):
        return "nan"
    digits = 2 if record["table"] in (5, 6) else 1
    flag = "" if record["average_agrees"] in (None, True) else " (not the mean of its cells)"
    return formatting.number(record["printed"], digits) + flag


def _ours(record: dict, show: Callable = formatting.number) -> str:
    return formatting.mean_sd(record["mean"], record["sd"], record["n"], show=show)


def _interval(record: dict) -> str:
    if formatting.is_number(record.get("rate_low")):
        return f"rate {formatting.percents((record['rate_low'], record['rate_high']))}"
    return formatting.interval([record["ci_low"], record["ci_high"]])


def _range(record: dict, signed: bool = False) -> str:
    ends = [record["prediction_low"], record["prediction_high"]]
    if not all(map(formatting.is_number, ends)):
        return "\u2013"
    show = formatting.signed if signed else formatting.number
    return f"{show(ends[0])} to {show(ends[1])}"
