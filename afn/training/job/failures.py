"""What a user needs to know when the machine, and not the study, stopped a run.

In: the exception that ended a job, and the folders it works in. Out: one paragraph (what, where,
the space that is free, what to do), or nothing for any other error. Called by
``python -m afn.training`` for its log; the ledger keeps it as the reason of a missing run.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

AGAIN = "then give the same command again: it goes on from the last checkpoint."
NO_MEMORY = re.compile(
    "can't allocate memory"
    "|not enough memory"
    "|Cannot allocate memory"
    "|std::bad_alloc"
    "|failed to map segment"
    # What oneDNN says on a CPU where it finds no room for a kernel or its buffers. A "primitive
    # descriptor" that cannot be created is another thing: a shape or a type that it does not have.
    r"|could not create a primitive(?! \w)"
    r"|could not create a memory object(?! \w)"
)
REMEDIES = {
    errno.ENOSPC: "the disk is full. Free some space,",
    errno.EDQUOT: "the disk quota is used up. Free some space,",
    errno.EFBIG: "a file grew beyond what the system allows (ulimit -f). Raise the limit,",
    errno.EROFS: "the file system is read-only. Make it writable or work in another folder,",
    errno.EACCES: "permission is denied. Make the folder accessible,",
    errno.EPERM: "permission is denied. Make the folder accessible,",
    errno.EIO: "the device gives input/output errors. Check the disk,",
    errno.EMFILE: "too many files are open (ulimit -n). Raise the limit,",
}


def explain(error: BaseException, folders: Iterable[Path]) -> str:
    """One paragraph about a failure of the machine; "" for any other error."""
    if is_out_of_memory(error):
        return (
            f"the memory does not suffice ({_first_line(error)}). Let fewer jobs run at a time "
            "(--cores; on a GPU AFN_JOBS_PER_DEVICE), or use a smaller batch_size, which is "
            f"another experiment; {AGAIN}"
        )
    if not isinstance(error, OSError):
        return ""
    place = error.filename or error.filename2
    where = f" at {place}" if place else ""
    what = REMEDIES.get(error.errno or 0)
    if what is None:
        what = f"{error.strerror or error}. Put that right,"
    return f"reading or writing failed{where}: {what} {AGAIN} {free_space(folders)}"


def is_out_of_memory(error: BaseException) -> bool:
    """Python's MemoryError, and what torch raises on a GPU and on a CPU."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # An ImportError: a library that is loaded late finds no room, either.
    told = isinstance(error, RuntimeError | ImportError)
    named = type(error).__name__ == "OutOfMemoryError"
    return named or (told and NO_MEMORY.search(str(error)) is not None)


def free_space(folders: Iterable[Path]) -> str:
    """How much is free where each folder is or would be, and whether it can be written."""
    said = {}
    for folder in folders:
        place = Path(folder).absolute()
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            free = shutil.disk_usage(place).free / 2**20
        except OSError:
            continue
        writable = "" if os.access(place, os.W_OK) else ", not writable"
        said[str(folder)] = f"{folder} ({free:,.0f} MiB free{writable})"
    return f"Written are: {', '.join(said.values())}." if said else ""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
