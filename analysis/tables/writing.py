"""Tables of a study: each as CSV (every digit) and as LaTeX (as printed), and copies of the data.

In: results, membership, decisions, ablations. Out: ``tables/<name>.csv|tex`` with ``index.json``,
``data/*.csv``. The report shows the same `Table` objects, so that page and files cannot disagree.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.errors import StudyError
from analysis import added
from analysis.display.latex import tables as latex
from analysis.display.table import Table
from analysis.inputs import Inputs, add_inputs, load, made_from
from analysis.results.collect import membership as of_study
from analysis.results.io import write_atomically, write_csv, write_list
from analysis.tables import (
    dependence,
    domains,
    factors,
    published,
    searches,
    tuned_gain,
)
from analysis.tables import measured as results
from analysis.tables.board import board
from analysis.tables.decisions import EXPLORED, decided, differences, flat, verdicts
from analysis.tables.seeds import looks, more_seeds


def all_tables(inputs: Inputs) -> list[Table]:
    """Every table that the study has data for, in the order of the report.

    Raises
    ------
    StudyError
        Where a table from outside has the name of another one.
    """
    tables = [*_tables(inputs), *added.tables(inputs)]
    twice = {one.name for one in tables if [t.name for t in tables].count(one.name) > 1}
    if twice:
        raise StudyError(f"two tables are named {min(twice)!r}: one would replace the other")
    return tables


def _tables(inputs: Inputs) -> Iterator[Table]:
    primary = [d for d in inputs.decisions if d.primary]
    backbones = [d for d in inputs.shown if not d.primary and d.backbone != "pooled"]
    others = [d for d in inputs.decisions if not d.primary and d.backbone == "pooled"]
    top = board(inputs)
    if top is not None:
        yield top
    if primary:
        yield verdicts(inputs, primary)
    looked = looks.table(inputs)
    if looked is not None:
        yield looked
    bought = more_seeds.table(inputs)
    if bought is not None:
        yield bought
    places = dependence.table(inputs)
    if places is not None:
        yield places
    if others:
        yield decided(inputs, others, "exploratory", "Further comparisons, exploratory", EXPLORED)
    if backbones:
        yield decided(
            inputs, backbones, "backbones", "The comparisons per backbone, exploratory", EXPLORED
        )
    if inputs.domains:
        yield domains.table(inputs)
    yield from published.tables(inputs)
    yield from searches.tables(inputs)
    yield from tuned_gain.tables(inputs)
    yield from factors.tables(inputs)
    yield from results.tables(inputs)


def scores_behind(inputs: Inputs) -> dict[str, pd.DataFrame]:
    """Scores by seed behind matrices and behind verdicts on the paper's numbers, by file."""
    found = {"domains": domains.scores(inputs), "published": inputs.published.scores}
    return {name: frame for name, frame in found.items() if len(frame)}


def write_table(table: Table, folder: Path) -> dict[str, Any]:
    """Write one table in both formats; returns its entry of index.json."""
    write_csv(folder / f"{table.name}.csv", table.frame)
    caption = f"{table.title}. {table.note}".strip()
    text = latex.table(
        table.heads,
        table.rows,
        align=table.align,
        caption=caption,
        label=table.name,
        breaks=table.breaks,
    )
    write_atomically(folder / f"{table.name}.tex", lambda p: p.write_text(text, encoding="utf-8"))
    files = {"csv": f"{table.name}.csv", "tex": f"{table.name}.tex"}
    return {"name": table.name, "title": table.title, "rows": len(table.rows), "files": files}


def write_all(
    inputs: Inputs,
    folder: Path,
    membership: pd.DataFrame | None = None,
    made_from: dict[str, str] | None = None,
) -> None:
    """Write ``data/`` and ``tables/``; tables/index.json comes last, with its inputs' hashes."""
    data, tables = folder / "data", folder / "tables"
    copies = {
        "results": inputs.results,
        "decisions": pd.DataFrame([flat(d) for d in inputs.decisions]),
        "differences": differences(inputs.decisions),
        "membership": of_study(inputs.study) if membership is None else membership,
        **scores_behind(inputs),
    }
    for name, frame in copies.items():
        write_csv(data / f"{name}.csv", frame)
    made = [write_table(table, tables) for table in all_tables(inputs)]
    files = [file for table in made for file in table["files"].values()]
    files += [f"../data/{name}.csv" for name in copies]
    index = {"schema": 1, "made_from": made_from or {}, "made": made}
    write_list(tables / "index.json", index, files)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--membership", help="membership.csv")
    parser.add_argument("-o", "--output", required=True, help="folder of the report")


def main(args: argparse.Namespace) -> None:
    """Write all tables; prints the folder."""
    inputs = load(args)
    given = pd.read_csv(args.membership) if args.membership else None
    write_all(inputs, Path(args.output), given, made_from(args))
    print(f"tables in {Path(args.output) / 'tables'}")
