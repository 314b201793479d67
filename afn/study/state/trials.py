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
        kind = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        reason = f"what the search proposed for it cannot be read ({error})"
        return Unusable(kind, reason, folder / RESULT)
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


def _filled(
    group: Group, results: Path, place: tuple[str, int, int, int]
) -> tuple[str | None, str]:
    """The cell of the trial that fills a slot, None where none does, and its specification."""
    cell, number, rung, slot = place
    folder = results / "search" / group.path
    trial = group.rounds[number][slot] if rung == 0 else None
    if rung:
        name = group.slot_cell(cell, number, rung, slot)
        held = _read(folder / "specs" / f"{name}.json")["cell"]
        if held is None:
            return None, ""
        trial = int(re.search(r"\.trial(\d+)$", held)[1])
    params = {t["number"]: t["params"] for t in _read(folder / f"round{number}/proposals.json")}
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
