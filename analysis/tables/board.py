"""The verdict board: every comparison that the study declares, each in one row, with its evidence.

In: the loaded study. Out: a `Table` whose rows lead to the rows and figures that they rest on.
Shown at the top of the page and written as CSV and LaTeX. Called by `analysis.tables.writing`.

A row is one declared contrast, on one task, of one recipe, for one outcome: the pooled decision.
Comparisons that are not in the primary family are marked as exploratory.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.decisions.words.verdicts import MEANINGS, mark
from analysis.display import formatting, naming
from analysis.display.formatting import closed
from analysis.display.table import Table
from analysis.inputs import Inputs


def declared(inputs: Inputs) -> list[Decision]:
    """The pooled decisions of every declared contrast, primary ones first."""
    contrasts = {
        (name, c.a, c.b) for name, e in inputs.study.experiments.items() for c in e.contrasts
    }
    own = [
        d
        for d in inputs.decisions
        if d.backbone == "pooled" and (d.experiment, d.a, d.b) in contrasts
    ]
    return sorted(own, key=lambda d: not d.primary)


def board(inputs: Inputs) -> Table | None:
    """The board, or nothing where the study declares no comparison."""
    own = declared(inputs)
    if not own:
        return None
    columns = _columns(inputs, own)
    rows: list[list[str]] = []
    breaks: list[int] = []
    before: Any = None
    for d in own:
        key = (d.primary, d.experiment, d.a, d.b)
        if key != before:
            breaks.append(len(rows))
            before = key
        rows.append(_row(inputs, d, columns))
    heads = ["comparison", *columns, "", "verdict", "difference", "interval", "n", "evidence"]
    return Table(
        "board",
        "Every declared comparison",
        _note(inputs, own),
        heads,
        "l" + "l" * len(columns) + "llrrrl",
        rows,
        pd.DataFrame([_record(inputs, d) for d in own]),
        breaks,
        verdict=len(columns) + 2,
        links=[f"#{phrases.anchor(d)}" for d in own],
    )


def _columns(inputs: Inputs, own: list[Decision]) -> list[str]:
    """What has to be said of a row beside its arms: where the rows differ, and the outcome."""
    several = [key for key in ("task", "recipe") if len({getattr(d, key) for d in own}) > 1]
    nets = ["on"] if len({tuple(d.blocks) for d in own if d.blocks}) > 1 else []
    return [*several, *nets, "outcome"]


def _row(inputs: Inputs, d: Decision, columns: list[str]) -> list[str]:
    shown = {
        "task": inputs.task_name(d.task),
        "recipe": inputs.recipe_in_full(d.recipe),
        "on": _nets(d),
        "outcome": naming.outcome(d.outcome).removesuffix(" images"),
    }
    return [
        naming.contrast(d.a, d.b, inputs.protocols[0]),
        *(shown[key] for key in columns),
        mark(d.verdict),
        phrases.verdict(d, _caution(inputs, d)),
        formatting.signed(d.estimate),
        phrases.interval(d),
        str(d.n),
        "verdicts" if d.primary else "exploratory",
    ]


def _nets(d: Decision) -> str:
    """The backbone of a comparison, or how many its mean is over."""
    one = len(d.blocks) == 1
    return naming.part(d.blocks[0]) if one else f"{len(d.blocks)} {formatting.plural(d.block_word)}"


def _caution(inputs: Inputs, d: Decision) -> str:
    """Beside the verdict: that it is no claim of the study, or holds for chosen settings."""
    if inputs.study.experiments[d.experiment].searches == 1:
        return "for these settings, exploratory"
    return "exploratory" if d.exploratory else ""


def _note(inputs: Inputs, own: list[Decision]) -> str:
    found = dict.fromkeys(mark(d.verdict) for d in own)
    key = ", ".join(f"{sign} {text}" for sign, text in MEANINGS.items() if sign in found)
    text = (
        f"The first-named arm minus the second, in points, with {inputs.level} interval, "
        f"{phrases.about_all(own)}; n pairs of runs. {key}. "
        f"Margin: {formatting.PLUS_MINUS}{inputs.study.plan.margin:g}."
    )
    if any(not d.primary for d in own):
        text += " Exploratory rows are hints, not claims of this study."
    return text


def _record(inputs: Inputs, d: Decision) -> dict[str, Any]:
    keys = ("experiment", "task", "recipe", "outcome", "a", "b", "primary")
    low, high = closed(d.ci)
    record = {"mark": mark(d.verdict)} | {key: getattr(d, key) for key in keys}
    record["backbones"] = " ".join(d.blocks)
    record |= {"verdict": d.verdict.value, "below_margin": d.below_margin, "estimate": d.estimate}
    record |= {"ci_low": low, "ci_high": high, "level": 1 - d.alpha, "n": d.n}
    return record | {"p": d.p, "p_adjusted": d.p_adjusted, "evidence": phrases.anchor(d)}
