"""A table of scores that grows: looks at planned numbers of seeds, frozen decisions, one state.

In: a tidy frame with the seeds so far and a `LooksPlan`, declared before any score was seen. Out:
`Sequential`, whose `Waves` hold every look, and which goes on when the table has grown. Seeds are
the unit. Every planned look that the table reaches is taken, in order and on the seeds of its wave
alone, so that a table read late decides as one that was read after every wave.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.errors import StudyError
from afn.common.made_from import content_hash
from analysis.decisions.steps.pairing import Comparison, Pairs, pairs_of
from analysis.results.io import write_json
from analysis.standalone.compare import Plan, checked, comparisons_of
from analysis.stats.sequential.calibration import DEFAULT_LOOKS
from analysis.stats.sequential.eprocess import Evidence, weigh
from analysis.stats.sequential.records import WavePlan
from analysis.stats.sequential.waves import Waves
from analysis.stats.verdict import Verdict


@dataclass(frozen=True)
class LooksPlan(Plan):
    """A `Plan` whose table is looked at while seeds come in.

    Attributes
    ----------
    looks : tuple of int
        Seeds after which everybody looks.
    boundary : str
        ``wang_tsiatis``, ``obrien_fleming`` or ``pocock``.
    effect : float, optional
        Difference, in the metric's unit, that the study is made to find.
    futility : bool
        Whether a comparison stops that can hardly reach ``effect`` (or the margin) any more.
    """

    looks: tuple[int, ...] = DEFAULT_LOOKS
    boundary: str = "wang_tsiatis"
    effect: float | None = None
    futility: bool = True


@dataclass(frozen=True)
class Sequential:
    """A plan, the looks that were taken, and the seeds in the order in which they came.

    Attributes
    ----------
    missing : mapping from comparison to the scores that its complete pairs lack
    unplanned : mapping from comparison to its e value, where seeds came after the last look
    """

    plan: LooksPlan
    waves: Waves | None = None
    seeds: tuple[str, ...] = ()
    """Seeds of the waves that are over."""
    present: int = 0
    """Seeds of the table."""
    missing: dict[str, list[str]] = field(default_factory=dict)
    unplanned: dict[str, Evidence] = field(default_factory=dict)

    def look(self, frame: pd.DataFrame) -> Sequential:
        """Take every planned look that the table reaches and that was not taken before.

        Raises
        ------
        StudyError
            For what `compare` refuses, for comparisons that came or went since the first look,
            and for a difference of an earlier look that is gone or has changed.
        """
        plan = self.plan
        table = checked(frame, plan)
        if not table.by_seed or plan.estimand.startswith("population"):
            raise StudyError("looks need seeds as the unit: a seed column, and these_blocks")
        if plan.correction != "holm":
            raise StudyError(f"looks are corrected by Holm's procedure, not {plan.correction!r}")
        order = self._order(table.seeds)
        family = {name_of(c): c for c in comparisons_of(table, plan) if c.primary}
        groups = {name: f"{c.a} - {c.b}" for name, c in family.items()}
        waves = self.waves or Waves.begin(wave_plan(plan, groups))
        _same_family(waves, family)
        while not waves.over and len(order) >= plan.looks[waves.wave]:
            waves = _take(waves, family, order[: plan.looks[waves.wave]])
        _refuse_changed_past(waves, family, order)
        everything = {name: _pairs(c, order) for name, c in family.items()}
        taken = 0 if waves.wave == 0 else plan.looks[waves.wave - 1]
        return Sequential(
            plan,
            waves,
            tuple(map(str, order[:taken])),
            len(order),
            {name: pairs.missing for name, pairs in everything.items() if pairs.missing},
            _unplanned(waves, everything, len(order)),
        )

    def _order(self, seeds: list[Any]) -> list[Any]:
        """Seeds of earlier looks as they came then, new ones behind them."""
        by_name = {str(seed): seed for seed in seeds}
        known = [by_name[name] for name in self.seeds if name in by_name]
        gone = [name for name in self.seeds if name not in by_name]
        if gone:
            raise StudyError(f"seed {gone[0]} was there at an earlier look and is gone")
        return known + [seed for seed in seeds if str(seed) not in self.seeds]

    @property
    def taken(self) -> Waves:
        """The looks that were taken.

        Raises
        ------
        ValueError
            Before the first table was given.
        """
        if self.waves is None:
            raise ValueError("no table was looked at yet")
        return self.waves

    @property
    def waiting(self) -> int:
        """Seeds of a wave that is not over."""
        return 0 if self.waves is None or self.waves.over else self.present - len(self.seeds)

    def save(self, path: str | Path) -> None:
        """Write the state with the hash of its content, whole or not at all."""
        state = {**self.taken.to_dict(), "seeds": list(self.seeds)}
        write_json(path, {"content": content_hash(state), **state})

    @classmethod
    def resume(cls, plan: LooksPlan, path: str | Path) -> Sequential:
        """Go on from a state, if there is one.

        Raises
        ------
        StudyError
            For a file that is no state, was edited, or was made under another plan.
        """
        path = Path(path)
        if not path.exists():
            return cls(plan)
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            content = stored.pop("content")
            if content != content_hash(stored):
                raise StudyError(f"{path}: was changed after it was written; looks stay as taken")
            waves = Waves.from_dict(stored)
            seeds = tuple(stored["seeds"])
        except StudyError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(f"{path}: cannot be read as a state of looks: {error}") from None
        now = wave_plan(plan, waves.plan.comparisons)
        for name in (f.name for f in dataclasses.fields(now)):
            before, after = getattr(waves.plan, name), getattr(now, name)
            if before != after:
                raise StudyError(
                    f"{path}: its looks were taken with {name} = {before}, not {after}; a plan is "
                    "declared before its first look (begin another state with --state)"
                )
        return cls(plan, waves, seeds)


def wave_plan(plan: LooksPlan, groups: Mapping[str, str]) -> WavePlan:
    """The declarations of a table's plan in the terms of the statistics."""
    return WavePlan(
        looks=plan.looks,
        comparisons=dict(groups),
        boundary=plan.boundary,
        alpha=plan.alpha,
        margin=plan.margin,
        effect=plan.effect,
        futility=plan.futility,
        higher_is_better=plan.higher_is_better,
    )


def name_of(c: Comparison) -> str:
    """``afn - batch``, with the part that it is decided in."""
    return f"{c.a} - {c.b}" + (f", {c.task}" if c.task else "")


def _same_family(waves: Waves, family: dict[str, Comparison]) -> None:
    before, after = set(waves.plan.comparisons), set(family)
    if before != after:
        came, went = sorted(after - before), sorted(before - after)
        told = [f"{names[0]!r} {word}" for names, word in ((came, "came"), (went, "went")) if names]
        raise StudyError(
            f"the family of comparisons is declared before the first look: {' and '.join(told)}"
        )


def _pairs(c: Comparison, seeds: list[Any]) -> Pairs:
    return pairs_of(dataclasses.replace(c, seeds=tuple(seeds)))


def _differences(pairs: Pairs) -> dict[str, float]:
    d = (pairs.a - pairs.b).tolist()
    return {str(unit): x for unit, x in zip(pairs.units, d, strict=True)}


def _take(waves: Waves, family: dict[str, Comparison], seeds: list[Any]) -> Waves:
    """The next look, on the seeds of the waves that are over."""
    pairs = {name: _pairs(c, seeds) for name, c in family.items()}
    fell = [name for name, found in pairs.items() if found.touched]
    return waves.look({name: _differences(found) for name, found in pairs.items()}, fell)


def _refuse_changed_past(waves: Waves, family: dict[str, Comparison], order: list[Any]) -> None:
    """What was used is checked even where no new look was taken."""
    for c in waves.comparisons:
        c.refuse_changes(_differences(_pairs(family[c.name], order)))


def _unplanned(waves: Waves, pairs: dict[str, Pairs], seeds: int) -> dict[str, Evidence]:
    """The e-process of comparisons that ran to the last look, where seeds were added after it."""
    plan = waves.plan
    found: dict[str, Evidence] = {}
    if seeds <= plan.looks[-1] or waves.wave < len(plan.looks):
        return found
    for c in waves.comparisons:
        given = pairs[c.name]
        at_the_end = c.verdict is Verdict.UNDECIDED and c.frozen == len(plan.looks)
        if not at_the_end or given.touched:
            continue
        evidence = weigh(
            given.a - given.b,
            len(plan.comparisons) / plan.alpha,
            alpha=plan.alpha,
            margin=plan.margin,
            higher_is_better=plan.higher_is_better,
        )
        if evidence is not None:
            found[c.name] = evidence
    return found
