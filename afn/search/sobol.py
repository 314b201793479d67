"""Scrambled Sobol points over the space of a search: spread more evenly than random draws.

In: a `SearchGroup` and numbers of trials. Out: parameters of each. Trial n is point n of one
sequence, whose seed comes from the group, so that rounds go on and never repeat a point. It has a
dimension for every key that the study writes, so that two methods of which one lacks a key get the
same values of the others. Optuna's QMCSampler is not used: it draws lists of choices at random, and
its first trial too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import qmc

from afn.common.seeds import stream
from afn.search.domains import with_shares
from afn.study.search.groups import SearchGroup


def points(group: SearchGroup, numbers: list[int]) -> list[dict[str, Any]]:
    """Parameters of the trials ``numbers``; every key has a dimension, active or not."""
    generator = np.random.default_rng(stream(group.draw, "search", group.experiment, "points"))
    engine = qmc.Sobol(len(group.keys), scramble=True, seed=generator)
    # Whole powers of two, as the sequence wants to be drawn; there are 1,000 trials at most.
    sequence = engine.random_base2(math.ceil(math.log2(group.trials)))
    places = {key: place for place, key in enumerate(group.keys)}
    return [
        with_shares(group.space, {key: float(sequence[n, places[key]]) for key in group.space})
        for n in numbers
    ]
