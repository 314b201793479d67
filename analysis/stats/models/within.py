"""Terms of a complete grid of factors, each tested against its own interaction with the seed.

In: scores as an array (seeds, levels of each factor). Out: F tests and effects in points. Called
by the factorial experiments of a study.

Every seed meets every combination, so that a term has an error of its own: how much it varies from
seed to seed (term x seed). Pooling these errors would judge a steady term by an unsteady one.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy import stats

from analysis.stats.models.anova import eta_interval
from analysis.stats.paired import is_constant, rounding
from analysis.stats.t_estimate import mean_reach


def within_terms(values: np.ndarray, factors: list[str], alpha: float) -> list[dict[str, Any]]:
    """Every main effect and interaction of a complete grid, blocked by seed.

    Parameters
    ----------
    values : (seeds, levels of factor 1, levels of factor 2, ...)
        Scores in points.
    factors : list of str
        Names of the factors, in the order of the axes.
    alpha : float
        Intervals are at 1 - alpha.

    Returns
    -------
    list of dict
        ``term`` (factors joined by ``:``), ``df`` [term, term x seed], ``F``, ``p``,
        ``partial_eta2`` with ``ci``, and for a term of one degree of freedom its ``effect`` in
        points with ``effect_ci``: the last level minus the first; of an interaction, the difference
        between two such differences. None where a number does not exist; empty below two seeds.
    """
    if len(values) < 2:
        return []
    axes = range(1, values.ndim)
    terms = [t for k in axes for t in itertools.combinations(axes, k)]
    return [_term(values, term, factors, alpha) for term in terms]


def _term(
    values: np.ndarray, term: tuple[int, ...], factors: list[str], alpha: float
) -> dict[str, Any]:
    others = tuple(i for i in range(1, values.ndim) if i not in term)
    means = values.mean(axis=others) if others else values
    parts = means.astype(float)
    for axis in range(1, parts.ndim):
        parts = parts - parts.mean(axis=axis, keepdims=True)
    times = math.prod(values.shape[i] for i in others)
    seeds, df = len(values), math.prod(values.shape[i] - 1 for i in term)
    average = parts.mean(axis=0)
    squares = float(seeds * times * np.sum(average**2))
    error, df_error = float(times * np.sum((parts - average) ** 2)), df * (seeds - 1)
    exact = error <= values.size * rounding(values)
    f = None if exact else squares / df / (error / df_error)
    found = {
        "term": ":".join(factors[i - 1] for i in term),
        "df": [df, df_error],
        "F": f,
        "p": None if f is None else float(stats.f.sf(f, df, df_error)),
        "partial_eta2": None if exact else squares / (squares + error),
        "ci": [None, None] if f is None else eta_interval(f, df, df_error, alpha),
    }
    return found | _effect(means, df, alpha)


def _effect(means: np.ndarray, df: int, alpha: float) -> dict[str, Any]:
    """The contrast of a term of one degree of freedom, by t over seeds."""
    none = {"effect": None, "effect_ci": [None, None]}
    if df != 1:
        return none
    by_seed = means
    while by_seed.ndim > 1:
        by_seed = by_seed[..., -1] - by_seed[..., 0]
    estimate = float(by_seed.mean())
    if len(by_seed) < 2 or is_constant(by_seed):
        return none | {"effect": estimate}
    half = mean_reach(by_seed, alpha)
    return {"effect": estimate, "effect_ci": [estimate - half, estimate + half]}
