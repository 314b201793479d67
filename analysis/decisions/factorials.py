"""A grid of factors: analysis of variance blocked by seed, each term against its own error.

In: an experiment with ``analysis: factorial``. Out: one mapping per task and outcome for
ablations.json: cell means, F tests, partial eta squared with its interval.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from afn.study.grid.cells import Study
from analysis.decisions.factor_levels import groups, level_of, notes_of, table
from analysis.results.scores import Scores
from analysis.stats.models.within import within_terms


def factorials(study: Study, scores: Scores) -> list[dict[str, Any]]:
    """Every factorial experiment of a study, per group of otherwise equal cells and per outcome."""
    found = []
    for name, experiment in study.experiments.items():
        factors = [key for key, levels in experiment.factors.items() if len(levels) > 1]
        if experiment.analysis != "factorial" or len(factors) < 2:
            continue
        for cells in groups(experiment, factors):
            by_levels: dict[tuple[Any, ...], list[Any]] = {}
            for cell in cells:
                key = tuple(level_of(cell, factor) for factor in factors)
                by_levels.setdefault(key, []).append(cell)
            for outcome in scores.outcomes:
                found.append(_factorial(name, factors, by_levels, outcome, scores))
    return found


def _factorial(
    name: str,
    factors: list[str],
    by_levels: dict[tuple[Any, ...], list[Any]],
    outcome: str,
    scores: Scores,
) -> dict[str, Any]:
    keys = list(by_levels)
    data = table(scores, [by_levels[key] for key in keys], outcome)
    first = by_levels[keys[0]][0]
    return {
        "experiment": name,
        "task": first.task,
        "recipe": first.recipe,
        "outcome": outcome,
        "factors": factors,
        "n": len(data.seeds),
        "cells": [
            {
                "levels": dict(zip(factors, key, strict=True)),
                "norm": by_levels[key][0].norm,
                "mean": float(np.mean(column)) if len(column) else None,
                "sd": float(np.std(column, ddof=1)) if len(column) > 1 else None,
                "n": len(column),
            }
            for key, column in zip(keys, data.columns, strict=True)
        ],
        "anova": _terms(data.values, keys, factors, scores.study.plan.alpha),
        "notes": notes_of(data),
    }


def _terms(
    values: np.ndarray, keys: list[tuple[Any, ...]], factors: list[str], alpha: float
) -> list[dict[str, Any]]:
    """The columns of a table of scores as a grid, one axis per factor; nothing if it has holes."""
    levels = [list(dict.fromkeys(key[i] for key in keys)) for i in range(len(factors))]
    grid = list(itertools.product(*levels))
    if set(grid) != set(keys):
        return []
    order = [keys.index(key) for key in grid]
    shape = (len(values), *map(len, levels))
    return within_terms(values[:, order].reshape(shape), factors, alpha)
