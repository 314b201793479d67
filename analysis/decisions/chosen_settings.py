"""What a search replaced and whether it chose the end of a range.

In: a study and its searches (search.json). Out: plain values. Called by tables, figures and page.
"""

from __future__ import annotations

import math
from typing import Any

from afn.study.grid.cells import Cell, Study
from afn.study.parts.names import Factor
from analysis.display import formatting

EDGE = 0.02  # share of a range that counts as its edge


def defaults(study: Study, search: dict[str, Any]) -> dict[str, list[Any]]:
    """The values that a search replaces, by key: what its cells start from, each value once."""
    starts = [cell.settings for cell in study.cells() if cell.path in search["cells"]]
    found: dict[str, list[Any]] = {}
    for key in search["space"]:
        part, option = Factor.parse(key)
        given = [s[part][option] for s in starts if option in s.get(part, {})]
        found[key] = [value for i, value in enumerate(given) if value not in given[:i]]
    return found


def trained(cell: Cell, searches: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The settings that a cell was trained with, what its search chose included, by part.

    Where every trial of a search failed, its cells keep the settings that they start from; so do
    they here while their search has not ended.
    """
    settings = {part: dict(values) for part, values in cell.settings.items()}
    if not cell.search:
        return settings
    own = next((s for s in searches if cell.path in s["cells"]), {"chosen": None})
    for key, value in (own["chosen"] or {"params": {}})["params"].items():
        part, option = Factor.parse(key)
        settings[part][option or "name"] = value
    return settings


def at_edge(spec: dict[str, Any], value: float) -> bool:
    """Does a chosen number lie at the end of its domain?

    Within 2 % of the end of a range (of its logarithm); of three or more numbers to choose from,
    the least or the largest. Two choices, or choices without an order, have no edge.
    """
    if not formatting.is_number(value):
        return False
    if spec["kind"] == "categorical":
        choices = spec["choices"]
        ordered = len(choices) > 2 and all(map(formatting.is_number, choices))
        return ordered and value in (min(choices), max(choices))
    low, high, at = float(spec["low"]), float(spec["high"]), float(value)
    if spec.get("log"):
        low, high, at = math.log(low), math.log(high), math.log(at)
    return min(at - low, high - at) <= EDGE * (high - low)
