"""An ordered factor: is there a trend, how steep, is it a line, and is the default the best level?

In: an experiment with ``trend``. Out: one mapping per task and outcome for ablations.json; the
comparisons of each level with the default are decisions and are made in
`analysis.decisions.decide`.
"""

from __future__ import annotations

from typing import Any

from afn.study.grid.cells import Study
from afn.study.parts.names import Factor, parse_part
from analysis.decisions.factor_levels import groups, level_of, notes_of, table
from analysis.results.scores import Scores
from analysis.stats.trends.paired import lack_of_fit, mean_interval, page_two_sided, slope

NO_DEFAULT = "the default is not among the levels, so no level is compared with it"


def trends(study: Study, scores: Scores) -> list[dict[str, Any]]:
    """Every declared trend of a study, per group of otherwise equal cells and per outcome."""
    found = []
    for name, experiment in study.experiments.items():
        if not experiment.trend:
            continue
        for cells in groups(experiment, [experiment.trend]):
            by_level: dict[float, list[Any]] = {}
            for cell in cells:
                level = level_of(cell, experiment.trend)
                if isinstance(level, int | float):
                    by_level.setdefault(level, []).append(cell)
            if len(by_level) < 2:
                continue
            for outcome in scores.outcomes:
                found.append(_trend(name, experiment.trend, by_level, outcome, scores))
    return found


def _trend(
    name: str, factor: str, by_level: dict[float, list[Any]], outcome: str, scores: Scores
) -> dict[str, Any]:
    levels = sorted(by_level)
    data = table(scores, [by_level[level] for level in levels], outcome)
    alpha, scale = scores.study.plan.alpha, scale_of(factor, levels)
    part, option = Factor.parse(factor)
    names = [getattr(by_level[level][0], part) for level in levels]
    # The default is the level that its part's canonical name does not spell out.
    unnamed = [v for v, n in zip(levels, names, strict=True) if option not in parse_part(n)[1]]
    first = by_level[levels[0]][0]
    return {
        "experiment": name,
        "task": first.task,
        "recipe": first.recipe,
        "norm": first.norm,
        "outcome": outcome,
        "factor": factor,
        "scale": scale,
        "n": len(data.seeds),
        "levels": [
            {"level": level, part: n, **mean_interval(column, alpha)}
            for level, n, column in zip(levels, names, data.columns, strict=True)
        ],
        "default": unnamed[0] if len(unnamed) == 1 else None,
        "page": page_two_sided(data.values),
        "slope": slope(data.values, levels, scale, alpha),
        "lack_of_fit": lack_of_fit(data.values, levels, scale),
        "notes": notes_of(data) + ([] if len(unnamed) == 1 else [NO_DEFAULT]),
    }


def scale_of(factor: str, levels: list[float]) -> str:
    """log2 for ratios, the raw logit for lambdas, else linear."""
    option = Factor.parse(factor).short
    if option.endswith("ratio") and min(levels) > 0:
        return "log2"
    return "logit" if "lambda" in option else "linear"
