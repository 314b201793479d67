"""One job per GPU, or as many as are wanted, without a scheduler that knows about GPUs.

In: ``AFN_DEVICES`` (numbers or UUIDs, as in ``CUDA_VISIBLE_DEVICES``), ``AFN_JOBS_PER_DEVICE`` and
``AFN_DEVICE_LEASES`` (a folder of this machine); where the first names none, the devices that there
are, if they are several. Out: a lease of one device, ``CUDA_VISIBLE_DEVICES`` that names it alone,
and a line in the log. Called by ``python -m afn.training`` before torch looks at devices; the
driver behind ``make report`` prints what `described` says. The kernel holds each lease, so it is
gone with the process, however that ends. Leasing looks at no device, so that it works and is tested
without any; only then torch is asked whether a device that was named is there, since a study that
names GPUs is not meant to take a week on the CPU.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from afn.common.errors import StudyError, nearest
from afn.common.locks import try_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
NAME = re.compile(r"\d+|(GPU|MIG)-[\w/-]+")
EVERY_SECONDS = 0.2


def take_device(device: str, say: Callable[[str], None]) -> TextIO | None:
    """Lease a device where there are several or ``AFN_DEVICES`` names some, and see that torch can
    use one that was named.

    Parameters and result as those of `lease_device`.

    Raises
    ------
    StudyError
        As `lease_device`, and where torch sees no GPU.
    """
    named, (several, why) = split("AFN_DEVICES"), found()
    if not named and device in ("auto", "cuda"):
        if len(several) > 1 and (why := unusable()):
            say(f"{', '.join(several)} are devices of this machine, but {why}: not used")
            return None
        if why:
            say(f"{why}: every job uses the first device that torch sees")
    lease = lease_device(device, say)
    if lease is not None and named:
        check_there(os.environ[VISIBLE])
    if device != "cpu" and (pipes := mps()):
        say(f"NVIDIA's MPS is on ({pipes}): jobs on one device share it")
    return lease


def mps() -> str:
    """The folder through which NVIDIA's MPS is reached on this machine; "" where it is not on."""
    folder = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps")
    return str(folder) if (folder / "control").exists() else ""


def unusable() -> str:
    """Why torch can use no GPU whatever there is, if it is built so; torch is not imported."""
    spec = importlib.util.find_spec("torch")
    version = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    if version is None or not version.is_file():
        return ""
    built = re.findall(r"^(?:cuda|hip)\b.*= *(.+)$", version.read_text(), re.MULTILINE)
    return "" if any(text != "None" for text in built) else "torch is built for the CPU alone"


@functools.cache
def found() -> tuple[tuple[str, ...], str]:
    """The devices that this process sees, and why they are not known where there may be some.

    As ``CUDA_VISIBLE_DEVICES`` says, or as ``nvidia-smi`` lists them; none without either. Of the
    first, CUDA sees what stands before a name that is none: ``-1`` hides all devices.
    """
    if VISIBLE in os.environ:
        return tuple(itertools.takewhile(NAME.fullmatch, split(VISIBLE))), ""
    program = shutil.which("nvidia-smi")
    if program is None:
        return (), ""
    command = [program, "--query-gpu=index", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return (), f"nvidia-smi does not say which devices there are ({error})"
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip().isdecimal()), ""


def described(cores: int) -> str:
    """What a study on this machine will use, in one line; empty where that is the CPU alone.

    Raises
    ------
    StudyError
        As `lease_device`.
    """
    names, share, (seen, _) = wanted(), jobs_per_device(), found()
    if not split("AFN_DEVICES") and (not seen or unusable()):
        return ""
    if not names:
        return f"device {seen[0]}: all jobs share it"
    how = "AFN_DEVICES" if split("AFN_DEVICES") else "all that there are; AFN_DEVICES chooses"
    one = "one job" if share == 1 else f"{share} jobs"
    text = f"devices {', '.join(names)} ({how}): {one} at a time on each"
    if cores < len(names) * share:
        text += f"; {cores} cores start no more jobs than that, so devices stay idle"
    return text


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
    """Lease one of the devices that are `wanted`, and make it the only visible one.

    Parameters
    ----------
    device : str
        What ``--device`` says; only ``auto`` and ``cuda`` leave a choice that needs a lease.
    say : callable
        Called with one line of text before waiting, and one when there is a lease.

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
    files = {name: name.replace("/", "~") for name in names}  # MIG-GPU-<UUID>/1/0
    paths = [(name, folder / f"{files[name]}.{k}") for k in range(share) for name in names]
    waited = None
    while True:
        for name, path in paths:
            if (lease := try_to_lock(path)) is not None:
                os.environ[VISIBLE] = name
                so = "" if waited is None else f"waited {time.monotonic() - waited:.0f} s for "
                say(f"{so}device {name} of {', '.join(names)} ({share} jobs on each at most)")
                return lease
        if waited is None:
            waited = time.monotonic()
            holders = "; ".join(f"{path.name}: {path.read_text().strip()}" for _, path in paths)
            say(f"waiting for a device, all {len(paths)} shares are leased ({holders})")
        time.sleep(EVERY_SECONDS)


def wanted() -> list[str]:
    """The devices of ``AFN_DEVICES`` that ``CUDA_VISIBLE_DEVICES`` leaves, in their order.

    Where the first names none: all that there are, if they are several. A single one needs no
    lease, its jobs share it.
    """
    names = split("AFN_DEVICES")
    if not names:
        several, _ = found()
        return list(several) if len(several) > 1 else []
    if VISIBLE not in os.environ:
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
            if not NAME.fullmatch(name):
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
