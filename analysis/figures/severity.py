"""Accuracy under shift by severity, one line per arm: the paper's figure 1 for every arm.

In: tests of the compared cells. Out: the accuracies, and their differences from the baseline that
was trained with the same recipe. Called by `analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.display import formatting, naming
from analysis.figures.conditions import baseline
from analysis.figures.drawing import cells, scale, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.ends import label_ends
from analysis.figures.drawing.highlight import MANY, PLAIN, highlighted, look
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import SE, cell, finished_only, over, tidy
from analysis.inputs import Inputs

ARM = ["norm", "recipe"]


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for task in inputs.tasks:
        rows = inputs.compared(inputs.tested, task)
        if rows["severity"].nunique() < 3:
            yield Missing(
                "severity", f"{inputs.task_name(task)} has fewer than two severities of shift"
            )
            continue
        per_run = _per_run(rows)
        yield _levels(inputs, task, per_run)
        if baseline(inputs) in set(rows["norm"]):
            yield _gains(inputs, task, per_run)


def _per_run(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy over the conditions of a severity, by run and protocol."""
    keys = ["backbone", *ARM, "severity", "seed", "protocol"]
    return rows.groupby(keys)["accuracy"].mean().reset_index()


def _levels(inputs: Inputs, task: str, per_run: pd.DataFrame) -> Picture:
    figure, numbers = _grid(inputs, task, per_run, None)
    return Picture(
        name=inputs.stem("severity", task),
        section="shift",
        figure=figure,
        title="Accuracy under shift by severity" + inputs.on(task),
        caption=(
            f"Mean accuracy over all conditions of a severity and over {over(numbers)}. Look at "
            f"how fast each line falls{_rows(inputs)}. {finished_only(inputs, task)}".rstrip()
        ),
        alt=_alt(inputs, numbers),
        numbers=numbers,
    )


def _rows(inputs: Inputs) -> str:
    """What the rows of panels are, where there are several."""
    if len(inputs.protocols) < 2:
        return ""
    return (
        ", and compare the same arm between the panels of a backbone: only the statistics used at "
        "test time differ there. Norms that do not depend on the batch are the same in all of "
        f"them. Dashed: {formatting.listing(map(naming.statistics, inputs.protocols[1:]))}"
    )


def _gains(inputs: Inputs, task: str, per_run: pd.DataFrame) -> Picture:
    against = baseline(inputs) or ""
    first = inputs.protocols[0]
    independent = set(per_run.loc[per_run["norm"] == against, "protocol"]) == {"any"}
    reference = naming.norm(against)
    if not independent:
        reference += f" with {naming.protocol_long(first, inputs.study.protocols[first])}"
    if per_run["recipe"].nunique() > 1:
        reference += ", trained with the arm's own recipe"
    figure, numbers = _grid(inputs, task, per_run, against)
    look = "Look for lines that leave zero as the shift grows."
    if len(inputs.protocols) > 1 and not independent:
        look = (
            f"Look at the panels of other statistics: the line of {naming.norm(against)} itself "
            "is what the change of statistics alone is worth, and only the distance to it is a "
            "method's merit."
        )
    return Picture(
        name=inputs.stem("severity-difference", task),
        section="shift",
        figure=figure,
        title=f"The same, as the difference from {naming.norm(against)}" + inputs.on(task),
        caption=(
            f"Points above or below {reference}, seed by seed and averaged; bands are standard "
            f"errors for the arms of the primary comparisons. {finished_only(inputs, task)}{look}"
        ),
        alt=f"Differences from {reference} by severity, one line per arm.",
        numbers=numbers,
    )


def _grid(inputs: Inputs, task: str, per_run: pd.DataFrame, against: str | None):
    """Panels of protocol x backbone, as differences from a norm where one is given.

    Returns
    -------
    figure, numbers : Figure, DataFrame
        What is drawn, with a row per line and severity.
    """
    backbones, protocols = inputs.backbones(task), inputs.protocols
    arms = {b: inputs.arms(task, b) for b in backbones}
    names = [inputs.label(*arm) for own in arms.values() for arm in own]
    room = 0.12 + max(style.text_width(name, 8) for name in names)
    longest = max(len(own) for own in arms.values())
    figure, axes = style.panels(
        len(protocols),
        len(backbones),
        height=max(2.5 if against is None else 2.2, 0.14 * longest),
        width=max(style.WIDTH, 0.6 + len(backbones) * (room + 1.6)),
        left=0.56,
        right=room,
        wgap=room + 0.12,
        hgap=0.55,
        sharey=True,
        sharex=True,
    )
    places = [(protocol, backbone) for protocol in protocols for backbone in backbones]
    shown = {place: _curves(inputs, task, per_run, place, against) for place in places}
    numbers = pd.concat(shown.values(), ignore_index=True)
    out = scale.far_off(_spans(numbers), 0.75)
    numbers = tidy(
        numbers.assign(
            off_scale=[arm in out for arm in zip(numbers["norm"], numbers["recipe"], strict=True)]
        )
    )
    ends = {}
    for ax, place in zip(axes.flat, places, strict=True):
        own = shown[place]
        ends[ax] = _panel(ax, inputs, own, [a for a in arms[place[1]] if a not in out], against)
        left_out = _spans(own)
        told = [(inputs.label(*arm), left_out[arm]) for arm in sorted(out & set(left_out))]
        unit = "\u00a0%" if against is None else "\u00a0points"
        scale.note(ax, told, unit=unit, top=against is not None)
        ax.set_title(f"{naming.part(place[1])} \u00b7 {naming.statistics(place[0])}", size=8.5)
        ax.margins(x=0.03)
    for ax, labels in ends.items():
        ax.autoscale_view()
        label_ends(ax, labels)
    for row in axes:
        row[0].set_ylabel("accuracy (%)" if against is None else "points")
    for ax in axes[-1]:
        ax.set_xlabel("severity of the shift (0 = clean)")
    return figure, numbers


def _curves(
    inputs: Inputs, task: str, per_run: pd.DataFrame, place: tuple[str, str], against: str | None
) -> pd.DataFrame:
    """The lines of one panel: mean and standard error over seeds, by arm and severity."""
    protocol, backbone = place
    of_net = per_run[per_run["backbone"] == backbone]
    own = inputs.under(of_net, protocol)
    if against is not None:
        own = _minus(own, of_net, against, inputs)
    strong = highlighted(inputs)
    rows: list[dict[str, Any]] = []
    for (norm, recipe, severity), group in own.groupby([*ARM, "severity"]):
        values = group["accuracy"]
        mean, error = float(values.mean()), float(values.sem())
        banded = norm in strong and against is not None and np.isfinite(error)
        row = cell(task, backbone, norm, recipe, group["protocol"].iloc[0])
        row |= {"outcome": "clean" if severity == 0 else f"severity_{severity}"}
        row |= {"label": inputs.label(norm, recipe), "panel": protocol, "severity": severity}
        row |= {"quantity": "accuracy" if against is None else f"difference from {against}"}
        row |= {"n": len(values), "value": mean}
        if banded:
            row |= {"low": mean - error, "high": mean + error, "interval": SE}
        rows.append(row)
    return tidy(rows)


def _minus(own: pd.DataFrame, of_net: pd.DataFrame, against: str, inputs: Inputs) -> pd.DataFrame:
    """Subtract the reference norm of the same recipe under the first protocol, run by run.

    An arm whose recipe the reference was not trained with has no difference and is left out.
    """
    reference = inputs.under(of_net[of_net["norm"] == against], inputs.protocols[0])
    base = reference.set_index(["recipe", "seed", "severity"])["accuracy"].rename("base")
    joined = own.join(base, on=["recipe", "seed", "severity"])
    return joined.assign(accuracy=joined["accuracy"] - joined["base"]).dropna(subset="accuracy")


def _spans(curves: pd.DataFrame) -> dict[tuple, scale.Span]:
    """Lowest and highest drawn mean of every arm."""
    ends = curves.groupby(ARM)["value"].agg(["min", "max"])
    return {arm: (float(low), float(high)) for arm, low, high in ends.itertuples()}


def _panel(
    ax: Axes, inputs: Inputs, own: pd.DataFrame, arms: list, against: str | None
) -> list[tuple[str, float, str]]:
    """Draw the lines; returns what is to be written at their ends."""
    curves = dict(tuple(own.groupby(ARM)))
    strong = highlighted(inputs)
    present = [arm for arm in arms if arm in curves]
    crowded = len(present) > MANY
    ends = []
    for norm, recipe in sorted(present, key=lambda arm: arm[0] in strong):
        curve = curves[norm, recipe]
        loud = norm in strong
        plain = curve["protocol"].iloc[0] in ("any", inputs.protocols[0])
        shade, mark = look(inputs, norm, recipe)
        shade = shade if loud or not crowded else PLAIN
        x, y = curve["severity"].to_numpy(float), curve["value"].to_numpy(float)
        with marked(ax, curve.iloc[0], cells.curve(curve, "severity")):
            ax.plot(
                x,
                y,
                color=shade,
                marker=mark,
                ms=4 if loud else 3.2,
                lw=1.6 if loud else 1.0,
                ls="-" if plain else (0, (4, 1.6)),
                mfc=shade if plain else "white",
                mec=shade,
                mew=1.0,
                zorder=4 if loud else 3,
            )
            if curve["low"].notna().any():
                low, high = (
                    curve[k].fillna(curve["value"]).to_numpy(float) for k in ("low", "high")
                )
                ax.fill_between(x, low, high, color=shade, alpha=0.13, lw=0, zorder=1)
        if loud or not crowded:
            ends.append((inputs.label(norm, recipe), float(y[-1]), shade))
    if against is not None:
        ax.axhline(0, color="#9AA0A6", lw=0.8, zorder=2)
    if curves:
        ax.set_xticks(sorted(set(own["severity"])))
    else:
        ax.text(0.5, 0.5, "no arm is tested this way", transform=ax.transAxes, ha="center")
    return ends


def _alt(inputs: Inputs, numbers: pd.DataFrame) -> str:
    worst = numbers["severity"].max()
    parts = []
    for (protocol, backbone), own in numbers[numbers["severity"] == worst].groupby(
        ["panel", "backbone"], sort=False
    ):
        best = own.sort_values("value", ascending=False, kind="stable")[:8]
        named = [f"{r.label} {formatting.number(r.value, 1)}" for r in best.itertuples(index=False)]
        parts.append(f"{naming.part(backbone)}, {naming.statistics(protocol)}: {', '.join(named)}")
    return f"Accuracy in percent at severity {worst}, " + "; ".join(parts) + "."
