"""The cells of an experiment with a search, and its searches.

In: an experiment with ``search`` of a checked `StudyFile`. Out: its cells, one per winner (with
``repeats: R`` each method has R, recipes ``<experiment>.search0`` and so on), and a `SearchGroup`
per search. Called by `expansion.expand`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from afn.common.errors import StudyError, nearest
from afn.study.grid.cells import Cell
from afn.study.grid.combining import cell_of, combinations, swept
from afn.study.grid.schema import Search, StudyFile
from afn.study.parts.catalogue import registry
from afn.study.parts.names import Factor, value_text
from afn.study.search.groups import FIRST_SEED, SearchGroup, make_groups, repeat_suffix
from afn.study.waves.schedule import last_seed, looks_of, seeds_of


def searched(
    name: str, file: StudyFile, base: dict[str, Any]
) -> tuple[list[Cell], tuple[SearchGroup, ...]]:
    """The cells of an experiment with a search: their recipe bears the experiment's name."""
    experiment, where = file.experiments[name], f"experiments.{name}"
    search = experiment.search
    assert search is not None, name  # who calls this has asked
    if name in registry("recipe"):
        raise StudyError(
            f"{where}: a recipe has this name; an experiment that searches needs its own"
        )
    if last_seed(file.seeds) >= FIRST_SEED:
        raise StudyError(f"seeds: those from {FIRST_SEED} on belong to the trials of searches")
    for key in search.per:
        if key not in experiment.factors:
            hint = nearest(key, experiment.factors)
            raise StudyError(f"{where}.search.per: {key!r} is no factor of it; {hint}")
    for key in experiment.factors:
        if Factor.parse(key).part == "recipe":
            raise StudyError(f"{where}.factors.{key}: the recipe is what the search chooses")
        if key in search.space:
            raise StudyError(f"{where}.search.space.{key}: is a factor, too")
    if search.repeats > 1 and looks_of(file.seeds):
        raise StudyError(
            f"{where}.search.repeats: the winners of repeated searches have seeds of their own, "
            "and waves deal the same seeds to all cells: give a fixed number of seeds"
        )
    found: dict[str, Cell] = {}
    for settings in combinations(base, experiment, where):
        cell = swept(replace(cell_of(settings, file), recipe=name), file, (name,))
        found.setdefault(cell.path, cell)
    cells, groups = [], []
    repeats: Iterable[int | None] = range(search.repeats) if search.repeats > 1 else (None,)
    for repeat in repeats:
        own, made = _searched_once(name, file, list(found.values()), repeat)
        cells += own
        groups += made
    return cells, tuple(groups)


def _searched_once(
    name: str, file: StudyFile, found: list[Cell], repeat: int | None
) -> tuple[list[Cell], list[SearchGroup]]:
    """The cells and groups of one of the searches of every method."""
    search, suffix = file.experiments[name].search, repeat_suffix(repeat)
    assert search is not None, name
    if f"{name}{suffix}" in file.experiments and suffix:
        raise StudyError(
            f"experiments.{name}{suffix}: {name} is searched several times, and its searches have "
            "this name: choose another"
        )
    own = [replace(cell, recipe=f"{name}{suffix}", repeat=repeat) for cell in found]
    keys = [{key: _level(cell, key) for key in search.per} for cell in own]
    groups = make_groups(name, search, own, keys, repeat)
    of = {path: group for group in groups for path in group.cells}
    seeds = None if repeat is None else final_seeds(file.seeds, search, repeat)
    completed = [
        replace(cell, search=of[cell.path].path, searched=of[cell.path].choices, seeds=seeds)
        for cell in own
    ]
    return completed, groups


def final_seeds(seeds: Any, search: Search, repeat: int) -> tuple[int, ...]:
    """The seeds with which the winners of one of several searches are trained.

    The study's seeds are dealt out in their order, so that no two searches share one and each has a
    partner at the defaults; where they do not suffice, the next whole numbers follow.
    """
    own = seeds_of(seeds)
    each = search.final_seeds or max(1, len(own) // search.repeats)
    wanted = each * search.repeats
    after = max(own) + 1
    own += range(after, after + max(0, wanted - len(own)))
    if max(own) >= FIRST_SEED:
        raise StudyError(f"seeds: those from {FIRST_SEED} on belong to the trials of searches")
    return tuple(own[each * repeat : each * (repeat + 1)])


def _level(cell: Cell, key: str) -> str:
    factor = Factor.parse(key)
    level = factor.level(cell)
    return str(level) if factor.option is None else value_text(level)
