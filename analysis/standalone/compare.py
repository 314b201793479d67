"""Anybody's table of scores: the same decisions without a study file.

In: a tidy frame (method, block columns, seed, score) and a `Plan`. Out: decisions, each method
against the baseline, pooled over blocks and per block. Nothing is dropped in silence: pairs that
are not there are named in the decisions, everything else that is wrong is an error.
"""

from __future__ import annotations

import math

import pandas as pd

from analysis.decisions.contrast import Rules, decide_all
from analysis.decisions.decision import Decision
from analysis.decisions.steps.pairing import POOLED, Comparison
from analysis.decisions.steps.targets import ALIKE, THESE
from analysis.results.scores import ArmScores
from analysis.standalone.checking import checked
from analysis.standalone.declared import CORRECTIONS, ESTIMANDS, Checked, Plan

__all__ = ["CORRECTIONS", "ESTIMANDS", "MOST_PER_BLOCK", "Checked", "Plan", "checked", "compare"]

MOST_PER_BLOCK = 3_000
"""Decisions of single blocks beyond which these are left out: they are quadratic in a way, and
nobody reads them."""


def compare(frame: pd.DataFrame, plan: Plan) -> list[Decision]:
    """Decide every declared contrast of a table of scores.

    Parameters
    ----------
    frame : DataFrame
        One row per (method, block, seed); with ``plan.example`` one per example of each.
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
    return decide(checked(frame, plan), plan)


def decide(table: Checked, plan: Plan) -> list[Decision]:
    """`compare` for a table whose columns are found."""
    rules = Rules(
        alpha=plan.alpha,
        margin=math.nan if plan.margin is None else plan.margin,
        correction=plan.correction,
        unit=plan.unit or plan.metric,
        higher_is_better=plan.higher_is_better,
        target=THESE if plan.example is None else ALIKE,
    )
    return decide_all(comparisons_of(table, plan), rules)


def comparisons_of(table: Checked, plan: Plan) -> list[Comparison]:
    """Every comparison that a plan asks for: pooled over blocks, and per block."""
    pairs = plan.contrasts or tuple((m, plan.baseline) for m in table.methods if m != plan.baseline)
    estimand = ESTIMANDS[plan.estimand] if table.by_seed else "population_of_backbones"
    arms = {
        key: ArmScores(
            dict(zip(g["seed"].tolist(), g["score"].tolist(), strict=True)),
            frozenset(g.loc[g["diverged"], "seed"].tolist()),
            answers=table.answers.get(key),
        )
        for key, g in table.rows.groupby(["part", "block", "method"])
    }
    of_part = {
        part: list(dict.fromkeys(x for p, x, _ in arms if p == part)) for part in table.parts
    }
    blocks = {
        # Where neither has a score the comparison stands all the same: its pairs are missing.
        (a, b, part): [x for x in known if (part, x, a) in arms or (part, x, b) in arms] or known
        for a, b in pairs
        for part, known in of_part.items()
    }
    apart = apart_by_block(table, sum(map(len, blocks.values())))
    found = []
    for (a, b, part), here in blocks.items():
        # One score per method and block leaves nothing to decide within a block.
        single = [[x] for x in here] if len(here) > 1 and apart else []
        for primary, chosen in ((True, here), *((False, one) for one in single)):
            found.append(
                Comparison(
                    experiment="scores",
                    task=part,
                    outcome=plan.metric,
                    a=a,
                    b=b,
                    backbone=POOLED if primary else chosen[0],
                    primary=primary,
                    estimand=estimand if primary else "these_backbones",
                    family="primary" if primary else "exploratory",
                    seeds=tuple(table.seeds),
                    block_word="block",
                    scores_a={x: arms.get((part, x, a), ArmScores()) for x in chosen},
                    scores_b={x: arms.get((part, x, b), ArmScores()) for x in chosen},
                )
            )
    return found


def apart_by_block(table: Checked, decisions: int) -> bool:
    """Whether single blocks are decided: seeds are there, and not too many decisions."""
    return table.by_seed and decisions <= MOST_PER_BLOCK
