"""Processes that never outlive the one that started them.

Called first thing by every step that the workflow starts (training, collecting, deciding,
drawing). A killed Snakemake would otherwise leave trainers behind that write beside their
successors.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PARENT = "AFN_PARENT"


def prepare_children() -> None:
    """Tell commands started from here which Python to use, activated or not, and who we are."""
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])
    pid = os.getpid()
    os.environ[_PARENT] = f"{pid} {start_ticks(pid)} {_namespace()}"


def die_with_parent(signum: int = signal.SIGKILL) -> None:
    """Ask the kernel to send ``signum`` to this process when its parent dies (Linux only).

    A parent that died before the request is noticed, too: by its number, and where
    `prepare_children` named an ancestor, by that one's absence. Does nothing where the kernel
    offers no such request.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0) != 0:
        return
    if os.getppid() != parent or _ancestor_is_dead():
        os.kill(os.getpid(), signum)


def _ancestor_is_dead() -> bool:
    pid, _, rest = os.environ.get(_PARENT, "").partition(" ")
    ticks, _, namespace = rest.partition(" ")
    # In a container processes have other numbers: there is nothing to be seen of the ancestor.
    return pid.isdigit() and namespace == _namespace() and str(start_ticks(int(pid))) != ticks


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where there is no such process.

    With the process number it names a process for good: numbers are reused, pairs are not.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # The command may hold spaces and brackets; what follows its last bracket does not.
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None
