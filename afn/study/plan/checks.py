"""The plan: what is decided, checked before anything trains.

In: a `Study`. Out: nothing, or a `StudyError` that names the key; and `Outlook`, what the plan can
find with its seeds. Called when a study is loaded, by ``python -m afn.study plan``, and by the
report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afn.common.errors import StudyError, nearest
from afn.study.grid.sweep import outcomes_of
from afn.study.parts.names import Arm

if TYPE_CHECKING:
    from afn.study.grid.cells import ResolvedExperiment, Study


def primary_experiments(study: Study) -> list[str]:
    """The experiments whose contrasts form the one family.

    Those that the plan names, without such as search each method once: one search is one draw of a
    noisy choice, and what is compared after it holds for these settings and is exploratory.
    """
    return [n for n in study.plan.primary if getattr(study.experiments[n], "searches", 0) != 1]


def family_size(study: Study) -> int:
    """Number of primary decisions: what Holm's correction divides by at its first step."""
    primary = [study.experiments[name] for name in primary_experiments(study)]
    pairs = sum(_comparisons(experiment) for experiment in primary)
    return pairs * len(study.plan.outcomes)


def _comparisons(experiment: ResolvedExperiment) -> int:
    """Contrasts times the tasks and recipes under which both arms meet on some backbone."""
    homes: dict[tuple[str, str], dict[str, set[str]]] = {}
    for cell in experiment.cells:
        norms = homes.setdefault((cell.task, cell.pooled_recipe), {})
        norms.setdefault(cell.norm, set()).add(cell.backbone)
    arms = [(Arm.parse(c.a).norm, Arm.parse(c.b).norm) for c in experiment.contrasts]
    return sum(
        bool(norms.get(a, set()) & norms.get(b, set())) for norms in homes.values() for a, b in arms
    )


def units(study: Study) -> int:
    """How many independent units a primary decision rests on, under the declared estimand."""
    primary = [study.experiments[name] for name in primary_experiments(study)]
    if study.plan.estimand == "these_backbones":
        return min((e.searches or len(study.seeds) for e in primary), default=len(study.seeds))
    return min(len(experiment.backbones) for experiment in primary)


def check_plan(study: Study) -> None:
    """Refuse a plan that names what is not there, or that could never reject.

    Raises
    ------
    StudyError
        Names the key, the value, and the nearest valid one.
    """
    for name, experiment in study.experiments.items():
        _check_outcomes(study, experiment)
        _check_trend(study, name, experiment)
        if experiment.analysis == "factorial":
            _check_factorial(study, name, experiment)
    decided = [name for name, e in study.experiments.items() if e.contrasts]
    for name in study.plan.primary:
        if name not in study.experiments:
            raise StudyError(f"plan.primary: no experiment {name!r}; {nearest(name, decided)}")
        if name not in decided:
            raise StudyError(f"plan.primary: experiment {name!r} has no contrasts to decide")
    if decided and not study.plan.primary:
        raise StudyError(
            "plan.primary: is empty; name the experiments whose contrasts are decided as one "
            f"family, of: {', '.join(decided)}"
        )
    _check_target(study)
    if study.looks:
        _check_waves(study)
    if primary_experiments(study):
        _check_sensitivity(study)


def _check_target(study: Study) -> None:
    """A claim about data like these and splits that are drawn anew need each other."""
    tasks = {cell.task: cell.settings["task"] for cell in study.cells()}
    drawn = [name for name, task in tasks.items() if task.get("split") == "per_seed"]
    about_data = study.plan.target == "data_like_these"
    if about_data and len(drawn) < len(tasks):
        other = next(name for name in tasks if name not in drawn)
        raise StudyError(
            f"plan.target: data_like_these needs a split of its own for every seed, and {other} "
            "has one split: give task.split: per_seed where a task has that option (a published "
            "test set stays the same), or use images_like_these"
        )
    if drawn and not about_data:
        raise StudyError(
            f"plan.target: with {drawn[0]} every seed has test images of its own, so a claim can "
            "only be about data_like_these"
        )
    searched = [name for name, e in study.experiments.items() if e.groups]
    if drawn and searched:
        raise StudyError(
            f"experiments.{searched[0]}.search: with {drawn[0]} it would choose on images that "
            "other seeds are tested on; use a fixed split"
        )


def _check_waves(study: Study) -> None:
    if study.plan.estimand != "these_backbones":
        raise StudyError(
            f"plan.estimand: {study.plan.estimand} counts backbones, and seeds in waves add seeds; "
            "nearest valid: these_backbones, or a fixed number of seeds"
        )
    if study.plan.target == "data_like_these":
        raise StudyError(
            "plan.target: data_like_these has no boundary for looks, as the splits of its seeds "
            "overlap; use a fixed number of seeds, or these_images"
        )
    if not primary_experiments(study):
        raise StudyError(
            "seeds: there is no primary contrast whose decision could end the waves; give a number "
            "of seeds, or name experiments in plan.primary"
        )


def _check_sensitivity(study: Study) -> None:
    m, n, alpha = family_size(study), units(study), study.plan.alpha
    smallest = 2.0 ** (1 - n)
    if not study.plan.strict or smallest <= alpha / m:
        return
    by_seed = study.plan.estimand == "these_backbones"
    unit, key = ("seeds", "seeds") if by_seed else ("backbones", "plan.estimand")
    if by_seed and n < len(study.seeds):
        unit, key = "searches", "search.repeats"
    needed = math.ceil(1 + math.log2(m / alpha))
    raise StudyError(
        f"{key}: with {n} {unit} the exact sign-flip test cannot go below p = {smallest:.4g}, but "
        f"the first step of Holm's correction over the {m} primary decision{'s' * (m > 1)} needs "
        f"p <= {alpha / m:.4g}: use at least {needed} {unit}, or fewer primary contrasts or "
        "outcomes, or set plan.strict: false (the report then says which decisions cannot reject)"
    )


def _check_outcomes(study: Study, experiment: ResolvedExperiment) -> None:
    for cell in experiment.cells:
        valid = outcomes_of(cell.settings["task"])
        for outcome in study.plan.outcomes:
            if outcome not in valid:
                hint = nearest(outcome, valid)
                raise StudyError(f"plan.outcomes: task {cell.task!r} has no {outcome!r}; {hint}")


def _check_trend(study: Study, name: str, experiment: ResolvedExperiment) -> None:
    key = experiment.trend
    if key is None:
        return
    if key not in experiment.factors:
        hint = nearest(key, experiment.factors)
        raise StudyError(f"experiments.{name}.trend: {key!r} is no factor of it; {hint}")
    levels = experiment.factors[key]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in levels)
    if not numeric or len(set(levels)) < 3:
        raise StudyError(f"experiments.{name}.trend: {key} needs at least three numeric levels")


def _check_factorial(study: Study, name: str, experiment: ResolvedExperiment) -> None:
    varied = [key for key, levels in experiment.factors.items() if len(levels) > 1]
    if len(varied) < 2:
        raise StudyError(
            f"experiments.{name}.analysis: factorial needs two factors with two levels"
        )
    expected = math.prod(len(levels) for levels in experiment.factors.values())
    if len(experiment.cells) != expected:
        raise StudyError(
            f"experiments.{name}.analysis: factorial needs {expected} different cells, but levels "
            f"coincide and leave {len(experiment.cells)}"
        )


@dataclass(frozen=True)
class Outlook:
    """What a plan can find: printed before training and in the report."""

    family: int
    n: int
    smallest_p: float
    first_step: float
    detectable: float
    """Smallest standardised paired difference (d_z) found with 80 % power at the first step."""


def outlook(study: Study) -> Outlook | None:
    """Power of the plan; None where nothing is primary."""
    if not primary_experiments(study):
        return None
    from afn.study.plan.power import minimum_detectable_d_z, smallest_p_sign_flip

    m, n = family_size(study), units(study)
    first = study.plan.alpha / m
    detectable = minimum_detectable_d_z(n, first, 0.8) if n > 1 else math.inf
    return Outlook(m, n, smallest_p_sign_flip(n), first, detectable)
