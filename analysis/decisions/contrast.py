"""From the scores of two arms to a decision; from a family of decisions to adjusted p's.

In: `Comparison` objects (which arms, on which backbones, in which family). Out: `Decision`
objects. Called for studies by `analysis.decisions.decide`; knows nothing of files or studies.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from afn.study.parts.names import split_arm
from afn.study.plan.power import smallest_p_sign_flip
from analysis.decisions import dependence
from analysis.decisions.decision import Decision, give_verdict, verdict_notes
from analysis.results.scores import BUILD, ArmScores
from analysis.stats import paired
from analysis.stats.multiplicity import adjust

POOLED = "pooled"


@dataclass(frozen=True)
class Rules:
    """What a plan fixes for all of its decisions; margin in the unit of the scores."""

    alpha: float = 0.05
    margin: float = 1.0
    correction: str = "holm"
    unit: str = "points"
    higher_is_better: bool = True


@dataclass(frozen=True)
class Comparison:
    """What is to be decided, with the scores of both arms per backbone.

    ``seeds`` are the declared ones; a seed without a score in some arm is a missing pair.
    ``names`` holds the norms behind the arms, to name missing runs.
    """

    experiment: str
    task: str
    outcome: str
    a: str
    b: str
    backbone: str
    primary: bool
    estimand: str
    family: str
    seeds: Sequence[Any]
    scores_a: dict[str, ArmScores]
    scores_b: dict[str, ArmScores]
    recipe: str = ""
    block_word: str = "backbone"
    notes: tuple[str, ...] = field(default=())


def decide_all(comparisons: Iterable[Comparison], rules: Rules) -> list[Decision]:
    """Decide every comparison, each family corrected over its declared size.

    A comparison that cannot be decided keeps its place in its family: missing data never make a
    correction milder.
    """
    comparisons = list(comparisons)
    sizes: dict[str, int] = {}
    for comparison in comparisons:
        sizes[comparison.family] = sizes.get(comparison.family, 0) + 1
    drafts = [_decide(c, rules, sizes[c.family]) for c in comparisons]
    decisions: list[Decision | None] = [None] * len(drafts)
    for family in sizes:
        members = [i for i, d in enumerate(drafts) if d.family == family]
        adjusted = adjust([drafts[i].p for i in members], rules.correction)
        for i, p in zip(members, adjusted, strict=True):
            draft = dataclasses.replace(drafts[i], p_adjusted=p)
            draft = dataclasses.replace(draft, verdict=give_verdict(draft))
            notes = [*draft.notes, *verdict_notes(draft)]
            decisions[i] = dataclasses.replace(draft, notes=notes)
    return dependence.corrected([d for d in decisions if d is not None], rules.correction)


@dataclass(frozen=True)
class Pairs:
    """Complete pairs of a comparison, in the order of the seeds (or of the backbones)."""

    units: list[Any]
    a: np.ndarray
    b: np.ndarray
    missing: list[str]
    touched: frozenset[Any]
    """Units with a diverged run."""
    lost: frozenset[Any]
    """Units in which every run of both arms diverged."""


def pairs_of(c: Comparison) -> Pairs:
    """Pair the arms under the comparison's estimand."""
    backbones = list(c.scores_a)
    # A run that serves both arms (tested under two protocols) is missing once.
    missing = dict.fromkeys(
        f"{backbone}/{arm if c.block_word != 'backbone' else split_arm(arm)[0]}/seed{seed}"
        for backbone in backbones
        for arm, scores in ((c.a, c.scores_a), (c.b, c.scores_b))
        for seed in c.seeds
        if seed not in scores[backbone].values
    )
    complete = {
        backbone: [
            s
            for s in c.seeds
            if s in c.scores_a[backbone].values and s in c.scores_b[backbone].values
        ]
        for backbone in backbones
    }
    fell = {b: c.scores_a[b].diverged | c.scores_b[b].diverged for b in backbones}
    if _by_backbone(c):
        units: list[Any] = [b for b in backbones if complete[b]]
        groups = [[(b, s) for s in complete[b]] for b in units]
        touched = frozenset(b for b in units if fell[b] & set(complete[b]))
    else:
        units = [s for s in c.seeds if all(s in complete[b] for b in backbones)]
        groups = [[(b, s) for b in backbones] for s in units]
        touched = frozenset(s for s in units if any(s in fell[b] for b in backbones))
    gone = {b: c.scores_a[b].diverged & c.scores_b[b].diverged for b in backbones}
    pairs = zip(units, groups, strict=True)
    lost = frozenset(u for u, group in pairs if all(s in gone[b] for b, s in group))
    mean = lambda scores: np.array(  # noqa: E731
        [math.fsum(scores[b].values[s] for b, s in g) / len(g) for g in groups]
    )
    return Pairs(units, mean(c.scores_a), mean(c.scores_b), list(missing), touched, lost)


def _by_backbone(c: Comparison) -> bool:
    return c.backbone == POOLED and c.estimand == "population_of_backbones"


def _decide(c: Comparison, rules: Rules, size: int) -> Decision:
    pairs = pairs_of(c)
    d, n = paired.difference(pairs.a, pairs.b), len(pairs.units)
    if n and len(pairs.lost) == n:
        d = d[:0]  # completed scores of runs that all diverged are equal by declaration
    fell = {
        "a": sum(len(s.diverged & set(c.seeds)) for s in c.scores_a.values()),
        "b": sum(len(s.diverged & set(c.seeds)) for s in c.scores_b.values()),
    }
    notes = [*c.notes, *_notes(c, d, fell)]
    result = _test(d, rules.alpha, size, any(fell.values()))
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
        ci=result.ci,
        ci_simultaneous=result.ci_simultaneous,
        test=result.test,
        p=result.p,
        p_adjusted=math.nan,
        family_size=size,
        sensitivity=_sensitivity(d),
        d_z=d_z,
        g_z=g_z,
        improvement={"estimate": better, "ci": list(better_ci)},
        variance_ratio=paired.variance_ratio(pairs.a, pairs.b),
        ci_variance_ratio=paired.variance_ratio_interval(pairs.a, pairs.b, rules.alpha),
        mde=paired.detectable(d, rules.alpha / (1 if rules.correction == "none" else size)),
        margin=rules.margin,
        diverged=fell,
        verdict="",
        recipe=c.recipe,
        family=c.family,
        alpha=rules.alpha,
        unit=rules.unit,
        higher_is_better=rules.higher_is_better,
        paired_by=c.block_word if _by_backbone(c) else "seed",
        blocks=list(c.scores_a),
        block_word=c.block_word,
        mean_a=float(np.mean(pairs.a)) if n else math.nan,
        mean_b=float(np.mean(pairs.b)) if n else math.nan,
        a12=paired.a12(sign * pairs.a, sign * pairs.b) if n else math.nan,
        ci_equivalence=result.ci_equivalence,
        differences=[
            {"unit": u, "a": float(x), "b": float(y), "difference": float(x - y)}
            for u, x, y in zip(pairs.units, pairs.a, pairs.b, strict=True)
        ],
        missing=pairs.missing,
        survivors=_survivors(pairs) if any(fell.values()) else None,
        heterogeneity=heterogeneity(c),
        notes=notes,
    )


def _test(d: np.ndarray, alpha: float, size: int, diverged: bool) -> paired.Paired:
    """The primary test: paired t; the sign-flip where runs diverged or all differences agree.

    With fewer than two pairs nothing is tested: p is nan and the intervals are unbounded.
    """
    if len(d) < 2:
        open_ended = paired.UNBOUNDED
        return paired.Paired("none", math.nan, open_ended, open_ended, open_ended)
    if diverged or paired.is_constant(d):
        return paired.sign_flip(d, alpha, size)
    return paired.paired_t(d, alpha, size)


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
    elif len(d) > 1 and paired.is_constant(d):
        notes.append(
            "All paired differences are equal, so that neither the t-test nor an interval exists; "
            "the test is the sign-flip."
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


def heterogeneity(c: Comparison) -> dict[str, Any] | None:
    """Does the contrast differ between backbones? F of contrast x backbone, blocked by seed.

    The closed form on the seeds that are complete on every backbone: B - 1 and (B - 1)(S - 1)
    degrees of freedom. None for a single backbone; F and p are nan where they do not exist.
    """
    if c.backbone != POOLED or len(c.scores_a) < 2:
        return None
    rows = pairs_of(dataclasses.replace(c, estimand="these_backbones")).units
    a, b = (
        np.array([[scores[x].values[s] for x in c.scores_a] for s in rows])
        for scores in (c.scores_a, c.scores_b)
    )
    table = paired.difference(a, b).reshape(len(rows), len(c.scores_a))
    means = table.mean(axis=0) if len(rows) else np.full(len(c.scores_a), math.nan)
    estimates = dict(zip(c.scores_a, means.tolist(), strict=True))
    return {**dependence.test_of(table), "estimates": estimates}
