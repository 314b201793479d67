"""Anybody's table of scores: the same decisions without a study file.

In: a tidy frame (method, block columns, seed, score) and a `Plan`. Out: decisions, each method
against the baseline, pooled over blocks and per block. Nothing is dropped in silence: pairs that
are not there are named in the decisions, everything else that is wrong is an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from afn.common.errors import StudyError, nearest
from analysis.decisions.contrast import POOLED, Comparison, Rules, decide_all
from analysis.decisions.decision import Decision
from analysis.display import formatting
from analysis.results.scores import ArmScores

DIVERGED = "diverged"
STATUSES = ("finished", "ok", "", DIVERGED)
CORRECTIONS = ("holm", "benjamini-hochberg", "none")


@dataclass(frozen=True)
class Plan:
    """What is decided, declared before looking at the scores.

    Attributes
    ----------
    baseline : str
        Every other method is compared with it, unless ``contrasts`` names the pairs.
    metric : str
        Column of the scores.
    method, seed : str
        Columns. Without a seed column there is one score per method and block, and blocks are
        the unit.
    blocks : tuple of str, optional
        Columns over which decisions are pooled (backbone, data set). Default: every other column
        that holds text, and no other.
    per : tuple of str
        Columns whose values are decided apart (task, test condition).
    contrasts : tuple of (a, b), optional
        a minus b.
    alpha, margin : float
        ``margin`` in the metric's unit; None: equivalence is not asked.
    estimand : str
        ``these_blocks`` (unit = seed, mean over blocks) or ``population_of_blocks`` (unit = block).
    diverged : float, optional
        Score that a row with status ``diverged`` counts as; needed if there is one.
    status : str
        Column that says ``finished`` (or ``ok``, or nothing) or ``diverged``; may be absent.
    """

    baseline: str
    metric: str
    method: str = "method"
    seed: str = "seed"
    blocks: tuple[str, ...] | None = None
    per: tuple[str, ...] = ()
    contrasts: tuple[tuple[str, str], ...] | None = None
    alpha: float = 0.05
    margin: float | None = None
    estimand: str = "these_blocks"
    diverged: float | None = None
    status: str = "status"
    correction: str = "holm"
    higher_is_better: bool = True
    unit: str = ""


ESTIMANDS = {
    "these_blocks": "these_backbones",
    "these_backbones": "these_backbones",
    "population_of_blocks": "population_of_backbones",
    "population_of_backbones": "population_of_backbones",
}


def compare(frame: pd.DataFrame, plan: Plan) -> list[Decision]:
    """Decide every declared contrast of a table of scores.

    Parameters
    ----------
    frame : DataFrame
        One row per (method, block, seed).
    plan : Plan

    Returns
    -------
    list of Decision
        Per contrast (and per value of ``per``) the pooled decision, which belongs to the one
        corrected family, then one exploratory decision per block.

    Raises
    ------
    StudyError
        For an unknown column, method, estimand or status, a table with one method, an empty cell
        where a method, block or seed belongs, a row that occurs twice, a score that is not finite
        in a row that does not say ``diverged``, a diverged row without declared value, or a
        declared value that is better than the mean of the finished scores.
    """
    table = checked(frame, plan)
    rules = Rules(
        alpha=plan.alpha,
        margin=math.nan if plan.margin is None else plan.margin,
        correction=plan.correction,
        unit=plan.unit or plan.metric,
        higher_is_better=plan.higher_is_better,
    )
    return decide_all(comparisons_of(table, plan), rules)


@dataclass(frozen=True)
class Checked:
    """A table with its columns found: ``method``, ``seed``, ``block``, ``part``, ``score``."""

    rows: pd.DataFrame
    methods: list[str]
    blocks: list[str]
    parts: list[str]
    seeds: list[Any]
    ignored: list[str]
    by_seed: bool


def checked(frame: pd.DataFrame, plan: Plan) -> Checked:
    """Find the columns of a table and refuse what cannot be decided; see `compare`."""
    for column in (plan.metric, plan.method, *(plan.blocks or ()), *plan.per):
        if column not in frame:
            raise StudyError(f"there is no column {column!r}; {nearest(column, frame.columns)}")
    if not 0 < plan.alpha < 0.5:
        raise StudyError(f"alpha {plan.alpha}: must lie between 0 and 0.5")
    if plan.margin is not None and not plan.margin > 0:
        raise StudyError(f"margin {plan.margin}: must be positive")
    if plan.seed != Plan.seed and plan.seed not in frame:
        raise StudyError(f"there is no column {plan.seed!r}; {nearest(plan.seed, frame.columns)}")
    if plan.metric in (plan.method, plan.seed, plan.status, *(plan.blocks or ()), *plan.per):
        raise StudyError(f"column {plan.metric!r} cannot be the metric and something else")
    if plan.estimand not in ESTIMANDS:
        raise StudyError(f"estimand {plan.estimand!r}; {nearest(plan.estimand, ESTIMANDS)}")
    if plan.correction not in CORRECTIONS:
        raise StudyError(f"correction {plan.correction!r}; {nearest(plan.correction, CORRECTIONS)}")
    if frame.empty:
        raise StudyError("the table has no rows")
    _refuse_text(frame, plan)
    known = {plan.metric, plan.method, plan.seed, plan.status, *plan.per}
    others = [c for c in frame.columns if c not in known]
    blocks = plan.blocks
    if blocks is None:
        blocks = tuple(c for c in others if not pd.api.types.is_numeric_dtype(frame[c]))
    _refuse_unnamed(frame, plan, blocks)
    rows = pd.DataFrame(
        {
            "method": frame[plan.method].astype(str),
            "seed": frame.get(plan.seed, 0),
            "block": _joined(frame, blocks, "all"),
            "part": _joined(frame, plan.per, ""),
            "score": frame[plan.metric].astype(float),
            "diverged": frame[plan.status].eq(DIVERGED) if plan.status in frame else False,
        }
    )
    _refuse(rows, plan)
    if plan.diverged is not None:
        rows.loc[rows["diverged"], "score"] = float(plan.diverged)
    # In the order of their names, so that the order of the rows changes nothing.
    rows = rows.sort_values(["part", "block", "method"], kind="stable", ignore_index=True)
    values = {c: sorted(rows[c].unique()) for c in ("method", "block", "part")}
    seeds = rows["seed"].drop_duplicates().tolist()
    ignored = [c for c in others if c not in blocks]
    by_seed = plan.seed in frame
    return Checked(
        rows,
        values["method"],
        values["block"],
        values["part"],
        sorted(seeds, key=lambda seed: (isinstance(seed, str), seed)),
        ignored,
        by_seed,
    )


def _joined(frame: pd.DataFrame, columns: tuple[str, ...], otherwise: str) -> pd.Series:
    if not columns:
        return pd.Series(otherwise, index=frame.index)
    return frame[list(columns)].astype(str).agg("/".join, axis=1)


def _refuse_text(frame: pd.DataFrame, plan: Plan) -> None:
    """A score that is no number, a status that is none of those known."""
    column = frame[plan.metric]
    if not pd.api.types.is_numeric_dtype(column):
        wrong = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        first = f", the first: {wrong.iloc[0]!r}" if len(wrong) else ""
        raise StudyError(f"column {plan.metric!r} does not hold numbers{first}")
    if plan.status in frame:
        given = frame[plan.status].dropna().astype(str)
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


def _refuse(rows: pd.DataFrame, plan: Plan) -> None:
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
        raise StudyError(
            f"{len(twice)} rows are not alone in their (method, block, seed), the first: "
            f"{_place(twice)}; is a column missing from the blocks?"
        )
    bad = rows[~rows["diverged"] & ~rows["score"].map(math.isfinite)]
    if len(bad):
        raise StudyError(
            f"{len(bad)} scores are not finite, the first: {_place(bad)}; mark such rows in a "
            f"column {plan.status!r} as {DIVERGED!r} and declare the score that they count as "
            "(--diverged), or remove them: they are then named as missing"
        )
    fell = rows[rows["diverged"]]
    if len(fell) and plan.diverged is None:
        raise StudyError(
            f"{len(fell)} rows diverged, the first: {_place(fell)}; declare the score that they "
            "count as (--diverged)"
        )
    if len(fell) and len(fell) < len(rows):
        rest = float(rows.loc[~rows["diverged"], "score"].mean())
        if (plan.diverged > rest) if plan.higher_is_better else (plan.diverged < rest):
            raise StudyError(
                f"a diverged row would count as {plan.diverged:g}, better than the mean of the "
                f"finished ones ({rest:g}): a diverged run must not improve its method"
            )


def _place(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"{first['method']}, {first['block']}, seed {first['seed']}"


def comparisons_of(table: Checked, plan: Plan) -> list[Comparison]:
    """Every comparison that a plan asks for: pooled over blocks, and per block."""
    pairs = plan.contrasts or tuple((m, plan.baseline) for m in table.methods if m != plan.baseline)
    estimand = ESTIMANDS[plan.estimand] if table.by_seed else "population_of_backbones"
    arms = {
        key: ArmScores(
            dict(zip(g["seed"].tolist(), g["score"].tolist(), strict=True)),
            frozenset(g.loc[g["diverged"], "seed"].tolist()),
        )
        for key, g in table.rows.groupby(["part", "block", "method"])
    }
    found = []
    for (a, b), part in ((pair, part) for pair in pairs for part in table.parts):
        here = [x for x in table.blocks if (part, x, a) in arms or (part, x, b) in arms]
        # One score per method and block leaves nothing to decide within a block.
        for block in (POOLED, *(here if len(here) > 1 and table.by_seed else ())):
            chosen = here if block == POOLED else [block]
            found.append(
                Comparison(
                    experiment="scores",
                    task=part,
                    outcome=plan.metric,
                    a=a,
                    b=b,
                    backbone=block,
                    primary=block == POOLED,
                    estimand=estimand if block == POOLED else "these_backbones",
                    family="primary" if block == POOLED else "exploratory",
                    seeds=tuple(table.seeds),
                    block_word="block",
                    scores_a={x: arms.get((part, x, a), ArmScores()) for x in chosen},
                    scores_b={x: arms.get((part, x, b), ArmScores()) for x in chosen},
                )
            )
    return found
