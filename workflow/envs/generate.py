"""Write what is derived from the environment: the lock file and the conda environment.

    python workflow/envs/generate.py          afn.yaml from requirements.lock
    python workflow/envs/generate.py --lock   first requirements.lock from what is installed here

Called by ``make lock``; a test compares `afn.yaml` with the lock.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
CONDA = Path(__file__).with_name("afn.yaml")
LINUX_ONLY = ("nvidia-", "cuda-", "triton")
HEADER = "# Exact versions of everything, written by `make lock`; Python 3.11 or later.\n"


def write_lock() -> None:
    """Pin every installed package except the project itself."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "freeze",
        "--exclude-editable",
        "--exclude",
        "afn-study",
    ]
    frozen = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")
    pins = sorted({line.partition(" @ ")[0].strip() for line in frozen if "==" in line})
    lines = [
        pin + ' ; sys_platform == "linux"' if pin.startswith(LINUX_ONLY) else pin for pin in pins
    ]
    LOCK.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


def conda_environment(lock: str) -> str:
    """Return the conda environment that holds the same versions as a lock file."""
    pins = [line for line in lock.splitlines() if line and not line.startswith("#")]
    lines = [
        "# Written from requirements.lock by `make lock`; do not edit.",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        "  - python=3.11",
        "  - pip",
        "  - pip:",
        *(f"      - '{pin}'" for pin in pins),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--lock" in sys.argv[1:]:
        write_lock()
    CONDA.write_text(conda_environment(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
