"""Seeds in waves: every look at every primary comparison, with the boundaries that it was held to.

In: the loaded study. Out: a `Table`, nothing where the number of seeds was fixed. Called by
`analysis.tables.writing`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.decisions.decision import Decision, plural
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs

REASONS = {
    "difference": "difference",
    "equivalence": "equivalence",
    "non-inferiority": "non-inferiority",
    "futility": "futility",
    "last look": "last look",
    "no further wave": "no further wave",
    "e value": "e value",
}
"""Why a comparison stopped, as it is printed."""


def table(inputs: Inputs) -> Table | None:
    """One row per primary comparison and look."""
    own = [d for d in inputs.decisions if d.primary and d.path]
    if not own:
        return None
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
    for d in own:
        breaks.append(len(rows))
        for row in d.path:
            last = row is d.path[-1]
            rows.append([*_place(inputs, d), *_row(row), _ending(d) if last else ""])
            records.append(_record(d, row, last))
    heads = ["comparison", *_several(inputs), "outcome", "look", "n", "difference"]
    heads += ["repeated interval", "for equivalence", "p", "rejects at", "sequential p"]
    heads += ["effect in reach", "ending"]
    words = len(_several(inputs)) + 2
    return Table(
        "looks",
        "Every look at the primary comparisons",
        _note(inputs),
        heads,
        "l" * words + "r" * 9 + "l",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def _several(inputs: Inputs) -> list[str]:
    own = [d for d in inputs.decisions if d.primary]
    return [key for key in ("task", "recipe") if len({getattr(d, key) for d in own}) > 1]


def _place(inputs: Inputs, d: Decision) -> list[str]:
    shown = {"task": inputs.task_name, "recipe": lambda r: inputs.recipe_name(r) or naming.part(r)}
    return [
        naming.contrast(d.a, d.b, inputs.protocols[0]),
        *(shown[key](getattr(d, key)) for key in _several(inputs)),
        naming.outcome(d.outcome).removesuffix(" images"),
    ]


def _row(row: dict) -> list[str]:
    power = row["power"]
    return [
        str(row["look"]),
        str(row["n"]),
        formatting.signed(row["estimate"]),
        formatting.interval(row["interval"]),
        formatting.interval(row["interval_equivalence"]),
        formatting.p_value(row["p"]),
        formatting.p_value(row["boundary"]),
        formatting.p_value(row["p_sequential"]),
        formatting.number(power) if formatting.is_number(power) else "–",
    ]


def _ending(d: Decision) -> str:
    why = REASONS.get(d.stopped or "", d.stopped or "")
    unbiased = d.estimate_median_unbiased
    told = f"{verdict_of(d)} ({why})"
    if formatting.is_number(unbiased):
        told += f"; after stopping {formatting.signed(unbiased)}"
    return told


def _record(d: Decision, row: dict, last: bool) -> dict[str, Any]:
    keys = ("experiment", "task", "recipe", "outcome", "a", "b")
    record = {key: getattr(d, key) for key in keys} | {"look": row["look"], "n": row["n"]}
    record |= {"test": row["test"], "estimate": row["estimate"]}
    for name in ("interval", "interval_family", "interval_equivalence"):
        low, high = row[name] or (None, None)
        record |= {f"{name}_low": low, f"{name}_high": high}
    record |= {key: row[key] for key in ("p", "boundary", "p_sequential", "power", "equivalence")}
    record |= {"verdict": d.verdict.value if last else None, "stopped": d.stopped if last else None}
    return record | {"estimate_median_unbiased": d.estimate_median_unbiased if last else None}


def _note(inputs: Inputs) -> str:
    study = inputs.study
    seeds, alpha, margin = study.in_waves, study.plan.alpha, study.plan.margin
    size = next(d.family_size for d in inputs.decisions if d.primary)
    boundary = seeds.boundary.replace("_", " ")
    text = (
        f"A look after every wave of {seeds.wave} seeds, {seeds.at_most} at most; n: pairs. "
        f"Repeated intervals ({formatting.level(alpha)}, and {formatting.level(2 * alpha)} for "
        f"equivalence, to lie inside {formatting.PLUS_MINUS}{margin:g}) hold at all looks at once. "
        f"p: of the look's own test; it rejects at the first step of the correction where it is at "
        f"most the next column ({boundary} boundary, alpha / {size}). Sequential p: the smallest "
        f"level whose boundary was crossed by then. "
    )
    if seeds.futility:
        effect = max(seeds.effect or 0.0, margin)
        text += (
            f"Effect in reach: the chance to show {effect:g} {plural(effect, 'point')} by the last "
            "look; below 0.10, with equivalence out of reach, too, it stopped for futility, which "
            "says undecided and not equal. "
        )
    return text + "After stopping: median-unbiased estimate."
