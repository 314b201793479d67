"""What there is of a study that is not complete: progress and estimates, and nothing decided.

In: study.json and the runs folder. Out: one folder with the page, the table of results, the
estimates, and missing.csv, which names what is not there yet. A plan of a fixed number of seeds is
decided once, when all its runs are there: looks at every wave of seeds would find three times as
many false differences as the plan allows. So there is no test here, no interval and no verdict, and
the look is noted (`analysis.report.looks`). With seeds in waves the planned looks that were taken
are told with what they have decided; what came since the last of them is not tested. Declares
nothing and can be asked for at any time.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.made_from import hashes
from afn.study.state.made import RUNS, runs_digest
from analysis.decisions.decide import decide
from analysis.decisions.waves.looks import Looks
from analysis.display import formatting, naming
from analysis.display.commands import USUAL, add_study_file, make
from analysis.display.table import Table
from analysis.display.templates import environment, style_sheet
from analysis.inputs import Inputs
from analysis.report import looks, provenance, waves
from analysis.results.collect import collect
from analysis.results.io import content_of, read_study, write_atomically, write_csv, write_parquet
from analysis.tables.writing import write_table

TEMPLATES = Path(__file__).with_name("templates")
NOTE = (
    "Mean differences in points of accuracy over the pairs of runs that exist by now; a pair is "
    "one seed under both. They change with every seed, and nothing is tested."
)
DECIDED = ("decisions.json", "ablations.json", "tables", "figures", "data")
"""What an earlier version left in the folder, tests and all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY_JSON", help="the resolved study")
    parser.add_argument("--runs", required=True, help="folder of the runs' results")
    parser.add_argument("--data", help="folder of the prepared tasks: scores are computed again")
    parser.add_argument("-o", "--output", required=True, help="folder for everything")
    add_study_file(parser)


def main(args: argparse.Namespace) -> None:
    """Write the page and what is behind it; prints its path."""
    study, folder = read_study(args.study), Path(args.output)
    how = {"partial": True, "study_file": args.study_file, "data": args.data}
    tables = collect(study, args.runs, **how)
    for name in DECIDED:
        _remove(folder / name)
    made_from = {**hashes(args.study), RUNS: runs_digest(study, args.runs)}
    write_parquet(folder / "results.parquet", tables["results"], made_from)
    write_csv(folder / "membership.csv", tables["membership"])
    write_csv(folder / "missing.csv", tables["missing"])
    inputs = Inputs(study, tables["results"], tables["history"], [])
    inputs.looks = Looks.read(study, Path(args.runs).parent)
    estimates = table_of(inputs, estimated(inputs))
    write_table(estimates, folder / "tables")
    runs = provenance.run_matrix(inputs, provenance.read_missing(str(folder / "missing.csv")))
    noted, done = looks.file_of(Path(args.runs).parent), len(provenance.runs_of(inputs))
    looks.note(noted, "partial", done, runs["asked"], content_of(tables["results"]))
    text = page(inputs, estimates, runs, looks.read(noted), args.study_file)
    write_atomically(folder / "index.html", lambda p: p.write_text(text, encoding="utf-8"))
    print(folder / "index.html")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def estimated(inputs: Inputs) -> pd.DataFrame:
    """One row per declared comparison: how many pairs there are of how many, and their means."""
    rows = []
    for d in decide(inputs.results, inputs.study):
        of = {
            "seed": len(inputs.study.seeds),
            "search": inputs.study.experiments[d.experiment].searches,
        }.get(d.paired_by, len(d.blocks))
        keys = ("experiment", "task", "recipe", "outcome", "a", "b", "backbone")
        means = {"estimate": d.estimate, "mean_a": d.mean_a, "mean_b": d.mean_b}
        diverged = {f"diverged_{side}": d.diverged[side] for side in "ab"}
        row = {key: getattr(d, key) for key in keys}
        rows.append(row | {"n": d.n, "of": of, "paired_by": d.paired_by} | means | diverged)
    return pd.DataFrame(rows)


def table_of(inputs: Inputs, frame: pd.DataFrame) -> Table:
    """The estimates as they are printed."""
    several = [key for key in ("task", "recipe") if len(frame) and frame[key].nunique() > 1]
    heads = ["comparison", *several, "backbone", "outcome", "difference", "first", "second", "n"]
    rows = [_row(inputs, record, several) for record in frame.to_dict("records")]
    align = "l" * (len(several) + 3) + "r" * 4
    return Table("estimates", "Estimates so far", NOTE, heads, align, rows, frame)


def _row(inputs: Inputs, row: dict[str, Any], several: list[str]) -> list[str]:
    names = {"task": inputs.task_name, "recipe": inputs.recipe_in_full}
    shown = [naming.contrast(row["a"], row["b"], inputs.protocols[0])]
    shown += [names[key](row[key]) for key in several]
    shown += ["all" if row["backbone"] == "pooled" else naming.part(row["backbone"])]
    shown += [naming.outcome(row["outcome"]), formatting.signed(row["estimate"])]
    shown += [formatting.number(row[key]) for key in ("mean_a", "mean_b")]
    return [*shown, f"{row['n']} of {row['of']}"]


def page(
    inputs: Inputs,
    estimates: Table,
    runs: dict[str, Any],
    noted: list[dict],
    study_file: str = USUAL,
) -> str:
    """The page as text.

    Parameters
    ----------
    runs : dict
        The state of every run, see `provenance.run_matrix`.
    noted : list of dict
        The looks at this study so far, this one included.
    """
    from markupsafe import Markup

    missing = runs["counts"].get("missing", 0)
    by_seed = zip(*(row["states"] for row in runs["rows"]), strict=True)
    whole = sum({"missing", "spared"}.isdisjoint(states) for states in by_seed)
    return (
        environment(TEMPLATES)
        .get_template("partial.html.j2")
        .render(
            study=inputs.study,
            style=Markup(style_sheet()),
            runs=runs,
            done=runs["asked"] - missing,
            waves=waves.so_far(inputs),
            diverged=runs["counts"].get("diverged", 0),
            seeds=(whole, len(runs["seeds"])),
            states=provenance.STATES,
            estimates=estimates,
            builds=provenance.builds(inputs),
            collapsed=provenance.collapsed(inputs),
            looked=looks.times(len([look for look in noted if look["runs"] < look["declared"]])),
            report=make("report", study_file),
        )
    )
