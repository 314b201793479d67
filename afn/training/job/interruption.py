"""When a job has to stop before its work is done, and stopping so that nothing is lost.

In: SIGTERM from whoever manages the machine, and the time that the job was given. Out:
`Interrupted` at a moment when the state is saved; `python -m afn.training` turns it into exit code
75 ("try again", EX_TEMPFAIL). Called by the job between steps, epochs and runs. What is left of
the time is counted by a clock that nobody sets.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

from afn.common.errors import StudyError

EXIT_CODE = os.EX_TEMPFAIL
RESERVE_SECONDS = 2.0
"""Kept free besides an epoch and a checkpoint: leaving, and clocks that differ a little."""
LONG_EPOCH_SECONDS = 10.0
"""A longer epoch need not be ended before the job is: it is stopped, saved, between two steps."""


class Interrupted(Exception):
    """The job was asked to stop and has saved what it had; the message says who asked."""


class Interruption:
    """Knows whether a job has to stop.

    Parameters
    ----------
    deadline : float, optional
        `time.time` at which the job will be ended by others, by the clock as it is now.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.end = None if deadline is None else time.monotonic() + deadline - time.time()
        self.asked = ""
        self.protected = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Meanwhile SIGTERM stops at the next good moment; at once where nothing is lost."""
        before = signal.signal(signal.SIGTERM, self._on_signal)
        try:
            yield
        finally:
            # None stands for a handler that Python did not set and cannot put back.
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)

    def _on_signal(self, signum: int, frame: object) -> None:
        self.asked = f"received {signal.Signals(signum).name}"
        if not self.protected:
            raise Interrupted(self.asked)

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """While a run is trained, tested and written, `reason` is asked instead of raising."""
        self.protected = True
        try:
            yield
        finally:
            self.protected = False

    def reason(self, needed_seconds: float = 0.0) -> str:
        """Why to stop now rather than after another ``needed_seconds`` of work; "" for go on."""
        if self.asked or self.end is None:
            return self.asked
        left = self.end - time.monotonic()
        if left >= needed_seconds + RESERVE_SECONDS:
            return ""
        return (
            f"the job's time ends in {max(left, 0.0):.0f} s, too little for the next "
            f"{needed_seconds:.0f} s of work"
        )

    def reason_within_epoch(self, pace: Pace) -> str:
        """Why to stop between two steps; the first epoch, or its first seconds, are always given.

        However short the time of a job is, each call comes further in this way.
        """
        if self.asked or self.end is None or not pace.came_far:
            return self.asked
        return self.reason(pace.saving)


def deadline(
    time_limit: float | None, started: float, say: Callable[[str], None] = lambda line: None
) -> float | None:
    """When the job will be ended: the earliest of what is known; None if nothing is.

    Parameters
    ----------
    time_limit : float or None
        Seconds from ``started``; without it ``AFN_TIME_LIMIT`` is read.
    started : float
        `time.time` when the process started.
    say : callable, optional
        Called with one line of text where a Slurm job does not learn when it ends.

    Notes
    -----
    ``SLURM_JOB_END_TIME`` (seconds since 1970) counts in any case. Slurm sets it in a job since
    version 23.02; inside a job of an older one, ``squeue`` is asked.
    """
    known = []
    limit = _number("AFN_TIME_LIMIT") if time_limit is None else time_limit
    if limit is not None:
        if not limit > 0:
            raise StudyError(f"a time limit of {limit:g} s leaves no time: more than 0 is needed")
        known.append(started + limit)
    end = _number("SLURM_JOB_END_TIME")
    if end is None and "SLURM_JOB_ID" in os.environ:
        end = _ask_slurm(os.environ["SLURM_JOB_ID"], say)
    if end is not None:
        known.append(end)
    return min(known, default=None)


def _ask_slurm(job: str, say: Callable[[str], None]) -> float | None:
    """When Slurm will end a job; None, after a line about it, where it does not answer."""
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%e"]
    environment = {**os.environ, "SLURM_TIME_FORMAT": "%s"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        return float(done.stdout.strip())
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        say(f"squeue does not say when job {job} ends ({error}); its SIGTERM will be heeded")
        return None


def _number(variable: str) -> float | None:
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise StudyError(f"{variable}={text!r} is not a number of seconds") from None


class Pace:
    """The longest epoch and the longest checkpoint of a job so far: what another would cost.

    Parameters
    ----------
    at_once : int
        How many runs of the job are under way at a time, each of which has to be saved.
    """

    def __init__(self, at_once: int = 1) -> None:
        self.at_once = at_once
        self.epoch = self.checkpoint = 0.0
        self.began = self.last = time.monotonic()

    def run_begins(self) -> None:
        """What went before, such as the test of another run, is no part of an epoch."""
        self.last = time.monotonic()

    def epoch_ended(self) -> None:
        now = time.monotonic()
        self.epoch, self.last = max(self.epoch, now - self.last), now

    def checkpoint_ended(self, seconds: float) -> None:
        self.checkpoint = max(self.checkpoint, seconds)
        self.last += seconds

    @property
    def came_far(self) -> bool:
        """Whether the job has trained an epoch, or what is called a long one."""
        return self.epoch > 0 or time.monotonic() - self.began >= LONG_EPOCH_SECONDS

    @property
    def saving(self) -> float:
        """Seconds that it takes to save all that is under way, as it looks."""
        return self.checkpoint * self.at_once

    @property
    def round(self) -> float:
        """Seconds to the next good moment to stop, and for saving there, as it looks."""
        return min(self.epoch, LONG_EPOCH_SECONDS) + self.saving
