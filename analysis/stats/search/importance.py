"""Which hyper-parameters the score of a search varied with: fANOVA over many random forests.

In: one search of ``search.json``. Out: for every parameter its share of the variance of a forest's
predictions over the space (its main effect; Hutter, Hoos and Leyton-Brown, ICML 2014), once per
forest, or the reason why there is none. Called by the figures of a search.

Descriptive only: the trials are few, a sampler that learns (`tpe`, `gp`) chooses its own in view of
earlier ones, and a forest smooths what it sees. The spread over forests shows how little the trials
pin down; it is no confidence interval. Completed trials only: the score of a trial that was stopped
early is of another budget.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd

FORESTS = 20
"""Forests with the seeds 0 to 19: the same trials give the same numbers."""
TREES = 16
PER_PARAMETER = 3
"""Completed trials that are needed for each parameter."""


@dataclass(frozen=True)
class Importance:
    """Shares of variance by parameter.

    Attributes
    ----------
    shares : DataFrame
        One row per forest, one column per parameter, in the order of the space; between 0 and 1.
        What is missing to a sum of 1 belongs to interactions.
    n : int
        Completed trials.
    """

    shares: pd.DataFrame
    n: int


def importance(
    search: dict[str, Any], *, forests: int = FORESTS, trees: int = TREES
) -> Importance | str:
    """Shares of variance of every parameter, or a sentence that says why there are none.

    Parameters with a condition (``when``) are left out: not every trial has them.
    """
    keys = [key for key, domain in search["space"].items() if not domain.get("when")]
    done = [t for t in search["trials"] if t["state"] == "complete"]
    if len(keys) < 2:
        one = "one parameter was searched" if keys else "no parameter was searched in every trial"
        return f"{one}: there is nothing to compare it with"
    needed = PER_PARAMETER * len(keys)
    if len(done) < needed:
        was = "trial was" if len(done) == 1 else "trials were"
        return f"{len(done)} {was} completed; {len(keys)} parameters need at least {needed}"
    if len({t["value"] for t in done}) == 1:
        return "every completed trial has the same score"
    return Importance(_forests(search, keys, done, forests, trees), len(done))


def _forests(
    search: dict[str, Any], keys: list[str], done: list[dict[str, Any]], forests: int, trees: int
) -> pd.DataFrame:
    # Loading it takes a second, and only a study with a search needs it.
    import optuna
    from optuna.importance import FanovaImportanceEvaluator

    domains = {key: _distribution(search["space"][key]) for key in keys}
    with warnings.catch_warnings():
        # Choices such as null or lists are legal in a study file; optuna warns of its storage.
        warnings.simplefilter("ignore")
        known = [
            optuna.trial.create_trial(
                params={key: t["params"][key] for key in keys},
                distributions=domains,
                value=float(t["value"]),
            )
            for t in done
        ]
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study()
            study.add_trials(known)
        finally:
            optuna.logging.set_verbosity(verbosity)
        rows = [
            FanovaImportanceEvaluator(n_trees=trees, seed=seed).evaluate(study)
            for seed in range(forests)
        ]
    # A parameter that had one value in all trials has no share.
    return pd.DataFrame(rows).reindex(columns=keys).fillna(0.0).astype(float)


def _distribution(domain: dict[str, Any]) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if domain["kind"] == "categorical":
        return CategoricalDistribution(domain["choices"])
    if domain["kind"] == "int":
        step, log = domain.get("step", 1), domain.get("log", False)
        return IntDistribution(domain["low"], domain["high"], log=log, step=step)
    return FloatDistribution(domain["low"], domain["high"], log=domain.get("log", False))
