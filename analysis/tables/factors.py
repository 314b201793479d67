"""Tables of factors: ordered ones as trends, grids as analyses of variance. All are exploratory.

In: the loaded study with its trends and factorials. Out: `Table` objects. Called by
`analysis.tables.writing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from afn.study.parts.names import Factor
from analysis.decisions.factor_levels import method_of, recipe_of
from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs

EXPLORATORY = "No p is corrected over factors and outcomes, and none is a claim of the study."


def tables(inputs: Inputs) -> Iterator[Table]:
    """Those that the study has data for."""
    if inputs.ablations.get("trends"):
        yield trends(inputs)
    if inputs.ablations.get("factorials"):
        yield factorials(inputs)


def _beside(inputs: Inputs, items: list[dict]) -> dict[str, list[str]]:
    """Columns that tell trends or grids from each other, by head: those in which they differ."""
    columns = {
        "task": [inputs.task_name(i["task"]) for i in items],
        "recipe": [inputs.recipe_name(recipe_of(i)) if recipe_of(i) else "" for i in items],
        "method": [naming.norm(method_of(i)) for i in items],
    }
    return {head: shown for head, shown in columns.items() if len(set(shown)) > 1}


def trends(inputs: Inputs) -> Table:
    """Ordered factors: trend, slope, lack of fit."""
    rows, records = [], []
    beside = _beside(inputs, inputs.ablations["trends"])
    several = len({(t["experiment"], t["factor"]) for t in inputs.ablations["trends"]}) > len(
        {t["factor"] for t in inputs.ablations["trends"]}
    )
    for i, t in enumerate(inputs.ablations["trends"]):
        page, slope, rest = t["page"], t["slope"], t["lack_of_fit"]
        factor = naming.option(Factor.parse(t["factor"]).short)
        factor += f" ({t['experiment'].replace('_', ' ')})" if several else ""
        place = [shown[i] for shown in beside.values()]
        direction = page["direction"] or "\u2013"
        rows.append(
            [
                factor,
                *place,
                naming.outcome(t["outcome"]),
                str(t["n"]),
                f"{direction}, {formatting.p_equation(page['p'])}",
                f"{formatting.signed(slope['estimate'], 3)} {formatting.interval(slope['ci'], 3)}",
                formatting.p_value(rest["p"]),
            ]
        )
        record = {k: t[k] for k in ("experiment", "task", "recipe", "outcome", "factor", "n")}
        record["norm"] = method_of(t)
        record |= {"page_L": page["L"], "page_p": page["p"], "direction": page["direction"]}
        record |= {"slope": slope["estimate"], "slope_p": slope["p"], "scale": t["scale"]}
        record |= {"slope_low": slope["ci"][0], "slope_high": slope["ci"][1]}
        records.append(record | {"lack_of_fit_F": rest["F"], "lack_of_fit_p": rest["p"]})
    place = list(beside)
    heads = ["factor", *place, "outcome", "n", "Page's trend", "slope (points)", "lack of fit p"]
    return Table(
        "trends",
        "Ordered factors, exploratory",
        "Page's test of a monotone trend over paired seeds, two-sided; slope in points per unit "
        f"(per doubling for ratios) with its {inputs.level} interval; lack of fit: what the levels "
        f"add to a line. {EXPLORATORY}",
        heads,
        "l" * (2 + len(place)) + "rlrr",
        rows,
        pd.DataFrame(records),
    )


def factorials(inputs: Inputs) -> Table:
    """Every term of every grid, against its interaction with the seed."""
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
    beside = _beside(inputs, inputs.ablations["factorials"])
    for i, f in enumerate(inputs.ablations["factorials"]):
        breaks.append(len(rows))
        place = [shown[i] for shown in beside.values()]
        for a in f["anova"]:
            rows.append(
                [
                    f["experiment"].replace("_", " "),
                    *place,
                    naming.outcome(f["outcome"]),
                    naming.term(a["term"]),
                    direction(f, a["term"]),
                    f"{formatting.signed(a['effect'])} {formatting.interval(a['effect_ci'])}",
                    f"{formatting.number(a['F'])} ({a['df'][0]}, {a['df'][1]})",
                    formatting.p_value(a["p"]),
                    f"{formatting.number(a['partial_eta2'])} {_share(a['ci'])}",
                ]
            )
            head = {k: f[k] for k in ("experiment", "task", "recipe", "outcome", "n")}
            head["norm"] = method_of(f)
            record = head | {k: a[k] for k in ("term", "effect", "F", "p", "partial_eta2")}
            record |= {"df": a["df"][0], "df_residual": a["df"][1]}
            record |= {"effect_low": a["effect_ci"][0], "effect_high": a["effect_ci"][1]}
            records.append(record | {"ci_low": a["ci"][0], "ci_high": a["ci"][1]})
    place = list(beside)
    heads = ["experiment", *place, "outcome", "term", "direction", "effect (points)", "F (df)", "p"]
    return Table(
        "factorials",
        "Grids of factors, exploratory",
        f"Analysis of variance on paired seeds; intervals at {inputs.level}. The error of a term "
        "is its interaction with the seed. Effect: the second-named level's mean minus that of "
        "the first; of an interaction, how much the first factor's effect changes along the "
        "second. Partial \u03b7\u00b2: the share of the term in the term and its error. "
        f"{EXPLORATORY}",
        [*heads, "partial \u03b7\u00b2"],
        "l" * (4 + len(place)) + "rrrr",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def direction(item: dict, term: str) -> str:
    """From which level to which the effect of a term goes."""
    if ":" in term:
        return "\u2013"
    levels = list(dict.fromkeys(cell["levels"][term] for cell in item["cells"]))
    if len(levels) != 2:
        return formatting.count(len(levels), "level")
    return " \u2192 ".join(formatting.value(level) for level in levels)


def _share(ci: list) -> str:
    if not all(map(formatting.is_number, ci)):
        return ""
    return f"[{formatting.number(ci[0])}, {formatting.number(ci[1])}]"
