"""Several seeds of a cell at a time in one process, for a device that one training leaves idle.

In: a `Job` and how many of its runs are under way at a time. Out: the results that `run_job` makes
of it, to the bit. Called by ``python -m afn.training --at-once N``.

Every run has a thread, and exactly one of them has the turn, so that nothing that torch or a layer
keeps for the whole process is used by two at a time. After every training step the turn goes to the
next. What a layer may draw from (the generators of torch, NumPy and Python) changes hands with it.
On a GPU a step is only queued when the turn goes on, and each run has a stream of its own, so the
device works on the steps of several runs at a time. On a CPU nothing is gained.
"""

from __future__ import annotations

import contextlib
import copy
import random
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from afn.training.job.cell import Cell
from afn.training.job.interruption import Interrupted, Interruption, Pace
from afn.training.job.job import Job, make, note_failure, run_job
from afn.training.job.log import say
from afn.training.job.store import RunName
from afn.training.loop.recorder import ON, recorder_on

LOOK_SECONDS = 0.2
"""How often the main thread looks whether the others have ended."""


class Turns:
    """Who may work now: a ring of threads, whose first one has the turn."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.ring: deque[int] = deque()

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """Take part: begin when the turn comes here for the first time."""
        me = threading.get_ident()
        with self.changed:
            self.ring.append(me)
            self.changed.wait_for(lambda: self.ring[0] == me)
        try:
            yield
        finally:
            with self.changed:
                self.ring.remove(me)
                self.changed.notify_all()

    def pass_on(self) -> None:
        """Let all others have a turn before this call returns."""
        if len(self.ring) < 2:
            return
        me, drawn = threading.get_ident(), Streams()
        with self.changed:
            self.ring.rotate(-1)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.ring[0] == me)
        drawn.put_back()


class Streams:
    """The random streams of the process as they are now; a run goes on with its own."""

    def __init__(self) -> None:
        self.torch, self.python = torch.get_rng_state(), random.getstate()
        self.numpy = np.random.get_state()  # noqa: NPY002 (a user's layer may draw from it)
        self.device = device_generator()
        self.cuda: Any = None
        if self.device is not None:
            self.cuda = self.device.graphsafe_get_state() if ON else self.device.get_state()

    def put_back(self) -> None:
        torch.set_rng_state(self.torch)
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        if self.device is not None and ON:
            self.device.graphsafe_set_state(self.cuda)
        elif self.device is not None:
            self.device.set_state(self.cuda)


def device_generator() -> torch.Generator | None:
    """The generator of the GPU in use, where one is."""
    if not torch.cuda.is_initialized():
        return None
    return torch.cuda.default_generators[torch.cuda.current_device()]


def take_own_generator() -> None:
    """Let the GPU's generator have a state of this run alone, where steps are recorded: a replay
    reads the place in the stream from the device's memory, and those of several runs are under way
    at a time."""
    generator = device_generator()
    if generator is not None and ON:
        generator.graphsafe_set_state(torch.Generator(generator.device))


class TakingTurns(Interruption):
    """What one of several runs knows of interruption: where it may stop, others have their turn."""

    def __init__(self, whole: Interruption, turns: Turns) -> None:
        self.whole, self.turns = whole, turns

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """As that of the job, which is protected as long as any run is."""
        with self.turns.part():
            take_own_generator()
            yield

    def reason(self, needed_seconds: float = 0.0) -> str:
        return self.whole.reason(needed_seconds)

    def reason_within_epoch(self, pace: Pace) -> str:
        self.turns.pass_on()
        return self.whole.reason_within_epoch(pace)


class Several:
    """The runs of a job, some of them at a time."""

    def __init__(self, job: Job, at_once: int) -> None:
        runs = job.runs()
        self.at_once = min(at_once, len(runs))
        self.job = replace(job, at_once=self.at_once)
        self.left = deque(zip(job.outputs, runs, strict=True))
        self.count, self.begun, self.done = len(runs), 0, 0
        self.turns = Turns()
        self.cell = Cell(self.job)
        # Loaded before the threads begin, so that runs whose data are the same share one copy.
        self.cell.take_data(runs[0].seed)
        if self.cell.device.type == "cuda":
            torch.cuda.synchronize()  # runs on other streams are going to read them
        self.errors: list[Exception] = []
        self.late = ""

    def run(self) -> None:
        """Make every output; raises as `run_job`."""
        threads = [threading.Thread(target=self.work, daemon=True) for _ in range(self.at_once)]
        with self.job.interruption.saving():
            for thread in threads:
                thread.start()
            self.wait(threads)
        crashes = [error for error in self.errors if not isinstance(error, Interrupted)]
        if crashes or self.errors:
            raise (crashes or self.errors)[0]
        if self.done < self.count:
            reason = self.late or self.job.interruption.asked
            raise Interrupted(f"{reason}; {self.done} of {self.count} runs are done")

    def wait(self, threads: list[threading.Thread]) -> None:
        """Until all have ended; once the job has to stop, not for those that wait for a lease."""
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(LOOK_SECONDS)
            if self.job.interruption.asked and not self.turns.ring:
                for thread in threads:
                    thread.join(LOOK_SECONDS)
                if not self.turns.ring:
                    break

    def work(self) -> None:
        """Make one run after the other until none is left, or until it is time to stop."""
        cell = self.own_cell()
        queue = contextlib.nullcontext()
        if cell.device.type == "cuda":
            queue = torch.cuda.stream(torch.cuda.Stream(cell.device))  # type: ignore[assignment]
        with queue:
            while (taken := self.take(cell.pace)) is not None:
                output, run = taken
                try:
                    make(cell, run, output.parent)
                    with self.turns.changed:
                        self.done += 1
                except Exception as error:
                    self.stop(cell, run, error)
                    return

    def own_cell(self) -> Cell:
        """The cell of one thread: its own pace and turns; data, ledger and hashes are shared."""
        cell = copy.copy(self.cell)
        cell.pace = Pace(self.at_once)
        cell.recorder = recorder_on(cell.device, say)
        cell.job = replace(self.job, interruption=TakingTurns(self.job.interruption, self.turns))
        return cell

    def take(self, pace: Pace) -> tuple[Path, RunName] | None:
        """The next run; None where none is left or the time is too short for another."""
        with self.turns.changed:
            # The first runs always get some time: however short it is, each call comes further.
            if self.left and self.begun >= self.at_once:
                self.late = self.late or self.job.interruption.reason(pace.round)
            if not self.left or self.late or self.errors:
                return None
            self.begun += 1
            return self.left.popleft()

    def stop(self, cell: Cell, run: RunName, error: Exception) -> None:
        """Keep why a run ended; after a crash the others save what they have and stop, too."""
        self.errors.append(error)
        if not isinstance(error, Interrupted):
            note_failure(cell, run, error)
            self.job.interruption.asked = self.job.interruption.asked or f"{run} failed"


def run_together(job: Job, at_once: int) -> None:
    """Make every output of a job, ``at_once`` of them at a time.

    Raises
    ------
    StudyError, Interrupted
        As `afn.training.job.job.run_job`. After any other error of a run the others are saved.
    """
    if at_once == 1 or len({run.cell for run in job.runs()}) != 1 or len(job.outputs) == 1:
        run_job(job)
        return
    several = Several(job, at_once)
    say(f"{several.count} runs, {several.at_once} at a time")
    several.run()
