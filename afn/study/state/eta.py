"""What an epoch of each cell takes, and how fast epochs go by.

In: the cells of a study, a machine of the cost model, the records of finished runs, and the moments
at which epochs end. Out: seconds per epoch, an estimate that finished runs correct; the epochs of
the last minute. Called by the progress line, which counts what is left, and how fast it goes, in
these seconds instead of in epochs: of a study's networks one takes a hundred times another's.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError
from afn.study.grid.cells import Cell
from afn.study.plan import machines
from afn.study.plan.cost import training_seconds
from afn.study.plan.machines import BUILT_IN, PROCESSOR, Machine

WINDOW_SECONDS = 60.0
"""How far back is looked; where an epoch takes longer than half of it, twice that epoch."""
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
        if not isinstance(seconds, int | float) or not isinstance(epochs, int | float):
            return
        if seconds > 0 and epochs > 0:
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
        result: float = self._estimated[cell] * (statistics.median(off) if off else 1.0)
        return result


class EpochPace:
    """The epochs that ended lately, each from where it began.

    An epoch counts for the part of it that lies in the time looked at, so that epochs of ten
    minutes give the same answer whenever it is asked for.
    """

    def __init__(self) -> None:
        self._before: dict[str, float] = {}
        self._epochs: deque[tuple[float, float, str]] = deque()

    def begun(self, run: str, then: float) -> None:
        """A run began, or went on, at a moment (seconds of a clock that nobody sets)."""
        self._before[run] = then

    def ended(self, run: str, then: float) -> None:
        """An epoch of a run ended; where nothing says when it began, it only begins the next."""
        if run in self._before:
            self._epochs.append((self._before[run], then, run))
        self._before[run] = then

    def recent(self, now: float, since: float) -> tuple[list[tuple[str, float]], float]:
        """The last epochs as (run, part of it), and the seconds that these took together.

        Parameters
        ----------
        now : float
            The present moment.
        since : float
            Epochs that ended before are left out.
        """
        longest = max((then - start for start, then, _ in self._epochs), default=0.0)
        window = now - max(WINDOW_SECONDS, 2 * longest)
        while self._epochs and self._epochs[0][1] < window:
            self._epochs.popleft()
        ended = [epoch for epoch in self._epochs if epoch[1] >= max(since, window)]
        if not ended:
            return [], 1.0
        first = max(window, min(start for start, _, _ in ended))
        last = max(then for _, then, _ in ended)
        # Epochs that are not over yet count neither as done nor as time, unless they take too long.
        end = now if now - last > longest else last
        parts = [
            (run, min(1.0, (then - first) / (then - start)) if then > start else 1.0)
            for start, then, run in ended
        ]
        return parts, max(end - first, 1.0)
