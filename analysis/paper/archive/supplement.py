"""``python -m analysis supplement``: everything of a study in one archive, for a supplement.

In: the study's folders of results and of its report, the study file, and the workflow's. Out: a zip
archive with ``SHA256SUMS``, ``README.md`` and ``ro-crate-metadata.json`` (`crate`). The same files
give the same bytes: entries are in the order of their names, with one date and one mode. Networks,
predictions and the private store of checkpoints are not in it: they are large, and made again from
the study file. Called by the workflow.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.errors import StudyError
from afn.common.made_from import read_document
from afn.study.grid.cells import Study
from analysis.display.commands import add_study_file, make
from analysis.paper.archive import crate
from analysis.paper.archive.crate import Made
from analysis.results.io import read_study, write_atomically

RESULTS = (
    *("study.json", "results.parquet", "membership.csv", "decisions.json", "ablations.json"),
    *("search.json", "looks.jsonl"),
)
NEEDED = ("study.json", "results.parquet", "decisions.json")
WORKFLOW = ("Snakefile", "workflow/rules/*.smk", "workflow/report/*.rst", "workflow/envs/*.yaml")
LEDGER = ".ledger"
REPORT = ("index.html", "cells", "figures", "tables", "data", "paper")
TWICE = "by_section"
"""Folder of figures that has once more what lies beside it."""
DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip archive can say."""
SUMS = "SHA256SUMS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="RESULTS", help="results/STUDY")
    parser.add_argument("report", type=Path, metavar="REPORT", help="reports/STUDY")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the archive to write")
    parser.add_argument(
        "--workflow", type=Path, default=Path(), help="the folder of the workflow's Snakefile"
    )
    add_study_file(parser)


def main(args: argparse.Namespace) -> None:
    """Write the archive; prints its path and size."""
    files = gather(args.results, args.report, Path(args.study_file), args.workflow)
    write_atomically(args.output, lambda path: write(path, files))
    print(f"{args.output}: {len(files)} files, {args.output.stat().st_size / 1e6:.1f} MB")


def gather(
    results: Path, report: Path, study_file: Path, workflow: Path = Path()
) -> dict[str, bytes]:
    """Name in the archive -> content of every file, with checksums and a page that explains them.

    Raises
    ------
    StudyError
        Where a file is missing, or decisions were changed after they were written.
    """
    absent = [results / name for name in NEEDED if not (results / name).is_file()]
    others = (study_file, report / "index.html", workflow / WORKFLOW[0])
    absent += [path for path in others if not path.is_file()]
    if absent:
        raise StudyError(f"{absent[0]}: no such file; `make report` makes what is missing")
    read_document(results / "decisions.json", "decisions")
    study = read_study(results / "study.json")
    found = {f"study/{study_file.name}": study_file.read_bytes()}
    found |= {
        f"results/{name}": (results / name).read_bytes()
        for name in RESULTS
        if (results / name).is_file()
    }
    found |= {f"report/{name}": path.read_bytes() for name, path in _report(report)}
    for path in (path for pattern in WORKFLOW for path in workflow.glob(pattern)):
        found[f"workflow/{path.relative_to(workflow).as_posix()}"] = path.read_bytes()
    found[crate.README] = _readme(study, study_file, found).encode()
    found[crate.NAME] = crate.metadata(study, found, f"study/{study_file.name}", made(results))
    sums = (f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in _sorted(found))
    return dict(_sorted(found | {SUMS: ("\n".join(sums) + "\n").encode()}))


def _sorted(files: dict[str, bytes]) -> list[tuple[str, bytes]]:
    return sorted(files.items())


def made(results: Path) -> Made:
    """When, and with what, the results in a folder were made, as the ledger and the table tell."""
    began, ended = [], []
    for event in _events(results / LEDGER):
        if event.get("event") in ("start", "resume"):
            began.append(event["time"])
        elif event.get("event") in ("finished", "diverged"):
            ended.append(event["time"])
    table = pd.read_parquet(results / "results.parquet", columns=["torch", "processor"])
    return Made(
        min(began, default=None),
        max(ended, default=None),
        tuple(("torch", version) for version in sorted(table["torch"].dropna().unique())),
        tuple(sorted(table["processor"].dropna().unique())),
    )


def _events(ledger: Path) -> Iterator[dict[str, Any]]:
    """The events of all trainings; a line that is damaged tells nothing."""
    for file in sorted(ledger.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and isinstance(event.get("time"), int | float):
                    yield event


def _report(report: Path) -> Iterator[tuple[str, Path]]:
    """Files of the report; of an interrupted writer nothing is left in."""
    for name in REPORT:
        top = report / name
        paths = [top] if top.is_file() else sorted(top.rglob("*"))
        for path in paths:
            if path.is_file() and not path.name.startswith(".") and TWICE not in path.parts:
                yield path.relative_to(report).as_posix(), path


PARTS = {
    "study/": "the study file: what was computed, and the plan of what is decided",
    "results/study.json": "the same, complete: every default filled in",
    "results/results.parquet": "every test of every trained network, one row each",
    "results/membership.csv": "which experiment asks for which network",
    "results/decisions.json": "every comparison: estimate, intervals, p, adjusted p, verdict",
    "results/ablations.json": "trends, factorial designs, divergence",
    "results/search.json": "hyper-parameter searches, every trial",
    "results/looks.jsonl": "when results were looked at",
    "report/index.html": "the report: open it in a browser, it needs no network",
    "report/cells/": "a page per trained cell, of a study with many",
    "report/figures/": "figures (PDF, SVG, PNG) with the numbers that each draws (CSV)",
    "report/tables/": "tables (CSV with every digit, LaTeX)",
    "report/data/": "results, decisions and paired differences as CSV",
    "report/paper/": "figures, tables and text for a paper, with its source",
    "workflow/": "the rules of the workflow that made all this",
    crate.NAME: "what is here, as an RO-Crate: for archives and machines",
    SUMS: "checksums: sha256sum -c SHA256SUMS",
}


def _readme(study: Study, study_file: Path, files: dict[str, bytes]) -> str:
    names = [*files, crate.NAME, SUMS]
    parts = [
        f"    {part:<26} {text}"
        for part, text in PARTS.items()
        if any(name == part or name.startswith(part) for name in names)
    ]
    title = study.title
    lines = [f"# {title}", "", study.question, "", *parts, ""]
    again = f"Made again from the study file by: `{make('supplement', str(study_file))}`"
    return "\n".join([*lines, again, ""])


def write(path: Path, files: dict[str, bytes]) -> None:
    """A zip archive whose bytes follow from its files alone."""
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, compresslevel=9)
