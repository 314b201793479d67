"""Seeds behind the last planned look: evidence that holds however often was looked.

In: the families after their last look, and the comparisons that it left open, on all seeds that
there are now. Out: per comparison the e value of its pairs, the value that the family needs, the
confidence sequence and what follows. Called by the step that looks where ``at_most`` was raised
after the first look, and by the decisions of a plan of a fixed number of seeds that was broken.

The boundary of the planned looks has spent alpha, the e values may spend it again: with both, the
chance of any false rejection is at most twice alpha, which the report says first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.decisions.steps.pairing import Comparison, diverged_runs, on_backbone, pairs_of
from analysis.stats.sequential.eprocess import weigh
from analysis.stats.sequential.waves import Waves
from analysis.stats.verdict import Verdict

LAST = "last look"


def left_open(states: Iterable[Waves], told: Mapping[str, Any]) -> list[str]:
    """Comparisons that the last planned look left undecided, and no e value has decided since."""
    return [
        c.name
        for state in states
        for c in state.comparisons
        if c.verdict is Verdict.UNDECIDED
        and c.reason == LAST
        and _told(told, c.name) is Verdict.UNDECIDED
    ]


def _told(told: Mapping[str, Any], name: str) -> Verdict:
    """What an earlier e value has said of a comparison."""
    return Verdict(told[name]["verdict"]) if name in told else Verdict.UNDECIDED


def evidence(
    states: Iterable[Waves], found: Mapping[str, Comparison], plan: Any
) -> dict[str, dict[str, Any]]:
    """E value and confidence sequence of some comparisons; none where a run diverged."""
    sizes = {c.name: len(s.plan.comparisons) for s in states for c in s.comparisons}
    own = {name: of(c, sizes[name] / plan.alpha, plan) for name, c in found.items()}
    return {name: value for name, value in own.items() if value}


def of(c: Comparison, needed: float, plan: Any) -> dict[str, Any]:
    """The evidence of one comparison; ``needed`` is the e value that rejects."""
    own: dict[str, Any] = {}
    if len(c.scores_a) > 1:
        own = {b: pairs_of(on_backbone(c, b)).differences for b in c.scores_a}
    found = weigh(
        pairs_of(c).differences,
        needed,
        alpha=plan.alpha,
        margin=plan.margin,
        parts=own.values(),
    )
    if found is None or any(diverged_runs(c).values()):
        return {}
    return {
        "n": found.n,
        "e": found.e,
        "needed": needed,
        "estimate": found.estimate,
        "interval": list(found.interval),
        "interval_equivalence": list(found.interval_equivalence),
        "intervals_by_backbone": {
            b: list(ends) for b, ends in zip(own, found.intervals_by_part, strict=True)
        },
        "verdict": found.verdict,
    }
