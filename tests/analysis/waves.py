"""A small study in waves with made-up runs: looks are taken on it without training anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from afn.common.run_folder import write_result
from afn.study import study_from_mapping
from afn.study.code.fingerprint import run_fingerprint
from afn.study.parts.catalogue import task_facts
from analysis.__main__ import main
from analysis.results.io import write_json
from tests.records import predictions_of

IMAGES = 360
STUDY = {
    "study": "small",
    "question": "Is it better?",
    "seeds": {"wave": 5, "at_most": 30, "effect": 1.0},
    "protocols": {"running": {"statistics": "running"}},
    "base": {"task": "digits8x8", "backbone": "resnet8", "norm": "afn", "recipe": {"epochs": 1}},
    "experiments": {
        "norms": {
            "factors": {
                "backbone": ["convnet_small", "resnet8"],
                "norm": ["batch", "batch_instance", "asr", "afn"],
            },
            "contrasts": [["afn", "batch"], ["afn", "asr"], ["afn", "batch_instance"]],
        },
        "ratios": {"factors": {"norm.stan_ratio": [2, 4, 8]}, "trend": "norm.stan_ratio"},
    },
    "plan": {"outcomes": ["clean"], "primary": ["norms"], "margin": 0.5},
}
"""10 cells. ``afn - batch`` is decided at once, ``afn - asr`` later, the third hardly at all."""
Score = Callable[[str, str, int], float]


def accuracy(norm: str, backbone: str, seed: int) -> float:
    """Points: a large, a middling and no difference, paired by seed."""
    key = hashlib.sha256(f"{norm} {backbone} {seed}".encode()).digest()
    rng = np.random.default_rng(list(key))
    common = np.random.default_rng([seed, 99]).normal(0, 1.0)
    mean = {"batch": 74.0, "asr": 86.9, "afn": 88.0, "batch_instance": 87.9}.get(norm, 87.0)
    return mean + common + rng.normal(0, 0.6)


def load(changes: dict[str, Any] | None = None):
    """The study, some of its keys replaced."""
    return study_from_mapping(STUDY | (changes or {}), "small.yaml")


class Small:
    """The study's folders, filled as its looks ask for it."""

    def __init__(
        self, folder: Path, changes: dict[str, Any] | None = None, score: Score = accuracy
    ):
        self.folder, self.score = folder, score
        self.results = folder / "results/small"
        self.declare(changes)

    def declare(self, changes: dict[str, Any] | None = None) -> None:
        """Write the study down, as the first rule does."""
        self.study = load(changes)
        self.results.mkdir(parents=True, exist_ok=True)
        (self.results / "study.json").write_text(self.study.to_json())

    def train(self, cell: Any, seed: int, **changes: Any) -> None:
        """Make up the result of one run."""
        target = self.results / "runs" / cell.path / f"seed{seed}"
        record = record_of(cell, seed, self.score(cell.norm, cell.backbone, seed)) | changes
        sidecars = {"history.csv": b"epoch,loss\n1,0.5\n"}
        if record["status"] == "finished":
            sidecars["predictions.npz"] = predictions_of(record["evaluations"])
        write_result(target, record, sidecars)

    def train_wave(self, wave: int) -> int:
        """Make up what a wave asks for; returns how many runs that are."""
        from afn.study.waves.asked import read_look

        every = [cell.path for cell in self.study.cells()]
        wanted = every if wave == 1 else read_look(self.look(wave - 1))["next"]
        for path in wanted:
            for seed in self.study.waves[wave - 1]:
                self.train(self.study.cell(path), seed)
        return len(wanted) * len(self.study.waves[wave - 1])

    def look(self, wave: int) -> Path:
        return self.results / "looks" / f"look{wave}.json"

    def take(self, wave: int) -> int:
        """Take the look after a wave; returns the exit code."""
        runs, study = self.results / "runs", self.results / "study.json"
        words = ["look", study, "--runs", runs, "--wave", wave, "-o", self.look(wave)]
        return main([str(word) for word in words])

    def run(self, until: int = 99) -> list[dict]:
        """Wave after wave until nobody needs another; returns the looks."""
        from afn.study.waves.asked import read_look

        found: list[dict] = []
        for wave in range(1, min(until, len(self.study.looks)) + 1):
            self.train_wave(wave)
            assert self.take(wave) == 0
            found.append(read_look(self.look(wave)))
            if not found[-1]["next"]:
                break
        return found

    def decide(self) -> list[dict]:
        """The rest of the way; returns the decisions."""
        runs, study = str(self.results / "runs"), str(self.results / "study.json")
        assert main(["collect", study, "--runs", runs, "-o", str(self.results)]) == 0
        out = self.results / "decisions.json"
        words = [study, "--results", str(self.results / "results.parquet"), "-o", str(out)]
        assert main(["decide", *words, "--ablations", str(self.results / "ablations.json")]) == 0
        write_json(self.results / "search.json", {})
        return json.loads(out.read_text())["decisions"]


def record_of(cell: Any, seed: int, points: float) -> dict[str, Any]:
    """A finished run as the trainer writes it; every test has the same accuracy."""
    right = int(np.clip(round(points / 100 * IMAGES), 0, IMAGES))
    spec = json.loads(cell.spec()) | {"seed": seed}
    facts = task_facts(cell.settings["task"])
    tests = [("clean", 0), *((c, s) for c in facts["conditions"] for s in facts["severities"])]
    score = {"accuracy": right / IMAGES, "loss": 0.1, "n": IMAGES}
    evaluations = [
        {"split": "test", "condition": c, "severity": s, "protocol": protocol} | score
        for protocol in cell.protocols
        for c, s in tests
    ]
    first = {"split": "validation", "condition": "clean", "severity": 0}
    evaluations.append(first | {"protocol": spec["validation_protocol"]} | score)
    parts = dict(zip(("task", "backbone", "norm", "recipe"), cell.path.split("/"), strict=True))
    return {
        "schema": 1,
        "study": "small",
        "run": parts | {"seed": seed},
        "status": "finished",
        "reason": None,
        "spec": spec,
        "fingerprint": run_fingerprint(cell),
        "data": "0" * 64,
        "evaluations": evaluations,
        "selection": {"kind": "last", "epoch": 1},
        "parameters": 78_000,
        "step_ms": 1.0,
        "train_seconds": 1.0,
        "epochs": 1,
        "threads": 1,
        "device": "cpu",
        "versions": {"torch": "0", "python": "0", "numpy": "0", "processor": "none", "head": "c"},
    }
