"""Divergence as an outcome of its own: how often, and more often in one arm than in the other?

In: the results table. Out: k of S with Clopper-Pearson per cell, and the exact McNemar test of
each declared contrast in which a run diverged.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from afn.study.grid.cells import Study
from afn.study.parts.names import Arm
from analysis.results.scores import CELL, declared_rows
from analysis.stats.proportions import clopper_pearson, exact_mcnemar


def divergence(results: pd.DataFrame, study: Study) -> list[dict[str, Any]]:
    """Diverged runs of every cell that has runs, with the exact interval of their share."""
    fates = _fates(results, study)
    found = []
    for cell in study.cells():
        runs = fates.get((cell.task, cell.backbone, cell.norm, cell.recipe), {})
        if not runs:
            continue
        k, n = sum(runs.values()), len(runs)
        ci = clopper_pearson(k, n, study.plan.alpha)
        found.append({**{p: getattr(cell, p) for p in CELL}, "diverged": k, "n": n, "ci": ci})
    return found


def divergence_tests(results: pd.DataFrame, study: Study) -> list[dict[str, Any]]:
    """Exact McNemar between the arms of each contrast, per backbone, where any run diverged.

    An arm's protocol does not matter here: a run diverges in training.
    """
    fates = _fates(results, study)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for experiment in study.experiments.values():
        places = dict.fromkeys((c.task, c.backbone, c.recipe) for c in experiment.cells)
        for contrast in experiment.contrasts:
            a, b = Arm.parse(contrast.a).norm, Arm.parse(contrast.b).norm
            for task, backbone, recipe in places:
                runs_a = fates.get((task, backbone, a, recipe), {})
                runs_b = fates.get((task, backbone, b, recipe), {})
                seeds = sorted(set(runs_a) & set(runs_b))
                key = (task, backbone, recipe, a, b)
                if a == b or key in found or not any(runs_a[s] or runs_b[s] for s in seeds):
                    continue
                counts = exact_mcnemar([runs_a[s] for s in seeds], [runs_b[s] for s in seeds])
                labels = {"task": task, "backbone": backbone, "recipe": recipe, "a": a, "b": b}
                found[key] = labels | counts | {"n": len(seeds)}
    return list(found.values())


def _fates(results: pd.DataFrame, study: Study) -> dict[tuple[Any, ...], dict[int, bool]]:
    """Per cell: seed -> whether the run diverged."""
    rows = declared_rows(results, study)
    runs = rows.drop_duplicates([*CELL, "seed"])
    return {
        key: dict(zip(g["seed"].tolist(), (g["status"] == "diverged").tolist(), strict=True))
        for key, g in runs.groupby(CELL)
    }
