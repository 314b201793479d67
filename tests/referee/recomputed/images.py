"""Which test images every run answered rightly, straight from its predictions.

In: the evidence and the folders of runs. Out: tables of seeds by images, in points. Called for
studies whose claims are about images like these.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.referee.evidence import CELL, Evidence, chosen

ALIKE = "images_like_these"


def difference(
    e: Evidence, a: dict[str, Any], b: dict[str, Any], backbones: list[str], outcome: str
) -> np.ndarray:
    """Arm a minus arm b by seed and image (seeds, images): means over conditions and backbones.

    The arms are cells with the protocol that is asked for.
    """
    each = [
        answers(e, a | {"backbone": net}, outcome) - answers(e, b | {"backbone": net}, outcome)
        for net in backbones
    ]
    return 100.0 * np.mean(each, axis=0)


def answers(e: Evidence, cell: dict[str, Any], outcome: str) -> np.ndarray:
    """Share of an outcome's conditions that each seed answered rightly (seeds, images)."""
    key = (*(cell[k] for k in CELL), e.served(cell, cell["protocol"]), outcome)
    return _answers(e, key)


@cache
def _answers(e: Evidence, key: tuple[str, ...]) -> np.ndarray:
    *parts, protocol, outcome = key
    cell = dict(zip(CELL, parts, strict=True))
    if winners := e.winners(cell):
        # A row is a search: the mean over the runs of its winner.
        each = [_answers(e, (*(w[k] for k in CELL), protocol, outcome)) for w in winners]
        return np.array([rows.mean(axis=0) for rows in each])
    tests = e.of(cell)
    tests = tests[(tests["protocol"] == protocol) & chosen(tests, outcome)]
    keys = list(dict.fromkeys(zip(tests["condition"], tests["severity"], strict=True)))
    folder = e.made.results / "runs" / Path(*(cell[k] for k in CELL))
    rows = []
    for seed in sorted(tests["seed"].unique()):
        with np.load(folder / f"seed{seed}" / "predictions.npz") as said:
            right = [
                said[f"{protocol}/test/{c}/{s}"] == labels(e.made.folder, cell["task"], c, s)
                for c, s in keys
            ]
        rows.append(np.mean(right, axis=0))
    return np.array(rows)


@cache
def labels(folder: Path, task: str, condition: str, severity: int) -> np.ndarray:
    """The classes of the images of one test, from the prepared task."""
    prepared = folder / "data/prepared" / task
    manifest = json.loads((prepared / "manifest.json").read_text(encoding="utf-8"))
    tests = pd.DataFrame(manifest["tests"])
    keep = (tests["split"] == "test") & (tests["condition"] == condition)
    (name,) = tests.loc[keep & (tests["severity"] == severity), "labels"]
    return np.load(prepared / manifest["arrays"][name]["file"])
