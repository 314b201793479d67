"""The verdict that the numbers of a decision imply, and what a reader has to know about it.

In: a `Decision` without a verdict. Out: the verdict, and notes. Called by
`analysis.decisions.contrast` once the family is corrected.
"""

from __future__ import annotations

from analysis.decisions.decision import (
    FEWEST,
    NOT_ENOUGH,
    NOTHING,
    ON_AVERAGE,
    Decision,
    Interval,
    plural,
    shown_verdict,
)
from analysis.display import formatting


def give_verdict(d: Decision) -> str:
    """The verdict that the fields of a decision imply.

    Nothing to compare: every run of both arms diverged. Equivalent: both one-sided tests at alpha
    reject, i.e. the 1 - 2 alpha interval lies inside the margin. Non-inferior: its lower end
    does. A rejected difference that is also equivalent is "superior, below the margin". All three
    are claims about every backbone of a pooled decision, so each one's own interval has to lie
    there (an intersection-union test, which needs no correction); where only the mean does, the
    verdict is "equivalent on average". What would be inconclusive is called "cannot reject" where
    the exact sign-flip test could not have rejected either, whatever the data. Where a run diverged
    the sign-flip is the test itself, and with too few pairs for it nothing else is said.
    """
    if d.n < FEWEST:
        return NOT_ENOUGH
    if d.survivors and not d.survivors["any"]:
        return NOTHING
    cannot = f"cannot reject with {d.n} {plural(d.n, d.paired_by)}" if exact_cannot(d) else ""
    if cannot and any(d.diverged.values()):
        return cannot
    everywhere = list(d.intervals_by_backbone.values())
    equivalent = _inside(d, d.ci_equivalence)
    if d.p_adjusted < d.alpha:
        side = "superior" if (d.estimate > 0) == d.higher_is_better else "inferior"
        small = equivalent and all(_inside(d, own) for own in everywhere)
        return f"{side}, below the margin" if small else side
    if equivalent:
        return "equivalent" if all(_inside(d, own) for own in everywhere) else ON_AVERAGE
    if all(_worst(d, own) > -d.margin for own in (d.ci_equivalence, *everywhere)):
        return "non-inferior"
    return cannot or "inconclusive"


def _inside(d: Decision, interval: Interval) -> bool:
    return -d.margin < interval[0] and interval[1] < d.margin


def _worst(d: Decision, interval: Interval) -> float:
    """The end of an interval at which a is worst."""
    return interval[0] if d.higher_is_better else -interval[1]


def exact_cannot(d: Decision) -> bool:
    """Too few pairs for the sign-flip test (primary family: at the correction's first step)?"""
    needed = d.alpha / d.family_size if d.primary else d.alpha
    return d.sensitivity["smallest_p"] > needed


def verdict_notes(d: Decision) -> list[str]:
    """What a reader has to know about a verdict."""
    if not d.verdict.startswith(("superior", "inferior")) or not exact_cannot(d):
        return []
    return [
        f"Superior or inferior rests on the t-test alone here: the exact sign-flip test of {d.n} "
        f"pairs cannot go below {formatting.p_equation(d.sensitivity['smallest_p'])}, too much "
        "for the correction."
    ]


def otherwise(d: Decision, other: Decision) -> list[str]:
    """Said where the interval that stands beside would decide otherwise."""
    if other.target == d.target or _kind(other.verdict) == _kind(d.verdict):
        return []
    about = {
        "these_images": "Judged over seeds alone, about these test images,",
        "images_like_these": "Judged over seeds and images, for images like these,",
    }[other.target]
    return [f"{about} the verdict would be: {shown_verdict(other.verdict)}."]


def _kind(verdict: str) -> str:
    return "inconclusive" if verdict.startswith("cannot") else verdict
