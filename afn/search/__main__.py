"""``python -m afn.search COMMAND``: the steps of a search, as files.

propose   draw the trials of a round: round<r>/proposals.json and a specification per trial and cell
promote   with halving, fill the slots of a rung: round<r>/rung<k>.json and a file per slot and cell
record    read what the trials of a round gave: round<r>/record.json
finalists name the best trials, which are trained again: finalists.json and a file per slot and cell
choose    take the best: chosen.json and the specification of each cell
collect   one list of all searches of a study: search.json
export    all searches of a study as a storage of Optuna, for optuna-dashboard and scripts

The first five take --group JSON and --folder results/<study>/search/<experiment>/<label>. All but
export are called by workflow/rules/search.smk.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.files import write_text
from afn.common.made_from import digest, enclosed
from afn.common.process import die_with_parent
from afn.search.choice import best, finalists
from afn.search.promotion import final_scores, promote, rung_scores, summary
from afn.study.search.groups import SearchGroup


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m afn.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("propose", "promote", "record", "finalists", "choose", "collect"):
        command = commands.add_parser(name)
        command.add_argument("--group", required=True, help="the search as JSON, or @FILE")
        command.add_argument("--folder", type=Path, required=True)
        if name in ("propose", "promote", "record"):
            command.add_argument("--round", type=int, required=True)
        if name in ("promote", "record", "choose"):
            needed = name != "choose"
            command.add_argument("--runs", type=Path, required=needed, help="the trials' results")
        if name == "promote":
            command.add_argument("--rung", type=int, required=True, help="the rung to fill")
    command = commands.add_parser("export")
    command.add_argument("source", help="a study file, results/<study>, or a search.json")
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="FILE.journal (or .log), FILE.db"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write(path: Path, text: str) -> None:
    """Write a file whole, with a line break at its end."""
    write_text(path, text + "\n")


def read(path: Path) -> Any:
    return parsing.load(path)


def group_of(options: argparse.Namespace) -> SearchGroup:
    """The search that --group gives."""
    text = options.group
    try:
        return SearchGroup.from_json(Path(text[1:]).read_text("utf-8") if text[:1] == "@" else text)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StudyError(f"--group cannot be read: {error!r}") from None


def records(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """The records of the first rounds."""
    return [
        trial for number in range(rounds) for trial in read(folder / f"round{number}/record.json")
    ]


def _propose(options: argparse.Namespace) -> None:
    from afn.search.sampling import propose

    group, folder = group_of(options), options.folder
    trials = propose(group, options.round, records(folder, options.round))
    for trial in trials:
        for cell in group.cells:
            path = folder / "specs" / f"{group.trial_cell(cell, trial['number'])}.json"
            write(path, group.trial_spec(cell, trial["params"]))
    write(folder / f"round{options.round}" / "proposals.json", json.dumps(trials, indent=1))


def filled(folder: Path, rung: int) -> list[int]:
    """The numbers of the trials that fill the slots of a rung of the round in ``folder``."""
    if rung:
        return [trial["number"] for trial in read(folder / f"rung{rung}.json")]
    return [trial["number"] for trial in read(folder / "proposals.json")]


def _promote(options: argparse.Namespace) -> None:
    group, rung = group_of(options), options.rung
    folder = options.folder / f"round{options.round}"
    params = {trial["number"]: trial["params"] for trial in read(folder / "proposals.json")}
    before = filled(folder, rung - 1)
    scores = rung_scores(group, options.runs, options.round, rung - 1, before)
    slots = group.slots(options.round)[rung]
    promoted = promote(group, scores, slots, params)
    for slot in range(slots):
        number = promoted[slot] if slot < len(promoted) else None
        for cell in group.cells:
            name = group.slot_cell(cell, options.round, rung, slot)
            _fill(group, options.folder / "specs" / f"{name}.json", cell, number, params)
    chosen = [{"number": number, "value": scores[number]["value"]} for number in promoted]
    write(folder / f"rung{rung}.json", json.dumps(chosen, indent=1))


def _fill(
    group: SearchGroup, path: Path, cell: str, number: int | None, params: dict[int, dict[str, Any]]
) -> None:
    """Write which trial fills a slot for a cell; ``number`` None leaves it empty."""
    held: dict[str, Any] = {"cell": None}
    if number is not None:
        spec = json.loads(group.trial_spec(cell, params[number]))
        held = {"cell": group.trial_cell(cell, number), "spec": spec}
    write(path, json.dumps(held, sort_keys=True))


def _finalists(options: argparse.Namespace) -> None:
    group, folder = group_of(options), options.folder
    found = finalists(group, records(folder, len(group.rounds)))
    params = {trial["number"]: trial["params"] for trial in found}
    for slot in range(group.final_slots):
        number = found[slot]["number"] if slot < len(found) else None
        for cell in group.cells:
            name = group.final_cell(cell, slot)
            _fill(group, folder / "specs" / f"{name}.json", cell, number, params)
    named = [{key: trial[key] for key in ("number", "value")} for trial in found]
    write(folder / "finalists.json", json.dumps(named, indent=1))


def _record(options: argparse.Namespace) -> None:
    group = group_of(options)
    folder = options.folder / f"round{options.round}"
    reached: dict[int, list] = {}
    for rung in range(len(group.rungs)):
        numbers = filled(folder, rung)
        for number, score in rung_scores(group, options.runs, options.round, rung, numbers).items():
            reached.setdefault(number, []).append(score)
    trials = read(folder / "proposals.json")
    found = [{**trial, **summary(group, reached[trial["number"]])} for trial in trials]
    write(folder / "record.json", json.dumps(found, indent=1))


def _choose(options: argparse.Namespace) -> None:
    group, folder = group_of(options), options.folder
    trials = records(folder, len(group.rounds))
    scores = _final_scores(group, options)
    chosen = best(group, trials, scores)
    if chosen is None:
        print(f"{group.path}: every trial diverged: the settings that it started from are kept")
    elif all(trial["state"] != "complete" for trial in trials):
        print(f"{group.path}: no trial ended its training: trial {chosen['number']} came furthest")
    for cell in group.cells:
        spec = group.spec(cell, chosen["params"] if chosen else {})
        write(folder / "chosen" / f"{cell}.json", spec)
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
        "halving": group.halving and dict[str, Any](group.halving, epochs=group.rungs),
        "repeat": group.repeat,
        "final_seeds": list(group.final_seeds),
        "finalists": [{"number": number, **score} for number, score in scores.items()],
        "trials": trials,
        "chosen": chosen,
        "budget": _spent(trials, list(scores.values())),
    }
    write(folder / "chosen.json", json.dumps(found, indent=1))


def _final_scores(group: SearchGroup, options: argparse.Namespace) -> dict[int, dict[str, Any]]:
    """Number of each finalist -> the score of its further trainings; none without finalists."""
    if group.finalists is None:
        return {}
    if options.runs is None:
        raise StudyError("--runs: a search with finalists chooses by what their trainings gave")
    numbers = [trial["number"] for trial in read(options.folder / "finalists.json")]
    return final_scores(group, options.runs, numbers)


def _spent(trials: list[dict[str, Any]], finals: list[dict[str, Any]]) -> dict[str, Any]:
    """What a search cost, its finalists included."""
    every = [*trials, *finals]
    return {
        "trials": len(trials),
        "epochs": sum(trial["epochs"] for trial in every),
        "train_seconds": round(sum(trial["train_seconds"] for trial in every), 3),
    }


def _collect(options: argparse.Namespace) -> None:
    found = [read(options.folder / path / "chosen.json") for path in json.loads(options.group)]
    files = [f"{path}/chosen.json" for path in json.loads(options.group)]
    document = enclosed("searches", found, {"search": digest(options.folder, files)})
    write(options.folder.parent / "search.json", json.dumps(document, indent=1))


def _export(options: argparse.Namespace) -> None:
    from afn.search.export import export

    print(export(options.source, options.output))


_COMMANDS = {
    "propose": _propose,
    "promote": _promote,
    "record": _record,
    "finalists": _finalists,
    "choose": _choose,
    "collect": _collect,
    "export": _export,
}

if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
