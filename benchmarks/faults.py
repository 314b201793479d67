"""A small study that is killed again and again: ``python -m benchmarks.faults --kills 100``.

``--damage 100`` spoils what a study leaves instead: see `benchmarks.damage.running`.

A copy of the project trains 24 runs of 40 epochs and makes its report, first in peace, then under
SIGKILL: one of its trainers, Snakemake, or the whole process group (driver, Snakemake, trainers),
as a seed says. Only kills count that met a trainer at work: the ledger of a trainer that died by
them ends inside an epoch. The same command is given again whenever it has ended; a study that ends
before all kills are used is begun anew. Prints the results that are lost or differ from those of
the quiet study, which must be none (else the exit code is 1), and the epochs that were trained
again, by kind of kill. Checkpoints are due every half second, not every ten seconds, so that the
short runs have some.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from afn.study.state.progress import format_seconds
from tests.workflow.project import TINY, Project

EPOCHS = 40
VICTIMS = ("trainer", "snakemake", "everything")
WORDS = {"trainer": "-m afn.training", "snakemake": "-m snakemake"}
MOST_FAILURES = 5
"""So often may a study fail that nobody kills any more: then the fault is another."""


class Copy(Project):
    """A copy of a copy: all studies run the same code, whatever is edited meanwhile."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        shutil.copytree(source, folder)


def make_source(folder: Path) -> Path:
    """A copy of the project with the study and its checkpoints; nothing runs in it."""
    folder.mkdir()
    base = {**TINY["base"], "recipe": {"epochs": EPOCHS}}
    Project(folder).write_study({**TINY, "base": base})
    rules = folder / "workflow/rules/train.smk"
    text = rules.read_text(encoding="utf-8")
    changed = text.replace(" --threads {threads}", " --checkpoint-seconds 0.5 --threads {threads}")
    if changed == text:
        raise SystemExit(f"{rules} has no --threads to put --checkpoint-seconds before")
    rules.write_text(changed, encoding="utf-8")
    return folder


@dataclass
class Tally:
    """What the kills did, over all studies."""

    planned: int
    started: float = field(default_factory=time.monotonic)
    kills: Counter = field(default_factory=Counter)
    hits: Counter = field(default_factory=Counter)
    repeated: Counter = field(default_factory=Counter)
    trained: int = 0
    results: int = 0
    lost: int = 0
    wrong: int = 0
    studies: int = 0

    @property
    def open(self) -> bool:
        return self.hits.total() < self.planned

    def line(self) -> str:
        done, seconds = self.hits.total(), time.monotonic() - self.started
        left = format_seconds(seconds / done * (self.planned - done)) if done else "?"
        return (
            f"{done}/{self.planned} kills inside an epoch ({self.kills.total()} in all), "
            f"{self.studies} studies ended, {self.lost} results lost,"
            f" {self.wrong} wrong; {format_seconds(seconds)} so far, ETA {left}"
        )

    def table(self) -> str:
        rows = ["killed      times inside an epoch  epochs trained again  per kill"]
        for victim in VICTIMS:
            again, hits = self.repeated[victim], self.hits[victim]
            each = f"{again / hits:.1f}" if hits else "-"
            rows.append(f"{victim:11s}{self.kills[victim]:6d}{hits:16d}{again:22d}{each:>10s}")
        share = 100 * self.repeated.total() / max(self.trained, 1)
        rows.append(
            f"{self.results} results of {self.studies} killed studies against the quiet one: "
            f"{self.lost} lost, {self.wrong} wrong; {self.trained} epochs trained, "
            f"{self.repeated.total()} of them again ({share:.1f} %)"
        )
        return "\n".join(rows)


def processes(folder: Path, word: str) -> list[int]:
    """Processes that work in a folder and carry a word in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if (entry / "cwd").resolve() == folder and word in line:
                found.append(int(entry.name))
        except (OSError, UnicodeDecodeError):
            continue
    return found


def kill(victim: str, driver: subprocess.Popen, folder: Path, dice: random.Random) -> bool:
    """Kill one trainer, Snakemake, or the whole group; returns whether anything was killed."""
    if victim == "everything":
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        return True
    pids = sorted(processes(folder, WORDS[victim]))
    # Of the trainers one: the other goes on, as when the kernel takes a process for its memory.
    for pid in [dice.choice(pids)] if victim == "trainer" and pids else pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return bool(pids)


def wait_for_a_moment(
    project: Project, driver: subprocess.Popen, tally: Tally, dice: random.Random
) -> int:
    """Wait until something is to be killed (TimeoutExpired), or the study ends (its exit code).

    Three times of four that is up to a second after some trainer began an epoch, else any moment of
    the first ten seconds: of Snakemake's start, an import, a test, the steps behind the training.
    """
    if not tally.open:
        return driver.wait()
    if dice.random() < 0.25:
        return driver.wait(timeout=dice.uniform(1.0, 11.0))
    later = dice.uniform(0.0, 1.0)
    while driver.poll() is None:
        living = set(processes(project.folder, WORDS["trainer"]))
        if living & project.inside_an_epoch(EPOCHS).keys():
            return driver.wait(timeout=later)
        time.sleep(0.1)
    return driver.wait()


def met_at_work(project: Project, trainers: list[int]) -> bool:
    """Whether one of some trainers died by the last kill, and inside an epoch."""
    time.sleep(0.5)  # who loses its parent dies a moment later
    dead = set(trainers) - set(processes(project.folder, WORDS["trainer"]))
    return bool(dead & project.inside_an_epoch(EPOCHS).keys())


def killed_study(project: Project, tally: Tally, dice: random.Random) -> None:
    """Run a study to its end, under as many kills as fall into its time."""
    kills, failures = [], 0
    victim = dice.choice(VICTIMS)
    driver = project.start_driver()
    try:
        while True:
            try:
                code = wait_for_a_moment(project, driver, tally, dice)
            except subprocess.TimeoutExpired:
                trainers = processes(project.folder, WORDS["trainer"])
                if kill(victim, driver, project.folder, dice):
                    kills.append((time.time(), victim))
                    tally.kills[victim] += 1
                    tally.hits[victim] += met_at_work(project, trainers)
                    victim = dice.choice(VICTIMS)
                    print(tally.line(), flush=True)
                continue
            if code == 0:
                break
            failures += not tally.open
            if failures > MOST_FAILURES:
                raise SystemExit(f"the study in {project.folder} fails though nobody kills it")
            driver = project.start_driver()
    finally:
        if driver.poll() is None:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
    count_epochs(project, kills, tally)


def count_epochs(project: Project, kills: list[tuple[float, str]], tally: Tally) -> None:
    """Put each epoch that was trained again down to the kill that ended its first training."""
    files = []
    for path in (project.folder / "results/tiny/.ledger").glob("*.jsonl"):
        lines = path.read_bytes().split(b"\n")[:-1]
        files.append([json.loads(line) for line in lines])
    files = sorted((events for events in files if events), key=lambda events: events[0]["time"])
    trained: dict[tuple[str, int], float] = {}
    for events in files:
        end = events[-1]["time"]
        for event in events:
            if event["event"] != "epoch":
                continue
            key = event["run"], event["epoch"]
            tally.trained += 1
            if key in trained:
                killer = next((kind for t, kind in kills if t >= trained[key]), "nobody")
                tally.repeated[killer] += 1
            trained[key] = end


def compare(project: Project, quiet: dict[str, str], tally: Tally) -> None:
    found = project.hashes()
    tally.studies += 1
    tally.results += len(quiet)
    tally.lost += len(quiet.keys() - found.keys())
    tally.wrong += sum(found[run] != digest for run, digest in quiet.items() if run in found)
    if not (project.folder / "reports/tiny/index.html").is_file():
        raise SystemExit(f"the study in {project.folder} ended without a report")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--kills", type=int, default=100, help="that meet a trainer inside an epoch (default: 100)"
    )
    parser.add_argument(
        "--damage",
        type=int,
        metavar="KINDS",
        help="instead of kills: so many kinds of damage to what a study leaves "
        "(benchmarks/damage/kinds.py has them), and whether each is noticed",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the victims")
    options = parser.parse_args()
    if options.damage is not None:
        from benchmarks.damage.running import main as damage

        with tempfile.TemporaryDirectory() as name:
            return damage(options.damage, options.seed, Path(name))
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        started = time.monotonic()
        source = make_source(Path(name, "source"))
        calm = Copy(Path(name, "quiet"), source)
        if calm.start_driver().wait() != 0:
            raise SystemExit("the quiet study failed")
        quiet, epochs = calm.hashes(), calm.epochs_trained()
        seconds = format_seconds(time.monotonic() - started)
        print(f"quiet study: {len(quiet)} results, {epochs} epochs, {seconds}", flush=True)
        tally = Tally(options.kills)
        while tally.open:
            project = Copy(Path(name, f"killed{tally.studies}"), source)
            killed_study(project, tally, dice)
            compare(project, quiet, tally)
            print(tally.line(), flush=True)
    print(tally.table())
    return 1 if tally.lost or tally.wrong or tally.repeated["nobody"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
