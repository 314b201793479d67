"""Tables as a page prints them: every cell is what the CSV beside it says, rounded.

In: the tables of index.html and their CSV files, which `tests.referee.recomputed` computes again.
Out: differences in words. A printed row and a row of the CSV are the same comparison or cell: their
names are written down once more in `tests.referee.page.names`, and compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from tests.referee.evidence import Evidence
from tests.referee.page.answer import MINUS, NUMBER
from tests.referee.page.names import Names, outcome
from tests.referee.page.tables import Shown

Row = dict[str, Any]
Check = Callable[[str, Row], bool]
"""Whether a printed cell says what a row of the CSV says."""
Columns = Callable[[Evidence, Names, list[str]], list[Check]]
"""The checks of a table's columns, from their heads."""
MARKS = {"superior": "\u25b2", "inferior": "\u25bc", "equivalent": "=", "non-inferior": "\u2265"}
MARKS["equivalent_on_average"] = "\u2248"
UNITS = ("seeds", "searches", "backbones")


def findings(
    e: Evidence, name: str, shown: Shown, rows: list[Row], columns_of: Columns
) -> list[str]:
    """Every cell of a printed table that the rows of its CSV do not say."""
    if len(shown.rows) != len(rows):
        return [f"{name}: {len(shown.rows)} rows are printed, {len(rows)} are in the CSV"]
    columns = columns_of(e, Names(e), shown.heads)
    if len(columns) != len(shown.heads):
        return [f"{name}: nobody reads all of the columns {shown.heads}"]
    return [
        f"{name}, row {i + 1}, {head or 'first'!r}: {text!r} is printed, the CSV has {row}"
        for i, (cells, row) in enumerate(zip(shown.rows, rows, strict=True))
        for head, text, check in zip(shown.heads, cells, columns, strict=True)
        if not check(text, row)
    ]


def rows_of(e: Evidence, name: str, table: pd.DataFrame) -> list[Row]:
    """The rows of a CSV, one for each that is printed."""
    rows = table.to_dict("records")
    if name == "divergence":
        return [row for row in rows if row["diverged"]]
    if name != "accuracies":
        return rows
    k, merged = len(e.outcomes), []
    for start in range(0, len(rows), k):
        own = rows[start : start + k]
        each = {f"{r['outcome']} {c}": r[c] for r in own for c in ("mean", "sd", "n")}
        merged.append(own[0] | each)
    return merged


def says(text: str, values: list[Any], digits: int | None = None) -> bool:
    """Whether the numbers in a cell are these, in their order, each rounded.

    A value that does not exist is not printed. ``digits``: significant ones, where a column has no
    fixed number of decimals.
    """
    known = [float(v) for v in values if _exists(v)]
    shown = list(NUMBER.finditer(text))
    return len(shown) == len(known) and all(
        rounded(text[: found.start()].rstrip(), found[0], value, digits)
        for found, value in zip(shown, known, strict=True)
    )


def _exists(value: Any) -> bool:
    return not (value is None or value == "" or pd.isna(value) or math.isinf(float(value)))


def rounded(before: str, number: str, value: float, digits: int | None = None) -> bool:
    """Whether a printed number is a value; behind ``<`` or ``>`` it is a bound of it."""
    shown = float(number.replace(MINUS, "-").replace(",", ""))
    if before[-1:] in ("<", ">"):
        return value < shown if before[-1] == "<" else value > shown
    room = 0.5 * 10.0 ** -len(number.partition(".")[2])
    if digits is not None and value:
        room = 0.5 * 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    # Half of the last digit, and what binary rounding adds to it.
    return abs(shown - value) <= room * (1 + 1e-9) + 1e-12


def numbers(*columns: str, digits: int | None = None) -> Check:
    return lambda text, row: says(text, [row[c] for c in columns], digits)


def interval(name: str) -> Check:
    """Both ends; what has no width says so in words."""

    def check(text: str, row: Row) -> bool:
        same = "difference in" in text and "pairs" in text
        return same or says(text, [row[f"{name}_low"], row[f"{name}_high"]])

    return check


def beside(text: str, row: Row) -> bool:
    """The interval of the other target, none where a decision fell back to these images."""
    other = "ci_seeds" if row["target"] == "images_like_these" else "ci_images"
    return says(text, [row[f"{other}_low"], row[f"{other}_high"]])


def words(column: str, name: Callable[[Any], str] = str) -> Check:
    return lambda text, row: text == name(row[column])


def verdict(text: str, row: Row) -> bool:
    """The word first; then only what is said in one pair of brackets, or of a small equivalence."""
    word = row["verdict"].replace("_", " ")
    if row["below_margin"]:
        word += ", below the margin"
    if word == "cannot reject":
        word = next((f"{word} with {row['n']:g} {unit}" for unit in UNITS if unit in text), word)
    rest = text.removeprefix(word).removeprefix(", perhaps not zero").strip()
    told = rest.startswith("(") and rest.endswith(")") and rest.count("(") == 1
    return text.startswith(word) and (not rest or told)


def declared(text: str, row: Row) -> bool:
    """A verdict of the board: exploratory ones are marked, the others are not."""
    return verdict(text, row) and ("exploratory" in text) != row["primary"]


def _board(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    found = _decided(e, names, heads)
    mark = lambda text, row: text == MARKS.get(row["verdict"], "?")  # noqa: E731
    leads = lambda text, row: text == ("verdicts" if row["primary"] else "exploratory")  # noqa: E731
    own = {"": mark, "verdict": declared, "evidence": leads, "on": _nets}
    return [own.get(head, check) for head, check in zip(heads, found, strict=True)]


def _nets(text: str, row: Row) -> bool:
    """The one backbone of a comparison, or how many there are."""
    nets = row["backbones"].split()
    return text == (nets[0] if len(nets) == 1 else f"{len(nets)} backbones")


def _decided(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    """Columns of tables of decisions."""
    contrast = lambda text, row: text == names.contrast(row["a"], row["b"])  # noqa: E731
    pairing = [f"ci_variance_ratio_{end}" for end in ("low", "high")]
    found = {
        "group": contrast,
        "comparison": contrast,
        "task": words("task"),
        "recipe": words("recipe", names.recipe),
        "backbone": lambda text, row: text == row["backbone"],
        "outcome": words("outcome", outcome),
        "verdict": verdict,
        "difference": numbers("estimate"),
        "interval": interval("ci"),
        **dict.fromkeys(["these images", "images like these", "other target"], beside),
        "simultaneous": interval("ci_simultaneous"),
        "p": numbers("p"),
        "adjusted p": numbers("p_adjusted"),
        "n": numbers("n"),
        "g": numbers("g_z"),
        "pairing": numbers("variance_ratio", *pairing, digits=2),
    }
    return [found.get(head, nobody) for head in heads]


def nobody(text: str, row: Row) -> bool:
    """Of a column that no rule knows: nothing in it is right."""
    return False


def _dependence(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    def place(text: str, row: Row) -> bool:
        return text == ("all" if row["on"] == "recipe" else names.recipe(row["recipe"]))

    def finding(text: str, row: Row) -> bool:
        found = row["constant"] or row["p_adjusted"] < e.alpha
        return text == ("depends" if found else "not shown to depend")

    def each(text: str, row: Row) -> bool:
        pairs = [piece.rpartition("=")[::2] for piece in row["estimates"].split("; ")]
        named = names.recipe if row["on"] == "recipe" else str
        left = text
        for key, _ in pairs:
            left = left.replace(f"{named(key)} ", "", 1)
        return says(left, [float(x) for _, x in pairs])

    own = {"at": place, "on": words("on"), "finding": finding, "differences": each}
    found = _decided(e, names, heads)
    return [own.get(head, check) for head, check in zip(heads, found, strict=True)]


def _cells(names: Names, heads: list[str], own: dict[str, Check]) -> list[Check]:
    """Columns of a table of cells: where, which, and numbers."""
    method = lambda text, row: text == names.cell(row["norm"], row["recipe"])  # noqa: E731
    found = {"backbone": words("backbone"), "group": words("backbone"), "method": method} | own
    return [found.get(head, nobody) for head in heads]


def _accuracies(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    own: dict[str, Check] = {"statistics": words("protocol", lambda p: p.replace("_", " "))}
    for o in e.outcomes:
        own[f"{outcome(o)} images"] = numbers(f"{o} mean", f"{o} sd", f"{o} n")
    return _cells(names, heads, own)


def _divergence(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    share = lambda text, row: says(text, [100 * row["ci_low"], 100 * row["ci_high"]])  # noqa: E731
    return _cells(names, heads, {"diverged": numbers("diverged", "n"), "interval": share})


def _cost(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    own = {"parameters": "parameters", "ms per step": "step_ms"}
    own["seconds per training"] = "train_seconds"
    return _cells(names, heads, {head: numbers(column) for head, column in own.items()})


def _membership(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    columns = ["experiment", "task", "backbone", "norm", "recipe"]
    return [words(column) for column in columns]


def _trends(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    found = {
        "factor": lambda text, row: text == names.option(row["factor"].partition(".")[2]),
        "outcome": words("outcome", lambda o: f"{outcome(o)} images"),
        "n": numbers("n"),
        "Page's trend": numbers("page_p"),
        "slope (points)": numbers("slope", "slope_low", "slope_high"),
        "lack of fit p": numbers("lack_of_fit_p"),
    }
    return [found.get(head, nobody) for head in heads]


def _factorials(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    def term(text: str, row: Row) -> bool:
        both = ":" in row["term"]
        return text == ("interaction" if both else names.option(row["term"].partition(".")[2]))

    found = {
        "group": words("experiment"),
        "experiment": words("experiment"),
        "outcome": words("outcome", lambda o: f"{outcome(o)} images"),
        "term": term,
        "direction": lambda text, row: text == names.direction(e, row),
        "effect (points)": numbers("effect", "effect_low", "effect_high"),
        "F (df)": numbers("F", "df", "df_residual"),
        "p": numbers("p"),
        "partial \u03b7\u00b2": numbers("partial_eta2", "ci_low", "ci_high"),
    }
    return [found.get(head, nobody) for head in heads]


def _more_seeds(e: Evidence, names: Names, heads: list[str]) -> list[Check]:
    def comparison(text: str, row: Row) -> bool:
        return text.partition(" \u00b7 ")[0] == names.contrast(row["a"], row["b"])

    steps = dict(zip(heads[3:6], (f"found_with_{k}n" for k in (1, 2, 3)), strict=True))
    found: dict[str, Check] = {head: numbers(column) for head, column in steps.items()}
    found |= {
        "comparison": comparison,
        "outcome": words("outcome", lambda o: f"{outcome(o)} images"),
        "n": numbers("n"),
        "endless": numbers("found_without_limit"),
        f"seeds to find {e.margin:g}": numbers("seeds_to_find_margin"),
        f"for interval \u00b1{e.margin:g}": numbers("seeds_for_margin"),
    }
    return [found.get(head, nobody) for head in heads]


COLUMNS: dict[str, Columns] = {
    "more_seeds": _more_seeds,
    "board": _board,
    "verdicts": _decided,
    "exploratory": _decided,
    "backbones": _decided,
    "dependence": _dependence,
    "accuracies": _accuracies,
    "divergence": _divergence,
    "cost": _cost,
    "membership": _membership,
    "trends": _trends,
    "factorials": _factorials,
}
"""How the columns of every table are read, by its name."""
