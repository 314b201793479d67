"""From a study file to its runs: factors multiplied, parts named, equal runs shared.

In: a checked `StudyFile`. Out: a `Study` with its experiments, cells and arms. Called by the
workflow (which makes a job of each block of seeds), by the analysis (which needs names only), and
by the command line.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from afn.study.catalogue import Entry, entry, registry
from afn.study.errors import StudyError, nearest
from afn.study.names import parse_part, part_name, split_arm, value_text
from afn.study.schema import Plan, StudyFile
from afn.study.search import FIRST_SEED, Group, make_groups, specification
from afn.study.sweep import check_conditions, sweep_names, swept_protocols

MOST_COMBINATIONS = 10_000
PARTS = ("task", "backbone", "norm", "recipe")


@dataclass(frozen=True)
class Cell:
    """A run without its seed: the four parts by canonical name, and all their settings."""

    task: str
    backbone: str
    norm: str
    recipe: str
    settings: dict[str, dict[str, Any]] = field(compare=False)
    protocols: dict[str, dict[str, Any]] = field(compare=False)
    experiments: tuple[str, ...] = field(default=(), compare=False)
    search: str = field(default="", compare=False)
    """The search (experiment/label) that completes the settings; they are then only its start."""

    @property
    def path(self) -> str:
        return f"{self.task}/{self.backbone}/{self.norm}/{self.recipe}"

    def spec(self) -> str:
        """The complete specification as canonical JSON: what is compared, hashed and stored.

        Raises
        ------
        StudyError
            If a search has to complete it; `afn.study.search.spec_of` reads what was chosen.
        """
        if self.search:
            raise StudyError(f"{self.path}: its settings are chosen by the search {self.search}")
        return specification(self.settings, self.protocols)


@dataclass(frozen=True)
class Run:
    """One training."""

    cell: Cell
    seed: int

    @property
    def path(self) -> str:
        return f"{self.cell.path}/seed{self.seed}"


@dataclass(frozen=True)
class Contrast:
    """Arm ``a`` minus arm ``b``; arms as canonical text (``afn+residual=off@test_batch``)."""

    a: str
    b: str


@dataclass(frozen=True)
class Experiment:
    """A named set of cells with what it decides."""

    name: str
    cells: list[Cell]
    contrasts: list[Contrast]
    trend: str | None
    analysis: str | None
    factors: dict[str, list[Any]]
    groups: tuple[Group, ...] = ()
    """Its searches, one per combination of the factors in ``per``."""

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(cell.task for cell in self.cells))

    @property
    def backbones(self) -> list[str]:
        return list(dict.fromkeys(cell.backbone for cell in self.cells))


@dataclass(frozen=True)
class Study:
    """A whole study, resolved: everything that a run or a decision needs is in it."""

    file: StudyFile
    experiments: dict[str, Experiment]
    _cells: dict[str, Cell]

    @property
    def name(self) -> str:
        return self.file.study

    @property
    def title(self) -> str:
        return self.file.title or self.file.study

    @property
    def question(self) -> str:
        return self.file.question

    @property
    def plan(self) -> Plan:
        return self.file.plan

    @cached_property
    def seeds(self) -> list[int]:
        seeds = self.file.seeds
        return list(range(seeds)) if isinstance(seeds, int) else list(seeds)

    @cached_property
    def protocols(self) -> dict[str, dict[str, Any]]:
        items = self.file.protocols.items()
        return {name: protocol.model_dump(exclude_none=True) for name, protocol in items}

    @cached_property
    def swept(self) -> list[str]:
        """Names of the protocols that the sweep adds; `protocols` are the declared ones."""
        return sweep_names(self.file)

    def cells(self) -> list[Cell]:
        """All cells, each once, in the order in which experiments name them."""
        return list(self._cells.values())

    def cell(self, path: str) -> Cell:
        """The cell with this path (task/backbone/norm/recipe)."""
        if path not in self._cells:
            raise StudyError(
                f"the study {self.name} has no cell {path!r}; {nearest(path, self._cells)}"
            )
        return self._cells[path]

    def runs(self) -> Iterator[Run]:
        return (Run(cell, seed) for cell in self.cells() for seed in self.seeds)

    def searches(self) -> list[Group]:
        """All searches of the study."""
        return [group for experiment in self.experiments.values() for group in experiment.groups]

    def named(self) -> int:
        """How many runs the experiments name, shared ones counted each time."""
        return sum(len(e.cells) for e in self.experiments.values()) * len(self.seeds)

    def to_json(self) -> str:
        """The study as one line of JSON; `load_resolved` reads it back to an equal study.

        Keys keep their order: the first protocol and the first contrast have a meaning.
        """
        return json.dumps(self.file.model_dump(mode="json"), allow_nan=False)


def expand(file: StudyFile) -> Study:
    """Multiply the factors of every experiment over the base and share equal runs.

    Raises
    ------
    StudyError
        For an unknown name, option, level, arm or protocol; the message names experiment and key.
    """
    _check_size(file)
    sweep_names(file)
    base = {part: _resolve(part, getattr(file.base, part), f"base.{part}") for part in PARTS}
    cells: dict[str, Cell] = {}
    members: dict[str, list[str]] = {}
    groups: dict[str, tuple[Group, ...]] = {}
    for name, experiment in file.experiments.items():
        if experiment.search:
            own, groups[name] = _searched(name, file, base)
            for cell in own:
                cells[cell.path] = cell
            members[name] = [cell.path for cell in own]
            continue
        for settings in _combinations(base, experiment, f"experiments.{name}"):
            cell = _cell(settings, file)
            cells.setdefault(cell.path, cell)
            members.setdefault(name, [])
            if cell.path not in members[name]:
                members[name].append(cell.path)
    for path, cell in cells.items():
        within = tuple(name for name, paths in members.items() if path in paths)
        cells[path] = replace(_swept(cell, file, within), experiments=within)
    experiments = {}
    for name, experiment in file.experiments.items():
        own = [cells[path] for path in members[name]]
        _refuse_twice(experiment.contrasts, f"experiments.{name}")
        contrasts = [
            _contrast(pair, own, file, f"experiments.{name}") for pair in experiment.contrasts
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


def _searched(name: str, file: StudyFile, base: dict) -> tuple[list[Cell], tuple[Group, ...]]:
    """The cells of an experiment with a search: their recipe bears the experiment's name."""
    experiment, where = file.experiments[name], f"experiments.{name}"
    search = experiment.search
    if name in registry("recipe"):
        raise StudyError(
            f"{where}: a recipe has this name; an experiment that searches needs its own"
        )
    seeds = file.seeds
    if (seeds if isinstance(seeds, int) else max(seeds) + 1) > FIRST_SEED:
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
    of = {path: group.path for group in groups for path in group.cells}
    return [replace(cell, search=of[path]) for path, cell in found.items()], tuple(groups)


def _level(cell: Cell, key: str) -> str:
    part, dot, option = key.partition(".")
    return value_text(cell.settings[part].get(option)) if dot else getattr(cell, part)


def _check_size(file: StudyFile) -> None:
    """Refuse a grid that nobody means, before it is multiplied out."""
    for name, experiment in file.experiments.items():
        combinations = math.prod(len(levels) for levels in experiment.factors.values())
        if combinations > MOST_COMBINATIONS:
            raise StudyError(
                f"experiments.{name}.factors: {combinations:,} combinations of levels; more than "
                f"{MOST_COMBINATIONS:,} are refused: leave levels out, or make several studies"
            )


def _resolve(kind: str, value: object, where: str) -> dict[str, Any]:
    """A name, a canonical name with options, or a mapping: all settings, every default filled."""
    try:
        if isinstance(value, str):
            name, given = parse_part(value)
        elif isinstance(value, dict):
            given = {str(k): v for k, v in value.items()}
            fallback = "plain" if kind == "recipe" else None
            name = given.pop("name", fallback)
            if not isinstance(name, str):
                raise StudyError(f"a mapping needs the key 'name' with the name of a {kind}")
        else:
            raise StudyError(f"{value!r} is neither a name nor a mapping")
        return _filled(entry(kind, name), given)
    except StudyError as error:
        raise StudyError(f"{where}: {error}") from None


def _filled(found: Entry, given: dict[str, Any]) -> dict[str, Any]:
    settings = {key: found.check(key, value) for key, value in given.items()}
    return {"name": found.name, **found.defaults, **settings}


def _combinations(base: dict, experiment: Any, where: str) -> Iterator[dict[str, dict]]:
    """Every combination of levels; whole parts are replaced before options are set."""
    factors = experiment.factors
    for key in factors:
        part, dot, option = key.partition(".")
        if part not in PARTS or (dot and not option):
            valid = nearest(part, PARTS)
            raise StudyError(f"{where}.factors.{key}: a factor is a part or part.option; {valid}")
    ordered = sorted(factors, key=lambda key: "." in key)
    for levels in itertools.product(*(factors[key] for key in ordered)):
        parts = {name: dict(settings) for name, settings in base.items()}
        for key, level in zip(ordered, levels, strict=True):
            part, dot, option = key.partition(".")
            place = f"{where}.factors.{key}"
            if not dot:
                parts[part] = _resolve(part, level, place)
                continue
            found = entry(part, parts[part]["name"])
            if option not in found.options and experiment.where_applicable:
                continue
            try:
                parts[part][option] = found.check(option, level)
            except StudyError as error:
                raise StudyError(f"{place}: {error}") from None
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


def canonical_arm(arm: str) -> str:
    """Write an arm in its one canonical form (options sorted, defaults left out)."""
    norm, protocol = split_arm(arm)
    settings = _resolve("norm", norm, f"arm {arm!r}")
    found = entry("norm", settings.pop("name"))
    name = part_name(found.name, settings, found.defaults)
    return name if protocol is None else f"{name}@{protocol}"


def _refuse_twice(pairs: list[list[str]], where: str) -> None:
    for number, pair in enumerate(pairs):
        if pair in pairs[:number] or pair[::-1] in pairs[:number]:
            raise StudyError(f"{where}.contrasts: [{pair[0]}, {pair[1]}] is given twice")


def _refuse_untested(protocol: dict[str, Any], outcomes: list[str], where: str) -> None:
    """An outcome means the same tests under every protocol, so a limited one must cover it."""
    tested = protocol.get("conditions")
    for outcome in outcomes if tested else ():
        if outcome not in tested and (outcome == "clean" or "shift" not in tested):
            raise StudyError(
                f"{where} tests only {', '.join(tested)}, but plan.outcomes asks for {outcome!r}: "
                f"add {outcome!r} to its conditions"
            )


def _contrast(pair: list[str], cells: list[Cell], file: StudyFile, where: str) -> Contrast:
    place = f"{where}.contrasts: [{pair[0]}, {pair[1]}]"
    norms = {cell.norm: cell for cell in cells}
    arms = []
    for text in pair:
        protocol = split_arm(text)[1]
        known = [*file.protocols, *sweep_names(file)]
        if protocol is not None and protocol not in known:
            valid = nearest(protocol, known)
            raise StudyError(f"{place}: no protocol {protocol!r} in the study; {valid}")
        try:
            arm = canonical_arm(text)
        except StudyError as error:
            raise StudyError(
                f"{place}: {error}; arms of this experiment: {', '.join(norms)}"
            ) from None
        name, _ = split_arm(arm)
        if name not in norms:
            raise StudyError(
                f"{place}: no run of this experiment makes {name!r}; {nearest(name, norms)}"
            )
        tested = norms[name].protocols
        if protocol is not None and "any" not in tested and protocol not in tested:
            valid = nearest(protocol, tested)
            raise StudyError(f"{place}: {name!r} is not tested under {protocol!r}; {valid}")
        served = protocol or next(iter(tested))
        if served in tested:
            _refuse_untested(tested[served], file.plan.outcomes, f"{place}: protocol {served!r}")
        arms.append(arm)
    if arms[0] == arms[1]:
        raise StudyError(f"{place}: compares an arm with itself")
    return Contrast(*arms)
