"""Tables of decisions: the verdicts of the family, and each comparison per backbone.

In: the loaded study. Out: `Table` objects and tidy frames. Called by `analysis.tables.writing`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs

EXPLORED = (
    "Corrected within their experiment, not part of the primary family, and no claim of the study. "
    "Equivalent and non-inferior: by the 1 \u2212 2 alpha interval against the margin, not "
    "corrected."
)
"""Said of comparisons whose title calls them exploratory."""


BESIDE = {
    "ci_seeds": ("these images", "on these test images"),
    "ci_images": ("images like these", "for images like these"),
}
"""What an interval of another target is about: as the head of its column, and in a sentence."""


def verdicts(inputs: Inputs, primary: list[Decision]) -> Table:
    """The primary family."""
    plan, size = inputs.study.plan, primary[0].family_size
    family = "the one comparison" if size == 1 else f"all {size} comparisons"
    note = (
        f"Differences in points of accuracy with {inputs.level} interval, "
        f"{phrases.about_all(primary)}; {_beside_note(primary)}the "
        f"simultaneous interval holds for {family} at once. "
        f"p: paired test, over what the interval is{_corrected(inputs, size)}. "
        f"Equivalent and non-inferior: by the {formatting.level(2 * plan.alpha)} (1 "
        f"{formatting.MINUS} 2 "
        f"alpha) interval against the margin, not corrected over the family. "
        f"g: Hedges' standardised difference. Pairing: how many times more seeds an unpaired "
        f"design would need, with its {inputs.level} bootstrap interval over seeds. "
        f"Margin: {formatting.PLUS_MINUS}{plan.margin:g} points."
    )
    return decided(inputs, primary, "verdicts", "The primary comparisons", note, full=True)


def _corrected(inputs: Inputs, size: int) -> str:
    """What was adjusted, if anything was."""
    if size < 2:
        return ""
    return f"; adjusted p: {inputs.study.plan.correction.capitalize()} over the family"


def decided(
    inputs: Inputs, decisions: list[Decision], name: str, title: str, note: str, full: bool = False
) -> Table:
    several = {
        "task": len(inputs.tasks) > 1,
        "recipe": len({d.recipe for d in decisions}) > 1,
        "backbone": any(d.backbone != "pooled" for d in decisions),
    }
    extra = [key for key, shown in several.items() if shown]
    heads = ["comparison", *extra, "outcome", "verdict", "difference", "interval"]
    heads += [_beside_head(decisions)] if full and _beside(decisions) else []
    heads += ["simultaneous"] if full else []
    adjusted = any(d.family_size > 1 for d in decisions)
    heads += ["p", *(["adjusted p"] if adjusted else []), "n"]
    heads += ["g", "pairing"] if full else []
    rows: list[list[str]] = []
    breaks: list[int] = []
    before: Any = None
    for d in decisions:
        key = (d.experiment, d.a, d.b)
        if key != before:
            breaks.append(len(rows))
            before = key
        rows.append(_decided_row(d, extra, inputs, full, adjusted, _beside(decisions)))
    align = "l" * (len(extra) + 3) + "r" * (len(heads) - len(extra) - 3)
    frame = pd.DataFrame([flat(d) for d in decisions])
    anchors = [phrases.anchor(d) for d in decisions]
    at = len(extra) + 2
    return Table(name, title, note, heads, align, rows, frame, breaks, at, anchors)


def _beside(decisions: list[Decision]) -> bool:
    """Does any of them have the interval of another target beside its own?"""
    return any(d.ci_images for d in decisions)


def _other(d: Decision) -> str:
    return "ci_seeds" if d.target == "images_like_these" else "ci_images"


def _beside_note(decisions: list[Decision]) -> str:
    """What the interval beside is about, with a semicolon; nothing where there is none."""
    if not _beside(decisions):
        return ""
    kinds = [BESIDE[kind][1] for kind in _kinds_beside(decisions)]
    head = _beside_head(decisions)
    return f"\u201c{head}\u201d: the interval {' or '.join(kinds)}, which decides nothing; "


def _kinds_beside(decisions: list[Decision]) -> list[str]:
    return list(dict.fromkeys(_other(d) for d in decisions if getattr(d, _other(d))))


def _beside_head(decisions: list[Decision]) -> str:
    """The head of the column with the intervals of another target."""
    kinds = _kinds_beside(decisions)
    return BESIDE[kinds[0]][0] if len(kinds) == 1 else "other target"


def _decided_row(
    d: Decision, extra: list[str], inputs: Inputs, full: bool, adjusted: bool, beside: bool
) -> list[str]:
    row = [naming.contrast(d.a, d.b, inputs.protocols[0])]
    named = {"task": inputs.task_name, "recipe": inputs.recipe_in_full, "backbone": naming.part}
    row += [named[key](getattr(d, key)) for key in extra]
    row += [naming.outcome(d.outcome).removesuffix(" images"), phrases.verdict(d)]
    row += [formatting.signed(d.estimate), phrases.interval(d)]
    row += [formatting.interval(getattr(d, _other(d)))] if full and beside else []
    row += [formatting.interval(d.ci_simultaneous)] if full else []
    row += [formatting.p_value(d.p)]
    row += [formatting.p_value(d.p_adjusted)] if adjusted else []
    row.append(str(d.n))
    if full:
        row += [formatting.signed(d.g_z), phrases.ratio(d)]
    return row


def flat(decision: Decision) -> dict[str, Any]:
    """A decision as one line of CSV: intervals as two columns, nested values by dotted names."""
    out: dict[str, Any] = {}
    for key, value in decision.to_dict().items():
        if key in ("differences", "missing", "notes", "intervals_by_backbone", "path"):
            continue
        if key.startswith("ci"):
            low, high = value or (None, None)
            out |= {f"{key}_low": low, f"{key}_high": high}
        elif isinstance(value, dict):
            for inner, entry in value.items():
                if isinstance(entry, list):
                    low, high = entry if len(entry) == 2 else (None, None)
                    out |= {f"{key}.{inner}_low": low, f"{key}.{inner}_high": high}
                elif not isinstance(entry, dict):
                    out[f"{key}.{inner}"] = entry
        else:
            out[key] = value
    return out


def differences(decisions: list[Decision]) -> pd.DataFrame:
    """One row per decision and pair: what every decision rests on."""
    keys = ["experiment", "task", "recipe", "outcome", "a", "b", "backbone"]
    rows = [
        {
            **{k: getattr(d, k) for k in keys},
            "unit": pair["unit"],
            "a_score": pair["a"],
            "b_score": pair["b"],
            "difference": pair["difference"],
        }
        for d in decisions
        for pair in d.differences
    ]
    return pd.DataFrame(rows, columns=[*keys, "unit", "a_score", "b_score", "difference"])
