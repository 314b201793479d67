"""Tables 5 and 6 against a study of ours: which cells are the paper's, and the verdict on each.

In: a resolved study and its results table. Out: one record per printed number. A cell of ours is
a replication only if its recipe is the one that the paper states (`STATED`); the paper does not
say how long it trained nor which statistics it tested with, so every protocol is judged by itself.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis.outcomes import Scores
from analysis.published import accuracies
from analysis.replication import replicate, replicate_divergence

STATED = {
    "name": "plain",
    "optimizer": "adam",
    "lr": 1e-3,
    "batch_size": 128,
    "schedule": "alrs",
    "augmentation": "released",
}
"""Settings of the recipe that the paper or its released code states for tables 5 and 6."""


def matches(study: Any) -> list[dict[str, Any]]:
    """Every printed number of tables 5 and 6 on a task of the study, with our cells for it.

    Returns
    -------
    list of dict
        The printed row and ``cells``: those with its task, backbone, norm and stated recipe.
        An empty list of cells: not in this study, or only with other settings (``other``, which
        names the settings that differ).
    """
    found = []
    table = accuracies()
    for row in table[table["table"].isin([5, 6])].to_dict("records"):
        same = [
            c
            for c in study.cells()
            if (c.task, c.backbone, c.norm) == (row["benchmark"], row["backbone"], row["method"])
        ]
        if not any(c.task == row["benchmark"] for c in study.cells()):
            continue
        differing = [(c, [] if c.search else _differences(c)) for c in same]
        cells = [c for c, different in differing if not (different or c.search)]
        other = {c.recipe: d or ["chosen by a search"] for c, d in differing if c not in cells}
        found.append({**row, "cells": cells, "other": other})
    return found


def _differences(cell: Any) -> list[str]:
    recipe = cell.settings["recipe"]
    return [f"{k} {recipe.get(k)}, not {v}" for k, v in STATED.items() if recipe.get(k) != v]


def judge(study: Any, results: pd.DataFrame) -> list[dict[str, Any]]:
    """The verdict of `analysis.replication` on every printed number that the study repeats.

    A printed nan is judged by our divergence rate, a number by our scores on clean images.
    """
    scores, plan, found = Scores(results, study, ["clean"]), study.plan, []
    for row in matches(study):
        keys = ("table", "benchmark", "backbone", "method", "condition", "accuracy")
        head = {key: row[key] for key in keys}
        for cell in row["cells"]:
            for protocol in cell.protocols:
                own = scores.of(cell, "clean", protocol)
                if math.isnan(row["accuracy"]):
                    verdict = replicate_divergence(
                        len(own.diverged), len(own.values), alpha=plan.alpha
                    )
                else:
                    values = pd.Series(own.values, dtype=float).to_numpy()
                    verdict = replicate(values, row["accuracy"], plan.margin, alpha=plan.alpha)
                found.append({**head, "recipe": cell.recipe, "protocol": protocol, **verdict})
    return found
