"""Locks on files that the kernel holds: gone with the process, however that ends.

In: an open file. Out: whether it is ours. Called by the leases of runs and of devices. A file that
is locked stays where it is; who removes it while others wait hands each of them a lock of nothing.
"""

from __future__ import annotations

import fcntl
from typing import IO, Any


def try_lock(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock an open file unless another process has it; say whether.

    ``shared`` is for those who only look: they do not see each other, and are seen by who locks.

    Raises
    ------
    OSError
        Where the file system knows no locks.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(file: IO[Any]) -> None:
    """Lock an open file, however long another process has it."""
    fcntl.flock(file, fcntl.LOCK_EX)
