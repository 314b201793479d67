"""Which seeds one job trains: as many as fit a target time, by the built-in cost model.

In: a `Study`, and the settings ``seeds_per_job`` or ``minutes_per_job``. Out: `Block` objects, each
a rule of the workflow. Only the study file decides, never which files exist or what prepared data
hold: jobs of a cluster read the study file again and have to find the same blocks. How many seeds a
job trains changes no bit of any result.

A job trains ten seeds at most, so that other cores and devices find something to do, and where
nothing is known about data or network it is cut as if they were CIFAR-10 and ResNet-18.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from afn.study.grid.cells import Cell, Study
from afn.study.plan.cost import run_seconds

MINUTES = 30
"""How long a job should take at most, unless one seed alone takes longer."""
SIZES = (10, 5, 3, 2, 1)
"""Seeds per job; few sizes, so that cells share the rules of their blocks."""


@dataclass(frozen=True)
class Block:
    """Seeds that one job trains, of each of some cells.

    Attributes
    ----------
    cells : tuple of str
        Paths of the cells.
    own : str
        The recipe of the winners of a repeated search, which have seeds of their own; else empty.
    everywhere : bool
        Whether it is a block of every cell with these seeds: of all such winners, or all others.
    """

    seeds: tuple[int, ...]
    cells: tuple[str, ...]
    own: str
    everywhere: bool

    @property
    def words(self) -> tuple[str, ...]:
        """What the name of its rule is made from."""
        return (*((self.own,) if self.own else ()), f"seed{self.seeds[0]}_to_{self.seeds[-1]}")

    def constraints(self, winners: tuple[str, ...]) -> dict[str, str]:
        """Regular expressions for the wildcards of its outputs, so that no two rules make one.

        A look ahead from the first wildcard sees the path of the cell.
        """
        if not self.everywhere:
            paths = "|".join(re.escape(path) for path in self.cells)
            return {"task": f"(?=(?:{paths})/)[^/]+"}
        if self.own:
            return {"recipe": re.escape(self.own)}
        named = "|".join(re.escape(recipe) for recipe in winners)
        return {"recipe": f"(?!(?:{named})/)[^/]+" if named else "[^/]+"}


def seeds_per_job(cell: Cell, minutes: float = MINUTES) -> int:
    """How many seeds of a cell fit the target time, of `SIZES`."""
    fit = 60 * minutes / run_seconds(cell)
    return next((size for size in SIZES if size <= fit), 1)


def blocks(study: Study, settings: Mapping[str, Any]) -> list[Block]:
    """The blocks of all cells, without those that searches train.

    No block has seeds of two waves. ``settings`` may hold ``seeds_per_job``, which is then the size
    of every block, or ``minutes_per_job``, the target time; the least size is then that of
    ``seeds_at_once``.
    """
    given = settings.get("seeds_per_job")
    minutes = float(settings.get("minutes_per_job", MINUTES))
    at_once = int(settings.get("seeds_at_once", 1))
    found: dict[tuple[tuple[int, ...], str], list[str]] = {}
    owned: Counter[str] = Counter()
    for cell in study.cells():
        own = cell.recipe if cell.seeds is not None else ""
        owned[own] += 1
        size = int(given) if given is not None else max(seeds_per_job(cell, minutes), at_once)
        for seeds in [list(cell.seeds or ())] if own else study.waves:
            for start in range(0, len(seeds), size):
                key = tuple(seeds[start : start + size]), own
                found.setdefault(key, []).append(cell.path)
    return [
        Block(seeds, tuple(paths), own, len(paths) == owned[own])
        for (seeds, own), paths in found.items()
    ]


def winners(study: Study) -> tuple[str, ...]:
    """Recipes of the winners of repeated searches."""
    return tuple(dict.fromkeys(cell.recipe for cell in study.cells() if cell.seeds is not None))
