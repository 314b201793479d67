"""What the statistics of test time are worth, apart from a method: sentences beside the answer.

In: the loaded study and its family of decisions. Out: plain text; every number is a decision's, or
a mean of scores that is called so. Called by the answer and by the page.
"""

from __future__ import annotations

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.decisions.words.phrases import on_outcome
from analysis.display import formatting, naming
from analysis.inputs import Inputs


def worth(inputs: Inputs, family: list[Decision]) -> list[str]:
    """What the statistics are worth where the same two methods are compared under both."""
    norms = tuple(arm.norm for arm in family[0].arms)
    for d in family:
        a, b = d.arms
        if (a.norm, b.norm) != norms or a.protocol != b.protocol:
            continue
        if a.protocol in (None, inputs.protocols[0]):
            continue
        own = [e for e in family if _pair(e) == _pair(d)]
        alone = [e for e in family if (e.a, e.b) == (d.b, b.norm)]
        return _worth(inputs, own, alone)
    return []


def without_choice(inputs: Inputs, compared: list[Decision]) -> str:
    """That a baseline has no statistics to choose, where the study compares one that has.

    Such a comparison is one of method and statistics together; what the subject reaches under the
    other statistics is described beside it, and not decided.
    """
    first = inputs.protocols[0]
    others = [p for p in inputs.protocols if p != first]
    found = []
    for text in dict.fromkeys(d.b for d in compared):
        own = [d for d in compared if d.b == text]
        d = max(own, key=lambda d: abs(d.estimate) if formatting.is_number(d.estimate) else 0.0)
        norms = [arm.norm for arm in d.arms]
        mine, here = ([inputs.cell(d.task, x, n, d.recipe) for x in d.blocks] for n in norms)
        other = next((p for p in others if all(c and p in c.protocols for c in mine)), None)
        if other is None or not all(c and "any" in c.protocols for c in here):
            continue
        means = [_mean(inputs, d, arm) for arm in (f"{norms[0]}@{other}", d.b)]
        a, b = map(naming.norm, norms)
        told = f"{b} has no such choice: it normalises every image by itself, so that "
        told += f"{a} against it is a comparison of method and statistics together."
        if all(mean is not None for mean in means):
            told += (
                f" With {naming.statistics(other)} {a} reaches {formatting.number(means[0], 1)} % "
                f"{on_outcome(inputs, d)}, {b} {formatting.number(means[1], 1)} %: means over "
                f"seeds{' and backbones' if len(d.blocks) > 1 else ''}, which the study does not "
                "compare."
            )
        found.append(told)
    return " ".join(found)


def _mean(inputs: Inputs, d: Decision, arm: str) -> float | None:
    """Mean accuracy of an arm on the backbones of a decision; None where one has no score."""
    scores = [inputs.arm_scores(d.task, net, arm, d.outcome, d.recipe) for net in d.blocks]
    if not scores or not all(len(own) for own in scores):
        return None
    return sum(float(own.mean()) for own in scores) / len(scores)


def _worth(inputs: Inputs, own: list[Decision], alone: list[Decision]) -> list[str]:
    """How much of a mixed comparison is the statistics': the outcome where that is largest."""
    method_of = {(d.task, d.outcome, d.recipe): d for d in own}
    pairs = [(d, method_of.get((d.task, d.outcome, d.recipe))) for d in alone]
    both = [(d, e) for d, e in pairs if e and all(formatting.is_number(x.estimate) for x in (d, e))]
    if not both:
        return []
    change, method = max(both, key=lambda pair: abs(pair[0].estimate))
    a, b = (naming.norm(d.arms[0].norm) for d in (method, change))
    other = naming.statistics(change.arms[0].protocol or "")
    first = naming.statistics(inputs.protocols[0])
    verb = "gains" if change.estimate > 0 else "costs"
    return [
        f"Switching the same trained {b} networks from {first} to {other} {verb} them "
        f"{formatting.number(abs(change.estimate))} points "
        f"{on_outcome(inputs, change, phrases.numbers(change))}; "
        f"{a} in place of {b}, both tested so, changes it by {formatting.signed(method.estimate)} "
        f"({phrases.numbers(method)})."
    ]


def _pair(d: Decision) -> tuple:
    return d.experiment, d.a, d.b, d.recipe
