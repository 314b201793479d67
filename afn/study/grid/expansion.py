"""From a study file to its runs: factors multiplied, parts named, equal runs shared.

In: a checked `StudyFile`. Out: a `Study` with its experiments, cells and arms. Called when a study
is loaded.
"""

from __future__ import annotations

import math
from dataclasses import replace

from afn.common.errors import StudyError
from afn.study.grid.arms import make_contrast, refuse_twice
from afn.study.grid.cells import PARTS, Cell, Experiment, Study
from afn.study.grid.combining import cell_of, combinations, swept
from afn.study.grid.schema import StudyFile
from afn.study.grid.searching import searched
from afn.study.grid.sweep import sweep_names
from afn.study.parts.settings import resolve
from afn.study.search.groups import Group

MOST_COMBINATIONS = 10_000


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
    members: dict[str, list[str]] = {}
    groups: dict[str, tuple[Group, ...]] = {}
    for name, experiment in file.experiments.items():
        if experiment.search:
            own, groups[name] = searched(name, file, base)
            for cell in own:
                cells[cell.path] = cell
            members[name] = [cell.path for cell in own]
            continue
        for settings in combinations(base, experiment, f"experiments.{name}"):
            cell = cell_of(settings, file)
            cells.setdefault(cell.path, cell)
            members.setdefault(name, [])
            if cell.path not in members[name]:
                members[name].append(cell.path)
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
        experiments[name] = Experiment(
            name,
            own,
            contrasts,
            experiment.trend,
            experiment.analysis,
            dict(experiment.factors),
            groups.get(name, ()),
        )
    return Study(file, experiments, cells)


def _check_size(file: StudyFile) -> None:
    """Refuse a grid that nobody means, before it is multiplied out."""
    for name, experiment in file.experiments.items():
        combinations = math.prod(len(levels) for levels in experiment.factors.values())
        if combinations > MOST_COMBINATIONS:
            raise StudyError(
                f"experiments.{name}.factors: {combinations:,} combinations of levels; more than "
                f"{MOST_COMBINATIONS:,} are refused: leave levels out, or make several studies"
            )
