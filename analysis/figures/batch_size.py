"""Accuracy against the size of the test batch, in both orders: the sweep of a study.

In: rows tested under the protocols that the sweep adds. Out: one figure per task, with a CSV of its
numbers. Called by `analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from afn.study.grid.sweep import default_conditions, sweep_name
from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.ends import label_ends
from analysis.figures.drawing.highlight import look
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import cell, finished_only, t_level, tidy
from analysis.inputs import Inputs
from analysis.results.scores import outcome_mask
from analysis.stats.t_estimate import mean_reach

REFERENCE = "batch"
ARM = ["norm", "recipe"]
KEY = ["condition", "order", "batch_size", *ARM]


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    sweep = inputs.study.file.protocol_sweep
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
    assert sweep is not None, "asked of a study with a sweep only"
    settings = next(c.settings["task"] for c in inputs.study.cells() if c.task == task)
    places = {sweep_name(n, o): (o, n) for o in sweep.orders for n in sweep.batch_sizes}
    running = [n for n, p in inputs.study.protocols.items() if p["statistics"] == "running"]
    rows = inputs.rows(inputs.tested_anyhow, task=task)
    cells = [c for c in inputs.main_cells if c.task == task and set(places) & set(c.protocols)]
    arms = {(c.backbone, c.norm, c.recipe) for c in cells}
    keep = [arm in arms for arm in zip(rows["backbone"], rows["norm"], rows["recipe"], strict=True)]
    rows = rows[keep]
    found = []
    for condition in sweep.conditions or default_conditions(settings):
        own = rows[outcome_mask(rows, condition)]
        score = own.groupby(["protocol", *ARM, "seed", "backbone"])["accuracy"].mean()
        for (protocol, *arm), by_backbone in score.groupby(level=[0, 1, 2]):
            # A mean over other backbones would be another quantity: seeds need all of them.
            table = by_backbone.droplevel([0, 1, 2]).unstack("backbone")
            asked = {b for b, *other in arms if other == arm}
            whole = table.dropna().mean(axis=1) if asked == set(table) else table.iloc[:0, 0]
            orders = sweep.orders if protocol in running[:1] else places.get(protocol, ())[:1]
            for order in orders:
                size = places[protocol][1] if protocol in places else 0
                head = dict(zip(KEY, (condition, order, size, *arm), strict=True))
                head |= {"protocol": protocol, "backbone": "; ".join(sorted(asked))}
                found += [head | {"seed": s, "accuracy": a} for s, a in whole.items()]
    scores = pd.DataFrame(found, columns=[*KEY, "protocol", "backbone", "seed", "accuracy"])
    base = scores[scores["norm"] == REFERENCE].rename(columns={"accuracy": "base"})
    same = [*KEY[:3], "recipe", "backbone", "seed"]
    scores = scores.merge(base[[*same, "base"]], how="left", on=same)
    return scores.assign(difference=scores["accuracy"] - scores["base"]).drop(columns="base")


def summary(scores: pd.DataFrame, alpha: float = 0.05) -> pd.DataFrame:
    """Means with 1 - alpha intervals over seeds: of accuracies, and of differences seed by seed."""
    found = []
    head = [*KEY, "protocol", "backbone"]
    for key, group in scores.groupby(head, sort=False):
        row = dict(zip(head, key, strict=True))
        for column in ("accuracy", "difference"):
            values = group[column].dropna()
            half, mean = mean_reach(values.to_numpy(), alpha), values.mean()
            row |= {column: mean, f"{column}_low": mean - half, f"{column}_high": mean + half}
            row[f"{column}_n"] = len(values)
        found.append(row)
    table = pd.DataFrame(found)
    table.insert(2, "statistics", ["batch" if n else "running" for n in table["batch_size"]])
    return table


def _picture(inputs: Inputs, task: str, scores: pd.DataFrame) -> Picture:
    table = summary(scores, inputs.study.plan.alpha)
    panels = list(dict.fromkeys(zip(table["condition"], table["order"], strict=True)))
    present = set(zip(table["norm"], table["recipe"], strict=True))
    arms = [a for a in dict.fromkeys((c.norm, c.recipe) for c in inputs.main_cells) if a in present]
    norms = {norm for norm, _ in arms}
    compared = REFERENCE in norms and len(norms) > 1
    kinds = ["accuracy", "difference"] if compared else ["accuracy"]
    room = 0.12 + max(style.text_width(inputs.label(*arm), 8) for arm in arms)
    least = 1.55 if style.WIDTH >= style.USUAL else 1.2  # inches of a panel; less on a narrow page
    figure, axes = style.panels(
        len(kinds),
        len(panels),
        height=2.0,
        width=max(style.WIDTH, 0.7 + room + least * len(panels)),
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
            ends = _panel(ax, inputs, own, arms, kind)
            if kind == "accuracy":
                ax.set_title(
                    f"{formatting.sentence_case(naming.outcome(panel[0]))}\n{panel[1]}", size=8
                )
        line[0].set_ylabel("accuracy (%)" if kind == "accuracy" else "points to BatchNorm")
        line[-1].autoscale_view()
        label_ends(line[-1], ends)
    sizes = sorted(set(table["batch_size"]) - {0})
    for ax in axes[-1]:
        ax.set_xticks(sizes, [str(n) if n in _far_apart(sizes) else "" for n in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="x", labelsize=7)
        ax.set_xlabel("test batch", labelpad=2)
    return Picture(
        name=inputs.stem("batch-size", task),
        section="statistics",
        figure=figure,
        title=f"Accuracy against the size and order of the test batch{inputs.on(task)}",
        caption=_caption(inputs, task, table, compared),
        alt=_told(inputs, table)
        or "Accuracy against the size of the test batch, one line per norm.",
        numbers=_numbers(inputs, task, table, kinds),
    )


def _far_apart(sizes: list[int]) -> set[int]:
    """Sizes with room for their number on a logarithmic axis, the largest first."""
    kept: list[int] = []
    for size in sorted(sizes, reverse=True):
        if not kept or 3 * size <= kept[-1]:
            kept.append(size)
    return set(kept)


def _numbers(inputs: Inputs, task: str, table: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """What is drawn: a row per point, of accuracies and of differences."""
    level, rows = t_level(1 - inputs.study.plan.alpha), []
    for r in table.to_dict("records"):
        for kind in kinds:
            if pd.isna(r[kind]):
                continue
            row = cell(task, r["backbone"], r["norm"], r["recipe"], r["protocol"])
            row |= {"outcome": r["condition"], "label": inputs.label(r["norm"], r["recipe"])}
            row |= {k: r[k] for k in ("order", "statistics", "batch_size")}
            row |= {"quantity": kind, "n": r[f"{kind}_n"], "value": r[kind]}
            if r["batch_size"] and r[f"{kind}_n"] > 1:  # levels of running statistics have no band
                row |= {"low": r[f"{kind}_low"], "high": r[f"{kind}_high"], "interval": level}
            rows.append(row)
    return tidy(rows)


def _panel(ax: Axes, inputs: Inputs, own: pd.DataFrame, arms: list, kind: str) -> list[tuple]:
    ends = []
    for norm, recipe in arms:
        mine = (own["norm"] == norm) & (own["recipe"] == recipe)
        rows = own[mine].dropna(subset=kind)
        curve = rows[rows["batch_size"] > 0].sort_values("batch_size")
        shade, marker = look(inputs, norm, recipe)
        for level in rows.loc[rows["batch_size"] == 0, kind]:
            ax.axhline(level, color=shade, lw=0.9, ls=(0, (4, 2)), alpha=0.8, zorder=2)
        if curve.empty:
            continue
        x = curve["batch_size"].to_numpy(float)
        low, high = curve[f"{kind}_low"].to_numpy(), curve[f"{kind}_high"].to_numpy()
        ax.fill_between(x, low, high, color=shade, alpha=0.13, lw=0, zorder=1)
        ax.plot(x, curve[kind].to_numpy(), color=shade, marker=marker, ms=4, zorder=4)
        ends.append((inputs.label(norm, recipe), float(curve[kind].iloc[-1]), shade))
    ax.set_xscale("log")
    return ends


def _caption(inputs: Inputs, task: str, table: pd.DataFrame, compared: bool) -> str:
    nets = table["backbone"].str.split("; ").map(len).max()
    mean = f"; scores are means over {formatting.count(nets, 'backbone')}" if nets > 1 else ""
    if table["backbone"].nunique() > 1:
        mean = "; scores are means over all backbones of an arm, which the CSV names"
    text = (
        "Solid: statistics of the test batch; dashed: the level of running statistics. Bands are "
        f"{inputs.level} intervals over seeds{mean}. "
    )
    same = " trained with the same recipe" if table["recipe"].nunique() > 1 else ""
    if compared:
        text += (
            f"Points to BatchNorm: the difference to it{same} under the same protocol, seed by "
            "seed, so these bands are paired. "
        )
    return text + finished_only(inputs, task) + _told(inputs, table)


def _told(inputs: Inputs, table: pd.DataFrame) -> str:
    """What the smallest and largest batch of each order give the reference, in numbers, and the
    lowest where it lies between them."""
    norms = list(table["norm"])
    norm = REFERENCE if REFERENCE in norms else norms[0]
    recipe = table.loc[table["norm"] == norm, "recipe"].iloc[0]
    mine = (table["norm"] == norm) & (table["recipe"] == recipe)
    parts: dict[tuple[str, str], list[str]] = {}
    for (condition, order), own in table[mine].groupby(KEY[:2], sort=False):
        curve = own.sort_values("batch_size").set_index("batch_size")["accuracy"]
        shown = [f"{formatting.number(v, 1)} % at {n}" for n, v in curve.items() if n]
        sizes = curve[curve.index > 0]
        lowest = int(sizes.argmin()) if len(sizes) else 0
        kept = sorted({0, lowest, len(shown) - 1}) if shown else []
        shown = [shown[k] for k in kept]
        if 0 in curve.index:
            shown.append(f"{formatting.number(curve[0], 1)} % with running statistics")
        # Single images and the whole set are the same in every order.
        parts.setdefault((condition, formatting.listing(shown)), []).append(order)
    told = [
        f"{naming.outcome(condition)}, {formatting.listing(orders)}: {numbers}"
        for (condition, numbers), orders in parts.items()
    ]
    return f"{inputs.label(norm, recipe)} by batch size: {'; '.join(told)}." if told else ""
