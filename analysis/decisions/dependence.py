"""Does a difference depend on where it is measured: on the backbone, the recipe or the task?

In: decisions with their paired differences. Out: one record per question, corrected over the
contrasts of the family. The F is that of contrast x place, blocked by seed, on complete seeds:
uncorrected it would be significant somewhere in 16 % of null studies with four contrasts. Called
by `analysis.decisions.contrast` (backbones) and by the tables (recipes and tasks).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from analysis.stats.multiplicity import adjust
from analysis.stats.paired import rounding

if TYPE_CHECKING:
    from analysis.decisions.decision import Decision

KINDS = ("recipe", "task")
"""Places that a decision does not average over: each has decisions of its own."""


def test_of(table: np.ndarray) -> dict[str, Any]:
    """F and p of the columns of a table (seeds, places) of paired differences, blocked by seed.

    ``constant``: the places differ by the same amounts at every seed, so that there is no error to
    test them against; F and p are then nan, as with fewer than two seeds.
    """
    found: dict[str, Any] = {"F": math.nan, "p": math.nan, "constant": False}
    seeds, places = table.shape
    if seeds < 2 or places < 2:
        return found
    means = table.mean(axis=0)
    between = seeds * float(np.sum((means - means.mean()) ** 2))
    rest = table - table.mean(axis=1, keepdims=True) - means + means.mean()
    df = (places - 1, (places - 1) * (seeds - 1))
    error = float(np.sum(rest**2)) / df[1]
    if error > rounding(table):
        found["F"] = between / df[0] / error
        found["p"] = float(stats.f.sf(found["F"], *df))
    else:
        found["constant"] = bool(between / df[0] > seeds * rounding(table))
    return found


def corrected(decisions: Sequence[Decision], correction: str) -> list[Decision]:
    """Decisions whose dependence on the backbone is corrected over the contrasts of its family."""
    found = list(decisions)
    for family in dict.fromkeys(d.family for d in decisions):
        own = {i: d.heterogeneity for i, d in enumerate(decisions) if d.family == family}
        held = {i: values for i, values in own.items() if values}
        adjusted = adjust([values["p"] for values in held.values()], correction)
        for (i, values), p in zip(held.items(), adjusted, strict=True):
            changed = values | {"p_adjusted": p}
            found[i] = dataclasses.replace(decisions[i], heterogeneity=changed)
    return found


def between(decisions: Sequence[Decision], correction: str) -> list[dict[str, Any]]:
    """Dependence of pooled contrasts on the recipe, and on the task.

    Returns
    -------
    list of dict
        ``on`` (recipe or task), the labels of the decisions that are compared, ``F``, ``p``,
        ``p_adjusted`` (over all that is asked of the same kind in the family), ``constant``, ``n``
        complete pairs and ``estimates`` by place.
    """
    found = []
    for kind in KINDS:
        other = KINDS[1 - KINDS.index(kind)]
        keys = ("experiment", "family", "outcome", "a", "b", other)
        groups: dict[tuple[Any, ...], list[Decision]] = {}
        for d in decisions:
            if d.backbone == "pooled":
                groups.setdefault(tuple(getattr(d, k) for k in keys), []).append(d)
        for labels, own in groups.items():
            if len(own) > 1:
                record = dict(zip(keys, labels, strict=True)) | {"on": kind}
                found.append(record | _across(own, kind))
    for asked in dict.fromkeys((record["family"], record["on"]) for record in found):
        alike = [record for record in found if (record["family"], record["on"]) == asked]
        for record, p in zip(alike, adjust([r["p"] for r in alike], correction), strict=True):
            record["p_adjusted"] = p
    return found


def _across(own: list[Decision], kind: str) -> dict[str, Any]:
    columns = [{p["unit"]: p["difference"] for p in d.differences} for d in own]
    units = [u for u in columns[0] if all(u in column for column in columns)]
    table = np.array([[c[u] for c in columns] for u in units], float)
    table = table.reshape(len(units), len(own))
    means = table.mean(axis=0).tolist() if len(units) else [math.nan] * len(own)
    estimates = dict(zip([getattr(d, kind) for d in own], means, strict=True))
    return {**test_of(table), "n": len(units), "alpha": own[0].alpha, "estimates": estimates}
