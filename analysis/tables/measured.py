"""Tables of what was measured: accuracies, divergence, cost, ablation levels, membership.

In: the loaded study. Out: `Table` objects; every row names one cell, or says what it is a mean of.
Called by `analysis.tables.writing`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.decisions.factor_levels import method_of, recipe_of
from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs


def tables(inputs: Inputs) -> Iterator[Table]:
    """Tables of results, those that the study has data for."""
    yield accuracies(inputs)
    if inputs.ablations.get("trends"):
        yield trends(inputs)
    if inputs.ablations.get("factorials"):
        yield factorials(inputs)
    if any(d["diverged"] for d in inputs.ablations.get("divergence", [])):
        yield divergence(inputs)
    yield cost(inputs)
    yield membership(inputs)


def _place(inputs: Inputs, task: str, backbone: str) -> list[str]:
    """The leading columns: the task where there are several, and the backbone."""
    return [*([inputs.task_name(task)] if len(inputs.tasks) > 1 else []), naming.part(backbone)]


def _heads(inputs: Inputs) -> list[str]:
    return [*(["task"] if len(inputs.tasks) > 1 else []), "backbone"]


def accuracies(inputs: Inputs) -> Table:
    """Mean and standard deviation over seeds of every arm, for every outcome."""
    rows, records, breaks = [], [], []
    before = None
    for cell in inputs.study.cells():
        tested = [p for p in inputs.protocols if p in cell.protocols] or [""]
        for protocol in tested:
            arm = f"{cell.norm}@{protocol}" if protocol else cell.norm
            shown = []
            for outcome in inputs.outcomes:
                scores = inputs.arm_scores(cell.task, cell.backbone, arm, outcome, cell.recipe)
                mean, sd, n = scores.mean(), scores.std(ddof=1), len(scores)
                shown.append(formatting.mean_sd(mean, sd, n))
                records.append(
                    {
                        "task": cell.task,
                        "backbone": cell.backbone,
                        "norm": cell.norm,
                        "recipe": cell.recipe,
                        "protocol": protocol or "any",
                        "outcome": outcome,
                        "mean": mean,
                        "sd": sd,
                        "n": n,
                    }
                )
            place = _place(inputs, cell.task, cell.backbone)
            if place != before:
                breaks.append(len(rows))
                before = place
            how = naming.protocol(protocol) or "any"
            rows.append([*place, inputs.label(cell.norm, cell.recipe), how, *shown])
    heads = [*_heads(inputs), "method", "statistics", *map(naming.outcome, inputs.outcomes)]
    return Table(
        "accuracies",
        "Accuracies",
        f"Mean {formatting.PLUS_MINUS} standard deviation over seeds, in percent (number of "
        "seeds). "
        "Statistics: those used at test time; any: the method does not depend on the batch. "
        "Diverged runs count with the value that the plan declares.",
        heads,
        "l" * (len(heads) - len(inputs.outcomes)) + "r" * len(inputs.outcomes),
        rows,
        pd.DataFrame(records),
        breaks,
    )


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
        factor = naming.option(t["factor"].partition(".")[2] or t["factor"])
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
        "Ordered factors",
        "Page's test of a monotone trend over paired seeds, two-sided; slope in points per unit "
        "(per doubling for ratios) with its interval; lack of fit: what the levels add to a line.",
        heads,
        "l" * (2 + len(place)) + "rlrr",
        rows,
        pd.DataFrame(records),
    )


def factorials(inputs: Inputs) -> Table:
    """Analysis of variance of every factorial, blocked by seed."""
    rows, records, breaks = [], [], []
    beside = _beside(inputs, inputs.ablations["factorials"])
    for i, f in enumerate(inputs.ablations["factorials"]):
        breaks.append(len(rows))
        place = [shown[i] for shown in beside.values()]
        for a in f["anova"]:
            interval = f"[{formatting.number(a['ci'][0])}, {formatting.number(a['ci'][1])}]"
            rows.append(
                [
                    f["experiment"].replace("_", " "),
                    *place,
                    naming.outcome(f["outcome"]),
                    naming.term(a["term"]),
                    f"{formatting.number(a['F'])} ({a['df'][0]}, {a['df'][1]})",
                    formatting.p_value(a["p"]),
                    formatting.number(a["partial_eta2"]),
                    interval,
                ]
            )
            head = {k: f[k] for k in ("experiment", "task", "recipe", "outcome", "n")}
            head["norm"] = method_of(f)
            record = head | {k: a[k] for k in ("term", "F", "p", "partial_eta2")}
            record |= {"df": a["df"][0], "df_residual": a["df"][1]}
            records.append(record | {"ci_low": a["ci"][0], "ci_high": a["ci"][1]})
    place = list(beside)
    heads = ["experiment", *place, "outcome", "term", "F (df)", "p", "partial \u03b7\u00b2"]
    return Table(
        "factorials",
        "Grids of factors",
        "Analysis of variance with seeds as blocks (type II). Partial \u03b7\u00b2 with its "
        "interval: the share of the variation, seeds taken out, that a term explains.",
        [*heads, "interval"],
        "l" * (3 + len(place)) + "rrrr",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def divergence(inputs: Inputs) -> Table:
    """Diverged runs of every cell; only cells with one are printed."""
    found = inputs.ablations["divergence"]
    rows = [
        [
            *_place(inputs, d["task"], d["backbone"]),
            inputs.label(d["norm"], d["recipe"]),
            f"{d['diverged']} of {d['n']}",
            f"{100 * d['ci'][0]:.0f} to {100 * d['ci'][1]:.0f} %",
        ]
        for d in found
        if d["diverged"]
    ]
    frame = pd.DataFrame([{k: v for k, v in d.items() if k != "ci"} for d in found])
    frame["ci_low"], frame["ci_high"] = zip(*[d["ci"] for d in found], strict=True)
    heads = [*_heads(inputs), "method", "diverged", "interval"]
    return Table(
        "divergence",
        "Diverged runs",
        "Cells with at least one diverged run, with the exact (Clopper-Pearson) interval of the "
        "share; the CSV has every cell.",
        heads,
        "l" * (len(heads) - 2) + "rr",
        rows,
        frame,
    )


def cost(inputs: Inputs) -> Table:
    """Parameters and time of every cell."""
    runs = inputs.results.drop_duplicates(["task", "backbone", "norm", "recipe", "seed"])
    group = runs.groupby(["task", "backbone", "norm", "recipe"], sort=False)
    frame = group[["parameters", "step_ms", "train_seconds"]].median().reset_index()
    order = {c.path: i for i, c in enumerate(inputs.study.cells())}
    path = frame["task"] + "/" + frame["backbone"] + "/" + frame["norm"] + "/" + frame["recipe"]
    frame = frame.iloc[path.map(order).argsort(kind="stable")].reset_index(drop=True)
    rows, breaks, before = [], [], None
    for r in frame.itertuples():
        place = _place(inputs, r.task, r.backbone)
        if place != before:
            breaks.append(len(rows))
            before = place
        numbers = [f"{int(r.parameters):,}" if pd.notna(r.parameters) else "\u2013"]
        numbers += [
            formatting.number(float(r.step_ms)),
            formatting.number(float(r.train_seconds), 1),
        ]
        rows.append([*place, inputs.label(r.norm, r.recipe), *numbers])
    heads = [*_heads(inputs), "method", "parameters", "ms per step", "seconds per training"]
    return Table(
        "cost",
        "Cost",
        "Medians over seeds. Times depend on the machine and on what else it does.",
        heads,
        "l" * (len(heads) - 3) + "rrr",
        rows,
        frame,
        breaks,
    )


def membership(inputs: Inputs) -> Table:
    """Which experiment uses which cell."""
    frame = pd.DataFrame(
        [
            {
                "experiment": name,
                "task": c.task,
                "backbone": c.backbone,
                "norm": c.norm,
                "recipe": c.recipe,
            }
            for name, experiment in inputs.study.experiments.items()
            for c in experiment.cells
        ]
    )
    changes = frame["experiment"].ne(frame["experiment"].shift())
    return Table(
        "membership",
        "Which experiment uses which cell",
        "A cell that several experiments name is trained once.",
        list(frame.columns),
        "lllll",
        frame.astype(str).to_numpy().tolist(),
        frame,
        list(changes[changes].index),
    )
