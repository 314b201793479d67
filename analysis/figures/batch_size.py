"""Accuracy against the size of the test batch, in both orders: the sweep of a study.

In: rows tested under the protocols that the sweep adds. Out: one figure per task, with a CSV of its
numbers. Called by `analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from scipy import stats

from afn.study.grid.sweep import default_conditions, sweep_name
from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs
from analysis.results.scores import outcome_mask

REFERENCE = "batch"
KEY = ["condition", "order", "batch_size", "norm"]


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    sweep = getattr(getattr(inputs.study, "file", None), "protocol_sweep", None)
    if sweep is None:
        yield Missing("batch-size", "the study file has no protocol_sweep")
        return
    for task in inputs.tasks:
        scores = _scores(inputs, task)
        if not scores["batch_size"].any():
            yield Missing(
                "batch-size", f"no run of {inputs.task_name(task)} was tested in the sweep"
            )
            continue
        yield _picture(inputs, task, scores)


def _scores(inputs: Inputs, task: str) -> pd.DataFrame:
    """A score per seed, norm, condition, order and size, each a mean over the same backbones.

    Size 0 stands for running statistics; norms without batch dependence are left out.
    """
    sweep = inputs.study.file.protocol_sweep
    settings = next(c.settings["task"] for c in inputs.study.cells() if c.task == task)
    places = {sweep_name(n, o): (o, n) for o in sweep.orders for n in sweep.batch_sizes}
    running = [n for n, p in inputs.study.protocols.items() if p["statistics"] == "running"]
    rows = inputs.rows(inputs.tested_anyhow, task=task)
    cells = [c for c in inputs.main_cells if c.task == task and set(places) & set(c.protocols)]
    arms = {(c.backbone, c.norm, c.recipe) for c in cells if c.recipe == cells[0].recipe}
    keep = [arm in arms for arm in zip(rows["backbone"], rows["norm"], rows["recipe"], strict=True)]
    rows = rows[keep]
    found = []
    for condition in sweep.conditions or default_conditions(settings):
        own = rows[outcome_mask(rows, condition)]
        score = own.groupby(["protocol", "norm", "seed", "backbone"])["accuracy"].mean()
        for (protocol, norm), by_backbone in score.groupby(level=[0, 1]):
            # A mean over other backbones would be another quantity: seeds need all of them.
            table = by_backbone.droplevel([0, 1]).unstack("backbone")
            asked = {b for b, n, _ in arms if n == norm}
            whole = table.dropna().mean(axis=1) if asked == set(table) else table.iloc[:0, 0]
            orders = sweep.orders if protocol in running[:1] else places.get(protocol, ())[:1]
            for order in orders:
                size = places[protocol][1] if protocol in places else 0
                head = {"condition": condition, "order": order, "batch_size": size, "norm": norm}
                found += [head | {"seed": s, "accuracy": a} for s, a in whole.items()]
    scores = pd.DataFrame(found, columns=[*KEY, "seed", "accuracy"])
    base = scores[scores["norm"] == REFERENCE].rename(columns={"accuracy": "base"})
    scores = scores.merge(base.drop(columns="norm"), how="left", on=[*KEY[:3], "seed"])
    return scores.assign(difference=scores["accuracy"] - scores["base"]).drop(columns="base")


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Means with 95 % intervals over seeds: of accuracies, and of differences seed by seed."""
    found = []
    for key, group in scores.groupby(KEY, sort=False):
        row = dict(zip(KEY, key, strict=True)) | {"seeds": len(group)}
        for column in ("accuracy", "difference"):
            values = group[column].dropna()
            half = stats.t.ppf(0.975, len(values) - 1) * values.sem() if len(values) > 1 else 0.0
            mean = values.mean()
            row |= {column: mean, f"{column}_low": mean - half, f"{column}_high": mean + half}
        found.append(row)
    table = pd.DataFrame(found)
    table.insert(2, "statistics", ["batch" if n else "running" for n in table["batch_size"]])
    return table


def _picture(inputs: Inputs, task: str, scores: pd.DataFrame) -> Picture:
    table = summary(scores)
    panels = list(dict.fromkeys(zip(table["condition"], table["order"], strict=True)))
    norms = list(dict.fromkeys(c.norm for c in inputs.main_cells if c.norm in set(table["norm"])))
    compared = REFERENCE in norms and len(norms) > 1
    kinds = ["accuracy", "difference"] if compared else ["accuracy"]
    room = 0.12 + max(style.text_width(naming.arm(norm), 8) for norm in norms)
    figure, axes = style.panels(
        len(kinds),
        len(panels),
        height=2.0,
        width=max(style.WIDTH, 0.7 + room + 1.55 * len(panels)),
        left=0.56,
        right=room,
        top=0.48,
        wgap=0.16,
        hgap=0.3,
        sharex=True,
        sharey="row",
    )
    for line, kind in zip(axes, kinds, strict=True):
        for ax, panel in zip(line, panels, strict=True):
            own = table[(table["condition"] == panel[0]) & (table["order"] == panel[1])]
            ends = _panel(ax, own, norms, kind)
            if kind == "accuracy":
                ax.set_title(
                    f"{formatting.sentence_case(naming.outcome(panel[0]))}\n{panel[1]}", size=8
                )
        line[0].set_ylabel("accuracy (%)" if kind == "accuracy" else "points to BatchNorm")
        line[-1].autoscale_view()
        style.label_ends(line[-1], ends)
    sizes = sorted(set(table["batch_size"]) - {0})
    for ax in axes[-1]:
        ax.set_xticks(sizes, [str(n) if n in _far_apart(sizes) else "" for n in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="x", labelsize=7)
        ax.set_xlabel("test batch", labelpad=2)
    on = inputs.on(task)
    several = f"-{task}" if len(inputs.tasks) > 1 else ""
    return Picture(
        name=f"batch-size{several}",
        section="statistics",
        figure=figure,
        title=f"Accuracy against the size and order of the test batch{on}",
        caption=_caption(table, compared),
        alt=_told(table) or "Accuracy against the size of the test batch, one line per norm.",
        numbers=table,
    )


def _far_apart(sizes: list[int]) -> set[int]:
    """Sizes with room for their number on a logarithmic axis, the largest first."""
    kept: list[int] = []
    for size in sorted(sizes, reverse=True):
        if not kept or 3 * size <= kept[-1]:
            kept.append(size)
    return set(kept)


def _panel(ax: Axes, own: pd.DataFrame, norms: list[str], kind: str) -> list[tuple]:
    ends = []
    for norm in norms:
        rows = own[own["norm"] == norm].dropna(subset=kind)
        curve = rows[rows["batch_size"] > 0].sort_values("batch_size")
        shade, marker = style.color(norm), style.marker(norm)
        for level in rows.loc[rows["batch_size"] == 0, kind]:
            ax.axhline(level, color=shade, lw=0.9, ls=(0, (4, 2)), alpha=0.8, zorder=2)
        if curve.empty:
            continue
        x = curve["batch_size"].to_numpy(float)
        low, high = curve[f"{kind}_low"].to_numpy(), curve[f"{kind}_high"].to_numpy()
        ax.fill_between(x, low, high, color=shade, alpha=0.13, lw=0, zorder=1)
        ax.plot(x, curve[kind].to_numpy(), color=shade, marker=marker, ms=4, zorder=4)
        ends.append((naming.arm(norm), float(curve[kind].iloc[-1]), shade))
    ax.set_xscale("log")
    return ends


def _caption(table: pd.DataFrame, compared: bool) -> str:
    text = (
        "Solid: statistics of the test batch; dashed: the level of running statistics. Bands are "
        "95 % intervals over seeds; scores are means over backbones. "
    )
    if compared:
        text += (
            "Lower row: the difference to BatchNorm under the same protocol, seed by seed, so its "
            "bands are paired. "
        )
    return text + _told(table)


def _told(table: pd.DataFrame) -> str:
    """What the smallest and largest batch of each order give the reference, in numbers."""
    norms = list(table["norm"])
    norm = REFERENCE if REFERENCE in norms else norms[0]
    parts = []
    for (condition, order), own in table[table["norm"] == norm].groupby(KEY[:2], sort=False):
        curve = own.sort_values("batch_size").set_index("batch_size")["accuracy"]
        shown = [f"{formatting.number(v, 1)} % at {n}" for n, v in curve.items() if n]
        shown = [shown[0], shown[-1]] if len(shown) > 1 else shown
        if 0 in curve.index:
            shown.append(f"{formatting.number(curve[0], 1)} % with running statistics")
        parts.append(f"{naming.outcome(condition)}, {order}: {formatting.listing(shown)}")
    return f"{naming.norm(norm)} by batch size: {'; '.join(parts)}." if parts else ""
