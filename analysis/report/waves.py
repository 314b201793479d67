"""What a page says of seeds that came in waves: what was needed, and what was not as planned.

In: the loaded study with its looks. Out: sentences; none where the number of seeds was fixed.
Called by the answer and by the page.
"""

from __future__ import annotations

import math
from typing import Any

from afn.study.waves.family import SEPARATOR
from afn.study.waves.record import Record
from analysis.decisions.words.verdicts import followed
from analysis.display import formatting, naming
from analysis.inputs import Inputs
from analysis.report import provenance


def sentences(inputs: Inputs) -> list[str]:
    """For the first paragraph: what was not as planned, with what that does to the error rate."""
    if inputs.looks is None:
        return []
    record = inputs.looks.record
    return [*_added(inputs), *_late(record, inputs.study.plan.alpha), *_again(record)]


def needed(inputs: Inputs) -> str:
    """How many trainings the looks have asked for, of those that all seeds would have taken."""
    if inputs.looks is None:
        return ""
    seeds = inputs.study.in_waves
    made, most = len(provenance.runs_of(inputs)), provenance.declared(inputs)
    return (
        f"Seeds came in waves of {seeds.wave}, {seeds.at_most} at most, with a planned look after "
        f"each: {made:,} of {most:,} trainings were needed."
    )


def _added(inputs: Inputs) -> list[str]:
    """Seeds behind the last planned look."""
    told = [d for d in inputs.decisions if d.primary and d.stopped == "e value"]
    if not told:
        return []
    alpha = inputs.study.plan.alpha
    count = formatting.count(len(told), "comparison")
    return [
        f"Seeds were added by hand after the last planned look, for {count} that it had left open: "
        "they are decided by e values, which hold however often was looked. The boundary had spent "
        f"its {100 * alpha:g} %, so that the chance of any false difference is now at most "
        f"{200 * alpha:g} %."
    ]


def _late(record: Record, alpha: float) -> list[str]:
    """Comparisons that were declared after the first look."""
    late = record.families[1:]
    if not late:
        return []
    total = sum(len(family.members) for family in late)
    since = formatting.listing(dict.fromkeys(str(family.since) for family in late))
    return [
        f"{formatting.sentence_case(formatting.count(total, 'comparison'))} of the primary "
        f"experiments "
        f"{'was' if total == 1 else 'were'} declared after look {since} only, and "
        f"{'is' if total == 1 else 'are'} corrected apart from the others: over all of them the "
        f"chance of any false difference is at most {100 * alpha * (1 + len(late)):g} %, and that "
        "only if what was seen had no part in choosing them."
    ]


def _again(record: Record) -> list[str]:
    """Looks that were taken again on other results."""
    again = [w for w, hashes in sorted(record.taken.items()) if len(hashes) > 1]
    if not again:
        return []
    which = formatting.listing(map(str, again))
    return [
        f"Look{'s' if len(again) > 1 else ''} {which} {'were' if len(again) > 1 else 'was'} taken "
        "again after results had changed (runs were trained anew); the error rates hold for looks "
        "that are taken once."
    ]


def so_far(inputs: Inputs) -> dict[str, Any]:
    """For a page on a study that goes on: the looks that were taken, and what they have decided.

    Returns
    -------
    dict
        ``told`` (a sentence or two) and ``rows`` (one per primary comparison); empty where the
        number of seeds is fixed.
    """
    if inputs.looks is None:
        return {}
    study, taken = inputs.study, len(inputs.looks.taken)
    told = (
        f"{formatting.sentence_case(formatting.count(taken, 'look'))} of {len(study.looks)} at "
        f"most {'was' if taken == 1 else 'were'} taken, as planned; what it decided is below. "
        "What came since is not tested before the next look."
    )
    if not taken:
        told = "No look was taken yet: nothing is tested before the first wave is over."
    rows = [
        _row(inputs, c)
        for state in inputs.looks.families(study)
        for c in state.comparisons
        if c.looks
    ]
    return {"told": told, "rows": rows}


def _row(inputs: Inputs, c: Any) -> str:
    _, task, recipe, outcome, a, b = c.name.split(SEPARATOR)
    names = [naming.contrast(a, b, inputs.protocols[0]), naming.outcome(outcome)]
    names += [inputs.task_name(task)] if len({x.task for x in inputs.study.cells()}) > 1 else []
    names += [inputs.recipe_name(recipe)] if inputs.recipe_name(recipe) else []
    look, plan = c.looks[-1], inputs.study.plan
    shown = formatting.interval_words(_closed(look.interval))
    narrow = formatting.interval_words(_closed(look.interval_equivalence))
    return (
        f"{', '.join(names)}: {followed(c)}"
        f"{f' ({c.reason})' if c.reason else ''}; look {look.wave}, "
        f"{formatting.count(look.n, 'pair')}; difference {formatting.signed(look.estimate)}, "
        f"repeated {formatting.level(plan.alpha)} interval {shown}, "
        f"{formatting.level(2 * plan.alpha)} {narrow} against a margin of {plan.margin:g}; "
        f"sequential {formatting.p_equation(c.p)}."
    )


def _closed(interval: tuple[float, float]) -> tuple[float, float] | None:
    return interval if all(map(math.isfinite, interval)) else None
