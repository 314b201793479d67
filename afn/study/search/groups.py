"""A hyper-parameter search as the grid sees it: groups of cells, their space, rounds and seeds.

In: the ``search`` of an experiment. Out: a `SearchGroup` per combination of the factors in ``per``,
with the space that its cells have, and per repetition. Called by the grid, by the workflow and by
`afn.search`, which draws and chooses; nothing here knows Optuna.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afn.common import parsing
from afn.common.canonical import canonical_json
from afn.common.errors import StudyError, nearest
from afn.study.parts.catalogue import entry, task_facts
from afn.study.parts.names import Factor
from afn.study.search.halving import check_epochs, rung_epochs, slots
from afn.study.search.space import check_values, has, parse_space

FIRST_SEED = 1_000_000
"""The first seed of a trial; the seeds of a study lie below it."""


@dataclass(frozen=True)
class SearchGroup:
    """One search: the cells that share its trials, and everything that its draws depend on."""

    experiment: str
    label: str
    group: dict[str, Any]
    cells: dict[str, dict[str, Any]]
    """Path of the cell to {settings, protocols} before anything was chosen."""
    space: dict[str, dict[str, Any]]
    dropped: tuple[str, ...]
    sampler: str
    trials: int
    width: int
    metric: str
    seeds: tuple[int, ...]
    halving: dict[str, int] | None = None
    """{factor, rungs}: stop the worse trials of each round early."""
    finalists: dict[str, int] | None = None
    """{count, seeds}: train the best trials again before one of them is chosen."""
    keys: tuple[str, ...] = ()
    """Every key of the space as it was written, dropped ones too, in its order."""
    repeat: int | None = None
    """Which of several searches of this method it is, from 0; None where there is one."""
    draw: int = 0
    """Names the random numbers of a search; those of one number are paired over methods."""

    @property
    def path(self) -> str:
        return f"{self.experiment}/{self.label}{repeat_suffix(self.repeat)}"

    @property
    def final_seeds(self) -> tuple[int, ...]:
        """The seeds with which the finalists are trained again."""
        first = self.seeds[-1] + 1
        return tuple(range(first, first + (self.finalists or {"seeds": 0})["seeds"]))

    @property
    def final_slots(self) -> int:
        """How many finalists there are at most."""
        return (self.finalists or {"count": 0})["count"]

    @property
    def rounds(self) -> list[list[int]]:
        """The numbers of the trials of each round."""
        numbers = range(self.trials)
        return [list(numbers[s : s + self.width]) for s in range(0, self.trials, self.width)]

    @property
    def epochs(self) -> int:
        """Epochs of one training with the settings that the search starts from."""
        result: int = next(iter(self.cells.values()))["settings"]["recipe"]["epochs"]
        return result

    @property
    def rungs(self) -> list[int]:
        """Epochs after which the trials are scored; the last is the whole training."""
        return rung_epochs(self.epochs, **self.halving) if self.halving else [self.epochs]

    def slots(self, number: int) -> list[int]:
        """How many trials of a round reach each rung."""
        trials = len(self.rounds[number])
        return slots(trials, **self.halving) if self.halving else [trials]

    @property
    def steps(self) -> list[int]:
        """Epochs that each rung adds."""
        return [end - start for start, end in zip([0, *self.rungs], self.rungs, strict=False)]

    @property
    def trainings(self) -> float:
        """What the trials of a cell and seed cost at most, in whole trainings."""
        counts = [self.slots(number) for number in range(len(self.rounds))]
        epochs = sum(c * n for row in counts for c, n in zip(row, self.steps, strict=True))
        return epochs / self.epochs

    @property
    def cost(self) -> float:
        """What the search of a cell costs at most, finalists and all seeds, in whole trainings."""
        return self.trainings * len(self.seeds) + self.final_slots * len(self.final_seeds)

    def to_json(self) -> str:
        # The order of keys of the space has a meaning: canonical text would lose it.
        return json.dumps(self.__dict__, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> SearchGroup:
        values = json.loads(text)
        for key in ("dropped", "seeds", "keys"):
            values[key] = tuple(values[key])
        return cls(**values)

    def trial_cell(self, cell: str, number: int) -> str:
        """The path under which a trial trains a cell."""
        return f"{cell}.trial{number:03d}"

    def slot_cell(self, cell: str, number: int, rung: int, slot: int) -> str:
        """The path of the result of a slot of a rung; on the first rung that of its trial."""
        if rung == 0:
            return self.trial_cell(cell, self.rounds[number][slot])
        return f"{cell}.round{number:03d}.rung{rung}.slot{slot:03d}"

    def final_cell(self, cell: str, slot: int) -> str:
        """The path of the results of a finalist."""
        return f"{cell}.finalist{slot:03d}"

    @property
    def choices(self) -> dict[str, tuple[Any, ...]]:
        """Key of the space -> its choices, of the keys that have some."""
        lists = {key: domain.get("choices") for key, domain in self.space.items()}
        return {key: tuple(choices) for key, choices in lists.items() if choices}

    def chance(self) -> float:
        """Accuracy (percent) that a diverged training counts as."""
        shares = [100 / classes(cell["settings"]["task"]) for cell in self.cells.values()]
        return sum(shares) / len(shares)

    def start(self, key: str) -> list[Any]:
        """The values of a key of the space that the cells start from, one per cell."""
        part, option = Factor.parse(key)
        return [cell["settings"][part].get(option) for cell in self.cells.values()]

    def trial_spec(self, cell: str, params: dict[str, Any]) -> str:
        """The specification of a trial, tested under the one protocol that it is scored by.

        In repeated searches the seed of a trial divides training and validation images anew.
        """
        protocols = self.cells[cell]["protocols"]
        first = next(iter(protocols))
        divided = {} if self.repeat is None else {"split": "seed"}
        return self.spec(cell, params, {first: protocols[first]}, **divided)

    def spec(
        self,
        cell: str,
        params: dict[str, Any],
        protocols: dict[str, Any] | None = None,
        **more: str,
    ) -> str:
        """The specification of a cell with chosen parameters."""
        settings = {part: dict(v) for part, v in self.cells[cell]["settings"].items()}
        for key, value in params.items():
            factor = Factor.parse(key)
            part, option = factor.part, factor.short
            settings[part][option] = entry(part, settings[part]["name"]).check(option, value)
        return specification(settings, protocols or self.cells[cell]["protocols"], **more)


def repeat_suffix(repeat: int | None) -> str:
    """What tells a repetition from the others, in paths: ``.search0``; nothing for the only one.

    >>> repeat_suffix(3), repeat_suffix(None)
    ('.search3', '')
    """
    return "" if repeat is None else f".search{repeat}"


def classes(task: dict[str, Any]) -> int:
    result: int = task_facts(task)["num_classes"]
    return result


def specification(settings: dict[str, Any], protocols: dict[str, Any], **more: str) -> str:
    """Canonical JSON of everything that decides a run."""
    # JSON objects have no order; validation needs to know which protocol is the first.
    first = next(iter(protocols))
    whole = {**settings, **more, "protocols": protocols, "validation_protocol": first}
    return canonical_json(whole)


def chosen_spec(results: Path, group: str, cell: str) -> Path:
    """Where a search leaves the specification of a cell."""
    return Path(results) / "search" / group / "chosen" / f"{cell}.json"


def spec_of(cell: Any, results: Path) -> str | None:
    """The specification of a cell, wherever it comes from; None where its search has not ended."""
    if not cell.search:
        result: str | None = cell.spec()
        return result
    try:
        text = parsing.content(chosen_spec(results, cell.search, cell.path)).decode().strip()
        return text if isinstance(parsing.parse(text), dict) else None
    except (OSError, ValueError):
        # Nothing is of a specification that cannot be read: the search has to choose again.
        return None


def make_groups(
    name: str, search: Any, cells: list[Any], keys: list[dict[str, Any]], repeat: int | None = None
) -> list[SearchGroup]:
    """Divide the cells of an experiment (of one repetition of it) by the factors of ``per``.

    ``keys`` holds, per cell, the value of each factor in ``per``.

    Raises
    ------
    StudyError
        For a space that no cell has, or a value that an option does not take.
    """
    where = f"experiments.{name}.search"
    try:
        space = parse_space(search.space)
    except StudyError as error:
        raise StudyError(f"{where}.space.{error}") from None
    # A hundred searches at most share a seed, so that more of them leave the first as they are.
    draw = search.seed * 100 + (repeat or 0)
    found: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        label = ",".join(map(str, key.values())) or "all"
        found.setdefault(label, []).append(number)
        if keys[found[label][0]] != key:
            # Values with commas: two groups would share their trials.
            raise StudyError(f"{where}.per: two groups get one name, {label!r}: rename a level")
    groups = []
    for label, numbers in found.items():
        own = [cells[number] for number in numbers]
        kept = {key: d for key, d in space.items() if all(has(cell, key) for cell in own)}
        kept = {k: d for k, d in kept.items() if all(o in kept for o in d.get("when", {}))}
        if not kept:
            raise StudyError(f"{where}.space: {label} has none of its keys: {', '.join(space)}")
        for option, domain in kept.items():
            check_values(where, option, domain, own)
        groups.append(
            SearchGroup(
                name,
                label,
                keys[numbers[0]],
                {c.path: {"settings": c.settings, "protocols": c.protocols} for c in own},
                kept,
                tuple(key for key in space if key not in kept),
                search.sampler,
                search.trials,
                search.width,
                search.metric,
                trial_seeds(search, draw),
                search.halving and search.halving.model_dump(),
                search.finalists and search.finalists.model_dump(),
                tuple(space),
                repeat,
                draw,
            )
        )
        _check_method(where, groups[-1])
    everywhere = {key for group in groups for key in group.space}
    for asked in space:
        if asked not in everywhere:
            factor = Factor.parse(asked)
            part = factor.part
            options = {o for c in cells for o in entry(part, c.settings[part]["name"]).options}
            raise StudyError(
                f"{where}.space.{asked}: no {part} has it; {nearest(factor.short, options)}"
            )
    return groups


def trial_seeds(search: Any, draw: int) -> tuple[int, ...]:
    """The seeds of the trials of one search; each search has its own, its finalists included."""
    own = search.seeds + (search.finalists.seeds if search.finalists else 0)
    return tuple(FIRST_SEED + draw * own + k for k in range(search.seeds))


def _check_method(where: str, group: SearchGroup) -> None:
    """Refuse a space or recipe that the sampler or halving cannot work with."""
    conditional = [key for key, domain in group.space.items() if "when" in domain]
    if group.sampler == "gp" and conditional:
        raise StudyError(
            f"{where}.sampler: gp models keys that every trial has, and {conditional[0]} has a "
            "when; nearest valid: tpe"
        )
    if group.halving is None:
        return
    if "recipe.epochs" in group.space:
        raise StudyError(
            f"{where}.space.recipe.epochs: halving decides how long a trial trains; remove one"
        )
    try:
        check_epochs(group.epochs, **group.halving)
    except StudyError as error:
        raise StudyError(f"{where}.halving: {error}") from None
