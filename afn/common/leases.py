"""A lease per run: who trains a run now, and who was killed while training it.

Whoever holds the lease in the private store of a run is the only process that trains it and writes
the store. The text of the lease says who that is, and is emptied by a process that ends in any way
of its own; the kernel unlocks it when the process is gone. Locked means that the run is trained;
not locked and not empty, that its process was killed, or, where the text is of another machine,
perhaps only that its lock is not seen on this one. `lease` is called by training; the rest changes
nothing and is called by ``python -m afn.study status`` and the partial report, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from afn.common.locks import try_lock, wait_for_lock

LEASE = "lease"


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
    path = folder / LEASE
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
        killed = obituary(file.read())
        file.truncate(0)
        file.write(mark(holder()))
        file.flush()
        if "SLURM_JOB_ID" in os.environ:
            say(f"{holder()} trains {folder}")
        try:
            yield killed
        finally:
            os.ftruncate(file.fileno(), 0)


def take(file: TextIO, folder: Path, say: Callable[[str], None]) -> None:
    """Lock an open lease, at once or after telling who has it."""
    if not try_lock(file):
        file.seek(0)
        who = named(file.read()) or "another process"
        say(f"waiting for {who}, which trains {folder}")
        wait_for_lock(file)


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


def mark(who: str) -> str:
    """What a process writes into a lease that it holds: its name, and the state of its machine."""
    return json.dumps({"who": who, "host": socket.gethostname(), **_machine()}) + "\n"


def named(text: str) -> str:
    """The name in a lease; "" where there is none."""
    return str(_read(text).get("who", ""))


def is_held(folder: Path) -> bool | None:
    """Whether a process trains the run of a store folder; None where nothing tells.

    Nothing tells where there is no lease or no lock, and where the lease is marked by another
    machine and looks unlocked: some network disks keep locks within a machine.
    """
    try:
        with (folder / LEASE).open(errors="replace") as file:
            # Closed, and given up, at once.
            if not try_lock(file, shared=True):
                return True
            mark = _read(file.read())
    except OSError:
        return None
    return None if _is_of_another_machine(mark) else False


def trouble(folder: Path, failure: str) -> str:
    """Why a run has no result, as far as its store and its ledger tell; else "".

    Parameters
    ----------
    folder : Path
        The store folder of the run.
    failure : str
        The reason in the ledger, if the last event of the run is a failure. It is older than a
        lease that was left by a kill: who fails empties the lease.
    """
    held = is_held(folder)
    if held:
        return "a process trains it now"
    killed = ""
    with contextlib.suppress(OSError):
        text = (folder / LEASE).read_text(errors="replace")
        if held is False or _is_of_another_machine(_read(text)):
            killed = obituary(text)
    return killed or (f"its last attempt failed: {failure}" if failure else "")


def obituary(text: str) -> str:
    """The same from the text of a lease that nobody on this machine holds."""
    mark = _read(text)
    if "who" not in mark:
        return ""
    if _is_of_another_machine(mark):
        return f"held by {mark['who']}, or killed there {_cause(mark)}"
    return f"{mark['who']} was killed {_cause(mark)}"


def _is_of_another_machine(mark: dict[str, Any]) -> bool:
    return "who" in mark and mark.get("host") != socket.gethostname()


def _cause(mark: dict[str, Any]) -> str:
    now = _machine()
    silent = "(no message: out of memory, or kill -9)"
    if _is_of_another_machine(mark):
        return f"(no message: out of memory, kill -9, or the end of {mark.get('host')})"
    if mark.get("boot") != now["boot"]:
        return "(no message: the machine was started again since)"
    before, after = mark.get("oom_kills"), now["oom_kills"]
    if not isinstance(before, int) or not isinstance(after, int):
        return silent
    if after > before:
        return (
            f"(no message; since it began the kernel ended {after - before} process(es) of this "
            "machine for want of memory, so let fewer jobs run at a time)"
        )
    return "(no message: kill -9; the kernel ended no process for want of memory since it began)"


def _read(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _machine() -> dict[str, str | int | None]:
    """Which start of the machine this is, and how many processes the kernel killed for memory."""
    return {"boot": _first("/proc/sys/kernel/random/boot_id"), "oom_kills": _oom_kills()}


def _first(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _oom_kills() -> int | None:
    for line in _first("/proc/vmstat").splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill" and count.isdecimal():
            return int(count)
    return None
