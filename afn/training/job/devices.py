"""One job per GPU, or as many as are wanted, without a scheduler that knows about GPUs.

In: ``AFN_DEVICES`` (numbers or UUIDs, as in ``CUDA_VISIBLE_DEVICES``), ``AFN_JOBS_PER_DEVICE`` and
``AFN_DEVICE_LEASES`` (a folder of this machine). Out: a lease of one device, and
``CUDA_VISIBLE_DEVICES`` that names it alone. Called by ``python -m afn.training`` before torch is
imported. The kernel holds each lease, so it is gone with the process, however that ends. Leasing
looks at no device, so that it works and is tested without any; only then torch is asked whether the
leased one is there, since a study that names GPUs is not meant to take a week on the CPU.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from afn.common.errors import StudyError, nearest
from afn.common.locks import try_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
EVERY_SECONDS = 0.2


def take_device(device: str, say: Callable[[str], None]) -> TextIO | None:
    """Lease a device where ``AFN_DEVICES`` names some, and see that torch can use it.

    Parameters and result as those of `lease_device`.

    Raises
    ------
    StudyError
        As `lease_device`, and where torch sees no GPU.
    """
    lease = lease_device(device, say)
    if lease is not None:
        check_there(os.environ[VISIBLE])
    return lease


def check_there(name: str) -> None:
    """Raise StudyError unless torch sees the device that is the only visible one."""
    import torch  # only now: it looks at the visible devices once

    if not torch.cuda.is_available():
        raise StudyError(
            f"AFN_DEVICES={os.environ['AFN_DEVICES']}: torch {torch.__version__} sees no GPU "
            f"{name} on {socket.gethostname()} (`nvidia-smi -L` lists those that there are); "
            "without AFN_DEVICES a study is trained on the CPU"
        )


def lease_device(device: str, say: Callable[[str], None]) -> TextIO | None:
    """Lease a device where ``AFN_DEVICES`` names some, and make it the only visible one.

    Parameters
    ----------
    device : str
        What ``--device`` says; only ``auto`` and ``cuda`` leave a choice that needs a lease.
    say : callable
        Called with one line of text before waiting, and one after.

    Returns
    -------
    file or None
        The lease, held until it is closed or the process ends; None where none is needed.

    Raises
    ------
    StudyError
        For a setting that is none, or devices of which none is visible.
    """
    share = jobs_per_device()
    names = wanted()
    if not names or device not in ("auto", "cuda"):
        return None
    folder = leases_folder()
    # The first share of every device before the second of any: jobs spread out.
    paths = [(name, folder / f"{name}.{k}") for k in range(share) for name in names]
    waited = None
    while True:
        for name, path in paths:
            if (lease := try_to_lock(path)) is not None:
                os.environ[VISIBLE] = name
                if waited is not None:
                    say(f"waited {time.monotonic() - waited:.0f} s for device {name}")
                return lease
        if waited is None:
            waited = time.monotonic()
            holders = "; ".join(f"{path.name}: {path.read_text().strip()}" for _, path in paths)
            say(f"waiting for a device, all {len(paths)} shares are leased ({holders})")
        time.sleep(EVERY_SECONDS)


def wanted() -> list[str]:
    """The devices of ``AFN_DEVICES`` that ``CUDA_VISIBLE_DEVICES`` leaves, in their order."""
    names = split("AFN_DEVICES")
    if not names or VISIBLE not in os.environ:
        return names
    visible = split(VISIBLE)
    left = [name for name in names if name in visible]
    if not left:
        raise StudyError(
            f"AFN_DEVICES={','.join(names)}: {VISIBLE}={','.join(visible)} hides all of them; "
            f"{nearest(names[0], visible)}"
        )
    return left


def split(variable: str) -> list[str]:
    names = [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]
    if variable != VISIBLE:
        for name in names:
            if not re.fullmatch(r"\d+|(GPU|MIG)-[\w-]+", name):
                raise StudyError(
                    f"{variable}: {name!r} is no device; valid: numbers and UUIDs with commas "
                    "between them, as `nvidia-smi -L` lists them"
                )
    return list(dict.fromkeys(names))


def jobs_per_device() -> int:
    text = os.environ.get("AFN_JOBS_PER_DEVICE", "").strip() or "1"
    if not text.isdecimal() or int(text) < 1:
        raise StudyError(f"AFN_JOBS_PER_DEVICE={text!r} is not a whole number of at least 1")
    return int(text)


def leases_folder() -> Path:
    """A folder of this machine alone: locks on a network file system would bind other machines."""
    named = os.environ.get("AFN_DEVICE_LEASES", "").strip()
    folder = Path(named or Path(tempfile.gettempdir(), f"afn-devices-{os.getuid()}"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def try_to_lock(path: Path) -> TextIO | None:
    """The locked file with our name in it, or None where another process has it."""
    file = path.open("a+")
    if not try_lock(file):
        file.close()
        return None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file
