"""Sentences on what tuning changed, and why: to each contrast, to each arm, and what was chosen.

In: the loaded study. Out: plain text. Called by the answer (a summary) and the page (all of it).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from afn.study.parts.names import Factor
from analysis.decisions.decision import Decision
from analysis.decisions.tuning import Change, edges
from analysis.decisions.words import phrases
from analysis.decisions.words.phrases import arms_in_words, interval_words, on_outcome
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting, naming
from analysis.inputs import Inputs
from analysis.tables.searches import name
from analysis.tables.spread import repeated
from analysis.tables.tuned_gain import arm_changes, moved_by, pairs

MOST = 3
"""So many outcomes of one contrast are told; more are in the table."""
CAUTION = "for these settings, exploratory"
"""One search per method is one draw of a noisy choice."""


def caution(d: Decision) -> str:
    """What a tuned decision holds for."""
    if d.paired_by != "search":
        return CAUTION
    kind = "" if d.primary else ", exploratory"
    return f"over {formatting.small(d.n)} searches of each method{kind}"


def summary(inputs: Inputs) -> list[str]:
    """For the answer: the contrast whose gain changed most, on all its outcomes where these are
    few, then what that may come from."""
    found = pairs(inputs) if inputs.searches else []
    both = [(t, d, moved_by(inputs, t, d)) for t, d in found if d is not None]
    both = [entry for entry in both if entry[2].estimate is not None]
    if not both:
        return []
    both.sort(key=lambda entry: -abs(entry[2].estimate or 0.0))
    tuned, default, _ = both[0]
    same = ("experiment", "task", "recipe", "a", "b")
    own = [e for e in both if all(getattr(e[0], k) == getattr(tuned, k) for k in same)]
    own, most = (own, "") if len(own) <= MOST else (own[:1], " most")
    contrast = naming.contrast(tuned.a, tuned.b, inputs.protocols[0])
    clauses = [
        f"{on_outcome(inputs, t)} from {formatting.signed(d.estimate)} to "
        f"{formatting.signed(t.estimate)} ({_tested(inputs, moved, t)})"
        for t, d, moved in own
    ]
    shown = any(moved.p is not None and moved.p < inputs.study.plan.alpha for _, _, moved in own)
    verb = "moved" if shown else "is not shown to change"
    lead = f"Tuning ({caution(tuned)}) {verb} {contrast}{_where(default)}{most}"
    return [f"{lead}: {'; '.join(clauses)}.", *causes(inputs)]


def _where(default: Decision) -> str:
    """The backbone of a comparison that was tuned on one of several; nothing without others."""
    return "" if default.backbone == "pooled" else f" on {naming.part(default.blocks[0])}"


def sentences(inputs: Inputs) -> list[str]:
    """One sentence per contrast of a tuned experiment, and what the changes may come from."""
    found = pairs(inputs) if inputs.searches else []
    grouped: dict[tuple, list] = {}
    for tuned, default in found:
        key = (tuned.experiment, tuned.recipe, tuned.a, tuned.b)
        grouped.setdefault(key, []).append((tuned, default))
    texts = [_sentence(inputs, own) for own in grouped.values()]
    return [*texts, *causes(inputs)] if texts else []


def causes(inputs: Inputs) -> list[str]:
    """Choices at the edge of a range, and arms that tuning made worse."""
    again = repeated(inputs.searches)
    at_end = [
        _at_end(s, key, name(s))
        for s in inputs.searches
        if (s["experiment"], s["label"]) not in again
        for key in edges(s)
    ]
    for (_, label), own in again.items():
        times = Counter(key for s in own for key in edges(s))
        at_end += [
            _at_end(own[0], key, f"{naming.arm(label)} in {n} of {len(own)} searches")
            for key, n in times.items()
        ]
    texts = []
    if at_end:
        texts.append(f"Chosen at the end of its range: {formatting.listing(at_end)}.")
    worse = [
        f"{naming.arm(arm.norm)} {naming.on_outcome(outcome)} "
        f"({formatting.signed(moved.estimate)}, {formatting.interval_words(moved.ci)})"
        for arm, outcome, moved in arm_changes(inputs)
        if moved.below_zero
    ]
    if worse:
        texts.append(f"Tuning made worse: {formatting.listing(worse)}.")
    return texts


def _at_end(search: dict[str, Any], key: str, whose: str) -> str:
    """A setting at an end of its range; of a list also how many of its levels are ends, since a
    choice of one may be no sign of anything."""
    levels = search["space"][key].get("choices", [])
    ends = f" (two of its {formatting.small(len(levels))} levels are ends)" if levels else ""
    return f"{naming.option(Factor.parse(key).short)} of {whose}{ends}"


def _sentence(inputs: Inputs, own: list[tuple[Decision, Decision | None]]) -> str:
    a, b = arms_in_words(own[0][0])
    told = own[:MOST]
    clauses = [_clause(inputs, tuned, default) for tuned, default in told]
    more = len(own) - len(told)
    rest = f"; {formatting.small(more)} more in the table below" if more else ""
    if all(default is None for _, default in own):
        lead = f"The difference of {a} to {b} with tuned settings ({caution(own[0][0])}):"
        return (
            f"{lead} {'; '.join(clauses)}{rest}; the study does not compare them at the defaults."
        )
    on = next((_where(default) for _, default in own if default), "")
    lead = (
        f"The difference of {a} to {b}{on}, with default settings and then with tuned ones "
        f"({caution(own[0][0])}):"
    )
    return f"{lead} {'; '.join(clauses)}{rest}."


def _clause(inputs: Inputs, tuned: Decision, default: Decision | None) -> str:
    on = on_outcome(inputs, tuned)
    if default is None:
        return f"{on} {_found(tuned)}"
    moved = moved_by(inputs, tuned, default)
    return f"{on} {_found(default)} and {_found(tuned)}, {_tested(inputs, moved, tuned)}"


def _tested(inputs: Inputs, moved: Change, tuned: Decision) -> str:
    """The change of a contrast by tuning, as one paired t-test."""
    if moved.estimate is None:
        return "a change that no pair of runs shows"
    text = f"a change of {formatting.signed(moved.estimate)}"
    if moved.ci is None:
        return text
    return (
        f"{text}, {inputs.level} interval {formatting.interval_words(moved.ci)}, paired "
        f"{formatting.p_equation(moved.p)}, n = {moved.n} {formatting.plural(tuned.paired_by)}"
        + ("" if tuned.paired_by == "search" else ", given these choices")
    )


def _found(d: Decision) -> str:
    """A decision in a few words: estimate, interval, verdict."""
    if not formatting.is_number(d.estimate):
        return f"unknown ({verdict_of(d)})"
    level = f"{formatting.level(d.alpha)} interval {interval_words(d)}"
    return f"{formatting.signed(d.estimate)} points ({level}, {phrases.verdict(d)})"
