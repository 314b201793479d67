"""The results of a search through the gate of results.

In: a `Group`, the folder of the study's results, and what lies there. Out: per result of a trial,
`Admitted` or `Unusable`. What a trial has to be of follows from the proposals of its round, which
name its parameters; a specification that was changed on its way to the trainer gives a stale
result. Called by the steps ``promote`` and ``record`` of a search, by ``plan`` and by ``verify``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from afn.common.run_folder import FINAL, RESULT, Unusable
from afn.study.code.fingerprint import run_fingerprint
from afn.study.grid.cells import Cell
from afn.study.search.groups import Group
from afn.study.state.gate import Admitted, Wanted, admit
from afn.study.state.prepared import Prepared


def cell_of(group: Group, path: str) -> Cell:
    """A cell of a group as the grid has it: the settings that its trials start from."""
    own = group.cells[path]
    return Cell(*path.split("/"), own["settings"], own["protocols"], searched=group.choices)


def trial_result(
    group: Group,
    results: Path,
    place: tuple[str, int, int, int],
    seed: int,
    prepared: Prepared | None = None,
    *,
    sidecars: bool = True,
) -> Admitted | Unusable:
    """The result of one training of a search.

    Parameters
    ----------
    results : Path
        Folder of the study's results.
    place : (str, int, int, int)
        Path of the cell, and the numbers of the round, the rung and the slot.
    """
    cell, number, rung, slot = place
    name = group.slot_cell(cell, number, rung, slot)
    folder = results / "search" / "runs" / name / f"seed{seed}"
    try:
        trial, spec = _filled(group, results, place)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        return _unproposed(error, folder)
    if trial is None:
        return admit(folder, Wanted("", "", statuses=("empty",)))
    statuses = FINAL if rung == len(group.rungs) - 1 else ("stopped", "diverged")
    fingerprint = run_fingerprint(cell_of(group, cell))
    wanted = Wanted(spec, fingerprint, prepared, statuses, f"{trial}/seed{seed}")
    found = admit(folder, wanted, sidecars=sidecars)
    if isinstance(found, Admitted) and found.record["status"] == "stopped":
        reached = found.record["epochs"]
        if reached != group.rungs[rung]:
            reason = f"it stopped after {reached} epochs, its rung after {group.rungs[rung]}"
            return Unusable("untrue", reason, folder / RESULT)
    return found


def final_result(
    group: Group,
    results: Path,
    place: tuple[str, int],
    seed: int,
    prepared: Prepared | None = None,
    *,
    sidecars: bool = True,
) -> Admitted | Unusable:
    """The result of a further training of a finalist; ``place`` is its cell and slot."""
    cell, slot = place
    name = group.final_cell(cell, slot)
    folder = results / "search" / "runs" / name / f"seed{seed}"
    try:
        trial, spec = _holder(group, results, cell, name)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        return _unproposed(error, folder)
    if trial is None:
        return admit(folder, Wanted("", "", statuses=("empty",)))
    fingerprint = run_fingerprint(cell_of(group, cell))
    wanted = Wanted(spec, fingerprint, prepared, FINAL, f"{trial}/seed{seed}")
    return admit(folder, wanted, sidecars=sidecars)


def _unproposed(error: Exception, folder: Path) -> Unusable:
    kind = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
    reason = f"what the search proposed for it cannot be read ({error})"
    return Unusable(kind, reason, folder / RESULT)


def _filled(
    group: Group, results: Path, place: tuple[str, int, int, int]
) -> tuple[str | None, str]:
    """The cell of the trial that fills a slot, None where none does, and its specification."""
    cell, number, rung, slot = place
    if rung:
        return _holder(group, results, cell, group.slot_cell(cell, number, rung, slot))
    return _trial(group, results, cell, group.rounds[number][slot])


def _holder(group: Group, results: Path, cell: str, name: str) -> tuple[str | None, str]:
    """The same for a slot that is filled once other trials have ended, by the path of its file."""
    held = _read(results / "search" / group.path / "specs" / f"{name}.json")["cell"]
    if held is None:
        return None, ""
    return _trial(group, results, cell, int(re.search(r"\.trial(\d+)$", held)[1]))


def _trial(group: Group, results: Path, cell: str, trial: int) -> tuple[str, str]:
    """The cell of a trial, and its specification by the proposals of its round."""
    proposals = f"round{trial // group.width}/proposals.json"
    proposed = _read(results / "search" / group.path / proposals)
    params = {t["number"]: t["params"] for t in proposed}
    return group.trial_cell(cell, trial), group.trial_spec(cell, params[trial])


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def trial_results(
    group: Group,
    results: Path,
    prepared: Callable[[str], Prepared | None],
    *,
    sidecars: bool = True,
) -> Iterator[tuple[str, Admitted | Unusable]]:
    """Every result of a search that was declared: the path of its cell, and what lies there."""
    for number in range(len(group.rounds)):
        for rung, slots in enumerate(group.slots(number)):
            for slot in range(slots):
                for cell in group.cells:
                    data = prepared(cell.partition("/")[0])
                    place = (cell, number, rung, slot)
                    for seed in group.seeds:
                        found = trial_result(group, results, place, seed, data, sidecars=sidecars)
                        yield cell, found
    for slot in range(group.final_slots):
        for cell in group.cells:
            data = prepared(cell.partition("/")[0])
            for seed in group.final_seeds:
                place = (cell, slot)
                yield cell, final_result(group, results, place, seed, data, sidecars=sidecars)
