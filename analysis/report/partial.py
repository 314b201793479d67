"""A report on the runs that exist by now; declares nothing and can be asked for at any time.

In: study.json and the runs folder. Out: one folder with tables, decisions, figures and the page;
missing.csv names what is not there yet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.decisions import decide
from analysis.display.commands import USUAL, add_study_file
from analysis.figures import making
from analysis.report import page
from analysis.results import collect
from analysis.tables import writing

STEPS = {
    "collect": collect,
    "decide": decide,
    "figures": making,
    "tables": writing,
    "report": page,
}
"""Command of ``python -m analysis`` -> the module that does it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY_JSON", help="the resolved study")
    parser.add_argument("--runs", required=True, help="folder of the runs' results")
    parser.add_argument("--data", help="folder of the prepared tasks")
    parser.add_argument("--search", help="search.json: hyper-parameter searches")
    parser.add_argument("-o", "--output", required=True, help="folder for everything")
    add_study_file(parser)


def main(args: argparse.Namespace) -> None:
    folder = Path(args.output)
    # The searches of a study that runs may not have ended.
    search = args.search if args.search and Path(args.search).is_file() else None
    for name, words in steps(args.study, args.runs, args.data, folder, args.study_file, search):
        command = STEPS[name]
        parser = argparse.ArgumentParser(prog=f"python -m analysis {name}")
        command.add_arguments(parser)
        command.main(parser.parse_args(words))


def steps(
    study: str,
    runs: str,
    data: str | None,
    folder: Path,
    study_file: str = USUAL,
    search: str | None = None,
) -> list[tuple[str, list[str]]]:
    """The commands that `partial` is short for, in order."""
    results = ["--results", str(folder / "results.parquet")]
    decisions, ablations = str(folder / "decisions.json"), str(folder / "ablations.json")
    decided = [*results, "--decisions", decisions, "--ablations", ablations]
    decided += ["--search", search] if search else []
    history = ["--history", str(folder / "history.parquet")]
    pictures = ["--data", data] if data else []
    members = ["--membership", str(folder / "membership.csv")]
    missing = ["--partial", str(folder / "missing.csv")]
    named = ["--study-file", study_file]
    correct = ["--correct", str(folder / "correct.npz")]
    figures, page = str(folder / "figures"), str(folder / "index.html")
    return [
        ("collect", [study, "--runs", runs, *pictures, "-o", str(folder), "--partial", *named]),
        ("decide", [study, *results, *correct, "-o", decisions, "--ablations", ablations]),
        ("figures", [study, *decided, *history, *pictures, "-o", figures]),
        ("tables", [study, *decided, *members, "-o", str(folder)]),
        ("report", [study, *decided, *correct, *missing, "--figures", figures, "-o", page, *named]),
    ]
