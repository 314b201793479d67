"""A complete made-up results table for any study of the checkout, from a function of the score.

Where `tests.analysis.synthetic` draws one known study, this serves the studies of the paper's
tables: every cell, seed, protocol and test condition, with the published sizes of the test sets.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from afn.common.conditions import selects
from afn.study.grid.expansion import expand
from afn.study.grid.schema import StudyFile
from afn.study.plan.sizes import test_sizes

STUDIES = Path(__file__).resolve().parents[2] / "studies"
Score = Callable[[Any, str, int, str, int], float]
"""cell, condition, severity, protocol, seed -> percent."""


def document_of(name: str, **changed: Any) -> dict[str, Any]:
    """A study file of the checkout with other top-level keys; None takes a key out."""
    raw = yaml.safe_load((STUDIES / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in (raw | changed).items() if value is not None}


def study_of(name: str, **changed: Any) -> Any:
    """The study of `document_of`."""
    return expand(StudyFile.model_validate(document_of(name, **changed)))


def table_results(study: Any, score: Score, diverged: tuple[tuple[str, int], ...] = ()) -> Any:
    """One row per run, protocol and test; ``diverged`` holds (cell path, seed)."""
    rows = []
    for cell in study.cells():
        sizes = test_sizes(cell.settings["task"])
        for seed in study.seeds:
            lost = (cell.path, seed) in diverged
            head = {"study": study.name, "task": cell.task, "backbone": cell.backbone}
            head |= {"norm": cell.norm, "recipe": cell.recipe, "seed": seed}
            head |= {"status": "diverged" if lost else "finished"}
            head |= {"reason": "loss is nan" if lost else None}
            tail = {"parameters": 1000, "step_ms": 1.0, "train_seconds": 1.0, "epochs": 1}
            tail |= {"threads": 1, "device": "cpu", "processor": "synthetic", "torch": "2.0.0"}
            tail |= {"head": "numpy", "fingerprint": "f"}
            if lost:
                nothing = dict.fromkeys(
                    ("split", "condition", "severity", "protocol", "accuracy", "loss", "n")
                )
                rows.append(head | nothing | tail)
                continue
            for protocol, options in cell.protocols.items():
                for (condition, severity), n in sizes.items():
                    if not selects(options.get("conditions"), condition, severity):
                        continue
                    value = score(cell, condition, severity, protocol, seed) / 100
                    test = {"split": "test", "condition": condition, "severity": severity}
                    test |= {"protocol": protocol, "accuracy": value, "loss": 1 - value, "n": n}
                    rows.append(head | test | tail)
    frame = pd.DataFrame(rows)
    return frame.astype({"severity": "Int64", "n": "Int64", "accuracy": float, "loss": float})
