"""The closed list of what a comparison can come out as.

In: nothing. Out: `Verdict`. Given by `analysis.decisions.steps.verdict` and, with seeds in waves,
by `analysis.stats.sequential.waves`; put into words by `analysis.decisions.words.verdicts` alone.
That a difference is smaller than the margin, or that a comparison was not declared, stands beside
the verdict (``below_margin``, ``exploratory``) and is no verdict of its own.
"""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """What a comparison came out as; the value is what the files hold.

    Attributes
    ----------
    SUPERIOR, INFERIOR
        The corrected p lies below alpha: the first arm is better, or worse.
    EQUIVALENT, EQUIVALENT_ON_AVERAGE
        Both one-sided tests against the margin reject on every backbone, or only for their mean.
    NON_INFERIOR
        Only the one against "worse by the margin" does.
    INCONCLUSIVE
        The data allow more than one of these.
    CANNOT_REJECT
        So few pairs that the exact test could not have rejected, whatever the data.
    UNDECIDED
        With seeds in waves: nothing was shown at the last look, or going on was futile.
    NOT_ENOUGH_PAIRS
        Fewer than three complete pairs.
    NOTHING_TO_COMPARE
        Every run of both arms diverged.
    """

    SUPERIOR = "superior"
    INFERIOR = "inferior"
    EQUIVALENT = "equivalent"
    EQUIVALENT_ON_AVERAGE = "equivalent_on_average"
    NON_INFERIOR = "non-inferior"
    INCONCLUSIVE = "inconclusive"
    CANNOT_REJECT = "cannot reject"
    UNDECIDED = "undecided"
    NOT_ENOUGH_PAIRS = "not enough pairs"
    NOTHING_TO_COMPARE = "nothing to compare"

    @property
    def clear(self) -> bool:
        """Was a difference found?"""
        return self in (Verdict.SUPERIOR, Verdict.INFERIOR)

    @property
    def by_margin(self) -> bool:
        """Was it judged by the margin instead of by the p?"""
        return self in (
            Verdict.EQUIVALENT,
            Verdict.EQUIVALENT_ON_AVERAGE,
            Verdict.NON_INFERIOR,
        )

    @property
    def judged(self) -> bool:
        """Was there something to judge?"""
        return self not in (Verdict.NOT_ENOUGH_PAIRS, Verdict.NOTHING_TO_COMPARE)
