"""Parts of sentences about decisions that answer, board, tables and captions share.

In: decisions. Out: plain text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from afn.study.parts.names import Arm
from analysis.decisions.words.verdicts import short, verdict_of
from analysis.display import formatting, naming
from analysis.display.formatting import is_number, p_equation, signed
from analysis.display.naming import part
from analysis.stats.verdict import Verdict

if TYPE_CHECKING:
    from analysis.decisions.decision import Decision

PERHAPS = "smaller than the margin, though perhaps not zero"
"""Said of an equivalence whose interval excludes zero."""
NOT_ZERO = "\u2260 0?"
"""The same where there is no room."""
PLACE = ("experiment", "task", "recipe", "outcome", "a", "b", "backbone")
"""What makes a decision one of a kind."""
THESE, ALIKE, DATA = "these_images", "images_like_these", "data_like_these"
ALSO = {ALIKE: " and images", DATA: " and splits", THESE: ""}
"""What an interval about a target varies beside the seeds."""


def arms_in_words(d: Decision) -> tuple[str, str]:
    """Both arms as they read in a sentence; statistics are named where the arms differ in them."""
    a, b = d.arms
    if a.protocol == b.protocol:
        return naming.norm(a.norm), naming.norm(b.norm)
    return _with_statistics(a), _with_statistics(b)


def _with_statistics(arm: Arm) -> str:
    tested = f" with {naming.statistics(arm.protocol)}" if arm.protocol else ""
    return naming.norm(arm.norm) + tested


def on_outcome(inputs: Any, d: Decision, *also: str) -> str:
    """Where a decision was made: its outcome, and task and recipe where there are several.

    What is said beside it stands in the recipe's brackets.
    """
    where = f" of {inputs.task_name(d.task)}" if len(inputs.tasks) > 1 else ""
    return naming.on_outcome(d.outcome) + where + bracketed(recipe(inputs, d), *also)


def recipe(inputs: Any, d: Decision) -> str:
    """The recipe of a decision where its experiment has several, else nothing."""
    several = len({e.recipe for e in inputs.decisions if e.experiment == d.experiment}) > 1
    return inputs.recipe_in_full(d.recipe) if several else ""


def bracketed(*parts: str) -> str:
    """All that is said beside something in one pair of brackets, with a blank; nothing for nothing.

    >>> bracketed("t-test alone", "", "exploratory")
    ' (t-test alone; exploratory)'
    """
    told = "; ".join(filter(None, parts))
    return f" ({told})" if told else ""


def anchor(d: Decision) -> str:
    """The name of a decision's row in its table, for links."""
    text = "|".join(str(getattr(d, key)) for key in PLACE)
    return f"row-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def verdict(d: Decision, *also: str) -> str:
    """The verdict as a table prints it, with what is said beside it."""
    shown = verdict_of(d)
    if perhaps_not_zero(d):
        shown += ", perhaps not zero"
    return shown + bracketed("t-test alone" if by_t_alone(d) else "", *also)


def numbers(d: Decision) -> str:
    """Interval and p of a decision; "adjusted" only where something was."""
    return f"{formatting.level(d.alpha)} interval {interval_words(d)}, {p(d)}"


def beside_panel(d: Decision) -> str:
    """The verdict as it fits beside a panel; ``NOT_ZERO`` stands for "perhaps not zero"."""
    return short(d) + (f", {NOT_ZERO}" if perhaps_not_zero(d) else "")


def perhaps_not_zero(d: Decision) -> bool:
    """Is it an equivalence whose interval excludes zero?"""
    if d.verdict is not Verdict.EQUIVALENT:
        return False
    low, high = d.ci_equivalence
    return low > 0 or high < 0


def exact_cannot(d: Decision) -> bool:
    """Too few pairs for the exact sign-flip test, at the first step of the correction?"""
    smallest = d.sensitivity["smallest_p"]
    result: bool = smallest > d.alpha / (d.family_size if d.primary else 1)
    return result


def by_t_alone(d: Decision) -> bool:
    """Does a difference that was found rest on the t-test, with too few pairs for an exact one?"""
    return d.verdict.clear and exact_cannot(d)


def _same(d: Decision) -> str:
    """What is said instead of an interval where all pairs differ alike; else nothing.

    An interval over images too has a width even then.
    """
    if d.target != THESE:
        return ""
    values = [pair["difference"] for pair in d.differences]
    if len(values) < 2 or not all(map(is_number, values)):
        return ""
    size = max(map(abs, values))
    if max(values) - min(values) > 1e-11 * max(1.0, size):
        return ""
    what = "no difference" if size <= 1e-11 else "the same difference"
    return f"{what} in {len(values)} pairs"


def interval(d: Decision, digits: int = 2) -> str:
    """The interval of a decision, never one of width zero."""
    return _same(d) or formatting.interval(d.ci, digits)


def interval_words(d: Decision, digits: int = 2) -> str:
    """The same for a sentence."""
    return _same(d) or formatting.interval_words(d.ci, digits)


def stopped(d: Decision, digits: int = 2) -> list[str]:
    """Of seeds in waves: when and why a decision was made, and the estimate after stopping."""
    if not d.stopped:
        return []
    at = f" at look {d.look}" if d.look else ""
    told = [f"decided{at} ({d.stopped})"]
    if is_number(d.estimate_median_unbiased):
        told.append(f"median-unbiased difference {signed(d.estimate_median_unbiased, digits)}")
    return told


def p(d: Decision) -> str:
    """The p of a decision; adjusted where its family has several members."""
    if d.family_size < 2:
        return p_equation(d.p)
    return f"adjusted {p_equation(d.p_adjusted)}"


def p_adjusted(record: Mapping[str, Any]) -> str:
    """The corrected p of a record that has one."""
    return f"adjusted {p_equation(record['p_adjusted'])}"


def ratio(d: Decision) -> str:
    """How many times fewer seeds pairing needs, with its range: ``×16 (3.2 to 140)``."""
    if not is_number(d.variance_ratio):
        return "–"
    ends = d.ci_variance_ratio
    low, high = (formatting.two_digits(x) if is_number(x) else "" for x in ends)
    # Blanks that do not break: a narrow column has the range in a line of its own.
    span = f" ({low}\u00a0to\u00a0{high or 'any'})" if low else ""
    return f"{formatting.TIMES}{formatting.two_digits(d.variance_ratio)}{span}"


def about(target: str, images: int = 0, *, foreign: bool = False) -> str:
    """The target as it ends or opens a sentence; in somebody's own table images are examples.

    >>> about("these_images", 360), about("images_like_these", 10000)
    ('on these 360 test images', 'for images like these 10,000')
    """
    count = f"{images:,} " if images else ""
    if target == THESE:
        return f"on these {count}test images"
    if target == ALIKE:
        return f"for {'examples' if foreign else 'images'} like these {count}".rstrip()
    return "for data like these"


def scope(decisions: Iterable[Decision]) -> str:
    """What the intervals of some decisions vary, and so are about.

    ``the intervals are over seeds and images, for images like these 360``.
    """
    decisions = list(decisions)
    by = formatting.plural(decisions[0].paired_by)
    told = [f"over {by}{ALSO[target]}, {text}" for target, text in _by_target(decisions)]
    return f"the intervals are {', or '.join(told)}"


def about_all(decisions: Iterable[Decision]) -> str:
    """What all of some decisions are about, with their number of images where that is one.

    Decisions that fell back to these images are counted apart.
    """
    return " and ".join(text for _, text in _by_target(list(decisions)))


def _by_target(decisions: list[Decision]) -> list[tuple[str, str]]:
    """Every target of some decisions with what it is about; of several, how many have which."""
    targets = list(dict.fromkeys(d.target for d in decisions))
    parts = []
    for target in sorted(targets, key=lambda t: (t == THESE, t)):
        own = [d for d in decisions if d.target == target]
        sizes = {d.images for d in own}
        text = about(target, sizes.pop() if len(sizes) == 1 else 0)
        several = f" ({len(own)} of {len(decisions)})" if len(targets) > 1 else ""
        parts.append((target, text + several))
    return parts


def opposite(d: Decision, digits: int = 2) -> str:
    """Where the difference of a pooled verdict has the other sign, with the numbers; else nothing.

    Only for backbones that the claim is about; of a population, they are the sample.
    """
    found = (d.heterogeneity or {}).get("estimates", {})
    if not d.verdict.clear or not d.intervals_by_backbone:
        return ""
    own = [(b, x) for b, x in found.items() if is_number(x) and x * d.estimate < 0]
    return ", ".join(f"{part(b)} ({signed(x, digits)})" for b, x in own)


def by_backbone(found: Mapping[str, Any], digits: int = 2) -> list[str]:
    """The difference on each backbone: ``resnet8 \u22120.62``."""
    return [f"{part(b)} {signed(x, digits)}" for b, x in found["estimates"].items()]


def dependence(
    found: Mapping[str, Any] | None, alpha: float, digits: int = 2, most: int = 6
) -> str:
    """How a difference varies between backbones, where the test of it rejects; else nothing.

    The p is the one corrected over the contrasts of the family. A dependence that is the same at
    every seed has no error to test it against, and is told.

    >>> dependence({"p": 0.007, "estimates": {"one": 0.664, "two": -0.56}}, 0.05)
    'p = 0.007: one +0.66, two \u22120.56'
    """
    if not found or len(found["estimates"]) < 2:
        return ""
    corrected = found.get("p_adjusted", found["p"])
    constant = bool(found.get("constant"))
    if not constant and (not is_number(corrected) or corrected >= alpha):
        return ""
    adjusted = "adjusted " if "p_adjusted" in found else ""
    how = "alike at every seed" if constant else adjusted + p_equation(corrected)
    each = ", ".join(by_backbone(found, digits))
    return how + (f": {each}" if len(found["estimates"]) <= most else "")
