"""From one folder per run to three tidy tables.

In: study.json, the runs folder and the prepared data. Out: results.parquet (one row per run and
test; one row without a test for a diverged run), history.parquet (long) and membership.csv; and
correct.npz (`analysis.results.correct`), which test images every run answered rightly. Every result
comes through the gate (`afn.study.state.gate`): one that it refuses is an error that names the run
and how to make it again, or, in a partial collection, a missing run with its reason.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.files import replacing
from afn.common.leases import trouble
from afn.common.made_from import hashes
from afn.common.run_folder import Unusable
from afn.study.grid.cells import Study
from afn.study.state.gate import Gate
from afn.study.state.made import RUNS, runs_digest
from afn.study.waves.asked import asked, look_file, look_hashes, taken
from analysis.display.commands import USUAL, add_study_file, make_rerun
from analysis.results.correct import CorrectWriter
from analysis.results.histories import Histories
from analysis.results.io import read_study, write_csv, write_parquet
from analysis.results.scores import CELL, RUN

LEDGER, STORE = ".ledger", ".store"
"""Beside the runs' folder: what the training processes did, a line per event."""
EVALUATION = ["split", "condition", "severity", "protocol", "accuracy", "loss", "n"]
RUN_FACTS = ["parameters", "step_ms", "train_seconds", "epochs", "threads", "device"]
RESULT_TYPES = {
    **dict.fromkeys(["study", *CELL], "str"),
    "seed": "int64",
    **dict.fromkeys(["status", "reason", "split", "condition"], "str"),
    "severity": "Int64",
    "protocol": "str",
    **dict.fromkeys(["accuracy", "loss"], "float64"),
    **dict.fromkeys(["n", "parameters"], "Int64"),
    **dict.fromkeys(["step_ms", "train_seconds"], "float64"),
    **dict.fromkeys(["epochs", "threads"], "Int64"),
    **dict.fromkeys(["device", "processor", "torch", "head", "fingerprint"], "str"),
}


def collect(
    study: Study,
    runs: str | Path,
    *,
    partial: bool = False,
    study_file: str = USUAL,
    data: str | Path | None = None,
    answers: CorrectWriter | None = None,
    wanted: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, pd.DataFrame]:
    """Read every run of a study through the gate.

    Parameters
    ----------
    study : Study
        Resolved study.
    runs : path
        Folder with ``<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json``.
    partial : bool
        List runs that are missing or cannot be used instead of refusing them.
    study_file : str
        The study file that the commands in a message name.
    data : path, optional
        Folder of the prepared tasks (``<task>/manifest.json``), with whose labels the score of
        every run is computed again. Without it no score is.
    answers : CorrectWriter, optional
        Takes which images every run answered rightly; of tasks that are prepared.
    wanted : mapping from cell to seeds, optional
        The runs to read; default those that the study has asked for by now.

    Returns
    -------
    dict of DataFrame
        ``results``, ``history``, ``membership``, ``missing`` (run and reason).

    Raises
    ------
    StudyError
        Unless ``partial``, for any run that the gate refuses: names the files, why, and the command
        that makes them again; and for a task that ``data`` lacks.
    """
    gate, missing = Gate(Path(runs).parent, data), []
    wanted = asked(study, Path(runs).parent) if wanted is None else wanted
    columns: dict[str, list] = {name: [] for name in RESULT_TYPES}
    histories = Histories()
    failures = last_failures(Path(runs).parent / LEDGER) if partial else {}
    for cell in study.cells():
        prepared = gate.prepared(cell.task)
        if prepared is None and data is not None and not partial:
            raise StudyError(gate.absent[cell.task])
        for seed in wanted.get(cell.path, ()):
            run = {**{part: getattr(cell, part) for part in CELL}, "seed": seed}
            folder = Path(runs, cell.path, f"seed{seed}")
            found = gate.admit(cell, seed, folder)
            reason = str(found) if isinstance(found, Unusable) else histories.add(run, found)
            if isinstance(found, Unusable) or reason:
                name = f"{cell.path}/seed{seed}"
                why = trouble(Path(runs).parent / STORE / name, failures.get(name, ""))
                told = f"{reason}; {why}" if partial and why else reason
                missing.append({**run, "path": str(folder / "result.json"), "reason": told})
                continue
            _add_rows(columns, study.name, run, found.record)
            if answers is not None and found.right and prepared and not prepared.pool:
                answers.add(cell.path, seed, found.right, prepared.labels)
    if missing and not partial:
        raise StudyError(_complaint(missing, study_file))
    return {
        "results": pd.DataFrame(columns).astype(RESULT_TYPES),
        "history": histories.table(),
        "membership": membership(study),
        "missing": pd.DataFrame(missing, columns=[*RUN, "path", "reason"]),
    }


def last_failures(ledger: Path) -> dict[str, str]:
    """Run -> why it failed, of the runs whose last event in the ledger is a failure."""
    last: dict[str, dict] = {}
    for path in filter(Path.is_file, ledger.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                event = parsing.parse(line)
                if event["time"] >= last.get(event["run"], event)["time"]:
                    last[event["run"]] = event
            except (ValueError, KeyError, TypeError):
                continue  # a line that a full disk cut off
    failed = {run: event for run, event in last.items() if event.get("event") == "failed"}
    return {run: str(event.get("reason", "no reason is known")) for run, event in failed.items()}


def _add_rows(columns: dict[str, list], study: str, run: dict[str, Any], record: dict) -> None:
    """One row per evaluation; a diverged run has one without."""
    versions = record["versions"]
    facts = {key: record.get(key) for key in ("status", "reason", *RUN_FACTS, "fingerprint")}
    if record.get("at_once", 1) > 1:
        facts["step_ms"] = None  # a step that shared its device has no time of its own
    facts |= {key: versions.get(key) for key in ("torch", "head", "processor")}
    if versions.get("step") == "recorded":
        facts["head"] = f"{facts['head']}, steps recorded"  # of other bits than eager ones
    facts |= {"study": study, **run}
    tests = record["evaluations"] or [{}]
    for name, column in columns.items():
        if name in EVALUATION:
            column.extend(test.get(name) for test in tests)
        else:
            column.extend([facts[name]] * len(tests))


def membership(study: Study) -> pd.DataFrame:
    """Which experiment asks for which cell."""
    rows = [
        {"experiment": name, **{part: getattr(cell, part) for part in CELL}}
        for name, experiment in study.experiments.items()
        for cell in experiment.cells
    ]
    return pd.DataFrame(rows, columns=["experiment", *CELL])


def rerun_command(run: dict[str, Any], study_file: str = USUAL) -> str:
    """The command that trains one run again."""
    where = " and ".join(f"{key} == {run[key]!r}" for key in RUN)
    return make_rerun(where, study_file)


def _complaint(missing: list[dict[str, Any]], study_file: str, most: int = 5) -> str:
    lines = [
        f"{run['path']}: {run['reason']}\n  {rerun_command(run, study_file)}"
        for run in missing[:most]
    ]
    if len(missing) > most:
        lines.append(f"... and {len(missing) - most} more")
    head = f"{len(missing)} of the study's runs cannot be used; make them again as said:"
    return "\n".join([head, *lines])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY_JSON", help="the resolved study")
    parser.add_argument("--runs", required=True, help="folder of the runs' results")
    parser.add_argument(
        "--data",
        help="folder of the prepared tasks: scores are computed again from their labels, and "
        "correct.npz is filled",
    )
    parser.add_argument("-o", "--output", required=True, help="folder for the tables")
    parser.add_argument(
        "--partial", action="store_true", help="list missing runs (missing.csv), do not refuse"
    )
    add_study_file(parser)


def main(args: argparse.Namespace) -> None:
    study, folder = read_study(args.study), Path(args.output)
    protocols = [*study.protocols, "any"]
    results = Path(args.runs).parent
    looks = [look_file(results, look["wave"]) for look in taken(study, results)]
    made_from = {**hashes(args.study), RUNS: runs_digest(study, args.runs), **look_hashes(looks)}
    answers = folder / "correct.npz"
    with replacing(answers) as path, CorrectWriter(path, protocols, made_from) as writer:
        how = {"partial": args.partial, "study_file": args.study_file, "answers": writer}
        tables = collect(study, args.runs, data=args.data, **how)
    write_parquet(folder / "results.parquet", tables["results"], made_from)
    write_parquet(folder / "history.parquet", tables["history"], made_from)
    write_csv(folder / "membership.csv", tables["membership"])
    if args.partial:
        write_csv(folder / "missing.csv", tables["missing"])
        for run in tables["missing"].itertuples():
            print(f"missing: {run.path}: {run.reason}", file=sys.stderr)
