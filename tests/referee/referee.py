"""The referee: reads every file of a report, and says what in it is not what the runs say.

In: a `Made` study. Out: `findings`, by file. A figure or table that no rule knows is a finding,
too: nothing is shown that nobody recomputes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.referee.evidence import Evidence
from tests.referee.page import cells, differing, tuned
from tests.referee.page.tables import read as read_tables
from tests.referee.recomputed import (
    ablations,
    comparisons,
    decisions,
    dependence,
    expected,
    more_seeds,
    repeated,
    searches,
    tables,
)
from tests.referee.recomputed.expected import PARTS, Rule

RULES: dict[str, Rule] = {
    "forest": comparisons.compared,
    "pairs": comparisons.compared,
    "severity-difference": expected.severity_difference,
    "severity": expected.severity,
    "conditions": expected.condition,
    "cost": expected.cost,
    "training": expected.curve,
    "scalars": expected.scalar,
    "levels": expected.level_of_option,
    "trend": ablations.trend,
    "factorial": ablations.grid,
    "batch-size": ablations.batch_size,
    "confound": ablations.confound,
}
"""By the beginning of a figure's name; the longest that fits counts."""

TABLES: dict[str, Callable[[Evidence, pd.DataFrame], list[str]]] = {
    "accuracies": tables.accuracies,
    "cost": tables.cost,
    "dependence": dependence.compare,
    "divergence": tables.divergence,
    "membership": tables.membership,
    "trends": tables.trends,
    "factorials": tables.factorials,
    "tuning": searches.tuning,
    "search_budget": searches.search_budget,
    "tuned_gain": searches.tuned_gain,
    "tuned_results": searches.tuned_results,
    "tuning_spread": repeated.tuning_spread,
    "tuned_variance": repeated.tuned_variance,
    "more_seeds": more_seeds.more_seeds,
}
COLUMNS = cells.COLUMNS | tuned.COLUMNS
"""How the columns of every printed table are read, by its name."""
DECIDED = ("board", "verdicts", "exploratory", "backbones")
PICTURES = {"samples"}
"""Figures of images, which have no numbers of runs."""


def findings(e: Evidence, report: Path | None = None) -> list[str]:
    """Everything in a report that is not so."""
    report = report or e.made.report
    found = of_decisions(e, report) + of_tables(e, report)
    return found + of_page(e, report) + of_figures(e, report)


def of_decisions(e: Evidence, report: Path) -> list[str]:
    """decisions.json and its copy as CSV."""
    text = (e.made.results / "decisions.json").read_text(encoding="utf-8")
    own = json.loads(text)["decisions"]
    flat = read(report / "data/decisions.csv")
    assert len(flat) == len(own)
    found = decisions.compare(e, own, flat)
    pooled = flat[flat["backbone"] == "pooled"]
    return found + decisions.undeclared(e, pooled)


def of_tables(e: Evidence, report: Path) -> list[str]:
    found: list[str] = []
    flat = read(report / "data/decisions.csv")
    for entry in listed(report / "tables"):
        name = entry["name"]
        table = read(report / "tables" / entry["files"]["csv"])
        if name in DECIDED:
            found += tables.copied(name, table, flat)
            if name == "board":
                found += tables.board(e, table) + decisions.undeclared(e, table)
        elif name in TABLES:
            found += TABLES[name](e, table)
        else:
            found.append(f"{name}: a table that nobody recomputes")
    return found


def of_page(e: Evidence, report: Path) -> list[str]:
    """The tables of index.html, cell by cell, against their CSV files; images against answers."""
    shown = read_tables(report / "index.html")
    of_images = differing.findings(e, shown.pop("images", None))
    entries = {entry["name"]: entry for entry in listed(report / "tables")}
    found = [f"{name}: printed, and not among the files" for name in shown.keys() - entries.keys()]
    for name, entry in entries.items():
        table = read(report / "tables" / entry["files"]["csv"])
        if name not in shown:
            found += [f"{name}: not on the page"] if len(table) else []
        elif name not in COLUMNS:
            found.append(f"{name}: a printed table that nobody reads")
        else:
            by_method = name == "tuning_spread"
            rows = tuned.by_method(table) if by_method else cells.rows_of(e, name, table)
            found += cells.findings(e, name, shown[name], rows, COLUMNS[name])
    return found + of_images


def of_figures(e: Evidence, report: Path) -> list[str]:
    found: list[str] = []
    for entry in listed(report / "figures"):
        if entry["name"].partition("-")[0] not in PICTURES:
            found += of_figure(e, entry["name"], report / "figures" / entry["files"]["csv"])
    return found


def of_figure(e: Evidence, name: str, path: Path) -> list[str]:
    """One figure by its CSV."""
    rule, rows = rule_of(name), read(path)
    if name in searches.FIGURES:
        return searches.FIGURES[name](e, name, rows)
    if rule is None:
        return [f"{name}: a figure that nobody recomputes"]
    absent = [c for c in (*PARTS, "outcome", "label", "n", "value") if c not in rows]
    if absent or rows.empty:
        return [f"{name}: no rows, or not the columns {absent}"]
    rows["protocol"] = rows["protocol"].astype(object).fillna("")
    found = expected.check(e, name, rows, rule) + labels(name, rows)
    return found + (comparisons.kinds(e, name, rows) if rule is comparisons.compared else [])


def read(path: Path) -> pd.DataFrame:
    """A CSV; an empty field is missing, a name like ``none`` is a name."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def rule_of(name: str) -> Rule | None:
    fits = [key for key in RULES if name == key or name.startswith(f"{key}-")]
    return RULES[max(fits, key=len)] if fits else None


def labels(name: str, rows: pd.DataFrame) -> list[str]:
    """A label stands for one norm and recipe (of one comparison), whatever else differs."""
    own = ["norm", "recipe", *(["minus_norm"] if "minus_norm" in rows else [])]
    if name.startswith(("scalars", "trend", "factorial", "levels", "confound")):
        return []  # the figure is of one method, its labels are layers, levels and terms
    own = [*own, *(["protocol", "minus_protocol"] if "minus_protocol" in rows else [])]
    rows = rows[rows["label"].notna()]
    several = (
        rows.astype(object)
        .fillna("")
        .groupby("label")[own]
        .apply(lambda g: len(g.drop_duplicates()))
    )
    return [f"{name}: {label!r} names {k} things" for label, k in several.items() if k > 1]


def listed(folder: Path) -> list[dict]:
    return json.loads((folder / "index.json").read_text(encoding="utf-8"))["made"]
