"""Levels of a factor side by side: the variants of one option, tested under every protocol."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from analysis.display import formatting, naming
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs
from analysis.stats.trend_tests import half_width


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    made = False
    for name, experiment in inputs.study.experiments.items():
        key = option_factor(experiment)
        if key is None or experiment.trend or experiment.analysis == "factorial":
            continue
        for task in inputs.tasks:
            cells = [c for c in experiment.cells if c.task == task]
            if len({c.norm for c in cells}) > 1:
                made = True
                yield _levels(inputs, name, key, task, cells)
    if not made:
        yield Missing("levels", "no experiment varies a single option without an order")


def option_factor(experiment) -> str | None:
    """The one option of the norm that an experiment varies (``norm.residual``), if it is one."""
    options = [key for key, levels in experiment.factors.items() if "." in key and len(levels) > 1]
    norms = len(experiment.factors.get("norm", [1]))
    return options[0] if len(options) == 1 and norms == 1 else None


def _levels(inputs: Inputs, name: str, key: str, task: str, cells: list) -> Picture:
    outcomes = inputs.outcomes
    backbones = list(dict.fromkeys(c.backbone for c in cells))
    option = naming.option(key.partition(".")[2])
    norms = list(dict.fromkeys(c.norm for c in cells))
    labels = [_level(c, key) for c in cells if c.backbone == backbones[0]]
    protocols = [p for p in inputs.protocols if any(p in c.protocols for c in cells)] or ["any"]
    lines = len(norms) * len(protocols)
    figure, axes = style.panels(
        len(backbones),
        len(outcomes),
        height=0.19 * lines + 0.25,
        left=0.2 + (0.6 if len(protocols) > 1 else 0) + max(map(_width, labels)),
        right=0.45,
        wgap=0.55,
        hgap=0.75,
        top=0.3,
    )
    for row, backbone in zip(axes, backbones, strict=True):
        for ax, outcome in zip(row, outcomes, strict=True):
            _panel(ax, inputs, task, backbone, norms, protocols, outcome)
            ax.set_title(f"{naming.part(backbone)} \u00b7 {outcome}")
            ax.set_xlabel("accuracy (%)", labelpad=2)
            ax.set_yticks([])
        _row_labels(row[0], labels, protocols)
    several = f"-{task}" if len(inputs.tasks) > 1 else ""
    where = inputs.on(task)
    both = " Filled: the first protocol; open: the other." if len(protocols) > 1 else ""
    return Picture(
        name=f"levels-{name}{several}",
        section="ablations",
        figure=figure,
        title=formatting.sentence_case(f"{option}: the variants side by side{where}"),
        caption=(
            f"Mean accuracy with its 95 % interval; small dots are seeds.{both} An arrow "
            f"stands for a variant far off the scale. Look whether a "
            f"variant that leaves out the learned part does as well as the full method: then that "
            f"part is not what helps."
        ),
        alt=_alt(inputs, task, backbones[0], norms, labels),
    )


def _level(cell, key: str) -> str:
    part, _, option = key.partition(".")
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
    ax: Axes,
    inputs: Inputs,
    task: str,
    backbone: str,
    norms: list[str],
    protocols: list[str],
    outcome: str,
) -> None:
    ax.grid(False)
    ax.grid(True, axis="x")
    ax.spines["left"].set_visible(False)
    scores = {
        (norm, protocol): inputs.arm_scores(
            task, backbone, norm if protocol == "any" else f"{norm}@{protocol}", outcome
        ).to_numpy()
        for norm in norms
        for protocol in protocols
    }
    spans = {n: _span([scores[n, p] for p in protocols]) for n in norms}
    out = scale.far_off(spans, 3.0)
    if any(np.isfinite(s[0]) for s in spans.values()):
        ax.set_xlim(*scale.limits(spans, out))
    for i, norm in enumerate(norms):
        if i % 2 == 0:
            low, high = i * len(protocols) - 0.5, (i + 1) * len(protocols) - 0.5
            ax.axhspan(low, high, color=style.BAND, lw=0, zorder=0)
        for j, protocol in enumerate(protocols):
            if len(scores[norm, protocol]):
                y = i * len(protocols) + j
                _dot(ax, scores[norm, protocol], y, norm, filled=j == 0, off=norm in out)
    ax.set_ylim(len(norms) * len(protocols) - 0.5, -0.5)


def _span(groups: list[np.ndarray]) -> scale.Span:
    """All that is drawn of some groups of scores."""
    ends = []
    for values in groups:
        if len(values):
            mean, half = values.mean(), half_width(values)
            ends += [mean - half, mean + half, values.min(), values.max()]
    return (float(min(ends)), float(max(ends))) if ends else (np.nan, np.nan)


def _dot(ax: Axes, scores: np.ndarray, y: float, norm: str, *, filled: bool, off: bool) -> None:
    shade = style.color(norm)
    mean, half = float(scores.mean()), half_width(scores)
    if off:
        scale.arrow(ax, mean, y, shade)
        _number(ax, mean, y)
        return
    ax.plot(scores, y + style.jitter(len(scores), 0.4), "o", ms=2, mew=0, color=shade, alpha=0.45)
    ax.plot([mean - half, mean + half], [y, y], color=shade, lw=2, zorder=4)
    face = shade if filled else "white"
    ax.plot(mean, y, style.marker(norm), ms=5.5, mfc=face, mec=shade, mew=1.3, zorder=5)
    _number(ax, mean, y)


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


def _alt(inputs: Inputs, task: str, backbone: str, norms: list[str], labels: list[str]) -> str:
    parts = []
    for outcome in inputs.outcomes:
        means = [inputs.arm_scores(task, backbone, n, outcome).mean() for n in norms]
        named = [
            f"{k} {formatting.number(float(m), 1)}" for k, m in zip(labels, means, strict=False)
        ]
        parts.append(f"{naming.outcome(outcome)} on {naming.part(backbone)}: {', '.join(named)}")
    return "Mean accuracies in percent; " + "; ".join(parts) + "."
