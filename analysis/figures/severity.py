"""Accuracy under shift by severity, one line per arm: the paper's figure 1 for every arm."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes

from analysis.display import formatting, naming
from analysis.figures.conditions import baseline
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.highlight import MANY, highlighted
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs

LEVELS = ["norm", "recipe", "severity"]


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for task in inputs.tasks:
        rows = inputs.rows(inputs.tested, task=task)
        if rows["severity"].nunique() < 3:
            yield Missing(
                "severity", f"{inputs.task_name(task)} has fewer than two severities of shift"
            )
            continue
        yield _levels(inputs, task, rows)
        if baseline(inputs) in set(rows["norm"]):
            yield _gains(inputs, task, rows)


def _per_run(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy over the conditions of a severity, by run."""
    return rows.groupby([*LEVELS, "seed", "protocol"])["accuracy"].mean().reset_index()


def _levels(inputs: Inputs, task: str, rows: pd.DataFrame) -> Picture:
    figure = _grid(inputs, task, rows, None)
    seeds = formatting.count(len(inputs.study.seeds), "seed")
    return Picture(
        name=_name("severity", inputs, task),
        section="shift",
        figure=figure,
        title="Accuracy under shift by severity" + inputs.on(task),
        caption=(
            f"Mean accuracy over all conditions of a severity and over {seeds}. Look at how fast "
            f"each line falls, and compare the same arm between the rows: only the statistics used "
            f"at test time differ there. Norms that do not depend on the batch are the same in "
            f"every row. Dashed: statistics other than those that the study names first."
        ),
        alt=_alt(inputs, rows),
    )


def _gains(inputs: Inputs, task: str, rows: pd.DataFrame) -> Picture:
    against = baseline(inputs)
    first = inputs.protocols[0]
    reference = (
        f"{naming.norm(against)} with {naming.protocol_long(first, inputs.study.protocols[first])}"
    )
    figure = _grid(inputs, task, rows, against)
    look = "Look for lines that leave zero as the shift grows."
    if len(inputs.protocols) > 1:
        look = (
            f"Look at the lower row: the line of {naming.norm(against)} itself is what the change "
            f"of statistics alone is worth, and only the distance to it is a method's merit."
        )
    return Picture(
        name=_name("severity-difference", inputs, task),
        section="shift",
        figure=figure,
        title=f"The same, as the difference from {naming.norm(against)}" + inputs.on(task),
        caption=(
            f"Points above or below {reference}, seed by seed and averaged; bands are standard "
            f"errors for the arms of the primary comparisons. {look}"
        ),
        alt=f"Differences from {reference} by severity, one line per arm.",
    )


def _name(stem: str, inputs: Inputs, task: str) -> str:
    return "-".join([stem, *([task] if len(inputs.tasks) > 1 else [])])


def _grid(inputs: Inputs, task: str, rows: pd.DataFrame, against: str | None):
    """Panels of protocol x backbone; as differences from a norm where one is given."""
    backbones, protocols = inputs.backbones(task), inputs.protocols
    room = 0.12 + max(
        style.text_width(inputs.label(norm, recipe), 8)
        for backbone in backbones
        for norm, recipe in inputs.arms(task, backbone)
    )
    figure, axes = style.panels(
        len(protocols),
        len(backbones),
        height=2.5 if against is None else 2.2,
        width=max(style.WIDTH, 0.6 + len(backbones) * (room + 1.6)),
        left=0.56,
        right=room,
        wgap=room + 0.12,
        hgap=0.55,
        sharey=True,
        sharex=True,
    )
    shown = {
        (protocol, backbone): _shown(inputs, rows, backbone, protocol, against)
        for protocol in protocols
        for backbone in backbones
    }
    out = scale.far_off(_spans(pd.concat(shown.values())), 0.75)
    ends = {}
    for line, protocol in zip(axes, protocols, strict=True):
        for ax, backbone in zip(line, backbones, strict=True):
            own = shown[protocol, backbone]
            arms = [arm for arm in inputs.arms(task, backbone) if arm not in out]
            ends[ax] = _panel(ax, inputs, own, arms, against)
            left_out = _spans(own)
            told = [(inputs.label(*arm), left_out[arm]) for arm in sorted(out & set(left_out))]
            unit = " %" if against is None else " points"
            scale.note(ax, told, unit=unit, top=against is not None)
            how = naming.statistics(protocol)
            ax.set_title(f"{naming.part(backbone)} \u00b7 {how}", size=8.5)
            ax.margins(x=0.03)
    for ax, labels in ends.items():
        ax.autoscale_view()
        style.label_ends(ax, labels)
    for row in axes:
        row[0].set_ylabel("accuracy (%)" if against is None else "points")
    for ax in axes[-1]:
        ax.set_xlabel("severity of the shift (0 = clean)")
    return figure


def _shown(
    inputs: Inputs, rows: pd.DataFrame, backbone: str, protocol: str, against: str | None
) -> pd.DataFrame:
    """What one panel shows: a value per run and severity."""
    per_run = _per_run(inputs.rows(rows, backbone=backbone))
    own = inputs.under(per_run, protocol)
    return own if against is None else _minus(own, per_run, against, inputs)


def _spans(shown: pd.DataFrame) -> dict[tuple, scale.Span]:
    """Lowest and highest mean of every arm over severities."""
    means = shown.groupby([*LEVELS, "protocol"])["accuracy"].mean()
    ends = means.groupby(["norm", "recipe"]).agg(["min", "max"])
    return {arm: (float(low), float(high)) for arm, low, high in ends.itertuples()}


def _minus(own: pd.DataFrame, per_run: pd.DataFrame, against: str, inputs: Inputs) -> pd.DataFrame:
    """Subtract the reference norm under the first protocol, at the same seed and severity."""
    reference = inputs.under(per_run[per_run["norm"] == against], inputs.protocols[0])
    base = reference.groupby(["seed", "severity"])["accuracy"].mean().rename("base")
    joined = own.join(base, on=["seed", "severity"])
    return joined.assign(accuracy=joined["accuracy"] - joined["base"]).dropna(subset="accuracy")


def _panel(
    ax: Axes, inputs: Inputs, own: pd.DataFrame, arms: list, against: str | None
) -> list[tuple[str, float, str]]:
    """Draw the lines; returns what is to be written at their ends."""
    table = own.groupby(LEVELS)["accuracy"].agg(["mean", "sem"])
    tested_as = own.groupby(["norm", "recipe"])["protocol"].first()
    strong = highlighted(inputs)
    present = [arm for arm in arms if arm in tested_as.index]
    crowded = len(present) > MANY
    ends = []
    for norm, recipe in sorted(present, key=lambda arm: arm[0] in strong):
        curve = table.loc[(norm, recipe)]
        loud = norm in strong
        plain = tested_as[norm, recipe] in ("any", inputs.protocols[0])
        shade = style.color(norm) if loud or not crowded else "#C3C7CC"
        x, y = curve.index.to_numpy(float), curve["mean"].to_numpy(float)
        ax.plot(
            x,
            y,
            color=shade,
            marker=style.marker(norm),
            ms=4 if loud else 3.2,
            lw=1.6 if loud else 1.0,
            ls="-" if plain else (0, (4, 1.6)),
            mfc=shade if plain else "white",
            mec=shade,
            mew=1.0,
            zorder=4 if loud else 3,
        )
        if loud and against is not None:
            error = curve["sem"].fillna(0).to_numpy(float)
            ax.fill_between(x, y - error, y + error, color=shade, alpha=0.13, lw=0, zorder=1)
        if loud or not crowded:
            ends.append((inputs.label(norm, recipe), float(y[-1]), shade))
    if against is not None:
        ax.axhline(0, color="#9AA0A6", lw=0.8, zorder=2)
    if not present:
        ax.text(0.5, 0.5, "no arm is tested this way", transform=ax.transAxes, ha="center")
    ax.set_xticks(sorted(set(own["severity"])))
    return ends


def _alt(inputs: Inputs, rows: pd.DataFrame) -> str:
    worst = rows["severity"].max()
    parts = []
    for protocol in inputs.protocols:
        own = inputs.under(rows[rows["severity"] == worst], protocol)
        means = own.groupby("norm")["accuracy"].mean().sort_values(ascending=False)
        named = [f"{naming.arm(n)} {formatting.number(v, 1)}" for n, v in means.items()]
        parts.append(f"{naming.protocol(protocol)}: {', '.join(named[:8])}")
    return f"Accuracy in percent at severity {worst}, " + "; ".join(parts) + "."
