"""From a study file to its runs: factors multiplied, parts named, equal runs shared.

In: a checked `StudyFile`. Out: a `Study` with its experiments, cells and arms. Called when a study
is loaded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from afn.common.canonical import canonical_json
from afn.common.errors import StudyError, nearest
from afn.study.grid.arms import make_contrast, refuse_twice
from afn.study.grid.cells import PARTS, Cell, Experiment, Study
from afn.study.grid.schema import StudyFile
from afn.study.grid.sweep import check_conditions, sweep_names, swept_protocols
from afn.study.parts.catalogue import entry, homes, place_of, registry
from afn.study.parts.names import part_name, value_text
from afn.study.parts.settings import resolve
from afn.study.search.groups import FIRST_SEED, Group, make_groups
from afn.study.waves.schedule import last_seed, seed_count

MOST_COMBINATIONS = 10_000
"""Of the levels of all experiments."""
MOST_RUNS = 200_000
LEFT_OUT = "; where_applicable: true in the experiment leaves it out for what lacks it"


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
    groups: dict[str, tuple[Group, ...]] = {}
    for name, experiment in file.experiments.items():
        if experiment.search:
            own, groups[name] = _searched(name, file, base)
            for cell in own:
                _add(cells, cell, name)
            members[name] = dict.fromkeys(cell.path for cell in own)
            continue
        for settings in _combinations(base, experiment, f"experiments.{name}"):
            cell = _cell(settings, file)
            _add(cells, cell, name)
            members.setdefault(name, {})[cell.path] = None
    _check_runs(file, len(cells))
    for path, cell in cells.items():
        within = tuple(name for name, paths in members.items() if path in paths)
        cells[path] = replace(_swept(cell, file, within), experiments=within)
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


def _searched(name: str, file: StudyFile, base: dict) -> tuple[list[Cell], tuple[Group, ...]]:
    """The cells of an experiment with a search: their recipe bears the experiment's name."""
    experiment, where = file.experiments[name], f"experiments.{name}"
    search = experiment.search
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
        if key.partition(".")[0] == "recipe":
            raise StudyError(f"{where}.factors.{key}: the recipe is what the search chooses")
        if key in search.space:
            raise StudyError(f"{where}.search.space.{key}: is a factor, too")
    found: dict[str, Cell] = {}
    keys = []
    for settings in _combinations(base, experiment, where):
        cell = _swept(replace(_cell(settings, file), recipe=name), file, (name,))
        if cell.path in found:
            continue
        found[cell.path] = cell
        keys.append({key: _level(cell, key) for key in search.per})
    groups = make_groups(name, search, list(found.values()), keys)
    of = {path: group for group in groups for path in group.cells}
    cells = [
        replace(cell, search=of[path].path, searched=of[path].choices)
        for path, cell in found.items()
    ]
    return cells, tuple(groups)


def _level(cell: Cell, key: str) -> str:
    part, dot, option = key.partition(".")
    return value_text(cell.settings[part].get(option)) if dot else getattr(cell, part)


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


def _check_runs(file: StudyFile, cells: int) -> None:
    seeds = seed_count(file.seeds)
    if cells * seeds > MOST_RUNS:
        raise StudyError(
            f"seeds: {cells:,} cells x {seeds:,} seeds are {cells * seeds:,} runs; more than "
            f"{MOST_RUNS:,} are refused: at most {MOST_RUNS // cells:,} seeds"
        )


def _combinations(base: dict, experiment: Any, where: str) -> Iterator[dict[str, dict]]:
    """Every combination of levels; whole parts are replaced before options are set."""
    factors = experiment.factors
    for key in factors:
        part, dot, option = key.partition(".")
        if part not in PARTS or (dot and not option):
            hint = place_of(key, PARTS)
            raise StudyError(f"{where}.factors.{key}: a factor is a part or part.option; {hint}")
    ordered = sorted(factors, key=lambda key: "." in key)
    for levels in itertools.product(*(factors[key] for key in ordered)):
        parts = {name: dict(settings) for name, settings in base.items()}
        for key, level in zip(ordered, levels, strict=True):
            part, dot, option = key.partition(".")
            place = f"{where}.factors.{key}"
            if not dot:
                parts[part] = resolve(part, level, place)
                continue
            found = entry(part, parts[part]["name"])
            if option not in found.options and experiment.where_applicable:
                continue
            try:
                parts[part][option] = found.check(option, level)
            except StudyError as error:
                lacks = option not in found.options and key in homes(option)
                raise StudyError(f"{place}: {error}{LEFT_OUT if lacks else ''}") from None
        yield parts


def _cell(settings: dict[str, dict], file: StudyFile) -> Cell:
    names = {}
    for part, values in settings.items():
        found = entry(part, values["name"])
        options = {key: value for key, value in values.items() if key != "name"}
        names[part] = part_name(found.name, options, found.defaults)
    statistics = entry("norm", settings["norm"]["name"]).statistics
    protocols = {
        name: protocol.model_dump(exclude_none=True)
        for name, protocol in file.protocols.items()
        if protocol.statistics in statistics
    }
    if not statistics:
        protocols = {"any": {"statistics": "any"}}
    if not protocols:
        raise StudyError(
            f"protocols: norm {names['norm']!r} can only be tested with {' or '.join(statistics)} "
            "statistics, and no protocol of the study offers them"
        )
    for name, protocol in protocols.items():
        check_conditions(protocol, settings["task"], f"protocols.{name}.conditions")
    return Cell(**names, settings=settings, protocols=protocols)


def _swept(cell: Cell, file: StudyFile, experiments: tuple[str, ...]) -> Cell:
    """The cell with the protocols of the sweep, after its own, where the sweep wants it."""
    sweep = file.protocol_sweep
    if sweep is None or not set(experiments) & set(sweep.experiments or experiments):
        return cell
    if "batch" not in entry("norm", cell.settings["norm"]["name"]).statistics:
        return cell
    return replace(
        cell, protocols={**cell.protocols, **swept_protocols(sweep, cell.settings["task"])}
    )
