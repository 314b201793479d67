"""Tables of searches as a page prints them; the rules of `tests.referee.page.cells` for the others.

In: the evidence and the heads of a printed table. Out: a check for each column. Called by
`tests.referee.referee`.
"""

from __future__ import annotations

import pandas as pd

from tests.referee.evidence import Evidence
from tests.referee.page.answer import MINUS, NUMBER
from tests.referee.page.cells import Check, Columns, Row, nobody, numbers, says, verdict, words
from tests.referee.page.names import Names, outcome

JUDGED = ("verdict", "below_margin", "n")


def by_method(table: pd.DataFrame) -> list[Row]:
    """A row per method and key, with what its searches chose."""
    found = []
    for _, own in table.groupby(["experiment", "search", "key"], sort=False):
        row: Row = own.iloc[0].to_dict() | {"values": own["chosen"].astype(float).tolist()}
        found.append(row | {"edges": int(own["edge"].sum()), "count": len(own)})
    return found


def _which(names: Names) -> Check:
    """A search by its method, and which of several it is."""

    def check(text: str, row: Row) -> bool:
        several = not pd.isna(row.get("repeat"))
        told = f", search {int(row['repeat'])}" if several else ""
        return text == names.norm(row["search"]) + told

    return check


def _tuning(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    found = {
        "group": words("experiment"),
        "experiment": words("experiment"),
        "search": _which(names),
        "key": words("key"),
        "default": numbers("default"),
        "range": lambda text, row: text == row["range"].replace("-", MINUS),
        "chosen": numbers("chosen", digits=4),
        "note": lambda text, row: ("edge" in text) == bool(row["edge"]),
    }
    return [found.get(head, nobody) for head in heads]


def _search_budget(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    counts = ("trials", "complete", "diverged", "pruned", "epochs")
    found = {
        "group": words("experiment"),
        "experiment": words("experiment"),
        "search": _which(names),
        "sampler": words("sampler"),
        "seconds": numbers("train_seconds"),
        "best score": numbers("best"),
        "dropped keys": lambda text, row: (
            text == (row["dropped"] if row["dropped"] == row["dropped"] else "\u2013")
        ),
    }
    found |= {head: numbers(head) for head in counts}
    return [found.get(head, nobody) for head in heads]


def _tuned_gain(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    contrast = lambda text, row: text == names.contrast(row["a"], row["b"])  # noqa: E731
    first = [contrast, words("outcome", outcome)]
    for side in ("default", "tuned"):
        own = lambda row, side=side: {k: row[f"{side}_{k}"] for k in JUDGED}  # noqa: E731
        word = lambda text, row, own=own: verdict(text, own(row))  # noqa: E731
        ends = (f"{side}_low", f"{side}_high")
        first += [numbers(f"{side}_estimate"), numbers(*ends), word]
    return [*first, numbers("change"), numbers("change_low", "change_high"), numbers("change_p")]


def _tuned_results(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    part = lambda k: lambda row: row["cell"].split("/")[k]  # noqa: E731
    found: list[Check] = [
        lambda text, row: text == part(1)(row),
        lambda text, row: text == names.norm(part(2)(row)),
    ]
    for o in e.outcomes:
        for side in ("default", "tuned"):
            found.append(numbers(*(f"{o}_{side}_{k}" for k in ("mean", "sd", "n"))))
        found.append(numbers(f"{o}_change", f"{o}_change_low", f"{o}_change_high"))
    return [*found, words("settings")]


def _tuning_spread(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    def choices(text: str, row: Row) -> bool:
        values = row["values"]
        if isinstance(e.domain(row["experiment"], row["key"]), list):
            counts = {v: values.count(v) for v in values}
            return sorted(_pairs(text)) == sorted((float(v), n) for v, n in counts.items())
        return says(text, [sorted(values)[len(values) // 2], min(values), max(values)], digits=4)

    found = {
        "group": words("experiment"),
        "experiment": words("experiment"),
        "method": words("search", names.norm),
        "key": words("key"),
        "default": numbers("default"),
        "chosen": choices,
        "at the edge": numbers("edges", "count"),
    }
    return [found.get(head, nobody) for head in heads]


def _pairs(text: str) -> list[tuple[float, int]]:
    """Value and how often it was chosen, of each of a list of choices."""
    found = [float(n.replace(MINUS, "-")) for n in NUMBER.findall(text)]
    return [(value, int(n)) for value, n in zip(found[::2], found[1::2], strict=True)]


def _tuned_variance(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    found = {
        "comparison": lambda text, row: text == names.contrast(row["a"], row["b"]),
        "outcome": lambda text, row: text == f"{outcome(row['outcome'])} images",
        "SD searches": numbers("sd_searches"),
        "SD runs": numbers("sd_runs"),
        "SD images": numbers("sd_images"),
        "SD rest": numbers("sd_rest"),
        "searches": numbers("n"),
        "half-width": numbers("half_width"),
        "of twice": numbers("half_width_of_twice"),
        f"for \u00b1{e.margin:g}": numbers("searches_for_margin"),
    }
    return [found.get(head, nobody) for head in heads]


COLUMNS: dict[str, Columns] = {
    "tuning": _tuning,
    "search_budget": _search_budget,
    "tuned_gain": _tuned_gain,
    "tuned_results": _tuned_results,
    "tuning_spread": _tuning_spread,
    "tuned_variance": _tuned_variance,
}
"""How the columns of every table of searches are read, by its name."""
