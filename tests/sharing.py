"""What takes seconds to make is made once in a run of the tests, not once by every worker."""

from __future__ import annotations

import fcntl
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What `make` returned to the first worker that asked for `name`; for fixtures of a session.

    Parameters
    ----------
    factory
        Of this worker: the folders of all workers of a run lie side by side.
    name
        What is made, unlike all other names of the suite.
    make
        Fills an empty folder and returns something that can be pickled. Whoever uses either only
        reads: the other workers see the same files.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    kept = root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait while one makes it
        if not kept.exists():
            made = make(Path(tempfile.mkdtemp(prefix=f"{name.split()[0]}-", dir=root)))
            kept.write_bytes(pickle.dumps(made))
    return pickle.loads(kept.read_bytes())
