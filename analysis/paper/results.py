"""The results of a study as a paper tells them: the page's own words, and numbers of decisions.

In: the loaded study. Out: plain text, and the table of the primary comparisons that fits a column.
The sentences are those of `analysis.report.answer`, the one place that makes words of verdicts: a
paper says no more than the page. Called by the command.
"""

from __future__ import annotations

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.display.latex import tables as latex
from analysis.inputs import Inputs
from analysis.report import answer, provenance

LABEL = "primary"


def paragraph(inputs: Inputs, broken: str = "") -> str:
    """The answer, what it is about, and what stands behind it.

    ``broken`` is what holds after seeds were added to a plan that had been decided; it comes first.
    """
    return " ".join(filter(None, [broken, *answer.sentences(inputs), *answer.after(inputs)]))


def numbers(inputs: Inputs) -> list[str]:
    """Every comparison of the family with its numbers, a sentence each."""
    return [
        f"{inputs.comparison(d)}, {phrases.on_outcome(inputs, d)}: {_numbers(inputs, d)}."
        for d in answer.family_of(inputs)
    ]


def _numbers(inputs: Inputs, d: Decision) -> str:
    if not formatting.is_number(d.estimate):
        return phrases.verdict(d)
    difference = f"{formatting.signed(d.estimate)} points"
    return f"{phrases.verdict(d)}; {difference}, {phrases.numbers(d)}, n = {d.n}"


def power(inputs: Inputs) -> str:
    """What the study could have found."""
    return provenance.power(inputs)


def rows(inputs: Inputs) -> list[list[str]]:
    """Comparison, place, difference with interval, adjusted p, verdict; one row per decision."""
    return [
        [
            inputs.comparison(d),
            _place(inputs, d),
            " ".join(filter(None, [formatting.signed(d.estimate), phrases.interval(d)])),
            formatting.p_value(d.p_adjusted),
            phrases.verdict(d),
        ]
        for d in answer.family_of(inputs)
    ]


def _place(inputs: Inputs, d: Decision) -> str:
    outcome = naming.outcome(d.outcome).removesuffix(" images")
    return ", ".join(filter(None, [outcome, inputs.task_name(d.task) * (len(inputs.tasks) > 1)]))


def table(inputs: Inputs) -> str:
    """The four columns as LaTeX; nothing where nothing is compared."""
    own, shown = answer.family_of(inputs), rows(inputs)
    if not own:
        return ""
    breaks = [i for i, row in enumerate(shown) if i == 0 or row[0] != shown[i - 1][0]]
    what = "The primary comparisons" if own[0].primary else "The comparisons, exploratory"
    corrected = own[0].family_size > 1
    caption = (
        f"{what}: the first-named arm minus the second, in points, with {inputs.level} interval, "
        f"{phrases.about_all(own)}. "
        + (
            f"p: adjusted over {formatting.count(own[0].family_size, 'comparison')}. "
            if corrected
            else ""
        )
        + f"Margin: {formatting.PLUS_MINUS}{inputs.study.plan.margin:g}."
    )
    return latex.table(
        ["", "comparison", "difference [interval]", "adjusted p" if corrected else "p", "verdict"],
        shown,
        align="llrrl",
        caption=caption,
        label=LABEL,
        breaks=breaks,
        grouped=True,
        column=True,
    )
