"""What has to stand in the environment before a training process starts, since it changes numbers.

Called by ``python -m afn.training`` and by the measurement of steps, before they import torch.
"""

from __future__ import annotations

import os
import sys

# Read by the C library and OpenMP when a process starts, hence the second start below. Without the
# first three, glibc hands large activations back to the kernel at every step and fetches them
# again, which costs up to three quarters of a step. The last makes cuBLAS deterministic.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}


def settle_environment(threads: int) -> None:
    """Start this process once more if what must be set before a start is not."""
    count = str(threads)
    wanted = {**ALLOCATOR, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
