"""Two results folders of one study side by side: two machines, builds, heads, or search seeds.

In: two folders with ``decisions.json`` (and ``results.parquet``, for what made them). Out: which
verdicts differ, which contradict each other, and by how much the estimates moved against their
intervals; printed, and as CSV and as a page where they are asked for
(`analysis.across.two_results_page`). Called by ``python -m analysis compare-results A B``.

Bits may differ between processors, and then every number a little: what matters is whether a claim
would read otherwise. A shift is measured in half-widths of the first folder's interval: below 1 the
second estimate lies inside it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from afn.common.errors import StudyError
from analysis.decisions.decision import Decision, read_decisions
from analysis.decisions.words.phrases import PLACE
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting
from analysis.results.io import read_study, read_table, write_csv
from analysis.results.scores import BUILD
from analysis.stats.verdict import Verdict

SHOWN = 12
"""So many comparisons that moved furthest are printed."""


def compare(first: Path, second: Path) -> pd.DataFrame:
    """One row per decision that both folders have.

    Returns
    -------
    DataFrame
        What was compared (`PLACE`), ``primary``, and of either folder (``_1``, ``_2``) estimate,
        interval, n and verdict; ``shift`` (second minus first), ``half_widths`` (its size over the
        half-width of the first interval; nan where that is unbounded), ``same`` verdict, and
        whether the two ``contradict`` each other (`contradict`).

    Raises
    ------
    StudyError
        For folders of different studies or plans, or without decisions.
    """
    studies = [read_study(folder / "study.json") for folder in (first, second)]
    if studies[0].name != studies[1].name:
        raise StudyError(
            f"{first} is of the study {studies[0].name}, {second} of {studies[1].name}"
        )
    if studies[0].plan != studies[1].plan:
        raise StudyError(f"{first} and {second} are of different plans of {studies[0].name}")
    found = [_by_place(folder / "decisions.json") for folder in (first, second)]
    lost = sorted(found[0].keys() ^ found[1].keys())
    if lost:
        raise StudyError(f"only one of the two folders decides {' '.join(map(str, lost[0]))}")
    return pd.DataFrame([_row(d, found[1][place]) for place, d in found[0].items()])


def _by_place(path: Path) -> dict[tuple, Decision]:
    return {tuple(getattr(d, k) for k in PLACE): d for d in read_decisions(path)}


def _row(a: Decision, b: Decision) -> dict[str, Any]:
    row: dict[str, Any] = {key: getattr(a, key) for key in PLACE} | {"primary": a.primary}
    for number, d in ((1, a), (2, b)):
        low, high = d.ci
        row |= {f"estimate_{number}": d.estimate, f"ci_low_{number}": low}
        row |= {f"ci_high_{number}": high, f"n_{number}": d.n, f"verdict_{number}": verdict_of(d)}
    row["shift"] = row["estimate_2"] - row["estimate_1"]
    half = (row["ci_high_1"] - row["ci_low_1"]) / 2
    row["half_widths"] = abs(row["shift"]) / half if half > 0 else np.nan
    return row | {"same": verdict_of(a) == verdict_of(b), "contradict": contradict(a, b)}


def contradict(a: Decision, b: Decision) -> bool:
    """Whether two decisions of one comparison cannot both be right.

    Superior contradicts inferior; equivalent contradicts an interval that lies outside the margin.
    All other verdicts differ in what the data allowed to say: inconclusive contradicts nothing.
    """
    if {a.verdict, b.verdict} == {Verdict.SUPERIOR, Verdict.INFERIOR}:
        return True
    for one, other in ((a, b), (b, a)):
        low, high = other.ci
        if one.verdict is Verdict.EQUIVALENT and (low > one.margin or high < -one.margin):
            return True
    return False


def summary(table: pd.DataFrame, builds: list[list[str]]) -> list[str]:
    """What a reader has to know, in lines."""
    own = table[table["primary"]] if table["primary"].any() else table
    lines = [f"{name}: {'; '.join(made)}" for name, made in zip("AB", builds, strict=True)]
    for what, rows in (("primary", own), ("all", table)):
        if what == "all" and len(rows) == len(own):
            continue
        moved = rows["half_widths"].dropna()
        inside = f"{int((moved <= 1).sum())} of {len(moved)} estimates of B inside A's interval"
        far = f", the furthest {moved.max():.2g} half-widths away" if len(moved) else ""
        kept = f"{int(rows['same'].sum())} of {len(rows)} verdicts are the same"
        against = int(rows["contradict"].sum())
        told = (
            "none contradicts"
            if not against
            else formatting.count(against, "contradicts", "contradict")
        )
        lines.append(f"{what} decisions: {kept}, {told} the other's; {inside}{far}")
    turned = Counter(
        (a, b)
        for a, b in table.loc[~table["same"], ["verdict_1", "verdict_2"]].itertuples(index=False)
    )
    lines += [f"  {n} times {a} became {b}" for (a, b), n in turned.most_common()]
    return lines


def listed(table: pd.DataFrame) -> list[str]:
    """The decisions with another verdict, then those that moved furthest."""
    keys = ["contradict", "same", "half_widths"]
    order = table.sort_values(keys, ascending=[False, True, False], na_position="last")
    return [_line(row) for row in order.head(max(SHOWN, int((~table["same"]).sum()))).itertuples()]


def _line(row: Any) -> str:
    mark = "X" if row.contradict else " " if row.same else "!"
    place = f"{row.a} - {row.b}, {row.outcome}, {row.backbone} ({row.experiment})"
    either = [
        f"{formatting.signed(x)} {formatting.interval((low, high))} {verdict}"
        for x, low, high, verdict in (
            (row.estimate_1, row.ci_low_1, row.ci_high_1, row.verdict_1),
            (row.estimate_2, row.ci_low_2, row.ci_high_2, row.verdict_2),
        )
    ]
    far = "" if np.isnan(row.half_widths) else f" (moved {row.half_widths:.2g} half-widths)"
    return f"{mark} {place}: A {either[0]}; B {either[1]}{far}"


def builds_of(folder: Path) -> list[str]:
    """The builds and machines that made the results of a folder, the most frequent first."""
    file = folder / "results.parquet"
    if not file.is_file():
        return ["builds unknown (no results.parquet)"]
    runs = read_table(file).drop_duplicates(["task", "backbone", "norm", "recipe", "seed"])
    rows = runs.reindex(columns=BUILD).astype("object").fillna("unknown").astype(str)
    counted = Counter(rows.itertuples(index=False, name=None))
    return [
        f"{n} runs by {', '.join(f'{k} {v}' for k, v in zip(BUILD, build, strict=True))}"
        for build, n in counted.most_common()
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=Path, metavar="A", help="results/STUDY, or a copy of it")
    parser.add_argument("second", type=Path, metavar="B", help="the other one")
    parser.add_argument("-o", "--output", type=Path, help="CSV file of all decisions side by side")
    parser.add_argument("--page", type=Path, metavar="FOLDER", help="folder of a page about both")


def main(args: argparse.Namespace) -> None:
    table = compare(args.first, args.second)
    builds = [builds_of(args.first), builds_of(args.second)]
    lines = summary(table, builds)
    print("\n".join([*lines, *listed(table)]))
    if args.output:
        write_csv(args.output, table)
    if args.page:
        from analysis.across import two_results_page

        print(two_results_page.write(table, builds, (args.first, args.second), args.page))
