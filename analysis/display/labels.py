"""Names of the cells of a study: each says every part in which the cells differ, none is shared.

In: the cells that stand beside each other (those of a whole study, so that a cell has one name on
the whole page). Out: plain text, and which variant of its method an arm is, for its colour and
marker. Called through `analysis.inputs.Inputs`.

A recipe is named by the values in which the recipes differ ("lr 0.001" beside "lr 0.003"); the
settings that a search chose are "tuned". Where only one recipe was declared it needs no name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from afn.study.grid.cells import Cell
from afn.study.parts import shown
from afn.study.parts.names import Arm, value_text
from analysis.display import naming
from analysis.display.formatting import value

DOT = " \u00b7 "


class Labels:
    """Names of the arms of some cells.

    Parameters
    ----------
    cells : iterable of Cell
        With ``norm``, ``recipe``, ``settings`` and, where a search completes them, ``search``.
    """

    def __init__(self, cells: Iterable[Any]):
        cells = list(cells)
        self._norms = _unique({c.norm: naming.norm(c.norm) for c in cells})
        self._recipes = _recipes(cells)
        arms = dict.fromkeys((c.norm, c.recipe) for c in cells)
        # The method as it is before its options, the declared recipe before the others.
        order = sorted(
            arms, key=lambda arm: (arm[0] != Arm(arm[0]).method, arm[1] not in self._first(cells))
        )
        self._variants: dict[str, list[tuple[str, str]]] = {}
        for arm in order:
            self._variants.setdefault(Arm(arm[0]).method, []).append(arm)

    @staticmethod
    def _first(cells: list[Cell]) -> set[str]:
        declared = [c.recipe for c in cells if not _search(c)] or [c.recipe for c in cells]
        return set(declared[:1])

    def recipe(self, recipe: str) -> str:
        """What tells a recipe from the others; nothing where it is the only declared one."""
        return self._recipes.get(recipe, naming.part(recipe))

    def arm(self, norm: str, recipe: str, protocol: str = "") -> str:
        """Name of an arm: method, recipe and, where it is given, protocol."""
        method = self._norms.get(norm) or naming.norm(norm)
        trained = self.recipe(recipe)
        name = f"{method}{DOT}{trained}" if trained else method
        return f"{name}, {naming.protocol(protocol)}" if protocol else name

    def variant(self, norm: str, recipe: str) -> tuple[int, int]:
        """Which variant of its method an arm is, and how many there are; 0 is the plain one."""
        own = self._variants.get(Arm(norm).method, [])
        return (own.index((norm, recipe)), len(own)) if (norm, recipe) in own else (0, 1)


def _search(cell: Cell) -> str:
    return cell.search


def _recipes(cells: list[Cell]) -> dict[str, str]:
    """Display name of every recipe."""
    declared = {c.recipe: c.settings["recipe"] for c in cells if not _search(c)}
    tuned = list(dict.fromkeys(c.pooled_recipe for c in cells if _search(c)))
    found = dict.fromkeys(declared, "") if len(declared) < 2 else by_value(declared)
    if len(tuned) == 1:
        found |= {tuned[0]: "tuned"}
    else:
        found |= {recipe: f"tuned, {naming.part(recipe)}" for recipe in tuned}
    winners = [c for c in cells if _search(c) and c.repeat is not None]
    return found | {c.recipe: f"{found[c.pooled_recipe]}, search {c.repeat}" for c in winners}


def by_value(settings: Mapping[str, Mapping]) -> dict[str, str]:
    """Recipes by the values in which they differ; by name, too, where they have several.

    >>> by_value({"p": {"name": "p", "lr": 0.001}, "p+lr=0.003": {"name": "p", "lr": 0.003}})
    {'p': 'lr 0.001', 'p+lr=0.003': 'lr 0.003'}
    """
    several = len({own["name"] for own in settings.values()}) > 1
    found = {}
    for recipe, own in settings.items():
        alike = [other for other in settings.values() if other["name"] == own["name"]]
        keys = dict.fromkeys(key for other in alike for key in other)
        varied = [k for k in keys if any(other.get(k) != own.get(k) for other in alike)]
        pieces = [f"{naming.option(k)} {_value(own[k])}" for k in varied if k in own]
        found[recipe] = ", ".join([*([shown.short(own["name"])] if several else []), *pieces])
    return _unique(found)


def _value(given: Any) -> str:
    return value(value_text(given))


def _unique(names: dict[str, str]) -> dict[str, str]:
    """The same names; those that are empty or that two share are replaced by the canonical one."""
    times = Counter(names.values())
    return {
        key: name if name and times[name] == 1 else naming.part(key) for key, name in names.items()
    }
