"""The columns of somebody's table found, and what cannot be decided refused.

In: a frame as it was read and a `Plan`. Out: `Checked`: text names, one score per row, sentences
about what was done on the way. Called by `compare` and by the command.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from afn.common.errors import StudyError, nearest
from analysis.display import formatting
from analysis.results.by_example import answers_of, folded
from analysis.standalone.declared import (
    CORRECTIONS,
    DIVERGED,
    ESTIMANDS,
    STATUSES,
    Checked,
    Plan,
)
from analysis.standalone.names import block_columns, joined, named, seeds_of

LARGEST = 1e100
"""Squares of larger scores are no numbers any more."""


def checked(frame: pd.DataFrame, plan: Plan) -> Checked:
    """Find the columns of a table and refuse what cannot be decided; see `compare`."""
    if plan.example is not None:
        return _with_examples(frame, plan)
    return _checked(frame, plan)


def _with_examples(frame: pd.DataFrame, plan: Plan) -> Checked:
    """The means over examples as any other table, with the answers to every example."""
    means, behind = folded(frame, plan)
    table = _checked(means, replace(plan, blocks=plan.blocks or ()))
    size = len(behind.iloc[0])
    told = f"Every score is a mean over {size:,} examples (column {plan.example}); the intervals "
    told += "are over seeds and examples, for examples like these."
    answers = answers_of(table.rows, behind)
    return replace(table, told=[*table.told, told], answers=answers)


def _checked(frame: pd.DataFrame, plan: Plan) -> Checked:
    _refuse_plan(frame, plan)
    if frame.empty:
        raise StudyError("the table has no rows")
    _refuse_text(frame, plan)
    known = {plan.metric, plan.method, plan.seed, plan.status, *plan.per}
    others = [c for c in frame.columns if c not in known]
    by_seed = plan.seed in frame
    told: list[str] = []
    if not by_seed:
        _refuse_other_seed(frame, plan, others)
    blocks = plan.blocks
    if blocks is None:
        keys = [*plan.per, *([plan.seed] if by_seed else [])]
        blocks, told = block_columns(frame, others, keys, plan.method)
    _refuse_unnamed(frame, plan, blocks)
    texts = {}
    for column in dict.fromkeys((plan.method, *blocks, *plan.per)):
        texts[column], said = named(frame[column])
        told += said
    seeds, said = seeds_of(frame[plan.seed]) if by_seed else (pd.Series(0, frame.index), [])
    status = frame[plan.status].astype(str).str.strip() if plan.status in frame else None
    rows = pd.DataFrame(
        {
            "method": texts[plan.method],
            "seed": seeds,
            "block": joined([texts[c] for c in blocks], frame.index, "all"),
            "part": joined([texts[c] for c in plan.per], frame.index, ""),
            "score": frame[plan.metric].astype(float),
            "diverged": False if status is None else status.eq(DIVERGED),
            "source": range(len(frame)),
        }
    )
    _refuse(rows, plan, _tells_apart(frame, rows, [c for c in others if c not in blocks]))
    if plan.diverged is not None:
        rows.loc[rows["diverged"], "score"] = float(plan.diverged)
    # In the order of their names, so that the order of the rows changes nothing.
    rows = rows.sort_values(["part", "block", "method"], kind="stable", ignore_index=True)
    values = {c: sorted(rows[c].unique()) for c in ("method", "block", "part")}
    order = rows["seed"].drop_duplicates().tolist()
    return Checked(
        rows,
        values["method"],
        values["block"],
        values["part"],
        sorted(order, key=lambda seed: (isinstance(seed, str), seed)),
        [c for c in others if c not in blocks],
        by_seed,
        [*told, *said],
        tuple(blocks),
    )


def _refuse_plan(frame: pd.DataFrame, plan: Plan) -> None:
    """A column that is not there, a level, margin or declared score that is none."""
    for column in (plan.metric, plan.method, *(plan.blocks or ()), *plan.per):
        if column not in frame:
            raise StudyError(f"there is no column {column!r}; {nearest(column, frame.columns)}")
    if not 0 < plan.alpha < 0.5:
        raise StudyError(f"alpha {plan.alpha}: must lie between 0 and 0.5 (--alpha)")
    if plan.target is not None and not abs(plan.target) <= LARGEST:
        raise StudyError(f"target {plan.target}: must be finite (--target)")
    if plan.margin is not None and not 0 < plan.margin <= LARGEST:
        raise StudyError(f"margin {plan.margin}: must be positive and finite (--margin)")
    if plan.diverged is not None and not abs(plan.diverged) <= LARGEST:
        raise StudyError(
            f"a diverged row cannot count as {plan.diverged}: --diverged takes a finite score, at "
            f"most {LARGEST:g}"
        )
    if plan.seed != Plan.seed and plan.seed not in frame:
        raise StudyError(f"there is no column {plan.seed!r}; {nearest(plan.seed, frame.columns)}")
    if plan.metric in (plan.method, plan.seed, plan.status, *(plan.blocks or ()), *plan.per):
        raise StudyError(f"column {plan.metric!r} cannot be the metric and something else")
    if plan.estimand not in ESTIMANDS:
        raise StudyError(f"estimand {plan.estimand!r}; {nearest(plan.estimand, ESTIMANDS)}")
    if plan.correction not in CORRECTIONS:
        raise StudyError(f"correction {plan.correction!r}; {nearest(plan.correction, CORRECTIONS)}")


def _refuse_other_seed(frame: pd.DataFrame, plan: Plan, others: Sequence[str]) -> None:
    """A seed column by another name: without it the seeds would pass for blocks or for copies."""
    like = [c for c in others if "seed" in str(c).lower() and c not in (plan.blocks or ())]
    if like:
        raise StudyError(
            f"there is no column {plan.seed!r}, but one called {like[0]!r}: say --seed "
            f"{like[0]!r} if it holds the seeds, or rename it"
        )


def _tells_apart(frame: pd.DataFrame, rows: pd.DataFrame, unused: Sequence[str]) -> list[str]:
    """Unused columns that would tell apart the rows that are not alone."""
    key = rows[["part", "block", "method", "seed"]]
    if not key.duplicated().any():
        return []
    return [c for c in unused if not key.assign(more=frame[c].astype(str)).duplicated().any()]


def _refuse_text(frame: pd.DataFrame, plan: Plan) -> None:
    """A score that is no number, a status that is none of those known."""
    column = frame[plan.metric]
    if not pd.api.types.is_numeric_dtype(column):
        wrong = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        first = f", the first: {wrong.iloc[0]!r}" if len(wrong) else ""
        raise StudyError(f"column {plan.metric!r} does not hold numbers{first}")
    if plan.status in frame:
        given = frame[plan.status].dropna().astype(str).str.strip()
        unknown = given[~given.isin(STATUSES)]
        if len(unknown):
            raise StudyError(
                f"column {plan.status!r} says {unknown.iloc[0]!r}, which is none of "
                f"{', '.join(map(repr, filter(None, STATUSES)))}; a row that must not count as "
                f"finished is {DIVERGED!r}, or left out and then named as missing"
            )


def _refuse_unnamed(frame: pd.DataFrame, plan: Plan, blocks: tuple[str, ...]) -> None:
    """An empty cell where a method, block or seed is expected."""
    for column in (plan.method, *blocks, *plan.per, *({plan.seed} & set(frame.columns))):
        empty = frame[column].isna() | frame[column].astype(str).str.strip().eq("")
        if empty.any():
            raise StudyError(
                f"column {column!r} is empty in {formatting.count(int(empty.sum()), 'row')}, the "
                "first: "
                f"row {int(empty.to_numpy().argmax()) + 1} of the table"
            )


def _refuse(rows: pd.DataFrame, plan: Plan, tells_apart: Sequence[str]) -> None:
    methods = rows["method"].unique()
    for method in {plan.baseline} | {m for pair in plan.contrasts or () for m in pair}:
        if method not in methods:
            raise StudyError(f"no rows of method {method!r}; {nearest(method, methods)}")
    if len(methods) < 2 and plan.contrasts is None:
        raise StudyError(
            f"{plan.baseline!r} is the only method in column {plan.method!r}: there is nothing to "
            "compare it with"
        )
    key = ["part", "block", "method", "seed"]
    twice = rows[rows.duplicated(key, keep=False)]
    if len(twice):
        hint = "is a column missing from the blocks?"
        if tells_apart and rows["seed"].eq(0).all():
            hint += f" There is no column {plan.seed!r}; does {tells_apart[0]!r} hold the seeds "
            hint += f"(--seed {tells_apart[0]})?"
        elif tells_apart:
            hint += f" {tells_apart[0]!r} tells them apart (--block {tells_apart[0]})"
        raise StudyError(
            f"{len(twice)} rows are not alone in their (method, block, seed), the first: "
            f"{_place(twice)}; {hint}"
        )
    bad = rows[~rows["diverged"] & ~rows["score"].map(math.isfinite)]
    if len(bad):
        raise StudyError(
            f"{len(bad)} scores are not finite, the first: {_place(bad)}; mark such rows in a "
            f"column {plan.status!r} as {DIVERGED!r} and declare the score that they count as "
            "(--diverged), or remove them: they are then named as missing"
        )
    huge = rows[~rows["diverged"] & rows["score"].abs().gt(LARGEST)]
    if len(huge):
        raise StudyError(
            f"{len(huge)} scores lie beyond {LARGEST:g}, the first: {_place(huge)}; no test can "
            f"weigh them: mark such rows as {DIVERGED!r} (--status, --diverged), or take logarithms"
        )
    fell = rows[rows["diverged"]]
    if len(fell) and plan.diverged is None:
        raise StudyError(
            f"{len(fell)} rows diverged, the first: {_place(fell)}; declare the score that they "
            "count as (--diverged)"
        )
    if len(fell) and len(fell) < len(rows):
        rest = float(rows.loc[~rows["diverged"], "score"].mean())
        worth: Any = plan.diverged
        if (worth > rest) if plan.higher_is_better else (worth < rest):
            raise StudyError(
                f"a diverged row would count as {plan.diverged:g}, better than the mean of the "
                f"finished ones ({rest:g}): a diverged run must not improve its method"
            )


def _place(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"{first['method']}, {first['block']}, seed {first['seed']}"
