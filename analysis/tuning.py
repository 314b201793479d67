"""Tables of hyper-parameter searches: what was chosen instead of which default, at what cost.

In: a study with the list in ``search.json`` (one object per search). Out: `Table` objects for page
and files, none without searches. Called by `analysis.tables` and, for the defaults, by the figures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis import words
from analysis.table import Table

EDGE = 0.02  # share of a range that counts as its edge
NOTHING = "every trial diverged"
"""Why a search chose nothing: of trials that were stopped early it chooses the best."""


def tables(inputs: Any) -> Iterator[Table]:
    """Chosen values and budgets, if anything was searched."""
    if inputs.searches:
        yield chosen(inputs.study, inputs.searches)
        yield budgets(inputs.searches)


def defaults(study: Any, search: dict) -> dict[str, list]:
    """The values that a search replaces, by key: what its cells start from, each value once."""
    starts = [cell.settings for cell in study.cells() if cell.path in search["cells"]]
    found: dict[str, list] = {}
    for key in search["space"]:
        part, _, option = key.partition(".")
        given = [s[part][option] for s in starts if option in s.get(part, {})]
        found[key] = [value for i, value in enumerate(given) if value not in given[:i]]
    return found


def at_edge(spec: dict, value: float) -> bool:
    """Does a chosen number lie at the end of its domain?

    Within 2 % of the end of a range (of its logarithm); of three or more numbers to choose from,
    the least or the largest. Two choices, or choices without an order, have no edge.
    """
    if not words.is_number(value):
        return False
    if spec["kind"] == "categorical":
        choices = spec["choices"]
        ordered = len(choices) > 2 and all(map(words.is_number, choices))
        return ordered and value in (min(choices), max(choices))
    low, high, at = float(spec["low"]), float(spec["high"]), float(value)
    if spec.get("log"):
        low, high, at = math.log(low), math.log(high), math.log(at)
    return min(at - low, high - at) <= EDGE * (high - low)


def chosen(study: Any, searches: list[dict]) -> Table:
    """One row per search and key of its space: default, domain, chosen value."""
    rows, records, breaks = [], [], []
    for search in searches:
        breaks.append(len(rows))
        best, known = search["chosen"], defaults(study, search)
        for key, spec in search["space"].items():
            value = (best or {"params": {}})["params"].get(key)
            edge = value is not None and at_edge(spec, value)
            note = "at the edge: widen the range" if edge else ""
            if best is None:
                note = f"{NOTHING}: default kept"
            elif value is None:
                note = "not active in the chosen trial"
            start = ", ".join(words.value(plain(v)) for v in known[key]) or "\u2013"
            shown = "\u2013" if value is None else words.value(plain(value))
            place = [search["experiment"], words.arm(search["label"]), key]
            rows.append([*place, start, _signed(_range(spec)), shown, note])
            record = {"experiment": search["experiment"], "search": search["label"], "key": key}
            record |= {
                "default": ", ".join(map(plain, known[key])),
                "range": _range(spec),
                "chosen": value,
                "edge": edge,
            }
            records.append(record)
    return Table(
        "tuning",
        "What the searches chose",
        "The best trial on the validation split, beside the default that it replaces. Its score is "
        "the best of several and therefore optimistic; the decisions use other seeds and the test "
        "split.",
        ["experiment", "search", "key", "default", "range", "chosen", "note"],
        "lllrlrl",
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
        record |= {state: states[state] for state in ("complete", "diverged", "pruned")}
        record |= {"epochs": spent["epochs"], "train_seconds": spent["train_seconds"]}
        record |= {"metric": search["metric"], "best": best["value"] if best else None}
        record["dropped"] = ", ".join(search["dropped"])
        records.append(record)
        rows.append(
            [search["experiment"], words.arm(search["label"]), search["sampler"]]
            + [str(record[k]) for k in ("trials", "complete", "diverged", "pruned", "epochs")]
            + [words.number(spent["train_seconds"], 1)]
            + [words.number(best["value"]) if best else "\u2013", record["dropped"] or "\u2013"]
        )
    heads = ["experiment", "search", "sampler", "trials", "complete", "diverged", "pruned"]
    heads += ["epochs", "seconds", "best score", "dropped keys"]
    note = "Diverged and pruned trials count towards the budget. Best score: on validation data."
    return Table(
        "search_budget",
        "What the searches cost",
        note,
        heads,
        "lllrrrrrrrl",
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
                    f"{words.arm(s['label'])}: {NOTHING}; the confirmatory runs use the base "
                    "settings."
                )
    return found


def plain(value: object) -> str:
    """A setting as it is printed: four digits of a number."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _signed(text: str) -> str:
    """A printed range with true minus signs."""
    return ", ".join(map(words.value, text.split(", ")))


def _range(spec: dict) -> str:
    if spec["kind"] == "categorical":
        return ", ".join(map(plain, spec["choices"]))
    return f"{plain(spec['low'])} to {plain(spec['high'])}{', log' if spec.get('log') else ''}"
