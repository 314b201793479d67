"""The one gate of results: what it refuses no step uses.

In: the folder of a run, and what the study asks of it. Out: an `Admitted` result, or `Unusable`
with the reason. Two questions, in this order. Is the result whole and true to itself
(`run_folder.read`, which needs no study)? Is it of this study and code: of the specification of its
cell, the present fingerprint and the prepared data, tested once on every test that these declare,
with the scores that its stored predictions have on their labels? A result of other settings, code
or data is ``stale``; it is not damaged, and another study may well use it. Called by ``verify``,
``plan`` and ``status``, by the steps of a search, and by whoever makes tables of results (collect,
partial).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afn.common import run_folder
from afn.common.canonical import canonical_json
from afn.common.conditions import selects
from afn.common.errors import StudyError
from afn.common.gate.record import key_of
from afn.common.run_folder import FINAL, Unusable
from afn.study.code.fingerprint import run_fingerprint
from afn.study.grid.cells import Cell
from afn.study.search.groups import spec_of
from afn.study.state.prepared import PreparedTask, read_prepared

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 1e-9
"""Of a share: the same answers counted in another order."""
_SHOWN = 60
"""Characters of a value in a reason."""


@dataclass(frozen=True)
class Wanted:
    """What a result has to be of.

    ``run`` is its path, where the folder does not name it; ``spec`` the canonical JSON of its
    specification; ``prepared`` the data that it is compared with, where they are there.
    """

    spec: str
    fingerprint: str
    prepared: PreparedTask | None = None
    statuses: tuple[str, ...] = FINAL
    run: str | None = None


@dataclass(frozen=True)
class Admitted:
    """A result that every step may use: the record, the history's text, the predicted classes.

    ``right`` has, for every evaluation of a run that was compared with its prepared data, which
    images it answered rightly, (images,) of bool, by ``<protocol>/<split>/<condition>/<severity>``.
    """

    record: dict[str, Any]
    sidecars: dict[str, bytes] = field(default_factory=dict)
    right: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Stale(Unusable):
    """A result that is whole and true to itself, but not of this study: see `differences`."""

    record: dict[str, Any] = field(default_factory=dict)
    differs: dict[str, str] = field(default_factory=dict)


def admit(folder: Path, wanted: Wanted, *, sidecars: bool = True) -> Admitted | Unusable:
    """Read one result through the gate.

    ``sidecars`` as in `run_folder.read`; without them no score is computed again.
    """
    found = run_folder.read(folder, statuses=wanted.statuses, sidecars=sidecars, run=wanted.run)
    if isinstance(found, Unusable):
        return found
    path, record = Path(folder) / run_folder.RESULT, found.record
    if record["status"] == "empty":
        return Admitted(record)
    if other := differences(record, wanted):
        reason = f"the result was made from {' and '.join(other.values())}"
        return Stale("stale", reason, path, record, other)
    if record["status"] == "diverged" or wanted.prepared is None:
        return Admitted(record, found.sidecars)
    if reason := _undeclared(record, wanted.prepared):
        return Unusable("untrue", reason, path)
    if not sidecars:
        return Admitted(record)
    try:
        prepared = wanted.prepared.of_run(record["spec"], record["run"]["seed"])
        right = _right(found, prepared)
    except ValueError as error:
        return Unusable("scores", str(error), path)
    return Admitted(record, found.sidecars, right)


def differences(record: dict[str, Any], wanted: Wanted) -> dict[str, str]:
    """In what a result without fault is not of this study, code and data; mostly nothing.

    Keys are settings, code and data, of those that differ; values say it in words.
    """
    found = {}
    spec = {key: value for key, value in record["spec"].items() if key != "seed"}
    if canonical_json(spec) != wanted.spec:
        found["settings"] = f"other settings{first_difference(spec, wanted.spec)}"
    if record["fingerprint"] != wanted.fingerprint:
        found["code"] = f"other code ({record['fingerprint']}, now {wanted.fingerprint})"
    if wanted.prepared is not None and record["data"] != wanted.prepared.sha256:
        found["data"] = "other prepared data than those there are"
    return found


def first_difference(before: dict[str, Any], text: str) -> str:
    """The first option that differs between a recorded specification and the wanted one."""
    old, new = _flat(before), _flat(json.loads(text))
    for key in sorted(old.keys() | new.keys()):
        values = [repr(side.get(key, "nothing"))[:_SHOWN] for side in (old, new)]
        if values[0] != values[1]:
            return f" ({key}: {values[0]} became {values[1]})"
    return ""


def _flat(value: object, key: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {key: value}
    found: dict[str, object] = {}
    for name, inner in value.items():
        found |= _flat(inner, f"{key}.{name}" if key else str(name))
    return found


def _undeclared(record: dict[str, Any], prepared: PreparedTask) -> str:
    """An evaluation that the data declare and the result lacks, or the other way round."""
    if record["status"] == "stopped":
        return ""
    declared = {
        f"{name}/test/{condition}/{severity}"
        for name, protocol in record["spec"]["protocols"].items()
        for condition, severity in prepared.tests
        if selects(protocol.get("conditions"), condition, severity)
    }
    rows = {key_of(row) for row in record["evaluations"] if row["split"] == "test"}
    lacking, beyond = sorted(declared - rows), sorted(rows - declared)
    if lacking:
        return f"the result lacks {len(lacking)} declared evaluations, such as {lacking[0]}"
    return f"the evaluation {beyond[0]} is not declared" if beyond else ""


def _right(result: run_folder.Result, prepared: PreparedTask) -> dict[str, np.ndarray]:
    """Which images every evaluation answered rightly.

    Raises
    ------
    ValueError
        If that is not the accuracy which the result records.
    """
    import numpy as np

    raw, found = result.sidecars["predictions.npz"], {}
    for row in result.record["evaluations"]:
        key = key_of(row)
        classes = prepared.labels[key.partition("/")[2]].classes
        array = result.arrays[key]
        if array.length != len(classes):
            raise ValueError(
                f"its predictions of {key} are {array.length}, the prepared labels {len(classes)}"
            )
        found[key] = np.frombuffer(raw, array.dtype, array.length, array.start) == classes
        share = np.count_nonzero(found[key]) / len(classes)
        if abs(share - row["accuracy"]) > TOLERANCE:
            raise ValueError(
                f"its predictions of {key} are right in {share:.6f} of the prepared images, but it "
                f"recorded {row['accuracy']:.6f}"
            )
    return found


class Gate:
    """The gate of the runs of one study; what belongs to a cell or a task is looked up once.

    Parameters
    ----------
    results : Path
        The folder of the study's results, which holds what its searches have chosen.
    prepared : Path, optional
        Folder of the prepared tasks (``<task>/manifest.json``). A task that is not there, and every
        task without it, is not compared with its data; `absent` names these tasks.
    """

    def __init__(self, results: Path | str, prepared: Path | str | None) -> None:
        self._results = Path(results)
        self._folder = None if prepared is None else Path(prepared)
        self._tasks: dict[str, PreparedTask] = {}
        self._tried: dict[str, int | None] = {}
        self._cells: dict[str, Wanted] = {}
        self.absent: dict[str, str] = {}

    def prepared(self, task: str) -> PreparedTask | None:
        """The labels of a task; None where its data are not there, or are damaged."""
        if task not in self._tasks:
            manifest = self._folder and self._folder / task / "manifest.json"
            stamp = manifest.stat().st_mtime_ns if manifest and manifest.is_file() else None
            if task in self.absent and self._tried.get(task) == stamp:
                return None
            self._tried[task] = stamp
            try:
                if manifest is None:
                    raise StudyError(f"{task}: no folder of prepared data is named")
                self._tasks[task] = read_prepared(manifest)
                self.absent.pop(task, None)
            except StudyError as error:
                self.absent[task] = str(error)
        return self._tasks.get(task)

    def wanted(self, cell: Cell) -> Wanted | None:
        """What the results of a cell have to be; None while a search has not ended."""
        if cell.path in self._cells:
            return self._cells[cell.path]
        spec, prepared = spec_of(cell, self._results), self.prepared(cell.task)
        if spec is None:
            return None
        found = Wanted(spec, run_fingerprint(cell), prepared)
        if prepared is not None and not cell.search:
            # The others may change while somebody looks on.
            self._cells[cell.path] = found
        return found

    def admit(
        self, cell: Cell, seed: int, folder: Path, *, sidecars: bool = True
    ) -> Admitted | Unusable:
        """The result of the run of a cell with a seed; see the function `admit`."""
        wanted = self.wanted(cell)
        if wanted is None:
            found = run_folder.read(folder, sidecars=False)
            if isinstance(found, Unusable):
                return found
            reason = f"the search {cell.search} has chosen nothing yet"
            return Unusable("search", reason, Path(folder) / run_folder.RESULT)
        run = f"{cell.path}/seed{seed}"
        return admit(folder, replace(wanted, run=run), sidecars=sidecars)
