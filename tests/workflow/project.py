"""A copy of the project with a tiny study, in which tests run Snakemake and kill what they like."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "afn", "analysis", "profiles", "pyproject.toml", "Makefile")
TIMES = ("train_seconds", "step_ms", "at_once")

TINY = {
    "study": "tiny",
    "question": "Does the machinery work?",
    "seeds": 6,
    "base": {
        "task": "digits8x8",
        "backbone": "convnet_small",
        "norm": "afn",
        "recipe": {"epochs": 2},
    },
    "experiments": {
        "norms": {
            "factors": {"norm": ["batch", "batch_instance", "afn"]},
            "contrasts": [["afn", "batch"]],
        },
        "levels": {"factors": {"norm.lambda_init": [-3, -5]}},
    },
    "plan": {"outcomes": ["clean"], "primary": ["norms"]},
}
"""4 cells of 6 seeds of 2 epochs: 24 runs, 48 epochs."""


class Project:
    """A working copy in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        ignore = shutil.ignore_patterns("__pycache__")
        for name in PARTS:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignore)
            else:
                shutil.copy2(source, folder / name)
        self.write_study(TINY)

    def write_study(self, study: dict, name: str = "config.yaml") -> None:
        text = yaml.safe_dump(study, sort_keys=False)
        (self.folder / name).write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def environment(self) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "MAKE", "MFLAGS"))
        }
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            logs = [f"{p}:\n{p.read_text()[-2000:]}" for p in self.folder.rglob("logs/**/*.log")]
            raise AssertionError("\n".join([done.stdout[-4000:], done.stderr[-4000:], *logs[-3:]]))
        return done

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        return self.run(*self.command(*arguments), check=check)

    def start_driver(self, *arguments: str) -> subprocess.Popen:
        """Start what `make report` starts, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "workflow/run.py", *arguments],
            cwd=self.folder,
            env=self.environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def inside_an_epoch(self, epochs: int) -> dict[int, str]:
        """Process -> its run, of the trainers whose ledger ends inside an epoch of ``epochs``.

        For processes that were killed it says where death met them: in the training of a run, not
        in an import, a test or the writing of a result.
        """
        found = {}
        for file in (self.folder / "results/tiny/.ledger").glob("*.jsonl"):
            lines = file.read_bytes().split(b"\n")[:-1]
            last = json.loads(lines[-1]) if lines else {"event": ""}
            if last["event"] in ("start", "resume", "epoch") and last["epoch"] < epochs:
                found[int(file.stem.rsplit("-", 2)[1])] = last["run"]
        return found

    def epochs_trained(self) -> int:
        """How many epochs were trained since the copy was made, in all processes."""
        lines = [
            line
            for file in (self.folder / "results/tiny/.ledger").glob("*.jsonl")
            for line in file.read_text().splitlines()
        ]
        return sum(json.loads(line)["event"] == "epoch" for line in lines)

    def results(self) -> dict[str, tuple[str, int]]:
        """Run path -> (hash of its result without times, and of its side files; mtime)."""
        runs = self.folder / "results/tiny/runs"
        found = {}
        for path in sorted(runs.rglob("result.json")):
            value = json.loads(path.read_text())
            bare = {k: v for k, v in value.items() if k not in TIMES}
            digest = hashlib.sha256(json.dumps(bare, sort_keys=True).encode())
            for name in sorted(value["files"]):
                digest.update((path.parent / name).read_bytes())
            key = str(path.parent.relative_to(runs))
            found[key] = (digest.hexdigest(), path.stat().st_mtime_ns)
        return found

    def hashes(self) -> dict[str, str]:
        return {path: digest for path, (digest, _) in self.results().items()}
