"""The corrected families of a study in waves, in the terms of the statistics.

In: a `Study`, the record of what was declared at its first look, and its scores. Out: a `WavePlan`
per family, and the comparisons by the name that looks know them by. Called by the step that looks
and by the decisions.
"""

from __future__ import annotations

from afn.study.grid.cells import Study
from afn.study.waves.family import SEPARATOR, name_of
from afn.study.waves.record import Family, Record
from analysis.decisions.steps.pairing import Comparison
from analysis.stats.sequential.records import WavePlan


def plan_of(study: Study, record: Record, family: Family) -> WavePlan:
    """What was declared about a family before its first look."""
    seeds, plan = study.in_waves, study.plan
    return WavePlan(
        looks=record.looks,
        comparisons={name: group_of(name) for name in family.members},
        boundary=seeds.boundary,
        alpha=plan.alpha,
        margin=plan.margin,
        effect=seeds.effect,
        futility=seeds.futility,
    )


def group_of(name: str) -> str:
    """A comparison's name without its outcome: outcomes share their runs."""
    experiment, task, recipe, _, a, b = name.split(SEPARATOR)
    return SEPARATOR.join((experiment, task, recipe, a, b))


def named(c: Comparison) -> str:
    """The name by which looks know a pooled comparison."""
    return name_of(c.experiment, c.task, c.recipe, c.outcome, c.a, c.b)


def seeds_until(study: Study, wave: int) -> list[int]:
    """The seeds of the first so many waves."""
    return [seed for own in study.waves[:wave] for seed in own]
