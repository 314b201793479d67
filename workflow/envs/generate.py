"""Write what is derived from the environment: the lock files and the conda environment.

    python workflow/envs/generate.py          afn.yaml from requirements.lock
    python workflow/envs/generate.py --lock   first the lock files from what is installed here

``requirements-slurm.lock`` holds what the extra ``slurm`` needs besides ``requirements.lock``: the
environment is usually without it. Called by ``make lock``; tests compare the files.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
SLURM_LOCK = ROOT / "requirements-slurm.lock"
CONDA = Path(__file__).with_name("afn.yaml")
LINUX_ONLY = ("nvidia-", "cuda-", "triton")
HEADER = "# Exact versions of everything, written by `make lock`; Python 3.11 or later.\n"
SLURM_HEADER = (
    "# What jobs on Slurm need besides requirements.lock, written by `make lock`. Install it with\n"
    "# pip install --no-deps --require-hashes -r requirements-slurm.lock\n"
)


def write_lock() -> None:
    """Pin every installed package except the project itself.

    Raises
    ------
    SystemExit
        Where the plugin for Slurm is installed: every start of Snakemake would wait for Slurm.
    """
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
    if foreign := [pin for pin in pins if pin.startswith(slurm_extra()[0].partition("==")[0])]:
        sys.exit(f"error: uninstall {', '.join(foreign)} before `make lock`: it has its own lock")
    lines = [
        pin + ' ; sys_platform == "linux"' if pin.startswith(LINUX_ONLY) else pin for pin in pins
    ]
    LOCK.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


def slurm_extra() -> list[str]:
    """The extra ``slurm`` of ``pyproject.toml``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["optional-dependencies"]["slurm"]


def write_slurm_lock() -> None:
    """Pin, with hashes, what the extra ``slurm`` adds to the environment."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-"]
    command += ["--disable-pip-version-check", "--constraint", str(LOCK), *slurm_extra()]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [
        f"{one['metadata']['name']}=={one['metadata']['version']} "
        f"--hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}"
        for one in json.loads(said)["install"]
    ]
    SLURM_LOCK.write_text(SLURM_HEADER + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


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
        write_slurm_lock()
    CONDA.write_text(conda_environment(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
