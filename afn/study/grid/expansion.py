"""From a study file to its runs: factors multiplied, parts named, equal runs shared.

In: a checked `StudyFile`. Out: a `Study` with its experiments, cells and arms. Called when a study
is loaded.
"""

from __future__ import annotations

import math
from dataclasses import replace

from afn.common.canonical import canonical_json
from afn.common.errors import StudyError
from afn.study.grid.arms import make_contrast, refuse_twice
from afn.study.grid.cells import PARTS, Cell, ResolvedExperiment, Study
from afn.study.grid.combining import cell_of, combinations, swept
from afn.study.grid.schema import StudyFile
from afn.study.grid.searching import searched
from afn.study.grid.sweep import sweep_names
from afn.study.parts.settings import resolve
from afn.study.search.groups import SearchGroup
from afn.study.waves.schedule import seed_count

MOST_COMBINATIONS = 10_000
"""Of the levels of all experiments."""
MOST_RUNS = 200_000


def expand(file: StudyFile) -> Study:
    """Multiply the factors of every experiment over the base and share equal runs.

    Raises
    ------
    StudyError
        For an unknown name, option, level, arm or protocol; the message names experiment and key.
    """
    _check_size(file)
    sweep_names(file)
    base = {part: resolve(part, getattr(file.base, part), f"base.{part}") for part in PARTS}
    cells: dict[str, Cell] = {}
    members: dict[str, dict[str, None]] = {}
    groups: dict[str, tuple[SearchGroup, ...]] = {}
    for name, experiment in file.experiments.items():
        if experiment.search:
            own, groups[name] = searched(name, file, base)
            for cell in own:
                _add(cells, cell, name)
            members[name] = dict.fromkeys(cell.path for cell in own)
            continue
        for settings in combinations(base, experiment, f"experiments.{name}"):
            cell = cell_of(settings, file)
            _add(cells, cell, name)
            members.setdefault(name, {})[cell.path] = None
    _check_runs(file, list(cells.values()))
    for path, cell in cells.items():
        within = tuple(name for name, paths in members.items() if path in paths)
        cells[path] = replace(swept(cell, file, within), experiments=within)
    experiments = {}
    for name, experiment in file.experiments.items():
        own = [cells[path] for path in members[name]]
        refuse_twice(experiment.contrasts, f"experiments.{name}")
        contrasts = [
            make_contrast(pair, own, file, f"experiments.{name}") for pair in experiment.contrasts
        ]
        experiments[name] = ResolvedExperiment(
            name,
            own,
            contrasts,
            experiment.trend,
            experiment.analysis,
            dict(experiment.factors),
            groups.get(name, ()),
        )
    return Study(file, experiments, cells)


def _add(cells: dict[str, Cell], cell: Cell, name: str) -> None:
    """Share a cell with experiments before; other settings under its name would not be trained."""
    known = cells.setdefault(cell.path, cell)
    if known is not cell and canonical_json(known.settings) != canonical_json(cell.settings):
        part = next(p for p in PARTS if known.settings[p] != cell.settings[p])
        raise StudyError(
            f"experiments.{name}: two different settings of its {part} get one name, "
            f"{getattr(cell, part)!r}, and only one would be trained: {known.settings[part]} and "
            f"{cell.settings[part]}; rename one"
        )


def _check_size(file: StudyFile) -> None:
    """Refuse a grid that nobody means, before it is multiplied out."""
    total = 0
    for name, experiment in file.experiments.items():
        combinations = math.prod(len(levels) for levels in experiment.factors.values())
        total += combinations
        if total > MOST_COMBINATIONS:
            raise StudyError(
                f"experiments.{name}.factors: {combinations:,} combinations of levels, with those "
                f"before {total:,}; more than {MOST_COMBINATIONS:,} are refused: leave levels out, "
                "or make several studies"
            )


def _check_runs(file: StudyFile, cells: list[Cell]) -> None:
    seeds = seed_count(file.seeds)
    runs = sum(seeds if cell.seeds is None else len(cell.seeds) for cell in cells)
    if runs > MOST_RUNS:
        raise StudyError(
            f"seeds: {len(cells):,} cells x {seeds:,} seeds are {runs:,} runs; more than "
            f"{MOST_RUNS:,} are refused: at most {MOST_RUNS // len(cells):,} seeds"
        )
