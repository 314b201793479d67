"""Tables of what was measured: accuracies, divergence, cost, membership.

In: the loaded study. Out: `Table` objects; every row names one cell, or says what it is a mean of.
Called by `analysis.tables.writing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs


def tables(inputs: Inputs) -> Iterator[Table]:
    """Tables of results, those that the study has data for."""
    yield accuracies(inputs)
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
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
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


def divergence(inputs: Inputs) -> Table:
    """Diverged runs of every cell; only cells with one are printed."""
    found = inputs.ablations["divergence"]
    rows = [
        [
            *_place(inputs, d["task"], d["backbone"]),
            inputs.label(d["norm"], d["recipe"]),
            f"{d['diverged']} of {d['n']}",
            formatting.percents(d["ci"]),
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
    rows: list[list[str]] = []
    breaks: list[int] = []
    before: Any = None
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
