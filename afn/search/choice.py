"""Which trials of a search are the best, and which one is chosen.

In: the records of all rounds and, of the finalists, the scores of their further trainings. Out: the
finalists in order, and the chosen trial. Called by the steps ``finalists`` and ``choose``. Of equal
scores, of which there are many where a score is a count of validation images, the settings that are
nearest to those that the search started from are taken; of equally near ones the first trial's.
"""

from __future__ import annotations

import math
from typing import Any

from afn.search.domains import share
from afn.study.search.groups import SearchGroup

Record = dict[str, Any]


def distance(group: SearchGroup, params: dict[str, Any]) -> float:
    """How far settings are from those that the search starts from, summed over the keys.

    A key counts from 0 (equal) to 1 (the other end of its range, of its logarithm where the range
    is one; ordered choices by their places); a choice without an order counts 1 where it differs.
    Where the cells of a search start from different values, their mean distance counts.
    """
    total = 0.0
    for key, value in params.items():
        domain = group.space[key]
        starts = group.start(key)
        total += sum(_apart(domain, value, start) for start in starts) / len(starts)
    return round(total, 9)


def _apart(domain: dict[str, Any], value: Any, start: Any) -> float:
    if value == start:
        return 0.0
    if not isinstance(start, int | float) or isinstance(start, bool):
        return 1.0
    here, there = share(domain, value), share(domain, start)
    return 1.0 if here is None or there is None else abs(here - there)


def order(group: SearchGroup, value: float, params: dict[str, Any], number: int) -> tuple:
    """A key that sorts trials, the best first."""
    sign = 1 if group.metric == "accuracy" else -1
    return -sign * value, distance(group, params), number


def ranked(group: SearchGroup, trials: list[Record]) -> list[Record]:
    """The trials that did not diverge, the best first; those that came furthest before all others.

    A trial that was stopped is chosen only where none was trained to the end without diverging.
    """
    alive = [trial for trial in trials if trial["state"] != "diverged"]
    place = lambda t: order(group, t["value"], t["params"], t["number"])  # noqa: E731
    return sorted(alive, key=lambda trial: (-trial["rung"], *place(trial)))


def finalists(group: SearchGroup, trials: list[Record]) -> list[Record]:
    """The trials that are trained again: the best that came as far as the best one did."""
    found = ranked(group, trials)
    return [trial for trial in found if trial["rung"] == found[0]["rung"]][: group.final_slots]


def best(
    group: SearchGroup, trials: list[Record], scores: dict[int, dict[str, Any]] | None = None
) -> Record | None:
    """The chosen trial: number, value and params; None where all diverged.

    Parameters
    ----------
    scores : dict, optional
        Number of a finalist -> the score of its further trainings. The finalist with the best mean
        over all its trainings is chosen; one that diverged in any of them only if all did.
    """
    found = ranked(group, trials)
    if scores:
        again = [_with(trial, scores[trial["number"]]) for trial in found[: len(scores)]]
        whole = [trial for trial in again if trial["value"] is not None]
        place = lambda t: order(group, t["value"], t["params"], t["number"])  # noqa: E731
        found = sorted(whole, key=place) or found
    return {key: found[0][key] for key in ("number", "value", "params")} if found else None


def _with(trial: Record, score: dict[str, Any]) -> Record:
    """A finalist with the mean over all of its trainings; None where one of the later diverged."""
    if score["value"] is None:
        return {**trial, "value": None}
    values = [*trial["values"], *score["values"]]
    return {**trial, "value": round(math.fsum(values) / len(values), 6)}
