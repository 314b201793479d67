"""A finished study that may be damaged: where its files lie, and ways to spoil one.

In: a folder in which a study was run by the real commands. Out: a `Place` with the paths that the
kinds of damage (`benchmarks.damage.kinds`) change, all of one run where it is about a run.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from afn.common.canonical import sealed

STUDY = {
    "study": "tiny",
    "question": "Is damage noticed?",
    "seeds": 6,
    "base": {
        "task": "digits8x8",
        "backbone": "convnet_small",
        "norm": "afn",
        "recipe": {"epochs": 3},
    },
    "experiments": {
        "norms": {"factors": {"norm": ["batch", "afn"]}, "contrasts": [["afn", "batch"]]},
        "tuned": {
            "factors": {"norm": ["afn"]},
            "search": {
                "space": {"recipe.lr": {"log": [1.0e-3, 1.0e-2]}},
                "trials": 2,
                "width": 2,
                "per": ["norm"],
            },
        },
    },
    "plan": {"outcomes": ["clean"], "primary": ["norms"]},
}
RUN = "digits8x8/convnet_small/afn/plain+epochs=3/seed2"
OTHER = "digits8x8/convnet_small/batch/plain+epochs=3/seed2"


@dataclass(frozen=True)
class Place:
    """The files of one damaged copy, relative to the folder that a process works in."""

    dice: random.Random
    results: Path = Path("results/tiny")
    reports: Path = Path("reports/tiny")
    prepared: Path = Path("data/prepared/digits8x8")

    @property
    def run(self) -> Path:
        """The folder of the run that is damaged."""
        return self.results / "runs" / RUN

    @property
    def result(self) -> Path:
        return self.run / "result.json"

    @property
    def predictions(self) -> Path:
        return self.run / "predictions.npz"

    @property
    def history(self) -> Path:
        return self.run / "history.csv"

    @property
    def store(self) -> Path:
        """What the trainer keeps of the run."""
        return self.results / ".store" / RUN

    @property
    def search(self) -> Path:
        """The folder of the one search."""
        return next(path for path in (self.results / "search/tuned").iterdir() if path.is_dir())

    @property
    def trial(self) -> Path:
        """The result of a trial."""
        return sorted((self.results / "search/runs").rglob("result.json"))[0]

    def one(self, pattern: str) -> Path:
        """The first file of the report that a pattern finds."""
        return sorted(self.reports.glob(pattern))[0]


def edit(path: Path, change: Callable[[Any], object], *, seal: bool = False) -> None:
    """Change what a JSON file holds; ``seal`` seals it anew, as somebody who knows how would."""
    value = json.loads(path.read_text(encoding="utf-8"))
    changed = change(value)
    value = value if changed is None else changed
    if seal:
        value = sealed({key: kept for key, kept in value.items() if key != "signature"})
    path.write_text(json.dumps(value, indent=1, sort_keys=True), encoding="utf-8")


def flip(path: Path, dice: random.Random) -> None:
    """Flip one bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    path.write_bytes(bytes(raw))


def flip_content(path: Path, dice: random.Random) -> None:
    """Flip one bit in the last quarter of a file, behind all that describes it."""
    raw = bytearray(path.read_bytes())
    raw[-1 - dice.randrange(len(raw) // 4)] ^= 1 << dice.randrange(8)
    path.write_bytes(bytes(raw))


def truncate(path: Path, dice: random.Random) -> None:
    """Cut a file off, as a full disk does."""
    raw = path.read_bytes()
    path.write_bytes(raw[: dice.randrange(1, len(raw) - 1)])


def empty(path: Path, dice: random.Random) -> None:
    path.write_bytes(b"")


def zeros(path: Path, dice: random.Random) -> None:
    """What a power failure leaves of a file: its length."""
    path.write_bytes(bytes(len(path.read_bytes())))


def noise(path: Path, dice: random.Random) -> None:
    path.write_bytes(dice.randbytes(500))


def remove(path: Path, dice: random.Random) -> None:
    path.unlink()


def a_folder(path: Path, dice: random.Random) -> None:
    path.unlink()
    path.mkdir()


def replace(path: Path, other: Path) -> None:
    """Put another file in place of one."""
    shutil.copyfile(other, path)


def replace_text(path: Path, old: str, new: str) -> None:
    """Edit a text file by hand; what is not there cannot be edited."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path} has no {old!r} to edit")
    path.write_text(text.replace(old, new), encoding="utf-8")


def rewrite_arrays(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> bytes:
    """Write an archive of arrays anew, changed; returns its bytes."""
    with np.load(path) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(path, **arrays)
    return path.read_bytes()
