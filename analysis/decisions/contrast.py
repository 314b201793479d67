"""From the scores of two arms to a decision; from a family of decisions to adjusted p's.

In: `Comparison` objects (which arms, on which backbones, in which family). Out: `Decision`
objects. Called for studies by `analysis.decisions.decide`; knows nothing of files or studies.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from afn.study.plan.power import smallest_p_sign_flip
from analysis.decisions import dependence
from analysis.decisions.decision import Decision
from analysis.decisions.steps.components import components
from analysis.decisions.steps.pairing import (
    POOLED,
    Comparison,
    Pairs,
    by_backbone,
    diverged_runs,
    heterogeneity,
    on_backbone,
    pairs_of,
)
from analysis.decisions.steps.targets import ALIKE, DATA, THESE, View, Views, fallen_back, views_of
from analysis.decisions.steps.verdict import give_verdict, otherwise, verdict_notes
from analysis.results.scores import BUILD
from analysis.stats import paired
from analysis.stats.multiplicity import adjust

ALL_EQUAL = (
    "All paired differences are equal, so that neither the t-test nor an interval exists; the test "
    "is the sign-flip."
)


@dataclass(frozen=True)
class Rules:
    """What a plan fixes for all of its decisions; margin in the unit of the scores."""

    alpha: float = 0.05
    margin: float = 1.0
    correction: str = "holm"
    unit: str = "points"
    higher_is_better: bool = True
    target: str = THESE

    def first_step(self, size: int) -> float:
        """Level at the first step of the correction over a family."""
        return self.alpha / (1 if self.correction == "none" else size)


def decide_all(comparisons: Iterable[Comparison], rules: Rules) -> list[Decision]:
    """Decide every comparison, each family corrected over its declared size.

    A comparison that cannot be decided keeps its place in its family: missing data never make a
    correction milder.
    """
    comparisons = list(comparisons)
    sizes: dict[str, int] = {}
    for comparison in comparisons:
        sizes[comparison.family] = sizes.get(comparison.family, 0) + 1
    drafts = [drafted(c, rules, sizes[c.family]) for c in comparisons]
    decided = _corrected([draft for draft, _ in drafts], rules.correction)
    others = _corrected([other for _, other in drafts], rules.correction)
    noted = [
        dataclasses.replace(d, notes=[*d.notes, *verdict_notes(d), *otherwise(d, other)])
        for d, other in zip(decided, others, strict=True)
    ]
    return dependence.corrected(noted, rules.correction)


def _corrected(drafts: list[Decision], correction: str) -> list[Decision]:
    """Adjusted p's, family by family, and with them the verdicts."""
    decisions = list(drafts)
    for family in dict.fromkeys(d.family for d in drafts):
        members = [i for i, d in enumerate(drafts) if d.family == family]
        adjusted = adjust([drafts[i].p for i in members], correction)
        for i, p in zip(members, adjusted, strict=True):
            draft = dataclasses.replace(drafts[i], p_adjusted=p)
            verdict, small = give_verdict(draft)
            decisions[i] = dataclasses.replace(draft, verdict=verdict, below_margin=small)
    return decisions


def drafted(c: Comparison, rules: Rules, size: int) -> tuple[Decision, Decision]:
    """A comparison as its declared target sees it, and as the other one does (or the same).

    Without the corrected p and the verdict, which depend on the other members of its family.
    """
    pairs = pairs_of(c)
    views = views_of(c, pairs, rules, size)
    target = rules.target if rules.target in views.by_target else THESE
    first = _draft(c, pairs, rules, size, views)
    alone = _alone(c, rules, size)
    seen = {name: _seen(view, alone, name) for name, view in views.by_target.items()}
    d, fell = pairs.differences, any(first.diverged.values())
    equal = len(d) > 1 and not fell and target == THESE and paired.is_constant(d)
    notes = [*fallen_back(rules.target, views), *first.notes, *([ALL_EQUAL] if equal else [])]
    own = dataclasses.replace(first, notes=notes, **seen.pop(target))
    if target == DATA:
        # Over the same splits the plain paired t is too narrow: it is no other view of the data.
        return own, own
    other = next((dataclasses.replace(own, **fields) for fields in seen.values()), own)
    return own, other


def _alone(c: Comparison, rules: Rules, size: int) -> dict[str, Views]:
    """Each backbone that a pooled claim is about, seen alone."""
    if c.backbone != POOLED or by_backbone(c) or len(c.scores_a) < 2:
        return {}
    own = {backbone: on_backbone(c, backbone) for backbone in c.scores_a}
    return {name: views_of(part, pairs_of(part), rules, size) for name, part in own.items()}


def _seen(view: View, alone: dict[str, Views], target: str) -> dict[str, Any]:
    """The fields of a decision that depend on what it is about."""
    inside = {
        name: own.by_target.get(target, own.by_target[THESE]).test.ci_equivalence
        for name, own in alone.items()
    }
    return {
        "target": target,
        "ci": view.test.ci,
        "ci_simultaneous": view.test.ci_simultaneous,
        "ci_equivalence": view.test.ci_equivalence,
        "test": view.test.test,
        "p": view.test.p,
        "mde": view.detectable,
        "intervals_by_backbone": inside,
    }


def _draft(c: Comparison, pairs: Pairs, rules: Rules, size: int, views: Views) -> Decision:
    """What does not depend on the target."""
    d, n = pairs.differences, len(pairs.units)
    fell, gaps = diverged_runs(c), paired.difference(pairs.a, pairs.b)
    d_z, g_z = paired.effect_sizes(d)
    sign = 1.0 if rules.higher_is_better else -1.0
    better, better_ci = (
        paired.improvement(sign * d, rules.alpha) if len(d) else (math.nan, paired.UNBOUNDED)
    )
    return Decision(
        experiment=c.experiment,
        task=c.task,
        outcome=c.outcome,
        a=c.a,
        b=c.b,
        backbone=c.backbone,
        primary=c.primary,
        estimand=c.estimand,
        n=n,
        estimate=float(np.mean(d)) if len(d) else math.nan,
        ci=paired.UNBOUNDED,
        ci_simultaneous=paired.UNBOUNDED,
        test="",
        p=math.nan,
        p_adjusted=math.nan,
        family_size=size,
        sensitivity=_sensitivity(d),
        d_z=d_z,
        g_z=g_z,
        improvement={"estimate": better, "ci": list(better_ci)},
        variance_ratio=paired.variance_ratio(pairs.a, pairs.b),
        ci_variance_ratio=paired.variance_ratio_interval(pairs.a, pairs.b, rules.alpha),
        mde=math.nan,
        margin=rules.margin,
        diverged=fell,
        exploratory=c.explored or not c.primary,
        recipe=c.recipe,
        family=c.family,
        alpha=rules.alpha,
        unit=rules.unit,
        higher_is_better=rules.higher_is_better,
        paired_by=c.block_word if by_backbone(c) else c.unit,
        blocks=list(c.scores_a),
        block_word=c.block_word,
        mean_a=float(np.mean(pairs.a)) if n else math.nan,
        mean_b=float(np.mean(pairs.b)) if n else math.nan,
        a12=paired.a12(sign * pairs.a, sign * pairs.b) if n else math.nan,
        ci_seeds=views.by_target[THESE].test.ci,
        ci_images=views.by_target[ALIKE].test.ci if ALIKE in views.by_target else None,
        ci_data=views.by_target[DATA].test.ci if DATA in views.by_target else None,
        images=views.images,
        components=components(c, pairs, views.crossed, views.images),
        differences=[
            {"unit": u, "a": float(x), "b": float(y), "difference": float(gap)}
            for u, x, y, gap in zip(pairs.units, pairs.a, pairs.b, gaps, strict=True)
        ],
        missing=pairs.missing,
        survivors=_survivors(pairs) if any(fell.values()) else None,
        heterogeneity=heterogeneity(c),
        notes=[*c.notes, *_notes(c, d, fell)],
    )


def _sensitivity(d: np.ndarray) -> dict[str, Any]:
    if not len(d):
        return {"test": "exact sign-flip", "p": math.nan, "smallest_p": 1.0}
    flips = paired.SignFlips(d)
    p = flips.p() if len(d) > 1 else math.nan
    return {"test": flips.name, "p": p, "smallest_p": smallest_p_sign_flip(len(d))}


def _notes(c: Comparison, d: np.ndarray, fell: dict[str, int]) -> list[str]:
    notes = []
    if any(fell.values()) and len(d):
        notes.append(
            "Diverged runs count with the declared value; the test is the sign-flip on the "
            "completed scores and the interval inverts it."
        )
    builds = set(itertools.chain(*(s.builds for s in [*c.scores_a.values(), *c.scores_b.values()])))
    if len(builds) > 1:
        kinds = "; ".join(" ".join(b) for b in sorted(builds))
        notes.append(f"Runs of different builds are compared ({', '.join(BUILD)}): {kinds}")
    return notes


def _survivors(pairs: Pairs) -> dict[str, Any]:
    keep = [u not in pairs.touched for u in pairs.units]
    n = int(sum(keep))
    estimate = float(np.mean((pairs.a - pairs.b)[keep])) if n else math.nan
    return {"n": n, "estimate": estimate, "any": len(pairs.units) - len(pairs.lost)}
