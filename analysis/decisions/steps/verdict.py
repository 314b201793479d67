"""The verdict that the numbers of a decision imply, and what a reader has to know about it.

In: a `Decision` without a verdict. Out: the verdict, and notes. Called by
`analysis.decisions.contrast` once the family is corrected.
"""

from __future__ import annotations

from analysis.decisions.decision import (
    FEWEST,
    Decision,
    Interval,
)
from analysis.decisions.words.phrases import by_t_alone, exact_cannot
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting
from analysis.stats.verdict import Verdict


def give_verdict(d: Decision) -> tuple[Verdict, bool]:
    """The verdict that the fields of a decision imply, and whether it is below the margin.

    Nothing to compare: every run of both arms diverged. Equivalent: both one-sided tests at alpha
    reject, i.e. the 1 - 2 alpha interval lies inside the margin. Non-inferior: its lower end
    does. A rejected difference that is also equivalent lies below the margin. All three are claims
    about every backbone of a pooled decision, so each one's own interval has to lie there (an
    intersection-union test, which needs no correction); where only the mean does, the verdict is
    equivalent on average. What would be inconclusive is called "cannot reject" where
    the exact sign-flip test could not have rejected either, whatever the data. Where a run diverged
    the sign-flip is the test itself, and with too few pairs for it nothing else is said.
    """
    if d.n < FEWEST:
        return Verdict.NOT_ENOUGH_PAIRS, False
    if d.survivors and not d.survivors["any"]:
        return Verdict.NOTHING_TO_COMPARE, False
    cannot = exact_cannot(d)
    if cannot and any(d.diverged.values()):
        return Verdict.CANNOT_REJECT, False
    everywhere = list(d.intervals_by_backbone.values())
    equivalent = _inside(d, d.ci_equivalence)
    if d.p_adjusted < d.alpha:
        better = (d.estimate > 0) == d.higher_is_better
        small = equivalent and all(_inside(d, own) for own in everywhere)
        return Verdict.SUPERIOR if better else Verdict.INFERIOR, small
    if equivalent:
        on_each = all(_inside(d, own) for own in everywhere)
        return Verdict.EQUIVALENT if on_each else Verdict.EQUIVALENT_ON_AVERAGE, False
    if all(_worst(d, own) > -d.margin for own in (d.ci_equivalence, *everywhere)):
        return Verdict.NON_INFERIOR, False
    return Verdict.CANNOT_REJECT if cannot else Verdict.INCONCLUSIVE, False


def _inside(d: Decision, interval: Interval) -> bool:
    return -d.margin < interval[0] and interval[1] < d.margin


def _worst(d: Decision, interval: Interval) -> float:
    """The end of an interval at which a is worst."""
    return interval[0] if d.higher_is_better else -interval[1]


def verdict_notes(d: Decision) -> list[str]:
    """What a reader has to know about a verdict."""
    if not by_t_alone(d):
        return []
    return [
        f"Superior or inferior rests on the t-test alone here: the exact sign-flip test of {d.n} "
        f"pairs cannot go below {formatting.p_equation(d.sensitivity['smallest_p'])}, too much "
        "for the correction."
    ]


def otherwise(d: Decision, other: Decision) -> list[str]:
    """Said where the interval that stands beside would decide otherwise."""
    if other.target == d.target or _kind(other) == _kind(d):
        return []
    about = {
        "these_images": "Judged over seeds alone, about these test images,",
        "images_like_these": "Judged over seeds and images, for images like these,",
    }[other.target]
    return [f"{about} the verdict would be: {verdict_of(other)}."]


def _kind(d: Decision) -> tuple[Verdict, bool]:
    """What would read otherwise: too few seeds for an exact test is inconclusive as well."""
    open_ended = d.verdict is Verdict.CANNOT_REJECT
    return Verdict.INCONCLUSIVE if open_ended else d.verdict, d.below_margin
