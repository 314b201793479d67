"""What tests of the cluster share."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator

import pytest

from tests.cluster import slurm


@pytest.fixture
def alone() -> Iterator[None]:
    """One test at a time has Slurm on this machine, whichever worker or checkout it runs in."""
    with slurm.LOCK.with_suffix(".tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
