"""How far a study is, read from its files while it runs; takes no lock, changes nothing.

In: a `Study` and its folders. Out: the state of each run, the rate and the time that is left.
Called by ``python -m afn.study status`` and by the progress line of ``make report``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afn.common import leases, parsing
from afn.common.errors import StudyError
from afn.study.grid.cells import Run, Study
from afn.study.layout import PREPARED, StudyFolders
from afn.study.search.trials import trial_runs
from afn.study.state.eta import WINDOW_SECONDS, EpochPace, EpochSeconds
from afn.study.state.gate import Admitted, Gate
from afn.study.waves.asked import look_file, runs_by, taken

SYMBOLS = {"finished": "#", "diverged": "x", "stale": "~", "running": ">", "missing": "."}
UNASKED = "not asked for"
"""Of a seed in a wave that no look has given to the cell (yet)."""


@dataclass
class FollowedLedger:
    """Follow the event files of training processes; each line is read once."""

    folder: Path
    _offsets: dict[Path, int] = field(default_factory=dict)

    def poll(self) -> list[dict[str, Any]]:
        """Return the events written since the last call; a half-written line waits."""
        events = []
        for path in sorted(filter(Path.is_file, self.folder.glob("*.jsonl"))):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._offsets[path] = self._offsets.get(path, 0) + len(whole)
            for line in whole.splitlines():
                try:
                    events.append(parsing.parse(line))
                except ValueError:
                    continue
        return sorted(events, key=moment)


def moment(event: dict[str, Any]) -> float:
    """The time of an event, in seconds since 1970; 0 where the line is damaged."""
    time = event.get("time")
    return float(time) if isinstance(time, int | float) else 0.0


@dataclass
class Progress:
    """The states of a study's runs, looked at again only where a file changed.

    ``runs``: default those that the study asks for, which grow with every look at seeds in waves.
    ``since`` (seconds since the epoch) leaves out what happened before, when the rate is taken.
    """

    study: Study
    runs: list[Run] | None = None
    since: float = 0.0
    _seen: dict[Path, tuple[int, str]] = field(default_factory=dict)
    _pace: EpochPace = field(default_factory=EpochPace)
    _ledger: FollowedLedger = field(init=False)
    _stamp: tuple[Any, ...] | None = None
    _asked: list[Run] = field(default_factory=list)
    _looks: list[dict[str, Any]] = field(default_factory=list)
    last_event: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._looked = False
        self._since = time.monotonic() - (time.time() - self.since)
        self.layout = StudyFolders(self.study.name)
        self._ledger = FollowedLedger(self.layout.ledger)
        self._gate = Gate(self.layout.results, PREPARED)
        groups = self.study.searches()
        self.trials = {run: n for group in groups for run, n in trial_runs(group).items()}
        self._times = EpochSeconds(self.study.cells())
        self._unit = "rungs of trials" if any(group.halving for group in groups) else "trials"

    def open_trials(self) -> list[str]:
        """The trainings of searches that gave no result yet."""
        folder = self.layout.trials
        return [run for run in self.trials if not (folder / run / "result.json").is_file()]

    def states(self) -> dict[str, str]:
        """Run path -> finished, diverged, stale, running or missing."""
        self._read_ledger()
        return {run.path: self._state(run) for run in self.wanted()}

    def wanted(self) -> list[Run]:
        """The runs that are followed."""
        if self.runs is not None:
            return self.runs
        files = [
            look_file(self.layout.results, wave) for wave in range(1, len(self.study.looks) + 1)
        ]
        try:
            stamp = tuple(path.stat().st_mtime_ns for path in files if path.is_file())
            if stamp != self._stamp:
                looks = taken(self.study, self.layout.results)
                self._looks, self._asked = looks, runs_by(self.study, looks)
                self._stamp = stamp
        except (OSError, StudyError):
            # Snakemake may be writing a look anew: what was asked for before holds until then.
            if self._stamp is None:
                raise
        return self._asked

    def _state(self, run: Run) -> str:
        path = self.layout.result(run)
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            return "running" if self._is_trained(run) else "missing"
        if self._seen.get(path, (0, ""))[0] != stamp:
            # Without the files beside it: `verify` reads all of them, this is asked twice a second.
            found = self._gate.admit(run.cell, run.seed, path.parent, sidecars=False)
            status = found.record["status"] if isinstance(found, Admitted) else "stale"
            self._seen[path] = (stamp, status)
            if isinstance(found, Admitted):
                self._times.finished(run.cell.path, found.record)
        return self._seen[path][1]

    def _is_trained(self, run: Run) -> bool:
        event = self.last_event.get(run.path)
        if event is None:
            return False
        held = leases.is_held(self.layout.store / run.path)
        if held is not None:
            return held
        begun = event.get("event") in ("start", "resume", "epoch")
        return begun and abs(time.time() - moment(event)) < WINDOW_SECONDS

    def troubles(self, states: dict[str, str]) -> dict[str, str]:
        """Run path -> why it has no result, of the missing runs of which that is known."""
        found = {}
        for path, state in states.items():
            event = self.last_event.get(path, {})
            if state == "missing" and event:
                failure = event.get("reason", "") if event.get("event") == "failed" else ""
                found[path] = leases.trouble(self.layout.store / path, failure)
        return {path: trouble for path, trouble in found.items() if trouble}

    def _read_ledger(self) -> None:
        wall, now = time.time(), time.monotonic()
        for event in self._ledger.poll():
            self.last_event[str(event.get("run"))] = event
            # What is written while we look on happened now, whatever clock it was timed by.
            age = 0.0 if self._looked else wall - moment(event)
            if age >= 0 and event.get("event") == "epoch":
                self._pace.ended(str(event.get("run")), now - age)
            elif age >= 0 and event.get("event") in ("start", "resume"):
                self._pace.begun(str(event.get("run")), now - age)
        self._looked = True

    def rate(self) -> float:
        """Epochs per second over the last minute, by a clock that nobody sets."""
        recent, seconds = self._recent()
        return sum(part for _, part in recent) / seconds

    def _recent(self) -> tuple[list[tuple[str, float]], float]:
        """The epochs of the last minute as (run, part of it), and the seconds that they took."""
        return self._pace.recent(time.monotonic(), self._since)

    def time_left(self, open_runs: list[Run], open_trials: list[str]) -> float:
        """Seconds until all is trained, if it goes on as in the last minute.

        Epochs count by what they take, and jobs at the same time by what they do together.
        """
        recent, seconds = self._recent()
        done = sum(part * self._epoch_seconds(run) for run, part in recent)
        left = sum(
            self._epochs_left(run.path, run.cell.settings["recipe"]["epochs"])
            * self._times.of(run.cell.path)
            for run in open_runs
        )
        left += sum(
            self._epochs_left_of(path) * self._times.of(self.trials[path].cell)
            for path in open_trials
        )
        # What no epoch of the last minute tells of goes on as estimated.
        return left / done * seconds if done else left

    def _epoch_seconds(self, run: str) -> float:
        """Of a run, or of a training of a search, by its path."""
        cell = run.rpartition("/")[0]
        if cell not in self._times:
            planned = self.trials.get(run)
            cell = planned.cell if planned else next(iter(self.study.cells())).path
        return self._times.of(cell)

    def line(self, states: dict[str, str] | None = None) -> str:
        """One line: runs done of all, diverged, epochs per second, time left."""
        states = self.states() if states is None else states
        done = sum(state in ("finished", "diverged") for state in states.values())
        diverged = sum(state == "diverged" for state in states.values())
        text = f"{self.study.name}: {done}/{len(states)} runs"
        if self._stamp is not None and self.study.looks:
            looks, done_looks = len(self.study.looks), len(self._looks)
            if self._looks and not self._looks[-1]["next"]:
                text += f", ended at look {done_looks} of {looks}"
            else:
                text += f" by look {min(done_looks + 1, looks)} of {looks} at most"
        if diverged:
            text += f" ({diverged} diverged)"
        open_trials = self.open_trials()
        if self.trials:
            text += f", {len(self.trials) - len(open_trials)}/{len(self.trials)} {self._unit}"
        rate = self.rate()
        ended = ("finished", "diverged")
        open_runs = [run for run in self.wanted() if states.get(run.path) not in ended]
        if (open_runs or open_trials) and rate > 0:
            left = self.time_left(open_runs, open_trials)
            pace = f"{rate:.1f} epochs/s" if rate >= 0.1 else f"{60 * rate:.1f} epochs/min"
            text += f", {pace}, ETA {format_seconds(left)}"
        return text

    def _epochs_left(self, path: str | None, epochs: int, before: int = 0) -> int:
        """Of ``epochs`` that a run adds to those ``before``, how many the ledger does not name."""
        event = self.last_event.get(path or "", {})
        running = event.get("event") in ("epoch", "resume")
        trained = event.get("epoch", 0) - before if running else 0
        return epochs - min(max(trained, 0), epochs)

    def _epochs_left_of(self, path: str) -> int:
        planned = self.trials[path]
        # A slot of a later rung, or of the finalists, is filled by a trial with a path of its own.
        filled = planned.trial(self.layout.results) if planned.slotted else path
        return self._epochs_left(filled, planned.epochs, planned.before)


def format_seconds(seconds: float) -> str:
    """Write 3700 s as 1:01:40 and 75 s as 1:15."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def matrix(study: Study, states: dict[str, str]) -> str:
    """Draw the grid: a row per cell, a character per seed, a gap between waves."""
    width = max(len(cell.path) for cell in study.cells())
    symbols = SYMBOLS | ({UNASKED: "-"} if study.looks else {})
    legend = "  ".join(f"{symbol} {name}" for name, symbol in symbols.items())
    rows = [
        f"{cell.path:<{width}}  "
        + " ".join(
            "".join(symbols[states.get(Run(cell, seed).path, UNASKED)] for seed in wave)
            for wave in ([study.seeds_of(cell)] if cell.seeds is not None else study.waves)
        )
        for cell in study.cells()
    ]
    return "\n".join([*rows, "", legend])
