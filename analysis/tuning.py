"""Tables of hyper-parameter searches: what was chosen, and what each search cost.

In: the list in ``search.json`` (one object per search). Out: `Table` objects for page and files,
none without searches. Called by `analysis.tables`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from analysis import words
from analysis.table import Table

EDGE = 0.02  # share of a range that counts as its edge


def tables(searches: list[dict]) -> Iterator[Table]:
    """Chosen values and budgets, if anything was searched."""
    if searches:
        yield chosen(searches)
        yield budgets(searches)


def at_edge(spec: dict, value: float) -> bool:
    """Does a chosen number lie within 2 % of the end of its range (of its logarithm)?"""
    if spec["kind"] == "categorical" or not words.is_number(value):
        return False
    low, high, at = float(spec["low"]), float(spec["high"]), float(value)
    if spec.get("log"):
        low, high, at = math.log(low), math.log(high), math.log(at)
    return min(at - low, high - at) <= EDGE * (high - low)


def chosen(searches: list[dict]) -> Table:
    """One row per search and key of its space."""
    rows, records, breaks = [], [], []
    for search in searches:
        breaks.append(len(rows))
        best = search["chosen"]
        for key, spec in search["space"].items():
            value = (best or {"params": {}})["params"].get(key)
            edge = value is not None and at_edge(spec, value)
            note = "at the edge: widen the range" if edge else ""
            if best is None:
                note = "every trial diverged: base setting used"
            elif value is None:
                note = "not active in the chosen trial"
            shown = "\u2013" if value is None else _plain(value)
            rows.append(
                [search["experiment"], words.arm(search["label"]), key, shown, _range(spec), note]
            )
            record = {"experiment": search["experiment"], "search": search["label"], "key": key}
            records.append(record | {"chosen": value, "range": _range(spec), "edge": edge})
    return Table(
        "tuning",
        "What the searches chose",
        "The best trial on the validation split. Its score is the best of several and therefore "
        "optimistic; the decisions use other seeds and the test split.",
        ["experiment", "search", "key", "chosen", "range", "note"],
        "lllrll",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def budgets(searches: list[dict]) -> Table:
    """One row per search: trials by state, epochs, seconds, best validation score."""
    rows, records = [], []
    for search in searches:
        states = Counter(trial["state"] for trial in search["trials"])
        spent, best = search["budget"], search["chosen"]
        record = {"experiment": search["experiment"], "search": search["label"]}
        record |= {"sampler": search["sampler"], "trials": spent["trials"]}
        record |= {state: states[state] for state in ("diverged", "pruned")}
        record |= {"epochs": spent["epochs"], "train_seconds": spent["train_seconds"]}
        record |= {"metric": search["metric"], "best": best["value"] if best else None}
        record["dropped"] = ", ".join(search["dropped"])
        records.append(record)
        rows.append(
            [search["experiment"], words.arm(search["label"]), search["sampler"]]
            + [str(record[k]) for k in ("trials", "diverged", "pruned", "epochs")]
            + [words.number(spent["train_seconds"], 1)]
            + [words.number(best["value"]) if best else "\u2013", record["dropped"] or "\u2013"]
        )
    heads = ["experiment", "search", "sampler", "trials", "diverged", "pruned", "epochs"]
    heads += ["seconds", "best score", "dropped keys"]
    note = "Diverged and pruned trials count towards the budget. Best score: on validation data."
    return Table(
        "search_budget",
        "What the searches cost",
        note,
        heads,
        "lllrrrrrrl",
        rows,
        pd.DataFrame(records),
    )


def summary(searches: list[dict]) -> list[str]:
    """How much was tuned, whether equally, and what failed; in plain sentences."""
    found = []
    for name in dict.fromkeys(s["experiment"] for s in searches):
        own = [s for s in searches if s["experiment"] == name]
        sizes = {s["budget"]["trials"] for s in own}
        same = "the same number of trials" if len(sizes) == 1 else "different numbers of trials"
        counts = ", ".join(f"{words.arm(s['label'])} {s['budget']['trials']}" for s in own)
        found.append(f"{words.sentence_case(name)}: {same} per search ({counts}).")
        for s in own:
            if s["chosen"] is None:
                found.append(
                    f"{words.arm(s['label'])}: every trial diverged; the confirmatory runs use "
                    "the base settings."
                )
    return found


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _range(spec: dict) -> str:
    if spec["kind"] == "categorical":
        return ", ".join(map(_plain, spec["choices"]))
    return f"{_plain(spec['low'])} to {_plain(spec['high'])}{', log' if spec.get('log') else ''}"
