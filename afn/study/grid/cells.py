"""What a study is made of: cells, runs, contrasts, experiments, and the study itself.

Made by `expansion.expand`; read by the workflow (which makes a job of each block of seeds), by the
analysis (which needs names only), and by the command line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from afn.common.errors import StudyError, nearest
from afn.study.grid.schema import Plan, StudyFile
from afn.study.grid.sweep import sweep_names
from afn.study.parts.catalogue import entry
from afn.study.search.groups import SearchGroup, repeat_suffix, specification
from afn.study.waves.schedule import SeedsInWaves, looks_of, seeds_of, waves_of

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
    searched: dict[str, tuple[Any, ...]] = field(default_factory=dict, compare=False)
    """Of the search: option (``recipe.optimizer``) -> the choices that it may take."""
    repeat: int | None = field(default=None, compare=False)
    """Which of several searches completes it, from 0; its recipe ends in ``.search<repeat>``."""
    seeds: tuple[int, ...] | None = field(default=None, compare=False)
    """Its own seeds, where a study of repeated searches shares them out; else the study's."""

    @property
    def path(self) -> str:
        return f"{self.task}/{self.backbone}/{self.norm}/{self.recipe}"

    @property
    def pooled_recipe(self) -> str:
        """The recipe under which a decision names it: without the number of its search."""
        return self.recipe.removesuffix(repeat_suffix(self.repeat))

    def spec(self) -> str:
        """The complete specification as canonical JSON: what is compared, hashed and stored.

        Raises
        ------
        StudyError
            If a search has to complete it; `afn.study.search.groups.spec_of` reads what was chosen.
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
class ResolvedExperiment:
    """A named set of cells with what it decides."""

    name: str
    cells: list[Cell]
    contrasts: list[Contrast]
    trend: str | None
    analysis: str | None
    factors: dict[str, list[Any]]
    groups: tuple[SearchGroup, ...] = ()
    """Its searches, one per combination of the factors in ``per``."""

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(cell.task for cell in self.cells))

    @property
    def backbones(self) -> list[str]:
        return list(dict.fromkeys(cell.backbone for cell in self.cells))

    @property
    def searches(self) -> int:
        """How often each method was searched; 0 without a search.

        From two on, the search is the unit of the experiment's decisions.
        """
        return len({group.repeat for group in self.groups})


@dataclass(frozen=True)
class Study:
    """A whole study, resolved: everything that a run or a decision needs is in it."""

    file: StudyFile
    experiments: dict[str, ResolvedExperiment]
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
        """All seeds; of a study in waves those that it trains at most."""
        return seeds_of(self.file.seeds)

    @cached_property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds after which decisions are made; none with a fixed number of seeds."""
        return looks_of(self.file.seeds)

    @property
    def in_waves(self) -> SeedsInWaves:
        """How a study in waves deals its seeds out; ask only one that has `looks`."""
        seeds = self.file.seeds
        if not isinstance(seeds, SeedsInWaves):
            raise TypeError(f"the study {self.name} has a fixed number of seeds")
        return seeds

    @cached_property
    def waves(self) -> list[list[int]]:
        """The seeds, wave by wave; one wave without looks."""
        return waves_of(self.file.seeds)

    def with_seeds(self, seeds: list[int]) -> Study:
        """The same study of a fixed list of seeds."""
        return replace(self, file=self.file.model_copy(update={"seeds": list(seeds)}))

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

    def seeds_of(self, cell: Cell) -> list[int]:
        """The seeds with which a cell is trained."""
        return self.seeds if cell.seeds is None else list(cell.seeds)

    def runs(self) -> Iterator[Run]:
        return (Run(cell, seed) for cell in self.cells() for seed in self.seeds_of(cell))

    def searches(self) -> list[SearchGroup]:
        """All searches of the study."""
        return [group for experiment in self.experiments.values() for group in experiment.groups]

    @cached_property
    def added(self) -> dict[str, list[str]]:
        """What its report gets from outside: ``figure`` -> the "package.module:function" names."""
        own = self.file.report
        kinds = {} if own is None else own.model_dump()
        # figures -> figure; a short name of an installed package becomes its long one.
        return {
            kind.removesuffix("s"): [entry(kind.removesuffix("s"), name).name for name in names]
            for kind, names in kinds.items()
        }

    def added_modules(self, *kinds: str) -> tuple[str, ...]:
        """The modules of the additions of some kinds, for the fingerprint of a step."""
        return tuple(
            entry(kind, name).module for kind in kinds for name in self.added.get(kind, ())
        )

    def named(self) -> int:
        """How many runs the experiments name, shared ones counted each time."""
        every = (cell for e in self.experiments.values() for cell in e.cells)
        return sum(len(self.seeds_of(cell)) for cell in every)

    def to_json(self) -> str:
        """The study as one line of JSON; `load_resolved` reads it back to an equal study.

        Keys keep their order: the first protocol and the first contrast have a meaning.
        """
        written = self.file.model_dump(mode="json")
        if written["report"] is None:
            # A key that came later: studies without it are written as they were.
            del written["report"]
        return json.dumps(written, allow_nan=False)
