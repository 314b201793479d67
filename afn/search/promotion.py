"""Which trials of a rung go on to the next, and what became of each trial of a round.

In: the results of the trainings of a rung. Out: a score per trial, the numbers of those promoted,
and at the end a record per trial. Called by the steps ``promote`` and ``record`` of a search.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError
from afn.common.run_folder import Unusable
from afn.search.choice import order
from afn.study.layout import PREPARED
from afn.study.search.groups import SearchGroup
from afn.study.state.prepared import PreparedTask, read_prepared
from afn.study.state.trials import trial_result

Score = dict[str, Any]
"""Of a trial at the end of a rung: value (None: diverged), values, epochs, train_seconds."""


def promote(
    group: SearchGroup, scores: dict[int, Score], slots: int, params: dict[int, dict[str, Any]]
) -> list[int]:
    """The best trials of a rung, best first, by the rule of `afn.search.choice`.

    ``params`` holds the parameters of each. A diverged trial is never promoted, so there may be
    fewer than ``slots``.
    """
    alive = [number for number, score in scores.items() if score["value"] is not None]
    place = lambda number: order(group, scores[number]["value"], params[number], number)  # noqa: E731
    return sorted(alive, key=place)[:slots]


def score(
    group: SearchGroup, runs: Path, path_of: Any, seeds: tuple[int, ...] | None = None
) -> Score:
    """The score of a trial from the results of its trainings, one per cell and seed.

    ``path_of(cell)`` is the path of the results of a cell under ``runs``; ``seeds`` are those of
    the search unless others are given.
    """
    values, epochs, seconds = [], 0, 0.0
    for cell in group.cells:
        for seed in group.seeds if seeds is None else seeds:
            result = _result(group, runs, f"{path_of(cell)}/seed{seed}")
            values.append(_value(group, result))
            epochs += result["epochs"]
            seconds += result["train_seconds"]
    known = [value for value in values if value is not None]
    return {
        "value": round(sum(known) / len(known), 6) if len(known) == len(values) else None,
        "values": values,
        "epochs": epochs,
        "train_seconds": round(seconds, 3),
    }


def _result(group: SearchGroup, runs: Path, path: str) -> dict[str, Any]:
    """The record of a training of a rung.

    Raises
    ------
    StudyError
        Where it is not usable: a score from it would choose the settings of a whole study.
    """
    found = trial_result(group, runs, path, _prepared(path.partition("/")[0]))
    if isinstance(found, Unusable):
        raise StudyError(
            f"{found.file}: {found.reason}; delete it and {runs.parent / group.path}, and give the "
            "command again: what is whole in the trainer's store is not trained again"
        )
    return found.record


@functools.cache
def _prepared(task: str) -> PreparedTask | None:
    """The labels with which the scores of a task are computed again, where its data are there."""
    manifest = PREPARED / task / "manifest.json"
    return read_prepared(manifest) if manifest.is_file() else None


def _value(group: SearchGroup, result: dict[str, Any]) -> float | None:
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


def rung_scores(
    group: SearchGroup, runs: Path, number: int, rung: int, filled: list[int]
) -> dict[int, Score]:
    """Score of each trial that reached a rung of a round, in the order of the slots.

    ``filled`` are the numbers of these trials; slots behind them are empty.
    """
    return {
        trial: score(group, runs, lambda cell, slot=slot: group.slot_cell(cell, number, rung, slot))
        for slot, trial in enumerate(filled)
    }


def final_scores(group: SearchGroup, runs: Path, filled: list[int]) -> dict[int, Score]:
    """Score of each finalist over its further seeds, in the order of the slots."""
    return {
        trial: score(
            group, runs, lambda cell, slot=slot: group.final_cell(cell, slot), group.final_seeds
        )
        for slot, trial in enumerate(filled)
    }


def summary(group: SearchGroup, rungs: list[Score]) -> dict[str, Any]:
    """What a record says of a trial with these scores, one per rung that it reached.

    The state is ``pruned`` where the trial was alive at its last rung and others went on.
    """
    last = rungs[-1]
    whole = "complete" if len(rungs) == len(group.rungs) else "pruned"
    return {
        "state": "diverged" if last["value"] is None else whole,
        "value": last["value"],
        "values": last["values"],
        "rung": len(rungs) - 1,
        "rung_values": [score["value"] for score in rungs],
        "epochs": last["epochs"],
        "train_seconds": last["train_seconds"],
    }
