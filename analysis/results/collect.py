"""From one folder per run to three tidy tables.

In: study.json and the runs folder. Out: results.parquet (one row per run and test; one row
without a test for a diverged run), history.parquet (long) and membership.csv; and correct.npz
(`analysis.results.correct`), which test images every run answered rightly. Every sidecar file is
hashed again: a damaged result is an error that names the run and how to make it again, or, in a
partial collection, a missing run with its reason.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common import run_folder
from afn.common.canonical import canonical_json
from afn.common.errors import StudyError
from afn.common.files import replacing
from afn.common.leases import trouble
from afn.common.made_from import hashes
from afn.study.search.groups import spec_of
from afn.study.state.made import RUNS, runs_digest
from afn.study.waves.asked import asked, look_file, look_hashes, taken
from analysis.display.commands import USUAL, add_study_file, make_rerun
from analysis.results.io import read_study, write_csv, write_parquet
from analysis.results.scores import CELL, RUN
from analysis.results.correct import Collected, CorrectWriter

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
HISTORY_TYPES = {
    **dict.fromkeys(CELL, "str"),
    **dict.fromkeys(["seed", "epoch"], "int64"),
    **dict.fromkeys(["quantity", "layer"], "str"),
    "value": "float64",
}


class Unusable(Exception):
    """A run whose result cannot be used; the message says why."""


def collect(
    study: Any,
    runs: str | Path,
    *,
    partial: bool = False,
    study_file: str = USUAL,
    answers: Collected | None = None,
    wanted: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, pd.DataFrame]:
    """Read every run of a study.

    Parameters
    ----------
    study : Study
        Resolved study.
    runs : path
        Folder with ``<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json``.
    partial : bool
        List runs that are missing or damaged instead of refusing them.
    study_file : str
        The study file that the commands in a message name.
    answers : Collected, optional
        Takes the predictions of every run.
    wanted : mapping from cell to seeds, optional
        The runs to read; default those that the study has asked for by now.

    Returns
    -------
    dict of DataFrame
        ``results``, ``history``, ``membership``, ``missing`` (run and reason).

    Raises
    ------
    StudyError
        Unless ``partial``, for any run that is missing, unreadable, damaged, or made from other
        settings; names the files and the command that makes them again.
    """
    rows, curves, missing = [], [], []
    failures = last_failures(Path(runs).parent / LEDGER) if partial else {}
    wanted = asked(study, Path(runs).parent) if wanted is None else wanted
    for cell in study.cells():
        for seed in wanted.get(cell.path, ()):
            run = {**{part: getattr(cell, part) for part in CELL}, "seed": seed}
            path = Path(runs, cell.path, f"seed{seed}", "result.json")
            try:
                result, history = read_run(path, cell, run)
                if answers is not None:
                    _take(answers, cell, seed, path.parent, result)
            except Unusable as error:
                name = f"{cell.path}/seed{seed}"
                why = trouble(Path(runs).parent / STORE / name, failures.get(name, ""))
                reason = f"{error}; {why}" if partial and why else str(error)
                missing.append({**run, "path": str(path), "reason": reason})
                continue
            rows += _rows(study.name, run, result)
            if history is not None:
                curves.append(history.assign(**run))
    if missing and not partial:
        raise StudyError(_complaint(missing, study_file))
    return {
        "results": pd.DataFrame(rows, columns=list(RESULT_TYPES)).astype(RESULT_TYPES),
        "history": long_history(curves),
        "membership": membership(study),
        "missing": pd.DataFrame(missing, columns=[*RUN, "path", "reason"]),
    }


def _take(answers: Collected, cell: Any, seed: int, folder: Path, result: dict) -> None:
    try:
        answers.add(cell, seed, folder, result)
    except ValueError as error:
        raise Unusable(str(error)) from None
    except (OSError, zipfile.BadZipFile) as error:
        raise Unusable(f"its predictions.npz cannot be read ({error})") from None


def last_failures(ledger: Path) -> dict[str, str]:
    """Run -> why it failed, of the runs whose last event in the ledger is a failure."""
    last: dict[str, dict] = {}
    for path in ledger.glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                event = json.loads(line)
                if event["time"] >= last.get(event["run"], event)["time"]:
                    last[event["run"]] = event
            except (ValueError, KeyError, TypeError):
                continue  # a line that a full disk cut off
    failed = {run: event for run, event in last.items() if event.get("event") == "failed"}
    return {run: str(event.get("reason", "no reason is known")) for run, event in failed.items()}


def read_run(path: Path, cell: Any, run: dict[str, Any]) -> tuple[dict, pd.DataFrame | None]:
    """Read and check one result with its history.

    Raises
    ------
    Unusable
        Says what is wrong with it.
    """
    found = run_folder.read(path.parent)
    if isinstance(found, run_folder.Unusable):
        raise Unusable(found.reason)
    result = found.record
    if result.get("run") != run:
        raise Unusable(f"the result is of another run: {result.get('run')}")
    spec = {k: v for k, v in (result.get("spec") or {}).items() if k != "seed"}
    if spec and hasattr(cell, "spec") and canonical_json(spec) != _expected(path, cell, result):
        raise Unusable("the result was made from other settings than the study's")
    _check_evaluations(result)
    if "history.csv" not in found.sidecars:
        return result, None
    try:
        history = pd.read_csv(io.BytesIO(found.sidecars["history.csv"]))
    except (ValueError, pd.errors.ParserError) as error:
        raise Unusable(f"its history.csv cannot be read ({error})") from None
    if "epoch" not in history:
        raise Unusable("its history.csv has no column epoch")
    return result, history


def _expected(path: Path, cell: Any, result: dict) -> str:
    """The specification that a cell has; of a searched one, what its search has chosen."""
    if not getattr(cell, "search", ""):
        return cell.spec()
    # path = <results>/runs/<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json
    spec = spec_of(cell, path.parents[6])
    if spec is None:
        raise Unusable(f"the search {cell.search} has chosen nothing yet")
    return spec


def _check_evaluations(result: dict) -> None:
    evaluations = result.get("evaluations")
    if not isinstance(evaluations, list):
        raise Unusable("the result has no list of evaluations")
    if result["status"] == "finished" and not evaluations:
        raise Unusable("the run is finished, but no test is recorded")
    for evaluation in evaluations:
        accuracy = evaluation.get("accuracy")
        if not isinstance(accuracy, int | float) or not 0 <= accuracy <= 1:
            where = "/".join(str(evaluation.get(k)) for k in ("protocol", "condition", "severity"))
            raise Unusable(f"accuracy {accuracy!r} on {where} is not a share")


def _rows(study: str, run: dict[str, Any], result: dict) -> list[dict[str, Any]]:
    versions = result.get("versions") or {}
    facts = {key: result.get(key) for key in ("status", "reason", *RUN_FACTS, "fingerprint")}
    facts |= {
        "study": study,
        "torch": versions.get("torch"),
        "head": versions.get("head"),
        "processor": versions.get("processor"),
    }
    tests = result["evaluations"] if result["status"] == "finished" else [{}]
    return [{**run, **facts, **{key: test.get(key) for key in EVALUATION}} for test in tests]


def long_history(curves: list[pd.DataFrame]) -> pd.DataFrame:
    """One row per (run, epoch, quantity, layer) from the wide tables of the runs.

    ``lambda_mu:blocks.0.norm1`` becomes quantity ``lambda_mu`` of that layer; a quantity of the
    whole network has layer "". Values that are not there are left out.
    """
    if not curves:
        return pd.DataFrame(columns=list(HISTORY_TYPES)).astype(HISTORY_TYPES)
    wide = pd.concat(curves, ignore_index=True)
    long = wide.melt(id_vars=[*RUN, "epoch"], var_name="column").dropna(subset="value")
    parts = long.pop("column").str.partition(":")
    long["quantity"], long["layer"] = parts[0], parts[2]
    return long[list(HISTORY_TYPES)].astype(HISTORY_TYPES)


def membership(study: Any) -> pd.DataFrame:
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
    parser.add_argument("--data", help="folder of the prepared tasks, for correct.npz")
    parser.add_argument("-o", "--output", required=True, help="folder for the tables")
    parser.add_argument(
        "--partial", action="store_true", help="list missing runs (missing.csv), do not refuse"
    )
    add_study_file(parser)


def main(args: argparse.Namespace) -> None:
    study, folder = read_study(args.study), Path(args.output)
    protocols = [*study.protocols, "any"]
    with replacing(folder / "correct.npz") as path, CorrectWriter(path, protocols) as writer:
        answers = Collected(writer, args.data, partial=args.partial)
        how = {"partial": args.partial, "study_file": args.study_file, "answers": answers}
        tables = collect(study, args.runs, **how)
    results = Path(args.runs).parent
    looks = [look_file(results, look["wave"]) for look in taken(study, results)]
    made_from = {**hashes(args.study), RUNS: runs_digest(study, args.runs), **look_hashes(looks)}
    write_parquet(folder / "results.parquet", tables["results"], made_from)
    write_parquet(folder / "history.parquet", tables["history"], made_from)
    write_csv(folder / "membership.csv", tables["membership"])
    if args.partial:
        write_csv(folder / "missing.csv", tables["missing"])
        for run in tables["missing"].itertuples():
            print(f"missing: {run.path}: {run.reason}", file=sys.stderr)
