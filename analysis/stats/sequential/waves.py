"""A family of comparisons decided wave by wave: what is known, what is frozen, what goes on.

In: a `WavePlan`, declared before any result, and after each wave the paired differences of every
comparison. Out: `Waves`, the state after the wave, with its readable JSON form; a later wave goes
on from it. Called by the stand-alone command and by whatever schedules trainings.

Per comparison: open until it is decided, then frozen. Nothing that later pairs say changes its
sequential p or its intervals. Only a rejection elsewhere, which loosens Holm's level for the rest,
can still change its verdict: "undecided" or "non-inferior" becomes superior or inferior, and
"equivalent" becomes superior or inferior, below the margin. A verdict of superior or inferior
never changes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from afn.common.errors import StudyError
from analysis.stats.sequential import futility, pvalues
from analysis.stats.sequential.calibration import Taken, boundaries, calibrate, deviate
from analysis.stats.sequential.estimation import Stop, scale_of, stagewise
from analysis.stats.sequential.intervals import PairsAtLook
from analysis.stats.sequential.records import Followed, Look, WavePlan, ends, plain
from analysis.stats.verdict import Verdict

FUTILITY_FROM = 2
"""First look at which a comparison may stop for futility."""


@dataclass(frozen=True)
class Seen:
    """The test of a comparison at a look, and the same on each block that its claim is about."""

    pairs: PairsAtLook
    blocks: Mapping[str, PairsAtLook] = field(default_factory=dict)


@dataclass(frozen=True)
class Waves:
    """The family after ``wave`` waves."""

    plan: WavePlan
    wave: int = 0
    comparisons: tuple[Followed, ...] = ()

    @classmethod
    def begin(cls, plan: WavePlan) -> Waves:
        """Before the first wave."""
        return cls(plan, 0, tuple(Followed(n, g) for n, g in plan.comparisons.items()))

    @property
    def over(self) -> bool:
        """Whether no further wave is needed."""
        return self.wave >= len(self.plan.looks) or not self.needed

    @property
    def needed(self) -> list[str]:
        """Groups whose runs an undecided comparison needs, in the plan's order."""
        return list(dict.fromkeys(c.group for c in self.comparisons if c.verdict is None))

    @property
    def adjusted(self) -> dict[str, float]:
        """Holm's adjusted sequential p of every comparison."""
        p = pvalues.holm(np.array([c.p for c in self.comparisons]))
        return dict(zip([c.name for c in self.comparisons], p.tolist(), strict=True))

    def look(
        self,
        differences: Mapping[str, Mapping[Any, float]],
        diverged: Collection[str] = (),
        seen: Mapping[str, Seen] | None = None,
    ) -> Waves:
        """The state after the next wave is over.

        Parameters
        ----------
        differences : mapping from comparison to {unit: difference}
            Complete pairs in the order of their units, the earlier ones included. Comparisons
            that are frozen may be left out.
        diverged : collection of str
            Comparisons with a diverged run among their pairs.
        seen : mapping from comparison to `Seen`, optional
            How the pairs of some comparisons are tested, where that is not the paired t.

        Raises
        ------
        StudyError
            When the last look is over, for an unknown comparison, or for a pair of an earlier
            look that is gone or has changed.
        """
        if self.wave >= len(self.plan.looks):
            raise StudyError(f"all {self.wave} planned looks are over")
        unknown = [name for name in differences if name not in self.plan.comparisons]
        if unknown:
            raise StudyError(f"comparison {unknown[0]!r} is not in the plan")
        now, wave = [], self.wave + 1
        for c in self.comparisons:
            pairs = {str(unit): float(x) for unit, x in differences.get(c.name, {}).items()}
            if c.verdict is None or c.name in differences:
                c.refuse_changes(pairs)
            if c.verdict is None:
                usual = Seen(PairsAtLook(np.array(list(pairs.values())), c.name in diverged))
                c = _looked(self.plan, c, wave, pairs, (seen or {}).get(c.name, usual))
            now.append(c)
        last = wave == len(self.plan.looks)
        return Waves(self.plan, wave, tuple(_decided(self.plan, now, wave, last)))

    def close(self) -> Waves:
        """The state where no further wave will come: what is open is judged as at a last look."""
        closed = _decided(self.plan, self.comparisons, self.wave, True)
        return Waves(self.plan, self.wave, tuple(closed))

    def to_dict(self) -> dict[str, Any]:
        """Readable JSON form; an open end of an interval is None."""
        return {
            "schema": 1,
            "plan": self.plan.to_dict(),
            "wave": self.wave,
            "comparisons": [plain(dataclasses.asdict(c)) for c in self.comparisons],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Waves:
        """Read the JSON form back."""
        if values.get("schema") != 1:
            raise StudyError("not a state of looks that this version can read (schema 1)")
        found = []
        for c in values["comparisons"]:
            looks = tuple(Look(**{k: ends(k, v) for k, v in look.items()}) for look in c["looks"])
            rest = {k: ends(k, v) for k, v in c.items() if k != "looks"}
            found.append(Followed(looks=looks, **rest))
        return cls(WavePlan.from_dict(values["plan"]), values["wave"], tuple(found))


def _looked(
    plan: WavePlan, c: Followed, wave: int, pairs: Mapping[str, float], now: Seen
) -> Followed:
    """The comparison with its look of this wave; without one where no new pair came."""
    before = c.looks[-1].n if c.looks else 1
    if len(pairs) <= before:
        return dataclasses.replace(c, pairs=dict(pairs))
    seen = now.pairs
    taken = (*c.taken, Taken(wave - 1, seen.n, seen.smallest_p))
    edges, family = boundaries(plan.schedule, taken), len(plan.comparisons)

    def nominal(level: float) -> float:
        return float(edges.nominal(level)[-1])

    look = Look(
        wave=wave,
        n=seen.n,
        test=seen.test,
        estimate=seen.mean,
        sd=seen.sd,
        p=seen.p,
        reached=float(edges.level(len(taken) - 1, seen.p)),
        smallest_p=seen.smallest_p,
        interval=seen.interval(nominal(plan.alpha)),
        interval_family=seen.interval(nominal(plan.alpha / family)),
        interval_equivalence=seen.interval(nominal(2 * plan.alpha)),
        error=seen.error,
        spread=None if seen.error is None else seen.spread,
        intervals_by_block={
            name: own.interval(nominal(2 * plan.alpha)) for name, own in now.blocks.items()
        },
        boundary=nominal(plan.alpha / family),
    )
    return dataclasses.replace(c, looks=(*c.looks, look), pairs=dict(pairs))


def _decided(
    plan: WavePlan, comparisons: Sequence[Followed], wave: int, last: bool = False
) -> list[Followed]:
    """Holm on the sequential p's; open comparisons are judged, frozen ones revised."""
    p = np.array([c.p for c in comparisons])
    rejected, levels = pvalues.holm(p) <= plan.alpha, pvalues.holm_level(p, plan.alpha)
    out = []
    for c, reject, level in zip(comparisons, rejected, levels.tolist(), strict=True):
        if c.verdict is None:
            out.append(_judged(plan, c, wave, bool(reject), level, last))
        elif reject and not c.verdict.clear:
            out.append(_revised(plan, c, wave, level))
        else:
            out.append(c)
    return out


def _judged(
    plan: WavePlan, c: Followed, wave: int, reject: bool, level: float, last: bool
) -> Followed:
    """An open comparison after a wave: frozen with a verdict, or as it was."""
    look = c.looks[-1] if c.looks else None
    fresh = look is not None and look.wave == wave
    if fresh and not last:
        c = _with_chances(plan, c, level)
        look = c.looks[-1]
    everywhere = [look.interval_equivalence, *look.intervals_by_block.values()] if look else []
    margin = plan.margin if plan.margin is not None else -math.inf
    inside = [_inside(interval, margin) for interval in everywhere]
    equivalent = bool(inside) and all(inside)
    not_worse = bool(inside) and all(_worst(plan, x) > -margin for x in everywhere)
    crossed = c.first_crossing(level) if reject else None
    if crossed:
        verdict, reason = _direction(plan, crossed), "difference"
    elif equivalent:
        verdict, reason = Verdict.EQUIVALENT, "equivalence"
    elif last and inside and inside[0]:
        verdict, reason = Verdict.EQUIVALENT_ON_AVERAGE, "last look"
    elif not_worse and (last or plan.stop_at_non_inferior):
        verdict, reason = Verdict.NON_INFERIOR, "non-inferiority"
    elif last:
        verdict, reason = Verdict.UNDECIDED, "last look"
    elif look and fresh and _futile(plan, look):
        verdict, reason = Verdict.UNDECIDED, "futility"
    else:
        return c
    found: dict[str, Any] = {"verdict": verdict, "reason": reason, "frozen": wave, "level": level}
    found |= {"below_margin": reject and equivalent}
    if crossed:
        found["crossed"] = crossed.wave
    return dataclasses.replace(c, **found, **_estimated(plan, c, level))


def _inside(interval: tuple[float, float], margin: float) -> bool:
    return -margin < interval[0] and interval[1] < margin


def _worst(plan: WavePlan, interval: tuple[float, float]) -> float:
    """The end of an interval at which a is worst."""
    return interval[0] if plan.higher_is_better else -interval[1]


def _revised(plan: WavePlan, c: Followed, wave: int, level: float) -> Followed:
    """A frozen comparison that a rejection elsewhere has rejected in retrospect."""
    look = c.first_crossing(level)
    assert look is not None, c.name  # it was rejected at this level
    direction = _direction(plan, look)
    worse = c.verdict is Verdict.NON_INFERIOR and direction is Verdict.INFERIOR
    below = c.verdict is Verdict.EQUIVALENT or worse
    return dataclasses.replace(
        c,
        verdict=direction,
        below_margin=below,
        crossed=look.wave,
        rejected_later=wave,
    )


def _direction(plan: WavePlan, look: Look) -> Verdict:
    """The side on which a look crossed its boundary."""
    better = (look.estimate > 0) == plan.higher_is_better
    return Verdict.SUPERIOR if better else Verdict.INFERIOR


def _with_chances(plan: WavePlan, c: Followed, level: float) -> Followed:
    """The last look with its chances of what going on could still show."""
    look, last = c.looks[-1], plan.looks[-1]
    if plan.worth_finding is None or not look.sd > 0:
        return c
    planned = calibrate(plan.schedule).planned
    sd = look.sd if look.spread is None else look.spread
    state = (look.estimate, sd, look.n, max(last, look.n))
    chances: dict[str, Any] = {
        "power": float(
            futility.conditional_power(*state, planned.edge(level)[-1], plan.worth_finding)
        )
    }
    if plan.margin is not None:
        nominal = planned.nominal(2 * plan.alpha)[-1]
        chances["equivalence"] = float(futility.equivalence_chance(*state, nominal, plan.margin))
    look = dataclasses.replace(look, **chances)
    return dataclasses.replace(c, looks=(*c.looks[:-1], look))


def _futile(plan: WavePlan, look: Look) -> bool:
    """Neither a rejection nor equivalence is likely at the last look."""
    if not plan.futility or look.wave < FUTILITY_FROM or look.power is None:
        return False
    return look.power < futility.LEAST and (look.equivalence or 0.0) < futility.LEAST


def _estimated(plan: WavePlan, c: Followed, level: float) -> dict[str, Any]:
    """Median-unbiased estimate at the look that ended the comparison at this level.

    That is its last look, or the earlier one that crossed the boundary of a level which Holm's
    procedure has reached only now.
    """
    crossed = c.first_crossing(level)
    looks = [x for x in c.looks if crossed is None or x.wave <= crossed.wave]
    if not looks or not looks[-1].sd > 0:
        return {}
    nominal = boundaries(plan.schedule, c.taken).nominal(level)
    edges = [
        float(deviate(p)) if p >= x.smallest_p else math.inf
        for p, x in zip(nominal, looks[:-1], strict=False)
    ]
    last = looks[-1]
    # The p of a sign-flip, or of seeds and images, stands for the t that would have it.
    other = last.smallest_p or last.error is not None
    sd = scale_of(last.estimate, last.n, last.p, last.sd) if other else last.sd
    found = stagewise(Stop([x.n for x in looks], edges, last.estimate, sd), plan.alpha)
    return {"estimate_median_unbiased": found.estimate, "interval_stagewise": found.interval}
