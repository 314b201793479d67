"""The results of a search through the gate of results.

In: a `SearchGroup`, the folder of its trainings' results, and what lies there. Out: per result,
`Admitted` or `Unusable`. What a training has to be of follows from the proposals of its round,
which name the parameters of its trial: a specification that was changed on its way to the trainer
gives a stale result. Called by the steps of a search, by ``plan`` and by ``verify``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.made_from import healing
from afn.common.run_folder import FINAL, RESULT, Unusable
from afn.study.code.fingerprint import run_fingerprint
from afn.study.grid.cells import Cell
from afn.study.search.groups import SearchGroup, chosen_spec
from afn.study.search.trials import trial_runs
from afn.study.state.gate import Admitted, Wanted, admit
from afn.study.state.prepared import PreparedTask


class Place(NamedTuple):
    """A result of a search by its path: ``<cell>.trial003``, ``<cell>.round000.rung1.slot002``."""

    cell: str
    """The cell of the grid whose settings the trial started from."""
    name: str
    """The path up to the seed: a trial, or a slot that some trial fills."""
    seed: str

    @classmethod
    def of(cls, group: SearchGroup, path: str) -> Place:
        """Read a path of `trial_runs`."""
        name, _, seed = path.rpartition("/")
        cell = max((cell for cell in group.cells if name.startswith(f"{cell}.")), key=len)
        return cls(cell, name, seed)

    @property
    def rung(self) -> int | None:
        """The rung of halving; None for what is trained to its end."""
        found = re.search(r"\.rung(\d+)\.", self.name)
        if found is not None:
            return int(found[1])
        return 0 if _trial(self.name) is not None else None


def _trial(name: str) -> Any:
    """The number of a trial, None in the name of a slot."""
    found = re.search(r"\.trial(\d+)$", name)
    return found and int(found[1])


def trial_result(
    group: SearchGroup,
    runs: Path,
    path: str,
    prepared: PreparedTask | None = None,
    *,
    sidecars: bool = True,
) -> Admitted | Unusable:
    """The result of one training of a search.

    Parameters
    ----------
    runs : Path
        ``results/<study>/search/runs``, beside the folders of the searches.
    path : str
        One of `trial_runs`.
    """
    place, folder = Place.of(group, path), runs / path
    try:
        trial, spec = _filled(group, runs.parent / group.path, place)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        kind = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        reason = f"what the search proposed for it cannot be read ({error})"
        return Unusable(kind, reason, folder / RESULT)
    if trial is None:
        return admit(folder, Wanted("", "", statuses=("empty",)))
    whole = place.rung is None or place.rung == len(group.rungs) - 1
    statuses = FINAL if whole else ("stopped", "diverged")
    fingerprint = run_fingerprint(cell_of(group, place.cell))
    wanted = Wanted(spec, fingerprint, prepared, statuses, f"{trial}/{place.seed}")
    found = admit(folder, wanted, sidecars=sidecars)
    if isinstance(found, Admitted) and found.record["status"] == "stopped":
        reached, asked = found.record["epochs"], group.rungs[place.rung or 0]
        if reached != asked:
            reason = f"it stopped after {reached} epochs, its rung after {asked}"
            return Unusable("untrue", reason, folder / RESULT)
    return found


def cell_of(group: SearchGroup, path: str) -> Cell:
    """A cell of a group as the grid has it: the settings that its trials start from."""
    own = group.cells[path]
    task, backbone, norm, recipe = path.split("/")
    settings, protocols = own["settings"], own["protocols"]
    return Cell(task, backbone, norm, recipe, settings, protocols, searched=group.choices)


def _filled(group: SearchGroup, folder: Path, place: Place) -> tuple[str | None, str]:
    """The path of the trial that is trained at a place, None where none is, and its settings."""
    number = _trial(place.name)
    if number is None:
        held = _read(folder / "specs" / f"{place.name}.json")["cell"]
        if held is None:
            return None, ""
        number = _trial(held)
    rounds = group.rounds
    of_round = next(k for k, numbers in enumerate(rounds) if number in numbers)
    proposed = _read(folder / f"round{of_round}" / "proposals.json")
    params = {trial["number"]: trial["params"] for trial in proposed}
    return group.trial_cell(place.cell, number), group.trial_spec(place.cell, params[number])


def _read(path: Path) -> Any:
    return parsing.load(path)


def trial_results(
    group: SearchGroup,
    runs: Path,
    prepared: Callable[[str], PreparedTask | None],
    *,
    sidecars: bool = True,
) -> Iterator[tuple[str, Admitted | Unusable]]:
    """Every result of a search that was declared: the path of its cell, and what lies there."""
    for path in trial_runs(group):
        cell = Place.of(group, path).cell
        data = prepared(cell.partition("/")[0])
        yield cell, trial_result(group, runs, path, data, sidecars=sidecars)


def choice_findings(
    group: SearchGroup, results: Path, found: Iterable[tuple[str, Admitted | Unusable]]
) -> Iterator[str]:
    """What is wrong with the choice of a search that has ended.

    Its trials have the scores of the results that ``found`` holds (as `trial_results` gives them),
    and the cells the specification of its winner.
    """
    path = results / "search" / group.path / "chosen.json"
    try:
        chosen = _read(path)
        params = chosen["chosen"]["params"] if chosen["chosen"] else {}
        scores = {trial["number"]: trial["values"] for trial in chosen["trials"]}
        wanted = {cell: group.spec(cell, params) for cell in group.cells}
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StudyError) as error:
        yield f"unreadable: {path}: {error}; {healing(path)}"
        return
    given: dict[int, set[float]] = {}
    for _, result in found:
        if isinstance(result, Admitted) and "run" in result.record:
            number = _trial(result.record["run"]["recipe"])
            given.setdefault(number, set()).update(_scores(result.record))
    for number, values in scores.items():
        if not {value for value in values if value is not None} <= given.get(number, set()):
            what = f"trial {number} has other scores than its results"
            yield f"changed: {path}: {what}; {healing(path)}"
    for cell, spec in wanted.items():
        file = chosen_spec(results, group.path, cell)
        if not file.is_file() or file.read_bytes().strip() != spec.encode():
            yield f"changed: {file}: is not what {path} chooses; {healing(path)}"


def _scores(record: dict[str, Any]) -> set[float]:
    """What a search may call the score of a training: accuracy in percent, or loss."""
    rows = [row for row in record["evaluations"] if row["split"] == "validation"]
    return {value for row in rows for value in (100 * row["accuracy"], row["loss"])}
