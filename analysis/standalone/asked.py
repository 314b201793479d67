"""What is asked of a table beside its decisions: a trend, factors, single runs example by example.

In: a checked table (or the frame itself) and what was asked for. Out: plain numbers with a sentence
each, written to asked.json and told in the summary and on the page. All of it is exploratory: it
belongs to no family, and no verdict rests on it.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

from afn.common.errors import StudyError, nearest
from analysis.display import formatting
from analysis.standalone.declared import Checked, Plan
from analysis.stats.examples import one_run_each
from analysis.stats.models.anova import anova
from analysis.stats.multiplicity import adjust
from analysis.stats.ranks import rank_rows
from analysis.stats.trends.jonckheere import jonckheere
from analysis.stats.trends.paired import page_two_sided


def add_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--trend", metavar="A,B,C", help="methods in their declared order: Page's L over the pairs"
    )
    group.add_argument(
        "--unpaired",
        action="store_true",
        help="with --trend: Jonckheere-Terpstra, seeds not paired",
    )
    group.add_argument(
        "--factor",
        action="append",
        default=[],
        metavar="COLUMN",
        help="factor of an ANOVA blocked by seed (two or more times)",
    )
    group.add_argument(
        "--mcnemar",
        metavar="COLUMN",
        help="column of the examples of single runs, right (1) or wrong (0): exact McNemar",
    )


def mcnemar_only(args: argparse.Namespace, frame: pd.DataFrame, plan: Plan) -> list[dict[str, Any]]:
    """Every method against the baseline on the same examples, p adjusted by Holm.

    Difference and standard error are in points; the error is that of drawing other examples.

    Raises
    ------
    StudyError
        For a column that is not there, a score that is neither 0 nor 1, an example that occurs
        twice, or methods without the same examples.
    """
    for column in (args.mcnemar, plan.method, plan.metric):
        if column not in frame:
            raise StudyError(f"there is no column {column!r}; {nearest(column, frame.columns)}")
    scores = pd.to_numeric(frame[plan.metric], errors="coerce")
    if not scores.isin([0, 1]).all():
        first = frame[plan.metric][~scores.isin([0, 1])].iloc[0]
        raise StudyError(f"--mcnemar needs examples that are right (1) or wrong (0), not {first!r}")
    keys = frame[[plan.method, args.mcnemar]].astype(str).apply(lambda c: c.str.strip())
    if keys.duplicated().any():
        twice = keys[keys.duplicated()].iloc[0]
        raise StudyError(
            f"example {twice.iloc[1]} of {twice.iloc[0]} occurs twice: --mcnemar is for one run of "
            "each method; several seeds are decided without it"
        )
    wide = scores.groupby([keys[plan.method], keys[args.mcnemar]]).first().unstack(0)
    if plan.baseline not in wide:
        raise StudyError(f"no rows of method {plan.baseline!r}; {nearest(plan.baseline, wide)}")
    if wide.isna().to_numpy().any():
        lacking = wide.columns[wide.isna().any()][0]
        raise StudyError(f"method {lacking!r} lacks examples that others have")
    base = wide[plan.baseline].to_numpy(dtype=bool)
    found = []
    for method in (m for m in wide if m != plan.baseline):
        own = wide[method].to_numpy(dtype=bool)
        found.append({"a": method, "b": plan.baseline, "n": len(own), **one_run_each(own, base)})
    for entry, p in zip(found, adjust([e["p"] for e in found]), strict=True):
        entry["p_adjusted"] = p
        entry["sentence"] = (
            f"{entry['a']} against {plan.baseline}, single runs on {entry['n']} examples: only "
            f"{entry['a']} right in {entry['only_a']}, only {plan.baseline} in {entry['only_b']}; "
            f"{formatting.signed(entry['estimate'])} points, standard error over examples "
            f"{formatting.number(entry['standard_error'])}; "
            f"exact McNemar {formatting.p_equation(entry['p'])}, adjusted "
            f"{formatting.p_equation(p)}. About these two trained networks, not about the methods: "
            "no seed was varied, so there is no verdict."
        )
    return found


def beside_decisions(
    args: argparse.Namespace, frame: pd.DataFrame, table: Checked, plan: Plan
) -> list[dict[str, Any]]:
    """The trend and the ANOVA that were asked for, part by part."""
    if args.unpaired and not args.trend:
        raise StudyError("--unpaired belongs to a trend: say in which order with --trend A,B,C")
    found = []
    for part in table.parts:
        rows = table.rows[table.rows["part"] == part]
        if args.trend:
            found.append(_trend(rows, args.trend, args.unpaired, part, args.random_seed))
    if args.factor:
        found.append(_factors(frame, table, plan, args.factor))
    return found


def _trend(rows: pd.DataFrame, asked: str, unpaired: bool, part: str, seed: int) -> dict[str, Any]:
    order = [name.strip() for name in asked.split(",")]
    here = rows["method"].unique()
    for name in order:
        if name not in here:
            raise StudyError(f"--trend: no rows of method {name!r}; {nearest(name, here)}")
    if len(set(order)) < 3 or len(set(order)) < len(order):
        raise StudyError("--trend needs three different methods or more, in their declared order")
    where = f" ({part})" if part else ""
    head = f"Trend over {', '.join(order)}{where}, exploratory: "
    if unpaired:
        groups = [rows.loc[rows["method"] == name, "score"].to_numpy() for name in order]
        result = jonckheere(groups, rng=np.random.default_rng(seed))
        text = f"Jonckheere-Terpstra J = {result['J']:g}, two-sided, {result['direction']}, "
        return {"kind": "jonckheere", "part": part, "order": order, **result} | {
            "sentence": f"{head}{text}{formatting.p_equation(result['p'])} ({result['method']})."
        }
    wide = rows.pivot_table(index="seed", columns=["method", "block"], values="score")
    blocks = rows["block"].unique()
    complete = wide.reindex(columns=pd.MultiIndex.from_product([order, blocks])).dropna()
    if len(complete) < 2:
        raise StudyError(
            f"--trend: fewer than two seeds have all of {', '.join(order)} in every block{where}; "
            "--unpaired takes scores that no seed pairs"
        )
    values = complete.to_numpy().reshape(len(complete), len(order), -1).mean(axis=2)
    # Ranks, so that means that are equal on paper are tied.
    result = page_two_sided(rank_rows(values, higher_is_better=False))
    text = f"Page's L = {result['L']:g} over {len(complete)} seeds, two-sided, "
    return {"kind": "page", "part": part, "order": order, "n": len(complete), **result} | {
        "sentence": f"{head}{text}{result['direction']}, {formatting.p_equation(result['p'])}. "
        "A trend is not an optimum."
    }


def _factors(frame: pd.DataFrame, table: Checked, plan: Plan, factors: list[str]) -> dict[str, Any]:
    for name in factors:
        if name not in frame:
            raise StudyError(
                f"--factor: there is no column {name!r}; {nearest(name, frame.columns)}"
            )
    if len(set(factors)) < 2 or len(set(factors)) < len(factors):
        raise StudyError("--factor needs two different columns or more, one option each")
    if not table.by_seed:
        raise StudyError(f"--factor needs seeds as blocks: there is no column {plan.seed!r}")
    scores = frame[plan.metric].astype(float)
    if plan.status in frame and plan.diverged is not None:
        scores = scores.mask(
            frame[plan.status].astype(str).str.strip().eq("diverged"), plan.diverged
        )
    cells = pd.DataFrame({f: frame[f].astype(str).str.strip() for f in factors})
    cells = cells.assign(seed=frame[plan.seed].astype(str), score=scores)
    means = cells.groupby([*factors, "seed"])["score"].mean().unstack("seed")
    levels = int(np.prod([cells[f].nunique() for f in factors]))
    complete = means.dropna(axis=1)
    if len(means) < levels or complete.shape[1] < 2:
        raise StudyError(
            f"--factor: the grid of {', '.join(factors)} needs every combination ({levels}) at two "
            f"seeds or more; {len(means)} are there, {complete.shape[1]} seeds have all of them"
        )
    long = complete.stack().rename("score").reset_index()
    terms = anova(long, factors, plan.alpha)
    told = "; ".join(
        f"{t['term'].replace(':', f' {formatting.TIMES} ')} F({t['df'][0]}, {t['df'][1]}) = "
        f"{formatting.number(t['F'])}, {formatting.p_equation(t['p'])}, partial \u03b7\u00b2 "
        f"{formatting.number(t['partial_eta2'])}"
        for t in terms
        if t["term"] != "seed"
    )
    head = f"ANOVA of {', '.join(factors)} blocked by {complete.shape[1]} seeds, exploratory: "
    return {"kind": "anova", "factors": factors, "terms": terms, "sentence": f"{head}{told}."}
