"""Small studies, trained for real by the real commands, and kept between runs of the tests.

In: a study's document. Out: its `Made` folders. Called by the tests beside this file. A study is
trained again when its document, or the code that trains, has changed; what is made of its results
is made again when any code has.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.workflow.project import PARTS, ROOT, Project

RECIPE = {"epochs": 1}
BASE = {"task": "digits8x8", "backbone": "convnet_small", "norm": "afn", "recipe": RECIPE}
PLAN = {"outcomes": ["clean", "shift"], "strict": False}

RATES: dict[str, Any] = {
    "study": "rates",
    "question": "Does AFN help at both learning rates?",
    "seeds": 5,
    "base": BASE,
    "experiments": {
        "rates": {
            "factors": {
                "backbone": ["convnet_small", "resnet8"],
                "norm": ["batch", "asr", "afn"],
                "recipe.lr": [0.001, 0.003],
            },
            "contrasts": [["afn", "batch"], ["afn", "asr"]],
        }
    },
    "plan": {**PLAN, "alpha": 0.1, "primary": ["rates"]},
}
"""A recipe as a factor, at a level of 90 %: 12 cells of 5 seeds."""

DEFAULT: dict[str, Any] = {
    "study": "small",
    "question": "Does AFN beat BatchNorm, and is its gain more than test-batch statistics?",
    "seeds": 6,
    "protocols": {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    },
    "protocol_sweep": {
        "batch_sizes": [8, 120],
        "orders": ["shuffled"],
        "experiments": ["normalizations"],
    },
    "base": BASE,
    "experiments": {
        "normalizations": {
            "factors": {
                "backbone": ["convnet_small", "resnet8"],
                "norm": ["batch", "layer", "afn"],
            },
            "contrasts": [
                ["afn", "batch"],
                ["afn@test_batch", "batch@test_batch"],
                ["batch@test_batch", "batch"],
                ["afn", "layer"],
            ],
        },
        "ratio": {"factors": {"norm.stan_ratio": [2, 4, 8]}, "trend": "norm.stan_ratio"},
        "bottleneck": {
            "factors": {"norm.stan_ratio": [2, 8], "norm.rescale_ratio": [4, 16]},
            "analysis": "factorial",
        },
        "tuned": {
            "search": {
                "space": {"recipe.lr": {"log": [1e-4, 1e-1]}, "norm.lambda_init": [-1, -3, -5]},
                "trials": 4,
                "width": 4,
                "per": ["norm"],
                "repeats": 3,
                "finalists": {"count": 2, "seeds": 1},
            },
            "factors": {"norm": ["batch", "afn"]},
            "contrasts": [["afn", "batch"]],
        },
    },
    "plan": {**PLAN, "target": "images_like_these", "primary": ["normalizations"]},
}
"""The default study cut down: 10 cells of 6 seeds, two protocols, a sweep, a trend, a grid, and two
methods after three searches each."""


TOO_HIGH = 1000.0
"""The highest rate that a study may have: runs diverge at it."""

SEARCHED: dict[str, Any] = {
    "study": "searched",
    "question": "Does AFN gain more after equal tuning, "
    "and does it survive a rate that is too high?",
    "seeds": 6,
    "base": BASE,
    "experiments": {
        "defaults": {
            "factors": {"norm": ["batch", "asr", "afn"], "recipe.lr": [0.001, TOO_HIGH]},
            "contrasts": [["afn", "batch"], ["afn", "asr"]],
        },
        "tuned": {
            "search": {
                "space": {"recipe.lr": {"log": [1e-4, 1e3]}, "norm.lambda_init": [-1, -3, -5]},
                "trials": 8,
                "width": 4,
                "per": ["norm"],
            },
            "factors": {"norm": ["batch", "afn"]},
            "contrasts": [["afn", "batch"]],
        },
    },
    "plan": {**PLAN, "target": "images_like_these", "primary": ["defaults"]},
}
"""A search whose range holds rates that diverge, and a cell that is trained at one of them."""


SPLIT: dict[str, Any] = {
    "study": "split",
    "question": "Does AFN help on data like these?",
    "seeds": 5,
    "base": {**BASE, "task": {"name": "digits8x8", "split": "per_seed"}},
    "experiments": {
        "norms": {
            "factors": {"norm": ["batch", "afn"], "backbone": ["convnet_small", "resnet8"]},
            "contrasts": [["afn", "batch"]],
        }
    },
    "plan": {**PLAN, "target": "data_like_these", "primary": ["norms"]},
}
"""A split of the pool for every seed: 4 cells of 5 seeds, about data like these."""


@dataclass(frozen=True)
class Made:
    """A study that was made: its document, and the folders of its results and of its report."""

    document: dict[str, Any]
    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results" / self.document["study"]

    @property
    def report(self) -> Path:
        return self.folder / "reports" / self.document["study"]


def make(document: dict[str, Any], kept: Path) -> Made:
    """Train and report a study, or find it in the folder of what is kept.

    Parameters
    ----------
    document : dict
        The study file.
    kept : path
        Folder that outlives the tests. Everybody only reads what lies in it.
    """
    kept.mkdir(parents=True, exist_ok=True)
    name = document["study"]
    with (kept / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait while one makes it
        folder = kept / f"{name}-{_digest(document, trained_by())}"
        whole = _digest(document, code())
        marker = folder / "made"
        if not marker.exists() or marker.read_text() != whole:
            runs = folder / "results"
            if folder.exists():
                _forget_pages(folder)
            project = Project(folder)
            project.write_study(document)
            assert runs.exists() or not marker.exists()
            project.snakemake()
            marker.write_text(whole)
    return Made(document, folder)


def _forget_pages(folder: Path) -> None:
    """Leave the runs and the searches of a project, and nothing that is made of them."""
    for part in (*PARTS, "reports"):
        path = folder / part
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for pattern in ("*.parquet", "*.csv", "*.npz", "decisions.json", "ablations.json"):
        for path in folder.glob(f"results/*/{pattern}"):
            path.unlink()


def code() -> list[Path]:
    """Every file that a copy of the project has."""
    found = []
    for part in PARTS:
        path = ROOT / part
        found += path.rglob("*") if path.is_dir() else [path]
    return [p for p in found if p.is_file() and "__pycache__" not in p.parts]


def trained_by() -> list[Path]:
    """The files that a training depends on."""
    return [p for p in code() if p.relative_to(ROOT).parts[0] in ("afn", "profiles")]


def _digest(document: dict[str, Any], files: list[Path]) -> str:
    found = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for path in sorted(files):
        found.update(str(path.relative_to(ROOT)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
