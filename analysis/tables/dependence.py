"""On what the differences depend: the backbone, the recipe, the task.

In: the loaded study. Out: a `Table` of every declared contrast that is measured in several places,
and sentences for the answer. Called by `analysis.tables.writing` and `analysis.report.answer`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.decisions.dependence import between
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs
from analysis.tables.board import declared


def asked(inputs: Inputs) -> list[dict[str, Any]]:
    """Every question, of the declared contrasts: primary families first."""
    own = declared(inputs)
    over = [
        {
            k: getattr(d, k)
            for k in ("experiment", "family", "outcome", "a", "b", "task", "recipe", "alpha")
        }
        | {"on": "backbone", "n": d.n, **d.heterogeneity}
        for d in own
        if d.heterogeneity
    ]
    return over + between(own, inputs.study.plan.correction)


def names(inputs: Inputs, record: dict) -> dict[str, float]:
    """The estimates of a record by the displayed names of its places."""
    shown = {
        "backbone": naming.part,
        "recipe": inputs.recipe_in_full,
        "task": inputs.task_name,
    }[record["on"]]
    return {shown(place): x for place, x in record["estimates"].items()}


def depends(record: dict) -> bool:
    """Does the corrected test reject, or is the dependence the same at every seed?"""
    p = record.get("p_adjusted")
    return bool(record.get("constant")) or (formatting.is_number(p) and p < record["alpha"])


def table(inputs: Inputs) -> Table | None:
    """All questions with their tests, nothing where every contrast is measured in one place."""
    found = asked(inputs)
    if not found:
        return None
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
    before: Any = None
    for r in found:
        contrast = naming.contrast(r["a"], r["b"], inputs.protocols[0])
        if contrast != before:
            breaks.append(len(rows))
            before = contrast
        each = ", ".join(f"{k} {formatting.signed(x)}" for k, x in names(inputs, r).items())
        p = "alike at every seed" if r.get("constant") else formatting.p_value(r.get("p_adjusted"))
        outcome = naming.outcome(r["outcome"]).removesuffix(" images")
        found_so = "depends" if depends(r) else "not shown to depend"
        shown = [contrast, *_place(inputs, r), outcome, r["on"], found_so]
        rows.append([*shown, formatting.p_value(r["p"]), p, str(r["n"]), each])
        keys = ("experiment", "outcome", "a", "b", "on", "F", "p", "p_adjusted", "n")
        records.append({k: r.get(k) for k in keys} | _columns(r))
    extra = len(_place(inputs, found[0]))
    heads = ["comparison", *(["at"] if extra else []), "outcome", "on", "finding"]
    return Table(
        "dependence",
        "On what the differences depend",
        "F test of comparison \u00d7 backbone, recipe or task, blocked by seed, in points; "
        f"adjusted p: {inputs.study.plan.correction.capitalize()} over all that is asked "
        "of the same kind in the family. A difference that is alike at every seed has no error to "
        "be tested against. Not shown to depend does not mean equal.",
        [*heads, "p", "adjusted p", "n", "differences"],
        "l" * len(heads) + "rrrl",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def _columns(record: dict) -> dict[str, Any]:
    given = {k: record.get(k, "") for k in ("task", "recipe") if k != record["on"]}
    each = "; ".join(f"{k}={x!r}" for k, x in record["estimates"].items())
    return given | {"constant": bool(record.get("constant")), "estimates": each}


def _place(inputs: Inputs, record: dict) -> list[str]:
    """The cell of what is fixed while a question is asked, where the study has several of it."""
    several = len(inputs.tasks) > 1 or len({d.recipe for d in declared(inputs)}) > 1
    return [_fixed(inputs, record) or "all"] if several else []


def _fixed(inputs: Inputs, record: dict) -> str:
    """The task and the recipe at which a question is asked, where the study has several."""
    parts = []
    if len(inputs.tasks) > 1 and record["on"] != "task":
        parts.append(inputs.task_name(record["task"]))
    if len({d.recipe for d in declared(inputs)}) > 1 and record["on"] != "recipe":
        parts.append(inputs.recipe_in_full(record["recipe"]))
    return ", ".join(parts)


def sentences(inputs: Inputs, primary: bool) -> list[str]:
    """Which comparisons depend on what; one sentence, nothing where none does."""
    told = []
    for r in asked(inputs):
        if depends(r) and (r["family"] == "primary") == primary:
            contrast = naming.contrast(r["a"], r["b"], inputs.protocols[0])
            each = ", ".join(f"{k} {formatting.signed(x)}" for k, x in names(inputs, r).items())
            how = "alike at every seed" if r.get("constant") else phrases.p_adjusted(r)
            where = naming.on_outcome(r["outcome"]) + phrases.bracketed(_fixed(inputs, r))
            told.append(f"{contrast} {where} depends on the {r['on']} ({how}: {each})")
    return [f"{formatting.sentence_case('; '.join(told))}."] if told else []
