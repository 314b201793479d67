"""Made-up answers of a study's runs, image by image: results table and correct.npz of one draw."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.results.correct import Correct, CorrectWriter, ImageLabels

TESTS = (("clean", 0), ("noise", 1), ("noise", 3), ("blur", 3))
IMAGES = 60


def answered(
    study: Any,
    path: Path,
    *,
    tests: tuple[tuple[str, int], ...] = TESTS,
    sets: dict[str, int] | None = None,
    effects: dict[tuple[str, str], float] | None = None,
    spread: float = 1.0,
    diverged: Collection[tuple] = (),
    unstored: Collection[tuple] = (),
) -> tuple[pd.DataFrame, Correct, dict[tuple, np.ndarray]]:
    """Draw every run's answers.

    Parameters
    ----------
    sets : dict, optional
        Condition -> images of a set of its own; other conditions share one set of 60 images.
    effects : dict, optional
        (backbone, norm) -> gain in logits; ``spread`` is the SD of a cell's own effect on an image.
    diverged, unstored : collections of (backbone, norm, seed)
        Runs that diverged; runs whose predictions are not stored.

    Returns
    -------
    results, correct, bits
        ``bits`` maps (backbone, norm, protocol, seed, condition, severity) to right or wrong.
    """
    sets, effects = sets or {}, effects or {}
    size = {c: sets.get(c, IMAGES) for c, _ in tests}
    labels = {
        f"test/{c}/{s}": ImageLabels(c if c in sets else "test_labels", np.zeros(size[c], np.uint8))
        for c, s in tests
    }
    ease = {n: np.random.default_rng([7, n]).normal(1.5, 1.5, n) for n in set(size.values())}
    rows, bits = [], {}
    with CorrectWriter(path, [*study.protocols, "any"]) as writer:
        for k, cell in enumerate(study.cells()):
            own = np.random.default_rng([k, 1])
            effect = {n: own.normal(0, spread, n) for n in sorted(ease)}
            gain = effects.get((cell.backbone, cell.norm), 0.0)
            for seed in study.seeds_of(cell):
                run = (cell.backbone, cell.norm, seed)
                head = {"study": study.name, "task": cell.task, "backbone": cell.backbone}
                head |= {"norm": cell.norm, "recipe": cell.recipe, "seed": seed}
                if run in diverged:
                    rows.append(head | {"status": "diverged"})
                    continue
                rng = np.random.default_rng([k, seed, 2])
                shift, found, accuracies = rng.normal(0, 0.1), {}, {}
                for protocol in cell.protocols:
                    for c, s in tests:
                        logit = ease[size[c]] + effect[size[c]] + gain + shift - s / 3
                        right = rng.random(size[c]) < 1 / (1 + np.exp(-logit))
                        key = f"{protocol}/test/{c}/{s}"
                        found[key] = right
                        accuracies[key] = float(right.mean())
                        bits[(*run[:2], protocol, seed, c, s)] = right
                        test = {"split": "test", "condition": c, "severity": s, "n": size[c]}
                        test |= {"protocol": protocol, "accuracy": accuracies[key]}
                        rows.append(head | {"status": "finished"} | test)
                if run not in unstored:
                    writer.add(cell.path, seed, found, labels)
    frame = pd.DataFrame(rows).astype({"severity": "Int64", "accuracy": float})
    return frame, Correct(path), bits
