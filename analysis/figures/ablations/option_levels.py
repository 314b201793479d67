"""Levels of a factor side by side: the variants of one option, tested under every protocol.

In: the experiments that vary one option of the norm. Out: one figure per experiment, task and
recipe. Called by `analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from afn.study.parts.names import Factor
from analysis.display import formatting, naming
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.highlight import look
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import cell, t_level, tidy
from analysis.inputs import Inputs
from analysis.stats.t_estimate import mean_reach

ANY, MEAN = "any", "mean accuracy"


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    made = False
    for name, experiment in inputs.study.experiments.items():
        key = option_factor(experiment)
        if key is None or experiment.trend or experiment.analysis == "factorial":
            continue
        for task in inputs.tasks:
            for recipe in dict.fromkeys(c.recipe for c in experiment.cells if c.task == task):
                cells = [c for c in experiment.cells if (c.task, c.recipe) == (task, recipe)]
                if len({c.norm for c in cells}) > 1:
                    made = True
                    yield _levels(inputs, name, key, cells)
    if not made:
        yield Missing("levels", "no experiment varies a single option without an order")


def option_factor(experiment) -> str | None:
    """The one option of the norm that an experiment varies (``norm.residual``), if it is one."""
    options = [k for k, v in experiment.factors.items() if k.startswith("norm.") and len(v) > 1]
    norms = len(experiment.factors.get("norm", [1]))
    return options[0] if len(options) == 1 and norms == 1 else None


def _levels(inputs: Inputs, name: str, key: str, cells: list) -> Picture:
    """The variants of one task and recipe."""
    outcomes, task, recipe = inputs.outcomes, cells[0].task, cells[0].recipe
    backbones = list(dict.fromkeys(c.backbone for c in cells))
    option = naming.option(Factor.parse(key).short)
    labels = {c.norm: _level(c, key) for c in cells}
    norms = list(labels)
    numbers = _numbers(inputs, cells, labels)
    protocols = [p for p in inputs.protocols if any(p in c.protocols for c in cells)] or [ANY]
    lines = len(norms) * len(protocols)
    figure, axes = style.panels(
        len(backbones),
        len(outcomes),
        height=0.19 * lines + 0.25,
        left=0.2 + (0.6 if len(protocols) > 1 else 0) + max(map(_width, labels.values())),
        right=0.45,
        wgap=0.55,
        hgap=0.75,
        top=0.3,
    )
    for row, backbone in zip(axes, backbones, strict=True):
        for ax, outcome in zip(row, outcomes, strict=True):
            own = inputs.rows(numbers, backbone=backbone, outcome=outcome)
            _panel(ax, inputs, own, norms, protocols)
            ax.set_title(f"{naming.part(backbone)} \u00b7 {outcome}")
            ax.set_xlabel("accuracy (%)", labelpad=2)
            ax.set_yticks([])
        _row_labels(row[0], list(labels.values()), protocols)
    both = " Filled: the first protocol; open: the other." if len(protocols) > 1 else ""
    return Picture(
        name=inputs.stem(f"levels-{name}", task, recipe),
        section="ablations",
        figure=figure,
        title=formatting.sentence_case(
            f"{option}: the variants side by side{inputs.on(task, recipe)}"
        ),
        caption=(
            f"Mean accuracy with its {inputs.level} interval over seeds; small dots are "
            f"seeds.{both} An arrow stands for a variant far off the scale. Intervals that overlap "
            f"decide nothing, since these are not differences: whether a variant does as well as "
            f"the full method is decided seed by seed, where the study compares them."
        ),
        alt=_alt(numbers, backbones[0]),
        numbers=numbers,
    )


def _numbers(inputs: Inputs, cells: list, labels: dict[str, str]) -> pd.DataFrame:
    """Scores of every seed, and their mean with its interval, by cell, protocol and outcome."""
    rows: list[dict] = []
    level = 1 - inputs.study.plan.alpha
    for c in cells:
        for protocol in c.protocols:
            if protocol not in (ANY, *inputs.protocols):
                continue  # of a sweep
            arm = c.norm if protocol == ANY else f"{c.norm}@{protocol}"
            for outcome in inputs.outcomes:
                scores = inputs.arm_scores(c.task, c.backbone, arm, outcome, c.recipe)
                row = cell(c.task, c.backbone, c.norm, c.recipe, protocol)
                row |= {"outcome": outcome, "label": labels[c.norm]}
                rows += [
                    row | {"quantity": "accuracy of a seed", "seed": seed, "n": 1, "value": value}
                    for seed, value in scores.items()
                ]
                if not len(scores):
                    continue
                row |= {"quantity": MEAN, "n": len(scores), "value": float(scores.mean())}
                if len(scores) > 1:
                    half = mean_reach(scores.to_numpy(), inputs.study.plan.alpha)
                    row |= {"low": row["value"] - half, "high": row["value"] + half}
                    row["interval"] = t_level(level)
                rows.append(row)
    return tidy(rows)


def _level(cell, key: str) -> str:
    part, option = Factor.parse(key)
    return formatting.value(cell.settings[part].get(option, naming.norm(cell.norm)))


def _width(label: str) -> float:
    return style.text_width(label, 8.5, bold=True)


def _row_labels(ax: Axes, labels: list[str], protocols: list[str]) -> None:
    for i, label in enumerate(labels):
        middle = i * len(protocols) + (len(protocols) - 1) / 2
        ax.annotate(
            label,
            (0, middle),
            xycoords=("axes fraction", "data"),
            xytext=(-8 if len(protocols) < 2 else -48, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            size=8.5,
            weight="bold",
            annotation_clip=False,
        )
        for j, protocol in enumerate(protocols if len(protocols) > 1 else []):
            ax.annotate(
                naming.protocol(protocol),
                (0, i * len(protocols) + j),
                xycoords=("axes fraction", "data"),
                xytext=(-6, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                size=7,
                color=style.SOFT,
                annotation_clip=False,
            )


def _panel(
    ax: Axes, inputs: Inputs, own: pd.DataFrame, norms: list[str], protocols: list[str]
) -> None:
    ax.grid(False)
    ax.grid(True, axis="x")
    ax.spines["left"].set_visible(False)
    spans = {norm: _span(inputs.rows(own, norm=norm)) for norm in norms}
    out = scale.far_off(spans, 3.0)
    if any(np.isfinite(s[0]) for s in spans.values()):
        ax.set_xlim(*scale.limits(spans, out))
    for i, norm in enumerate(norms):
        if i % 2 == 0:
            low, high = i * len(protocols) - 0.5, (i + 1) * len(protocols) - 0.5
            ax.axhspan(low, high, color=style.BAND, lw=0, zorder=0)
        for j, protocol in enumerate(protocols):
            # A variant that does not depend on the batch has one row of numbers for all protocols.
            rows = inputs.under(inputs.rows(own, norm=norm), protocol)
            if len(rows):
                y = i * len(protocols) + j
                mean = rows[rows["quantity"] == MEAN].iloc[0]
                with marked(ax, mean):
                    _dot(ax, inputs, rows, y, filled=j == 0, off=norm in out)
    ax.set_ylim(len(norms) * len(protocols) - 0.5, -0.5)


def _span(rows: pd.DataFrame) -> scale.Span:
    """All that is drawn of a variant."""
    ends = rows[["value", "low", "high"]].to_numpy(float)
    if not np.isfinite(ends).any():
        return np.nan, np.nan
    return float(np.nanmin(ends)), float(np.nanmax(ends))


def _dot(
    ax: Axes, inputs: Inputs, rows: pd.DataFrame, y: float, *, filled: bool, off: bool
) -> None:
    middle = rows[rows["quantity"] == MEAN].iloc[0]
    shade, mark = look(inputs, middle["norm"], middle["recipe"])
    _number(ax, middle["value"], y)
    if off:
        scale.arrow(ax, middle["value"], y, shade)
        return
    seeds = rows.loc[rows["quantity"] != MEAN, "value"].to_numpy(float)
    ax.plot(seeds, y + style.jitter(len(seeds), 0.4), "o", ms=2, mew=0, color=shade, alpha=0.45)
    if np.isfinite(middle["low"]):
        ax.plot([middle["low"], middle["high"]], [y, y], color=shade, lw=2, zorder=4)
    face = shade if filled else "white"
    ax.plot(middle["value"], y, mark, ms=5.5, mfc=face, mec=shade, mew=1.3, zorder=5)


def _number(ax: Axes, mean: float, y: float) -> None:
    ax.annotate(
        formatting.number(mean, 1),
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        size=7.5,
        color=style.SOFT,
        annotation_clip=False,
    )


def _alt(numbers: pd.DataFrame, backbone: str) -> str:
    own = numbers[(numbers["backbone"] == backbone) & (numbers["quantity"] == MEAN)]
    parts = []
    for (outcome, protocol), rows in own.groupby(["outcome", "protocol"], sort=False):
        named = [f"{r.label} {formatting.number(r.value, 1)}" for r in rows.itertuples()]
        how = "" if protocol == ANY else f" with {naming.statistics(str(protocol))}"
        where = f"{naming.outcome(str(outcome))} on {naming.part(backbone)}{how}"
        parts.append(f"{where}: {', '.join(named)}")
    return "Mean accuracies in percent; " + "; ".join(parts) + "."
