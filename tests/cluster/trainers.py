"""The training processes of a study on the test cluster: seen from outside, and held.

`Watch` looks at all of them many times a second and notes which jobs had a device at the same time.
A process that is stopped (SIGSTOP) in the middle of a run stays there however slow the machine is,
so that a test can do to its job what it likes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trainer:
    """A training process, with what Slurm put into its environment."""

    pid: int
    job: str
    node: str
    devices: str

    @property
    def state(self) -> str:
        """The kernel's letter: R, S, D, T for stopped; "" for a process that is gone."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            return ""


def living(folder: Path) -> list[Trainer]:
    """The training processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # A process may end at any of these lines.
        with contextlib.suppress(OSError, KeyError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[1:3] != [b"-m", b"afn.training"] or (entry / "cwd").readlink() != folder:
                continue
            lines = (entry / "environ").read_bytes().decode().split("\0")
            given = dict(line.partition("=")[::2] for line in lines)
            found.append(
                Trainer(
                    int(entry.name),
                    given["SLURM_JOB_ID"],
                    given["SLURMD_NODENAME"],
                    given.get("CUDA_VISIBLE_DEVICES", ""),
                )
            )
    return found


class Watch:
    """Notes, while it is entered, who trains where and on what."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[Trainer] = set()
        self.shared: set[tuple[str, str, frozenset[str]]] = set()
        """Node, devices and jobs wherever two jobs had the same devices at the same time."""
        self.most = 0
        """The most jobs that trained on one node at the same time."""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.1):
            trainers = living(self.folder)
            self.seen.update(trainers)
            nodes, devices = defaultdict(set), defaultdict(set)
            for trainer in trainers:
                nodes[trainer.node].add(trainer.job)
                devices[trainer.node, trainer.devices].add(trainer.job)
            self.most = max([self.most, *map(len, nodes.values())])
            self.shared.update(
                (*place, frozenset(jobs)) for place, jobs in devices.items() if len(jobs) > 1
            )


def signal_all(trainers: list[Trainer], signum: int) -> None:
    for trainer in trainers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(trainer.pid, signum)
