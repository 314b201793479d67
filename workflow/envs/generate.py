"""Write what is derived from the environment: the lock files and the conda environment.

    python workflow/envs/generate.py          afn.yaml from requirements.lock
    python workflow/envs/generate.py --lock   first the lock files from what is installed here

``requirements-slurm.lock`` holds what the extra ``slurm`` needs besides ``requirements.lock``, and
``requirements-docs.lock`` and ``requirements-crate.lock`` what the reference is made with, and what
archives are validated with: the environment is usually without them. Called by ``make lock``;
tests compare the files.
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
GROUPS = {
    "docs": "# What `make docs` needs besides requirements.lock, written by `make lock`.\n",
    "crate": "# What validates an RO-Crate, besides requirements.lock, written by `make lock`.\n",
}
"""Group of ``pyproject.toml`` that has a lock of its own -> the head of the file."""


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
    return _declared()["project"]["optional-dependencies"]["slurm"]


def _declared() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def write_lock_of(wanted: list[str], path: Path, header: str) -> None:
    """Pin, with hashes, what some packages add to the environment."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-"]
    command += ["--disable-pip-version-check", "--constraint", str(LOCK), *wanted]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [
        f"{one['metadata']['name']}=={one['metadata']['version']} "
        f"--hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}"
        for one in json.loads(said)["install"]
    ]
    path.write_text(header + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


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
        write_lock_of(slurm_extra(), SLURM_LOCK, SLURM_HEADER)
        for group, header in GROUPS.items():
            wanted = _declared()["dependency-groups"][group]
            write_lock_of(wanted, ROOT / f"requirements-{group}.lock", header)
    CONDA.write_text(conda_environment(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
