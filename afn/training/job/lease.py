"""A lease per run: whoever holds it is the only process that trains the run and writes its store.

The kernel holds the lock (``flock``), so it is gone with the process, however that ends. The file
itself stays; it says who holds the lease, or was killed with it, see `afn.common.leases`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from afn.common import leases


@contextlib.contextmanager
def lease(folder: Path, say: Callable[[str], None]) -> Iterator[str]:
    """Hold the lease of a run; wait for it, after telling who holds it, if another process does.

    Parameters
    ----------
    folder : Path
        The private store of the run.
    say : callable
        Called with one line of text before waiting.

    Yields
    ------
    str
        How the process that held the lease before was killed, or may have been; "" if it was not.
    """
    path = folder / leases.LEASE
    with contextlib.ExitStack() as stack:
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            # Whatever a damaged disk made of the text, it must not keep a run from its lease.
            file = stack.enter_context(path.open("a+", errors="replace"))
            take(file, folder, say)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
            # The store was removed while we waited: what we hold is the lease of nothing.
        file.seek(0)
        killed = leases.obituary(file.read())
        file.truncate(0)
        file.write(leases.mark(holder()))
        file.flush()
        if "SLURM_JOB_ID" in os.environ:
            say(f"{holder()} trains {folder}")
        try:
            yield killed
        finally:
            os.ftruncate(file.fileno(), 0)


def take(file: TextIO, folder: Path, say: Callable[[str], None]) -> None:
    """Lock an open lease, at once or after telling who has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        who = leases.named(file.read()) or "another process"
        say(f"waiting for {who}, which trains {folder}")
        fcntl.flock(file, fcntl.LOCK_EX)


def holder() -> str:
    """Who we are: process and machine; inside a Slurm job also its number, node and devices."""
    name = f"process {os.getpid()} on {socket.gethostname()}"
    if "SLURM_JOB_ID" in os.environ:
        given = os.environ.get
        name += (
            f", Slurm job {given('SLURM_JOB_ID')} on node {given('SLURMD_NODENAME', '?')}, "
            f"CUDA_VISIBLE_DEVICES={given('CUDA_VISIBLE_DEVICES', '')}"
        )
    return name
