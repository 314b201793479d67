"""Small runs for the tests of training: prepared digits, specifications, jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from afn.common import run_folder
from afn.common.run_folder import Result
from afn.study.parts.catalogue import entry
from afn.tasks.__main__ import main as prepare

ROOT = Path(__file__).resolve().parents[2]
RUNNING = {"running": {"statistics": "running"}}
PROTOCOLS = {**RUNNING, "test_batch": {"statistics": "batch", "batch_size": 100}}


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """The manifest of the prepared digits."""
    folder = tmp_path_factory.mktemp("digits")
    assert prepare(["prepare", "digits8x8", "-o", str(folder)]) == 0
    return folder / "manifest.json"


def read_result(folder: Path) -> tuple[dict, dict[str, bytes]] | None:
    """The record of a run and the files beside it, of whatever status; None if it is not usable."""
    found = run_folder.read(folder, statuses=run_folder.STATUSES)
    return (found.record, found.sidecars) if isinstance(found, Result) else None


def part(kind: str, name: str, **changed) -> dict:
    return {"name": name, **entry(kind, name).defaults, **changed}


def make_spec(
    norm="batch",
    backbone="convnet_small",
    protocols=None,
    norm_options=None,
    name="plain",
    **recipe,
):
    """A complete specification, with short trainings unless said otherwise."""
    protocols = PROTOCOLS if protocols is None else protocols
    return {
        "task": {"name": "digits8x8", "split": "fixed"},
        "backbone": part("backbone", backbone),
        "norm": part("norm", norm, **(norm_options or {})),
        "recipe": part("recipe", name, **{"epochs": 2, **recipe}),
        "protocols": protocols,
        "validation_protocol": next(iter(protocols)),
    }


def make_recipe(**changed):
    """The settings of ``plain``, as training has them."""
    from afn.training.loop.recipe import Recipe

    return Recipe.of(part("recipe", "plain", **changed))


class Lab:
    """A study folder: runs jobs in it and reads what they left."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data

    def output(self, seed: int = 0) -> Path:
        cell = self.folder / "results/s/runs/digits8x8/convnet_small/batch/plain"
        return cell / f"seed{seed}/result.json"

    def settings(self, spec: dict, seeds=(0,), **changed) -> dict:
        return {
            "outputs": tuple(self.output(seed) for seed in seeds),
            "spec": spec,
            "study": "s",
            "fingerprint": "f0",
            "data": self.data,
            "store": self.folder / "store",
            "ledger": self.folder / "ledger",
            **changed,
        }

    def run(self, spec: dict, seeds=(0,), **changed) -> dict:
        """Run a job in this process; returns the result of its first seed."""
        from afn.training.job.job import Job, run_job

        run_job(Job(**self.settings(spec, seeds, **changed)))
        return self.result(seeds[0])

    def command(self, spec: dict, seeds=(0,), **changed) -> list[str]:
        settings = self.settings(spec, seeds, **changed)
        outputs = [str(output) for output in settings.pop("outputs")]
        settings["spec"] = json.dumps(settings["spec"])
        options = [
            word
            for key, value in settings.items()
            for word in (f"--{key.replace('_', '-')}", str(value))
        ]
        return [sys.executable, "-m", "afn.training", *outputs, *options]

    def start(self, spec: dict, seeds=(0,), **changed) -> subprocess.Popen:
        """Start a job as a process of its own."""
        return subprocess.Popen(
            self.command(spec, seeds, **changed),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")},
        )

    def result(self, seed: int = 0) -> dict:
        """The intact result of a seed."""
        found = read_result(self.output(seed).parent)
        assert found is not None, "the result is missing or damaged"
        return found[0]

    def bits(self, seed: int = 0) -> tuple[str, dict[str, str]]:
        """What must be equal between equal runs: the seal, and the hashes of the files."""
        result = self.result(seed)
        return result["seal"], result["files"]

    def events(self) -> list[tuple[str, str, int]]:
        """(seed, event, epoch) in the order of time, over all processes."""
        lines = [
            json.loads(line)
            for file in (self.folder / "ledger").glob("*.jsonl")
            for line in file.read_text().splitlines()
        ]
        lines.sort(key=lambda line: line["time"])
        return [(line["run"].rpartition("/")[2], line["event"], line["epoch"]) for line in lines]

    def epochs(self) -> int:
        """How many epochs were trained in this folder, by anyone."""
        return sum(event == "epoch" for _, event, _ in self.events())


@pytest.fixture
def lab(tmp_path, digits) -> Lab:
    return Lab(tmp_path, digits)


@pytest.fixture
def other_lab(tmp_path_factory, digits) -> Lab:
    return Lab(tmp_path_factory.mktemp("other"), digits)
