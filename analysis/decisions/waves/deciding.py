"""The decisions of a study in waves, from its looks.

In: the comparisons of a study with their scores, and its `Looks`. Out: `Decision` objects. Called
by `analysis.decisions.decide`.

- A primary comparison is what its look has found: the pairs, the repeated interval, the sequential
  p and the verdict of the look that froze it; pairs trained later for others do not count.
- Per backbone it is decided on the same pairs by the same boundary, each backbone in a family of
  its own kind as always (exploratory): a repeated interval holds whatever made the study stop.
- What is not primary is decided on the first wave, which every cell has and whose number of seeds
  no result has changed, by the rules of a fixed number of seeds.
- Its ``look`` is the one that decided it, ``looks`` how many it had by then, ``stopped`` why:
  difference, equivalence, non-inferiority, futility, last look, no further wave, or e value (behind
  the last look). ``p_adjusted`` is Holm's on the sequential p's, ``path`` what every look saw.
- Whether a difference depends on the backbone is shown without a p, as the number of pairs depends
  on what was seen.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from afn.common.errors import StudyError
from afn.study.grid.cells import Study
from analysis.decisions.contrast import Rules, decide_all, drafted
from analysis.decisions.decision import Decision
from analysis.decisions.steps.pairing import POOLED, Comparison
from analysis.decisions.waves.family import named, seeds_until
from analysis.decisions.waves.looks import Looks
from analysis.decisions.waves.seen import differences_of, of_seeds, seen
from analysis.stats.paired import of_some_width
from analysis.stats.sequential.calibration import boundaries
from analysis.stats.sequential.records import Followed, WavePlan
from analysis.stats.sequential.waves import Waves
from analysis.stats.verdict import Verdict

E_VALUE, ENDED = "e value", "no further wave"
FIRST_WAVE = "On the seeds of the first wave, whose number no result has changed."
AFTER = "After stopping: the number of pairs depends on what was seen, so no p is given."


def decide_in_waves(
    study: Study, comparisons: Iterable[Comparison], rules: Rules, looks: Looks
) -> list[Decision]:
    """Every decision, in the order of the comparisons."""
    every = list(comparisons)
    deciding = _Deciding(study, looks, every)
    first = tuple(study.waves[0])
    others = [dataclasses.replace(c, seeds=first) for c in every if not deciding.has(c)]
    exploratory = iter(decide_all(others, rules))
    return [
        deciding.decision(c, rules) if deciding.has(c) else _noted(next(exploratory), FIRST_WAVE)
        for c in every
    ]


def _noted(d: Decision, note: str) -> Decision:
    return dataclasses.replace(d, notes=[*d.notes, note])


class _Deciding:
    """The comparisons that looks have followed: the primary ones, pooled and per backbone."""

    def __init__(self, study: Study, looks: Looks, every: Sequence[Comparison]) -> None:
        self.study, self.looks = study, looks
        self.pooled: dict[str, tuple[Followed, Waves, int]] = {}
        for number, state in enumerate(looks.families(study)):
            state = state.close()
            self.pooled |= {c.name: (c, state, number) for c in state.comparisons}
        self.primary = {named(c) for c in every if c.primary}
        own = [c for c in every if c.backbone != POOLED and named(c) in self.primary]
        self.alone: dict[str, tuple[Followed, Waves]] = {}
        for family in dict.fromkeys(c.family for c in own):
            state = self._per_backbone([c for c in own if c.family == family])
            self.alone |= {c.name: (c, state) for c in state.comparisons}

    def has(self, c: Comparison) -> bool:
        return named(c) in self.primary

    def end(self, c: Comparison) -> int:
        """The last wave whose pairs a comparison was decided on."""
        late = self.looks.unplanned.get(named(c))
        if late:
            return next(w for w, n in enumerate(self.study.looks, 1) if n >= late["n"])
        own = self.pooled[named(c)][0]
        return own.looks[-1].wave if own.looks else len(self.looks.taken)

    def limited(self, c: Comparison, wave: int = 0) -> Comparison:
        """The comparison on the pairs that it was decided on, or on those of an earlier wave."""
        end = self.end(c)
        return of_seeds(c, seeds_until(self.study, min(wave, end) if wave else end))

    def _per_backbone(self, own: list[Comparison]) -> Waves:
        """The looks that comparisons of one backbone had, decided by the same boundary."""
        plan = self.study.plan
        names = {_alone(c): _alone(c) for c in own}
        planned = self.looks.record.looks
        waves = Waves.begin(
            WavePlan(
                looks=planned,
                comparisons=names,
                boundary=self.study.in_waves.boundary,
                alpha=plan.alpha,
                margin=plan.margin,
                futility=False,
            )
        )
        for wave in range(1, min(len(self.looks.taken), len(planned)) + 1):
            now = {_alone(c): self.limited(c, wave) for c in own}
            views = {name: seen(c, plan.target, planned[-1]) for name, c in now.items()}
            waves = waves.look({n: differences_of(c) for n, c in now.items()}, seen=views)
        return waves.close()

    def decision(self, c: Comparison, rules: Rules) -> Decision:
        """What the looks have made of a comparison."""
        if c.backbone == POOLED:
            followed, state, number = self.pooled[named(c)]
            family = "primary" if number == 0 else f"primary, added later ({number})"
        else:
            (followed, state), family = self.alone[_alone(c)], c.family
        size = len(state.plan.comparisons)
        d = drafted(dataclasses.replace(self.limited(c), family=family), rules, size)[0]
        d = _without_p(dataclasses.replace(d, mde=math.nan, family_size=size))
        late = self.looks.unplanned.get(named(c)) if c.backbone == POOLED else None
        if late:
            return _by_e_value(d, late, followed)
        return self._by_looks(d, self.limited(c), followed, state)

    def _by_looks(self, d: Decision, c: Comparison, followed: Followed, state: Waves) -> Decision:
        adjusted = state.adjusted[followed.name]
        fields: dict[str, Any] = {"p": followed.p, "p_adjusted": adjusted}
        last = followed.looks[-1].wave if followed.looks else None
        fields |= {"p_sequential": followed.p, "look": last}
        fields |= {"looks": len(followed.looks), "path": path_of(followed)}
        fields |= {"stopped": _reason(followed, state)}
        fields |= {"verdict": _verdict(d, followed), "below_margin": followed.below_margin}
        fields |= {"notes": [*d.notes, *_told(followed, state)]}
        if followed.looks:
            look = followed.looks[-1]
            fields |= {
                "test": look.test,
                "ci": of_some_width(look.interval),
                "ci_repeated": of_some_width(look.interval),
                "ci_simultaneous": of_some_width(look.interval_family),
                "ci_equivalence": look.interval_equivalence,
                "intervals_by_backbone": dict(look.intervals_by_block),
                "estimate_median_unbiased": followed.estimate_median_unbiased,
            }
            fields |= self._beside(d, c, followed, state.plan)
        return dataclasses.replace(d, **fields)

    def _beside(
        self, d: Decision, c: Comparison, followed: Followed, plan: WavePlan
    ) -> dict[str, Any]:
        """The repeated intervals of both targets at the look that decided."""
        nominal = float(boundaries(plan.schedule, followed.taken).nominal(plan.alpha)[-1])
        alone = seen(c, "these_images", plan.looks[-1]).pairs.interval(nominal)
        fields = {"ci_seeds": of_some_width(alone)}
        if d.ci_images is not None:
            view = seen(c, "images_like_these", plan.looks[-1])
            fields["ci_images"] = view.pairs.interval(nominal)
        return fields


def _alone(c: Comparison) -> str:
    return f"{named(c)} | {c.backbone}"


def _without_p(d: Decision) -> Decision:
    """Without what a number of pairs that was not fixed makes untrue."""
    if d.heterogeneity is None:
        return d
    bare = d.heterogeneity | {"p": math.nan, "p_adjusted": math.nan}
    return dataclasses.replace(d, heterogeneity=bare, notes=[*d.notes, AFTER])


def _verdict(d: Decision, followed: Followed) -> Verdict:
    """The verdict of its looks; without one, why there is none."""
    if followed.looks:
        if followed.verdict is None:
            raise StudyError(f"{followed.name}: decided before its looks have ended")
        return followed.verdict
    nothing = d.survivors is not None and bool(d.survivors) and not d.survivors["any"]
    return Verdict.NOTHING_TO_COMPARE if nothing else Verdict.NOT_ENOUGH_PAIRS


def _reason(followed: Followed, state: Waves) -> str:
    """Why it stopped; what no look has ended had no further wave."""
    last = followed.looks[-1].wave if followed.looks else 0
    by_itself = followed.reason != "last look" and followed.frozen == last
    return followed.reason if by_itself or last == len(state.plan.looks) else ENDED


def _told(followed: Followed, state: Waves) -> list[str]:
    """What a reader has to know about when it was decided."""
    notes = []
    if followed.reason == "futility" and followed.verdict is Verdict.UNDECIDED:
        notes.append(
            "Stopped for futility: what the study is made to find could hardly be shown any more, "
            "nor equivalence; undecided, not equal."
        )
    if followed.rejected_later is not None:
        notes.append(
            f"Frozen at look {followed.frozen}; that its boundary was crossed at look "
            f"{followed.crossed} counts since look {followed.rejected_later}, by what was rejected "
            "elsewhere in the family."
        )
    elif followed.crossed is not None and followed.crossed != followed.frozen:
        notes.append(f"Its boundary was crossed at look {followed.crossed} already.")
    fewer = [x for x in followed.looks if x.n != state.plan.looks[x.wave - 1]]
    if fewer:
        notes.append("A look had fewer complete pairs than planned; its boundary is that of those.")
    return notes


def path_of(followed: Followed) -> list[dict[str, Any]]:
    """Every look of a comparison, with what its boundaries were.

    Returns
    -------
    list of dict
        ``look``, ``n``, ``test``, ``estimate``, ``p`` (nominal), ``boundary`` (the nominal p that
        rejects at the first step of the correction), ``p_sequential``, ``interval``,
        ``interval_family``, ``interval_equivalence``, ``intervals_by_backbone``, ``power`` (chance
        to show the declared effect by the last look) and ``equivalence`` (the same of equivalence).
    """
    rows, p = [], 1.0
    for look in followed.looks:
        p = min(p, look.reached)
        row: dict[str, Any] = {"look": look.wave, "n": look.n, "test": look.test}
        row |= {"estimate": look.estimate, "p": look.p, "boundary": look.boundary}
        row |= {"p_sequential": p, "interval": list(look.interval)}
        row |= {"interval_family": list(look.interval_family)}
        row |= {"interval_equivalence": list(look.interval_equivalence)}
        row |= {"intervals_by_backbone": {k: list(v) for k, v in look.intervals_by_block.items()}}
        rows.append(row | {"power": look.power, "equivalence": look.equivalence})
    return rows


def _by_e_value(d: Decision, late: Mapping[str, Any], followed: Followed) -> Decision:
    """Behind the last planned look: the e value decides, about these images."""
    needed, e = late["needed"], late["e"]
    p = min(1.0, 1 / e) if e > 0 else 1.0
    ci = tuple(late["interval"])
    note = (
        f"Seeds were added after the last planned look: e = {e:.3g} of {needed:g} needed, and an "
        "interval that holds at every number of pairs, both about these test images."
    )
    return dataclasses.replace(
        d,
        target="these_images",
        test="e value",
        p=p,
        p_adjusted=min(1.0, p * needed * d.alpha),
        p_sequential=p,
        ci=ci,
        ci_repeated=ci,
        ci_simultaneous=ci,
        ci_equivalence=tuple(late["interval_equivalence"]),
        ci_seeds=ci,
        ci_images=None,
        intervals_by_backbone={k: tuple(v) for k, v in late["intervals_by_backbone"].items()},
        verdict=Verdict(late["verdict"]),
        below_margin=False,
        stopped=E_VALUE,
        looks=len(followed.looks) + 1,
        path=path_of(followed),
        notes=[*d.notes, note],
    )
