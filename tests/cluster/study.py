"""A study whose jobs Slurm runs, and what tests ask about it.

Used by the tests of the cluster: `ClusterProject` starts Snakemake with the project's own Slurm
profile, holds training processes in the middle of a run, and counts in the ledger what was trained.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from afn.common.process import die_with_parent
from tests.cluster import slurm
from tests.cluster.trainers import Trainer, living, signal_all
from tests.workflow.project import TINY, Project

PLUGIN = os.environ.get("SLURM_PLUGIN") or str(Path(sys.prefix) / "slurm-plugin")
"""Folder of the executor plugin, which is no part of the usual environment."""

EPOCHS = 20
STUDY = {**TINY, "base": {**TINY["base"], "recipe": {"epochs": EPOCHS}}}
"""4 cells of 6 seeds, a job each; a run takes about a second, a job some seconds."""


@dataclass(frozen=True)
class Held:
    """A process that stands still in the middle of a run, and how far it has come."""

    trainer: Trainer
    run: str
    epoch: int


def missing() -> str:
    """Why no study can run on a Slurm here; "" if it can."""
    why = slurm.missing()
    if not why and not (Path(PLUGIN) / "snakemake_executor_plugin_slurm").is_dir():
        why = "needs Snakemake's plugin for Slurm, apart from the environment: run `make slurm`"
    return why


def _in_the_foreground() -> None:
    """Die with the test, and hear Ctrl-C, which a shell lets its background jobs ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent()


class ClusterProject(Project):
    """The project, with `STUDY`, whose Snakemake hands its jobs to Slurm."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.write_study(STUDY)
        self.started: list[subprocess.Popen] = []

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PYTHONPATH": PLUGIN}

    def start(self, *more: str) -> subprocess.Popen:
        """Start Snakemake; it dies with the test."""
        command = [
            *(sys.executable, "-m", "snakemake", *more),
            *("--workflow-profile", "profiles/slurm"),
            # The test cluster has no accounts and no accounting. The rest is for short waits.
            *("--slurm-no-account", "--slurm-status-command", "squeue"),
            *("--slurm-init-seconds-before-status-checks", "2"),
            *("--seconds-between-status-checks", "2"),
        ]
        with (self.folder / "snakemake.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=log,
                preexec_fn=_in_the_foreground,
            )
        self.started.append(process)
        return process

    def stop(self) -> None:
        """Kill what a test that failed left; Slurm ends the jobs."""
        for process in self.started:
            process.kill()
            process.wait()

    def finish(self, process: subprocess.Popen) -> None:
        """Wait until Snakemake ends; it must have done all that it was asked for."""
        assert process.wait(timeout=600) == 0, self.log()[-5000:]

    def log(self) -> str:
        return (self.folder / "snakemake.log").read_text()

    def hold(self, count: int) -> list[Held]:
        """Stop that many jobs, each in the middle of a run."""
        held: dict[str, Held] = {}

        def enough() -> bool:
            for trainer in living(self.folder):
                if len(held) < count and trainer.job not in held and (found := self._stop(trainer)):
                    held[trainer.job] = found
            return len(held) == count

        slurm.wait(enough, 300, self.log)
        return list(held.values())

    def _stop(self, trainer: Trainer) -> Held | None:
        if not self._in_progress(trainer):
            return None
        signal_all([trainer], signal.SIGSTOP)
        slurm.wait(lambda: trainer.state in ("T", "Z", ""), 60)
        # It went on between the look and the signal, perhaps into another run.
        if trainer.state == "T" and (found := self._in_progress(trainer)):
            return found
        signal_all([trainer], signal.SIGCONT)
        return None

    def _in_progress(self, trainer: Trainer) -> Held | None:
        for file in (self.folder / "results/tiny/.ledger").glob(f"*-{trainer.pid}-*.jsonl"):
            last = json.loads((file.read_text().splitlines() or ["{}"])[-1])
            if last.get("event") == "epoch" and last["epoch"] < EPOCHS:
                return Held(trainer, last["run"], last["epoch"])
        return None

    def events(self) -> list[dict]:
        """Every line of the ledger."""
        files = (self.folder / "results/tiny/.ledger").glob("*.jsonl")
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def repeated(self) -> Counter:
        """Run -> how many of its epochs were trained again."""
        trained = Counter((e["run"], e["epoch"]) for e in self.events() if e["event"] == "epoch")
        again = Counter()
        for (run, _), times in trained.items():
            again[run] += times - 1
        return +again
