"""Which trial a search had to choose: the best, of equal ones the nearest to the default.

In: the evidence and a row that names a search (``search``, and ``repeat`` where a method was
searched several times). Out: that trial. Called by the rules for tables and figures of searches.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from tests.referee.evidence import Evidence

STARTS = {"recipe.lr": 0.001, "norm.lambda_init": -3}
"""What the studies of the referee start from."""


def number_of(row: dict[str, Any]) -> int:
    """Which of several searches of a method a row is about; the only one is the first."""
    repeat = row.get("repeat")
    return 0 if repeat is None or pd.isna(repeat) else int(repeat)


def chosen(e: Evidence, row: dict[str, Any]) -> dict[str, Any] | None:
    """The chosen trial with its score; None where all fell.

    With finalists the mean over all trainings of a trial decides among the best so many.
    """
    repeat = number_of(row)
    own = e.trials_of(row["search"], repeat)
    found = sorted(
        own[own["state"] == "complete"].to_dict("records"), key=lambda t: _place(e, t, t["value"])
    )
    if not found:
        return None
    again = e.finalists_of(row["search"], repeat)
    if again.empty:
        return found[0]
    whole = []
    for trial in found[: again["number"].nunique()]:
        more = again[again["number"] == trial["number"]]
        if not more["exact"].isna().any():
            scores = [trial["exact"], *more["exact"]]
            whole.append(trial | {"value": round(math.fsum(scores) / len(scores), 6)})
    return min(whole, key=lambda t: _place(e, t, t["value"]), default=found[0])


def _place(e: Evidence, trial: dict[str, Any], score: float) -> tuple:
    apart = sum(
        _apart(e.domain(trial["experiment"], key), STARTS[key], value)
        for key, value in trial["params"].items()
    )
    return -score, round(apart, 9), trial["number"]


def _apart(domain: Any, start: float, value: float) -> float:
    """From 0 to 1: in the logarithm of a range; of a list of numbers by their order."""
    if isinstance(domain, list):
        places = sorted(domain)
        return abs(places.index(value) - places.index(start)) / (len(places) - 1)
    low, high = domain["log"]
    return abs(math.log(value / start)) / math.log(high / low)


def at_edge(e: Evidence, experiment: str, key: str, value: float) -> bool:
    """Whether a number lies within 2 % of an end of its range (of its logarithm).

    Of three or more numbers in a list the least and the largest are ends.
    """
    domain = e.domain(experiment, key)
    if isinstance(domain, list):
        return len(domain) > 2 and value in (min(domain), max(domain))
    low, high = domain["log"]
    place = math.log(value / low) / math.log(high / low)
    return min(place, 1 - place) <= 0.02
