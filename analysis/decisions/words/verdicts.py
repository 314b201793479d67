"""Verdicts as a reader meets them: the one place that makes words and signs of them.

In: verdicts, or decisions. Out: plain text. Called by whatever prints, draws or counts verdicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afn.common.errors import StudyError, nearest
from analysis.display import formatting
from analysis.stats.verdict import Verdict

if TYPE_CHECKING:
    from analysis.decisions.decision import Decision
    from analysis.stats.sequential.records import Followed

MARKS = {
    Verdict.SUPERIOR: "\u25b2",
    Verdict.INFERIOR: "\u25bc",
    Verdict.EQUIVALENT: "=",
    Verdict.EQUIVALENT_ON_AVERAGE: "\u2248",
    Verdict.NON_INFERIOR: "\u2265",
}
OPEN = "?"
"""The sign of every verdict that leaves the comparison open."""
MEANINGS = {
    MARKS[Verdict.SUPERIOR]: "the first-named arm is better",
    MARKS[Verdict.INFERIOR]: "it is worse",
    MARKS[Verdict.EQUIVALENT]: "the two are practically the same",
    MARKS[Verdict.EQUIVALENT_ON_AVERAGE]: "they are so on average only",
    MARKS[Verdict.NON_INFERIOR]: "the first is not worse by more than the margin",
    OPEN: "open",
}
BELOW = "below the margin"


def mark(verdict: Verdict) -> str:
    """The sign of a verdict.

    >>> mark(Verdict.SUPERIOR), mark(Verdict.CANNOT_REJECT)
    ('\u25b2', '?')
    """
    return MARKS.get(verdict, OPEN)


def named(value: str) -> Verdict:
    """The verdict that a file holds.

    Raises
    ------
    StudyError
        For one that is not of the closed list, with the nearest that is.
    """
    try:
        return Verdict(value)
    except ValueError:
        known = [v.value for v in Verdict]
        raise StudyError(f"there is no verdict {value!r}; {nearest(str(value), known)}") from None


def words(verdict: Verdict, below_margin: bool = False) -> str:
    """A verdict in words.

    >>> words(Verdict.SUPERIOR, below_margin=True), words(Verdict.EQUIVALENT_ON_AVERAGE)
    ('superior, below the margin', 'equivalent on average')
    """
    text = verdict.value.replace("_", " ")
    return f"{text}, {BELOW}" if below_margin else text


def verdict_of(d: Decision) -> str:
    """A decision's verdict in words; of too few pairs with their number."""
    if d.verdict is Verdict.CANNOT_REJECT:
        units = d.paired_by if d.n == 1 else formatting.plural(d.paired_by)
        return f"{words(d.verdict)} with {d.n} {units}"
    return words(d.verdict, d.below_margin)


def short(d: Decision) -> str:
    """The same as it fits beside a panel."""
    if d.verdict is Verdict.CANNOT_REJECT:
        return f"too few {formatting.plural(d.paired_by)}"
    return words(d.verdict) + (", small" if d.below_margin else "")


def followed(c: Followed) -> str:
    """The verdict of a comparison that looks follow; ``open`` before it has one."""
    return words(c.verdict, c.below_margin) if c.verdict else "open"
