"""The ledger: one line per event of a run; progress and counts of epochs are read from it."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path


class Ledger:
    """One file per process, ``<host>-<pid>-<start>.jsonl``, so that no two processes share one.

    Lines are ``{"time", "run", "event", "epoch"}`` with time in seconds since 1970 and event one of
    start, resume, epoch, finished, diverged, stopped (by intention, before the last epoch),
    emitted, failed (with a "reason"). Lines are written whole, one at a time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.jsonl"
        self.file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, run: str, event: str, epoch: int, **more: str) -> None:
        """Append one event."""
        entry = {"time": round(time.time(), 6), "run": run, "event": event, "epoch": epoch, **more}
        os.write(self.file, json.dumps(entry).encode() + b"\n")
