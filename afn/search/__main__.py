"""``python -m afn.search COMMAND --group JSON --folder DIR``: the steps of a search, as files.

propose   draw the trials of a round: round<r>/proposals.json and a specification per trial and cell
record    read what the trials of a round gave: round<r>/record.json
choose    take the best: chosen.json and the specification of each cell
collect   one list of all searches of a study: search.json

DIR is results/<study>/search/<experiment>/<label>. Called by workflow/rules/search.smk.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from afn.study.errors import StudyError
from afn.study.process import die_with_parent
from afn.study.search import Group


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m afn.search", description=__doc__)
    parser.add_argument("command", choices=sorted(_COMMANDS))
    parser.add_argument("--group", help="the search as JSON")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--runs", type=Path, help="folder of the trials' results")
    parser.add_argument("--round", type=int)
    options = parser.parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write(path: Path, text: str) -> None:
    """Write a file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def records(group: Group, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """The records of the first rounds."""
    files = [folder / f"round{number}" / "record.json" for number in range(rounds)]
    return [trial for file in files for trial in json.loads(file.read_text(encoding="utf-8"))]


def _propose(options: argparse.Namespace) -> None:
    from afn.search.sampling import propose

    group, folder = Group.from_json(options.group), options.folder
    trials = propose(group, options.round, records(group, folder, options.round))
    for trial in trials:
        for cell in group.cells:
            path = folder / "specs" / f"{group.trial_cell(cell, trial['number'])}.json"
            write(path, group.trial_spec(cell, trial["params"]))
    write(folder / f"round{options.round}" / "proposals.json", json.dumps(trials, indent=1))


def _record(options: argparse.Namespace) -> None:
    group = Group.from_json(options.group)
    folder = options.folder / f"round{options.round}"
    trials = json.loads((folder / "proposals.json").read_text(encoding="utf-8"))
    found = [{**trial, **_outcome(group, trial["number"], options.runs)} for trial in trials]
    write(folder / "record.json", json.dumps(found, indent=1))


def _outcome(group: Group, number: int, runs: Path) -> dict[str, Any]:
    """State, value, epochs and time of a trial, from the results of its runs."""
    values, epochs, seconds = [], 0, 0.0
    for cell in group.cells:
        for seed in group.seeds:
            path = runs / group.trial_cell(cell, number) / f"seed{seed}" / "result.json"
            result = json.loads(path.read_text(encoding="utf-8"))
            values.append(_score(group, result))
            epochs += result["epochs"]
            seconds += result["train_seconds"]
    diverged = any(value is None for value in values)
    worst = group.chance() if group.metric == "accuracy" else None
    counted = [worst if value is None else value for value in values]
    return {
        "state": "diverged" if diverged else "complete",
        "value": None if None in counted else round(sum(counted) / len(counted), 6),
        "values": values,
        "rung": 0,
        "epochs": epochs,
        "train_seconds": round(seconds, 3),
    }


def _score(group: Group, result: dict[str, Any]) -> float | None:
    """The metric on the validation split; None where the run diverged."""
    if result["status"] == "diverged":
        return None
    protocol = result["spec"]["validation_protocol"]
    rows = [
        row
        for row in result["evaluations"]
        if row["split"].startswith("val") and row["protocol"] == protocol
    ]
    if not rows:
        raise StudyError(f"{group.path}: its task has no validation split to search on")
    return 100 * rows[0]["accuracy"] if group.metric == "accuracy" else rows[0]["loss"]


def _best(group: Group, trials: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The best trial that did not diverge; of equal ones the first. None where all diverged."""
    sign = 1 if group.metric == "accuracy" else -1
    whole = [trial for trial in trials if trial["state"] == "complete"]
    best = max(whole, key=lambda t: (sign * t["value"], -t["number"]), default=None)
    return best and {key: best[key] for key in ("number", "value", "params")}


def _choose(options: argparse.Namespace) -> None:
    group, folder = Group.from_json(options.group), options.folder
    trials = records(group, folder, len(group.rounds))
    best = _best(group, trials)
    if best is None:
        print(f"{group.path}: every trial diverged: the settings that it started from are kept")
    for cell in group.cells:
        write(folder / "chosen" / f"{cell}.json", group.spec(cell, best["params"] if best else {}))
    first = next(iter(group.cells.values()))
    found = {
        "experiment": group.experiment,
        "group": group.group,
        "label": group.label,
        "cells": list(group.cells),
        "space": group.space,
        "dropped": list(group.dropped),
        "sampler": group.sampler,
        "trials_asked": group.trials,
        "width": group.width,
        "metric": group.metric,
        "direction": "maximize" if group.metric == "accuracy" else "minimize",
        "protocol": next(iter(first["protocols"])),
        "seeds": list(group.seeds),
        "epochs": group.epochs,
        "halving": None,
        "trials": trials,
        "chosen": best,
        "budget": {
            "trials": len(trials),
            "epochs": sum(trial["epochs"] for trial in trials),
            "train_seconds": round(sum(trial["train_seconds"] for trial in trials), 3),
        },
    }
    write(folder / "chosen.json", json.dumps(found, indent=1))


def _collect(options: argparse.Namespace) -> None:
    paths = json.loads(options.group)
    found = [json.loads((options.folder / p / "chosen.json").read_text("utf-8")) for p in paths]
    write(options.folder.parent / "search.json", json.dumps(found, indent=1))


_COMMANDS = {"propose": _propose, "record": _record, "choose": _choose, "collect": _collect}

if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
