"""Tables of hyper-parameter searches: what was chosen instead of which default, at what cost.

In: a study with the list in ``search.json`` (one object per search). Out: `Table` objects for page
and files, none without searches. Called by `analysis.tables.writing` and, for the defaults, by the
figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from afn.study.grid.cells import Study
from analysis.decisions.chosen_settings import at_edge, defaults
from analysis.display import formatting, naming
from analysis.display.formatting import plain
from analysis.display.table import Table
from analysis.inputs import Inputs
from analysis.tables import spread

NOTHING = "every trial diverged"
"""Why a search chose nothing: of trials that were stopped early it chooses the best."""


def tables(inputs: Inputs) -> Iterator[Table]:
    """Chosen values and budgets, if anything was searched."""
    if inputs.searches:
        yield from spread.tables(inputs)
        yield chosen(inputs.study, inputs.searches)
        yield budgets(inputs.searches)


def chosen(study: Study, searches: list[dict]) -> Table:
    """One row per search and key of its space: default, domain, chosen value."""
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
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
            start = ", ".join(formatting.value(plain(v)) for v in known[key]) or "\u2013"
            shown = "\u2013" if value is None else formatting.value(plain(value))
            place = [search["experiment"], name(search), key]
            rows.append([*place, start, _signed(_range(spec)), shown, note])
            record = {"experiment": search["experiment"], "search": search["label"], "key": key}
            record |= {"repeat": search.get("repeat")}
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


def name(search: dict) -> str:
    """A search as a reader meets it: its method, and which of several it is."""
    number = search.get("repeat")
    return naming.arm(search["label"]) + ("" if number is None else f", search {number}")


def budgets(searches: list[dict]) -> Table:
    """One row per search: trials by state, epochs, seconds, best validation score."""
    rows, records = [], []
    for search in searches:
        states = Counter(trial["state"] for trial in search["trials"])
        spent, best = search["budget"], search["chosen"]
        record = {"experiment": search["experiment"], "search": search["label"]}
        record |= {"repeat": search.get("repeat")}
        record |= {"sampler": search["sampler"], "trials": spent["trials"]}
        record |= {state: states[state] for state in ("complete", "diverged", "pruned")}
        record |= {"epochs": spent["epochs"], "train_seconds": spent["train_seconds"]}
        record |= {"metric": search["metric"], "best": best["value"] if best else None}
        record["dropped"] = ", ".join(search["dropped"])
        records.append(record)
        rows.append(
            [search["experiment"], name(search), search["sampler"]]
            + [str(record[k]) for k in ("trials", "complete", "diverged", "pruned", "epochs")]
            + [formatting.number(spent["train_seconds"], 1)]
            + [
                formatting.number(best["value"]) if best else "\u2013",
                record["dropped"] or "\u2013",
            ]
        )
    heads = ["experiment", "search", "sampler", "trials", "complete", "diverged", "pruned"]
    heads += ["epochs", "seconds", "best score", "dropped keys"]
    note = (
        "Diverged and pruned trials count towards the budget, and so do the further trainings of "
        "finalists. Best score: on validation data; with finalists the mean over all trainings of "
        "the winner."
    )
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
    for experiment in dict.fromkeys(s["experiment"] for s in searches):
        own = [s for s in searches if s["experiment"] == experiment]
        sizes = {s["budget"]["trials"] for s in own}
        same = "the same number of trials" if len(sizes) == 1 else "different numbers of trials"
        times = Counter(s["label"] for s in own)
        once = {s["label"]: s["budget"]["trials"] for s in own}
        counts = ", ".join(f"{naming.arm(label)} {n}" for label, n in once.items())
        text = f"{formatting.sentence_case(experiment)}: {same} per search ({counts})"
        again = max(times.values())
        text += f", {formatting.small(again)} searches of each method" if again > 1 else ""
        found.append(f"{text}.")
        for s in own:
            if s["chosen"] is None:
                found.append(f"{name(s)}: {NOTHING}; the confirmatory runs use the base settings.")
    return found


def _signed(text: str) -> str:
    """A printed range with true minus signs."""
    return ", ".join(map(formatting.value, text.split(", ")))


def _range(spec: dict) -> str:
    if spec["kind"] == "categorical":
        return ", ".join(map(plain, spec["choices"]))
    return f"{plain(spec['low'])} to {plain(spec['high'])}{', log' if spec.get('log') else ''}"
