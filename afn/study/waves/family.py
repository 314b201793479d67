"""The comparisons whose looks decide who is trained further, and what was declared about them.

In: a `Study`. Out: a `FamilyMember` per primary contrast, task, recipe and outcome, each with the
cells whose runs it needs; and the declarations that must stay as they were at the first look.
Called by the steps that look, and by what asks which runs a study needs. Names are those of the
decisions: experiment, task, recipe, outcome, a, b.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afn.study.parts.names import Arm

if TYPE_CHECKING:
    from afn.study.grid.cells import Study

SEPARATOR = " | "


@dataclass(frozen=True)
class FamilyMember:
    """One comparison of the corrected family."""

    experiment: str
    task: str
    recipe: str
    outcome: str
    a: str
    b: str
    cells: tuple[str, ...]
    """Paths of the cells that it needs: both arms on every backbone that has both."""

    @property
    def name(self) -> str:
        return name_of(self.experiment, self.task, self.recipe, self.outcome, self.a, self.b)


def name_of(experiment: str, task: str, recipe: str, outcome: str, a: str, b: str) -> str:
    """The name of a comparison in the records of looks."""
    return SEPARATOR.join((experiment, task, recipe, outcome, a, b))


def members(study: Study) -> list[FamilyMember]:
    """The primary comparisons of a study, in its order."""
    from afn.study.plan.checks import primary_experiments

    found = []
    primary = primary_experiments(study)
    for name in study.experiments:
        if name not in primary:
            continue
        experiment = study.experiments[name]
        for contrast in experiment.contrasts:
            for task, recipe in dict.fromkeys((c.task, c.recipe) for c in experiment.cells):
                own = [c for c in experiment.cells if (c.task, c.recipe) == (task, recipe)]
                cells = _cells(own, contrast.a, contrast.b)
                found += [
                    FamilyMember(name, task, recipe, outcome, contrast.a, contrast.b, cells)
                    for outcome in study.plan.outcomes
                ]
    return found


def _cells(own: list[Any], a: str, b: str) -> tuple[str, ...]:
    arms = [{c.backbone: c.path for c in own if c.norm == Arm.parse(arm).norm} for arm in (a, b)]
    both = [arms[0].keys() & arms[1].keys()]
    paths = [arm[backbone] for arm in arms for backbone in arm if backbone in both[0]]
    return tuple(dict.fromkeys(paths))


def declared(study: Study) -> dict[str, Any]:
    """What must be as it was at the first look: every change of it would change error rates."""
    waves = study.in_waves
    plan = study.plan
    return {
        "wave": waves.wave,
        "boundary": waves.boundary,
        "futility": waves.futility,
        "effect": waves.effect,
        "alpha": plan.alpha,
        "margin": plan.margin,
        "target": plan.target,
        "estimand": plan.estimand,
        "diverged": plan.diverged,
    }
