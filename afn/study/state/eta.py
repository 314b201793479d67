"""What an epoch of each cell takes: an estimate, corrected by the runs that have finished.

In: the cells of a study, a machine of the cost model, and the records of finished runs. Out:
seconds per epoch. Called by the progress line, which counts what is left, and how fast it goes, in
these seconds instead of in epochs: of a study's networks one takes a hundred times another's.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError
from afn.study.grid.cells import Cell
from afn.study.plan import machines
from afn.study.plan.cost import training_seconds
from afn.study.plan.machines import BUILT_IN, PROCESSOR, Machine

DRIVERS = (Path("/dev/nvidia0"), Path("/dev/kfd"))
"""One of these is there where torch can find a GPU."""


def known_machine() -> Machine:
    """The one machine that was measured here; where none or several were, what is likely."""
    likely = BUILT_IN if any(path.exists() for path in DRIVERS) else PROCESSOR
    try:
        found = machines.measured()
    except StudyError:  # `plan` says so; a line of progress goes on
        return likely
    return found[0] if len(found) == 1 else likely


class EpochSeconds:
    """Seconds of an epoch by cell, for one job at a time."""

    def __init__(self, cells: Iterable[Cell], machine: Machine | None = None) -> None:
        machine = known_machine() if machine is None else machine
        self._estimated = {
            cell.path: training_seconds(cell, machine) / cell.settings["recipe"]["epochs"]
            for cell in cells
        }
        self._measured: dict[str, list[float]] = {}

    def finished(self, cell: str, record: Mapping[str, Any]) -> None:
        """Take in a run that has ended; ``record`` as its result holds it."""
        seconds, epochs = record.get("train_seconds"), record.get("epochs")
        if all(isinstance(n, int | float) and n > 0 for n in (seconds, epochs)):
            self._measured.setdefault(cell, []).append(seconds / epochs)

    def __contains__(self, cell: str) -> bool:
        return cell in self._estimated

    def of(self, cell: str) -> float:
        """As measured in finished runs of the cell; else the estimate, corrected by all others."""
        if cell in self._measured:
            return statistics.median(self._measured[cell])
        off = [
            statistics.median(times) / self._estimated[other]
            for other, times in self._measured.items()
        ]
        return self._estimated[cell] * (statistics.median(off) if off else 1.0)
