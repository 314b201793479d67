"""What torch is told once for the whole process: the device, the threads, deterministic kernels.

In: ``--device``, ``--threads`` and the recipe's ``deterministic``. Out: the device of the job, and
torch set up for it. Called by the job (`afn.training.job.job`) before it puts anything on a device.
Which device a process may see is settled earlier, without torch, in `afn.training.job.devices`.
"""

from __future__ import annotations

import torch

from afn.common.errors import StudyError


def choose_device(name: str) -> torch.device:
    """``auto`` is a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise StudyError(f"--device {name}: valid: auto, cpu, cuda, cuda:<i>")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise StudyError(f"--device {name}: there is no CUDA device of this number")
    return device


def set_torch(threads: int, device: torch.device, *, deterministic: bool) -> None:
    """Settings of the whole process.

    On a CPU every kernel in use gives the same bits for a given number of threads; on a GPU that
    has to be asked for. An operation without a deterministic kernel is named by a warning in the
    log, not an error: torch counts max pooling among them, whose sums have one term, and so one
    order, where windows do not overlap.
    """
    torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = not deterministic
        torch.backends.cudnn.deterministic = deterministic
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
