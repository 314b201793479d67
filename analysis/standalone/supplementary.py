"""What stands beside the decisions of a table of scores: ranks, ANOVA, aggregates, a mixed model.

In: a checked table and its plan. Out: plain numbers per part, and the notes that a reader has to
see. Nothing here decides; every random method gets a generator made from the report's one seed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from afn.common.errors import StudyError
from analysis.decisions.decision import Decision
from analysis.display import formatting
from analysis.standalone.compare import ESTIMANDS, MOST_PER_BLOCK, Checked, Plan
from analysis.standalone.suspicions import suspicions, why_unpaired
from analysis.stats import paired, ranks
from analysis.stats.bootstrap import Estimate, SeedBootstrap
from analysis.stats.models.mixed import mixed
from analysis.stats.models.repeated_measures import repeated_measures
from analysis.stats.multiplicity import adjust

DRAWS, FEWER_DRAWS = 10_000, 1_000
LARGEST_BOOTSTRAP, MOST_DRAWN = 300_000_000, 2_000_000_000
"""Scores times draws, beyond which fewer are drawn, and beyond which none."""
MOST_PROFILES, THRESHOLDS, LARGEST_PROFILE = 8, 41, 20_000_000
"""Curves of a figure, scores at which each is computed, and their product with all runs at most."""
MOST_TERMS = 600
"""Methods times blocks; the ANOVA's covariances grow with the square."""
LARGEST_MIXED = 400  # rows; the fit takes seconds there and grows with the cube


def beside(table: Checked, plan: Plan, seed: int) -> list[dict[str, Any]]:
    """Per part: ``ranks``, ``anova``, ``aggregates``, ``profiles``, ``mixed``.

    Each is None where it cannot be computed, with the reason in ``absent``.

    Parameters
    ----------
    seed : int
        Of the permutations and of the bootstrap; the same for every part.
    """
    found = []
    for part in table.parts:
        rows = table.rows[table.rows["part"] == part]
        entry: dict[str, Any] = {"part": part, "absent": {}}
        makers = {
            "ranks": _ranks,
            "anova": _anova,
            "aggregates": _aggregates,
            "profiles": _profiles,
            "mixed": _mixed,
        }
        for name, make in makers.items():
            try:
                entry[name] = _finite(make(rows, table, plan, np.random.default_rng(seed)))
            except StudyError as error:
                entry[name], entry["absent"][name] = None, str(error)
        found.append(entry)
    return found


def _finite(value: Any) -> Any:
    """The value with None for every number that does not exist."""
    if isinstance(value, dict):
        return {key: _finite(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(x) for x in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ranks(
    rows: pd.DataFrame, table: Checked, plan: Plan, rng: np.random.Generator
) -> dict[str, Any]:
    """Friedman and Quade over blocks, each the mean over the seeds that all methods have."""
    paired_only = _wide(rows, table, ["block", "seed"]).dropna()
    complete = paired_only.groupby("block", sort=False).mean()
    if complete.shape[1] < 3 or len(complete) < 2:
        raise StudyError("ranks need three methods, and two blocks with a seed that all have")
    up = plan.higher_is_better
    result = ranks.friedman(complete.to_numpy(), higher_is_better=up, rng=rng)
    result["mean_ranks"] = dict(zip(complete.columns, result["mean_ranks"], strict=True))
    result["quade"] = ranks.quade(complete.to_numpy(), higher_is_better=up)
    if result["bars"]:
        size = complete.shape[1], len(complete)
        result["critical_difference"] = ranks.nemenyi(*size, plan.alpha)[1]
        result["against_baseline"] = _against(plan, result, *size)
    return result | {"incomplete_blocks": sorted(set(rows["block"]) - set(complete.index))}


def _against(plan: Plan, found: dict[str, Any], methods: int, blocks: int) -> dict[str, Any]:
    """Every method's mean rank against the baseline's: fewer comparisons than all pairs."""
    names = list(found["mean_ranks"])
    means = list(found["mean_ranks"].values())
    rows = ranks.against_control(means, names.index(plan.baseline), blocks)
    adjusted = adjust([row["p"] for row in rows])
    return {
        "critical_difference": ranks.bonferroni_dunn(methods, blocks, plan.alpha)[1],
        "methods": [
            row | {"method": names[row["method"]], "p_adjusted": p}
            for row, p in zip(rows, adjusted, strict=True)
        ],
    }


def _anova(rows: pd.DataFrame, table: Checked, plan: Plan, _: Any) -> dict[str, Any]:
    """Subjects are the units of the estimand: seeds (methods x blocks), or blocks (methods)."""
    by_block = not table.by_seed or ESTIMANDS[plan.estimand] == "population_of_backbones"
    unit = "block" if by_block else "seed"
    wide = _wide(rows, table, unit, None if by_block else "block")
    complete = wide.dropna()
    if len(complete) < 2:
        raise StudyError(f"fewer than two {unit}s have every method in every block")
    values, factors = complete.to_numpy(), ["method"]
    if values.shape[1] > MOST_TERMS:
        raise StudyError(
            f"{values.shape[1]} combinations of method and block are more than the {MOST_TERMS} "
            "whose covariances are computed here"
        )
    if not by_block:
        values = values.reshape(len(complete), len(table.methods), -1)
        factors = ["method", "block"]
    left_out = [str(x) for x in wide.index if x not in complete.index]
    terms = repeated_measures(values, factors, plan.alpha)
    return {"unit": unit, "n": len(complete), "left_out": left_out, "terms": terms}


def _aggregates(
    rows: pd.DataFrame, table: Checked, plan: Plan, rng: np.random.Generator
) -> dict[str, Any]:
    """Interquartile mean, the chance to beat the baseline at the same seed, and the shortfall."""
    scores, draws = _complete(rows, table)
    bootstrap = SeedBootstrap(scores, rng, draws=draws, alpha=plan.alpha)
    base = table.methods.index(plan.baseline)
    middle, better = bootstrap.interquartile_mean(), bootstrap.improvement(base)
    gap = None if plan.target is None else _gap(scores, plan, plan.target, rng, draws)
    methods = []
    for i, name in enumerate(table.methods):
        share = [float(x[i, 0]) for x in (better.estimate, better.low, better.high)]
        if not plan.higher_is_better:
            share = [1 - share[0], 1 - share[2], 1 - share[1]]
        ends = [float(middle.low[i]), float(middle.high[i])]
        # A share is no share outside of 0 and 1; and where all draws agree, which happens at 0 and
        # 1, the bootstrap says nothing about its precision.
        better_ci = [max(0.0, share[1]), min(1.0, share[2])] if share[1] < share[2] else None
        methods.append(
            {
                "method": name,
                "iqm": float(middle.estimate[i]),
                "ci": ends,
                "improvement": None if i == base else share[0],
                "improvement_ci": [None, None] if i == base or better_ci is None else better_ci,
            }
        )
        if gap is not None:
            methods[-1]["gap"] = float(gap.estimate[i])
            methods[-1]["gap_ci"] = [max(0.0, float(gap.low[i])), float(gap.high[i])]
    return {"draws": draws, "seeds": scores.shape[2], "methods": methods}


def _complete(rows: pd.DataFrame, table: Checked) -> tuple[np.ndarray, int]:
    """Scores of the seeds that are complete, (methods, blocks, seeds), and how often to draw."""
    complete = _wide(rows, table, "seed", "block").dropna()
    if not table.by_seed or len(complete) < 2:
        raise StudyError("fewer than two seeds have every method in every block")
    scores = complete.to_numpy().reshape(len(complete), len(table.methods), -1)
    draws = DRAWS if scores.size * DRAWS <= LARGEST_BOOTSTRAP else FEWER_DRAWS
    if scores.size * draws > MOST_DRAWN:
        raise StudyError(f"{scores.size:,} scores are too many to be drawn {draws:,} times here")
    return scores.transpose(1, 2, 0), draws


def _gap(
    scores: np.ndarray, plan: Plan, target: float, rng: np.random.Generator, draws: int
) -> Estimate:
    """Mean shortfall below the target; of a loss, mean excess above it."""
    up = 1.0 if plan.higher_is_better else -1.0
    turned = SeedBootstrap(up * scores, rng, draws=draws, alpha=plan.alpha)
    return turned.optimality_gap(up * target)


def _profiles(
    rows: pd.DataFrame, table: Checked, plan: Plan, rng: np.random.Generator
) -> dict[str, Any]:
    """Share of runs better than a score, at scores from the worst to the best of those shown.

    Shown are the baseline and the methods with the best mean scores: more curves cannot be read.
    """
    scores, draws = _complete(rows, table)
    up = 1.0 if plan.higher_is_better else -1.0
    base, means = table.methods.index(plan.baseline), up * scores.mean(axis=(1, 2))
    best = [int(i) for i in np.argsort(-means, kind="stable") if i != base]
    shown = [base, *best[: MOST_PROFILES - 1]]
    chosen = up * scores[shown]
    at = np.linspace(chosen.min(), chosen.max(), THRESHOLDS)
    if at[0] == at[-1]:
        raise StudyError("all scores are the same")
    if chosen.size * THRESHOLDS > LARGEST_PROFILE:
        raise StudyError(f"{chosen.size:,} scores are more than are drawn at every threshold here")
    found = SeedBootstrap(chosen, rng, draws=draws, alpha=plan.alpha).profile(at)
    methods = [
        {
            "method": table.methods[i],
            "share": found.estimate[k].tolist(),
            # A share is no share outside of 0 and 1.
            "low": np.clip(found.low[k], 0, 1).tolist(),
            "high": np.clip(found.high[k], 0, 1).tolist(),
        }
        for k, i in enumerate(shown)
    ]
    left_out = len(table.methods) - len(shown)
    return {"scores": (up * at).tolist(), "methods": methods, "left_out": left_out}


def _mixed(rows: pd.DataFrame, table: Checked, plan: Plan, _: Any) -> dict[str, Any]:
    """Only where scores are missing: a complete grid has the closed form."""
    blocks = rows["block"].nunique()
    if len(rows) == len(table.methods) * blocks * len(table.seeds):
        raise StudyError("no score is missing, so nothing needs a model")
    if not table.by_seed or blocks < 2:
        raise StudyError("a mixed model needs seeds within two blocks or more")
    if len(rows) > LARGEST_MIXED:
        raise StudyError(f"{len(rows)} scores are more than the {LARGEST_MIXED} fitted here")
    frame = rows.rename(columns={"block": "backbone"})[["method", "backbone", "seed", "score"]]
    return mixed(frame, plan.baseline, alpha=plan.alpha)


def _wide(
    rows: pd.DataFrame, table: Checked, index: str | list[str], inner: str | None = None
) -> pd.DataFrame:
    """Mean scores, one row per unit, one column per method (and block within it)."""
    columns = ["method", inner] if inner else ["method"]
    wide = rows.pivot_table(index=index, columns=columns, values="score", aggfunc="mean")
    if not inner:
        return wide.reindex(columns=table.methods)
    present = set(rows[inner].unique())
    here = [block for block in table.blocks if block in present]
    return wide.reindex(columns=pd.MultiIndex.from_product([table.methods, here]))


def notes(table: Checked, plan: Plan, decisions: list[Decision], seed: int) -> list[str]:
    """Every treatment of the data that changes what is decided, and every source of chance."""
    found = [*table.told, *suspicions(table, plan)]
    if table.ignored:
        found.append(f"Columns that were not used: {', '.join(table.ignored)}.")
    if plan.correction != "holm":
        what = (
            "the share of false claims is held, not the chance of any"
            if plan.correction == "benjamini-hochberg"
            else "nothing is held over the family"
        )
        found.append(f"Correction {plan.correction}: {what}, so every verdict is exploratory.")
    if table.by_seed and len(table.seeds) == 1:
        found.append(
            "There is one seed, so no difference between seeds can be tested; with several blocks, "
            "--estimand population_of_blocks makes the blocks the unit."
        )
    if not table.by_seed:
        found.append(f"There is no column {plan.seed!r}: the blocks are the unit.")
    if table.by_seed and len(table.blocks) > 1 and not any(not d.primary for d in decisions):
        found.append(
            f"There would be more than {MOST_PER_BLOCK:,} decisions of single blocks: they are "
            "left out; a table of fewer methods or blocks has them."
        )
    missing = sorted({run for d in decisions for run in d.missing})
    if missing:
        rest = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
        count = formatting.sentence_case(formatting.count(len(missing), "score"))
        found.append(f"{count} missing, and with each its pair: {', '.join(missing[:12])}{rest}.")
    for d in decisions:
        if d.primary and d.n == 0:
            found.append(why_unpaired(table, d))
    fell = table.rows[table.rows["diverged"]]
    if len(fell):
        by_method = fell["method"].value_counts()
        told = ", ".join(f"{name} {n}" for name, n in by_method.items())
        rows = formatting.sentence_case(formatting.count(len(fell), "row"))
        found.append(
            f"{rows} diverged ({told}) and counts as {plan.diverged:g}, whatever its score says."
            if len(fell) == 1
            else f"{rows} diverged ({told}) and count as {plan.diverged:g}, whatever their scores "
            "say."
        )
    if plan.margin is None:
        found.append("No margin was declared, so nothing can be called equivalent or non-inferior.")
    found += dict.fromkeys(note for d in decisions for note in d.notes)
    found.append(
        f"Seed of every random method (permutations of ranks beyond five methods, bootstrap): "
        f"{seed}; of the sign-flip test beyond {paired.EXACT_UP_TO} pairs: {paired.SEED}."
    )
    return list(dict.fromkeys(found))
