"""Scrambled Sobol points over the space of a search: spread more evenly than random draws.

In: a `Group` and numbers of trials. Out: parameters of each. Trial n is point n of one sequence,
whose seed comes from the group, so that rounds continue it and never repeat a point. Optuna's
QMCSampler is not used: it draws lists of choices at random, and its first trial too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import qmc

from afn.common.seeds import stream
from afn.search.domains import active, rounded
from afn.study.search.groups import Group


def points(group: Group, numbers: list[int]) -> list[dict[str, Any]]:
    """Parameters of the trials ``numbers``; every key has a dimension, active or not."""
    seed = stream(0, "search", group.draw_key(0)) % 2**32
    generator = np.random.default_rng(seed)
    engine = qmc.Sobol(len(group.space), scramble=True, seed=generator)
    # Whole powers of two, as the sequence wants to be drawn; there are 1,000 trials at most.
    sequence = engine.random_base2(math.ceil(math.log2(group.trials)))
    return [_params(group.space, sequence[number]) for number in numbers]


def _params(space: dict[str, dict[str, Any]], point: Any) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for (key, domain), share in zip(space.items(), point, strict=True):
        if active(domain, params):
            params[key] = at(domain, float(share))
    return params


def at(domain: dict[str, Any], share: float) -> Any:
    """The value of a domain below which ``share`` (from 0 to 1) of it lies.

    >>> at({"kind": "float", "low": 0.01, "high": 1.0, "log": True}, 0.5)
    0.1
    """
    if domain["kind"] == "categorical":
        choices = domain["choices"]
        return choices[min(int(share * len(choices)), len(choices) - 1)]
    low, high = domain["low"], domain["high"]
    if domain["kind"] == "float":
        return rounded(domain, _between(low, high, share, log=domain["log"]))
    if domain["log"]:
        # Each whole number owns what rounds to it.
        value = round(_between(low - 0.5, high + 0.5, share, log=True))
        return min(max(value, low), high)
    steps = (high - low) // domain["step"] + 1
    return low + domain["step"] * min(int(share * steps), steps - 1)


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return low + share * (high - low)
