"""The paper's numbers and gains beside ours: printed value, mean, interval, range of a new run.

In: the verdicts on printed numbers (``inputs.published``). Out: one figure per table of the paper
that the study repeats (none where it repeats nothing), with a CSV of its numbers. Called by
`analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.display import formatting, naming
from analysis.display.paper_names import counts, heading, method, ordered, place
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Picture
from analysis.inputs import Inputs

ROW = 0.155  # inches per line
ROOM = 1.42  # inches right of a panel: printed, ours, verdict
SHADES = {"replicated": style.ACCENT, "contradicted": "#B4532A", "inconclusive": style.SOFT}
KEY = ("backbone", "condition")


def pictures(inputs: Inputs) -> Iterator[Picture]:
    tables = sorted({r["table"] for r in inputs.published.numbers})
    for table in tables:
        yield _picture(inputs, table, len(tables) > 1)


def _picture(inputs: Inputs, table: int, several: bool) -> Picture:
    numbers = [r for r in inputs.published.numbers if r["table"] == table]
    gains = [r for r in inputs.published.gains if r["table"] == table]
    lines = _lines(numbers, gains)
    kinds = ["number", "gain"] if gains else ["number"]
    figure, axes = style.panels(
        1,
        len(kinds),
        height=ROW * (lines[-1]["y"] + 1),
        left=0.14 + max(style.text_width(line["text"], 8) for line in lines),
        right=ROOM,
        wgap=ROOM + 0.08,
        top=0.52,
        bottom=0.42,
        sharey=True,
    )
    margin = inputs.study.plan.margin
    titles = {"number": "Ours \u2212 printed (points)", "gain": "Gain over the baseline (points)"}
    for ax, kind in zip(axes[0], kinds, strict=True):
        ax.set_ylim(lines[-1]["y"] + 0.6, -0.6)
        _panel(ax, [line for line in lines if line.get(kind)], kind, margin)
        ax.set_title(titles[kind], pad=5)
    _names(axes[0][0], lines)
    _legend(figure, inputs)
    return Picture(
        name="published" + (f"-{table}" if several else ""),
        section="published",
        figure=figure,
        title=f"Table {table} of the paper and ours",
        caption=_caption(inputs, numbers),
        alt=_alt(numbers, gains),
        numbers=_frame(numbers, gains),
    )


def _caption(inputs: Inputs, numbers: list[dict]) -> str:
    plan, told = inputs.study.plan, [r for r in numbers if r["as_printed"]]
    nan = ""
    if not all(formatting.is_number(r["printed"]) for r in told):
        nan = "Beside a printed nan stands how many of our runs diverged. "
    return (
        "Open diamonds: what the paper prints, with the margin "
        f"({formatting.PLUS_MINUS}{plan.margin:g} points) as a band; in the first panel it is "
        "the zero. Dots: "
        f"our means over seeds, with {formatting.level(2 * plan.alpha)} interval (thick) and the "
        f"range in which a single new run lies with {formatting.level(plan.alpha)} (thin). Beside "
        "a panel: printed, ours, verdict. Replicated: the thick bar lies within the band; "
        "contradicted: it lies outside, and the diamond outside the thin bar. Verdicts in brackets "
        "are of statistics that the paper does not print; lines without a dot there exist as "
        f"gains only. An arrow points to what lies far off. {nan}"
        f"Of the {formatting.count(len(told), 'number')}, {counts(told)}."
    )


def _lines(numbers: list[dict], gains: list[dict]) -> list[dict[str, Any]]:
    """One entry per line from top to bottom: a heading, or a method with its two records."""
    lines: list[dict[str, Any]] = []
    before = None
    for record in ordered(numbers):
        where = _where(record)
        if where != before:
            lines.append({"text": heading(record), "heading": True})
            before = where
        own = [g for g in gains if (_where(g), g["method"]) == (where, record["method"])]
        equal = {g["protocol"]: g for g in own if not g["as_printed"]}
        name, protocol = method(record["method"]), record["protocol"]
        text = f"{name}, {naming.protocol(protocol)}" if equal else name
        printed = next((g for g in own if g["as_printed"]), None)
        gain = printed if record["as_printed"] else equal.pop(protocol, None)
        lines.append({"text": text, "number": record, "gain": gain})
        if not record["as_printed"]:
            for other, gain in equal.items():
                text = f"{name}, both {naming.protocol(other)}"
                lines.append({"text": text, "number": None, "gain": gain})
    y = -1.0
    for line in lines:
        y += 1.35 if line.get("heading") and y >= 0 else 1.0
        line["y"] = y
    return lines


def _where(record: dict) -> tuple:
    return tuple(record[k] for k in KEY)


def _panel(ax: Axes, lines: list[dict], kind: str, margin: float) -> None:
    ax.grid(False)
    ax.grid(True, axis="x")
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    marks = {line["y"]: _mark(line[kind], kind) for line in lines}
    spans = {y: _span(mark, margin) for y, mark in marks.items()}
    out = scale.far_off(spans, 1.5, (-margin, margin))
    ax.set_xlim(*scale.limits({**spans, "zero": (-margin, margin)}, out))
    ax.axvline(0, color="#9AA0A6", lw=0.8, zorder=0.6)
    _text(ax, 0.0, "printed", 24, "right", style.SOFT)
    _text(ax, 0.0, "ours", 46, "right", style.SOFT)
    for line in lines:
        y = line["y"]
        with marked(ax, _cells(line, kind), _told(line, kind)):
            _beside(ax, line[kind], y, kind)
            if y in out:
                middle = marks[y]["mean"]
                middle = marks[y]["printed"] if middle is None else middle
                scale.arrow(ax, middle, y, SHADES[line[kind]["verdict"]])
            else:
                _draw(ax, marks[y], y, margin, SHADES[line[kind]["verdict"]])


def _cells(line: dict, kind: str) -> dict[str, str]:
    """What the page finds a line by: the cells of its number; a gain is of the same method."""
    record = line[kind] if line[kind].get("cells") else line["number"] or {}
    parts = [path.split("/") for path in record.get("cells") or []]
    tasks, nets, norms = ("; ".join(dict.fromkeys(p[k] for p in parts)) for k in range(3))
    return {"task": tasks, "backbone": nets, "norm": norms}


def _told(line: dict, kind: str) -> str:
    record = line[kind]
    printed, mean = (
        formatting.number(record[k], 2) if formatting.is_number(record[k]) else "nan"
        for k in ("printed", "mean")
    )
    what = {"number": "accuracy", "gain": "gain"}[kind]
    return f"{line['text']}: {what} printed {printed}, ours {mean}, {record['verdict']}"


def _mark(record: dict, kind: str) -> dict[str, Any]:
    """Where things are drawn: printed value, mean, and both bars with their widths.

    A number is drawn against the printed one, a gain as it is. A printed nan has no place.
    """
    printed, mean = record["printed"], record["mean"]
    if not formatting.is_number(printed):
        return {"printed": None, "mean": None, "bars": []}
    zero = printed if kind == "number" else 0.0
    # The interval is that of the difference: moved to our mean.
    bars = [([record[k] for k in ("prediction_low", "prediction_high")], -zero, 0.9)]
    bars += [([record[k] for k in ("ci_low", "ci_high")], printed - zero, 2.6)]
    return {
        "printed": printed - zero,
        "mean": mean - zero if formatting.is_number(mean) else None,
        "bars": [
            ([end + shift for end in ends], width)
            for ends, shift, width in bars
            if all(map(formatting.is_number, ends))
        ],
    }


def _span(mark: dict[str, Any], margin: float) -> scale.Span:
    """What of a line has to fit into the panel."""
    ends = [end for bar, _ in mark["bars"] for end in bar]
    ends += [mark["mean"]] if mark["mean"] is not None else []
    if mark["printed"] is not None:
        ends += [mark["printed"] - margin, mark["printed"] + margin]
    return (min(ends), max(ends)) if ends else (float("nan"), float("nan"))


def _draw(ax: Axes, mark: dict[str, Any], y: float, margin: float, shade: str) -> None:
    if mark["printed"] is None:
        return
    ends = mark["printed"] - margin, mark["printed"] + margin
    ax.fill_betweenx([y - 0.5, y + 0.5], *ends, color=style.BAND, lw=0, zorder=0.4)
    for bar, width in mark["bars"]:
        ax.plot(bar, [y, y], color=shade, lw=width, zorder=4, solid_capstyle="butt")
    if mark["mean"] is not None:
        ax.plot(mark["mean"], y, "o", ms=4, color=shade, mec="white", mew=0.5, zorder=5)
    ax.plot(mark["printed"], y, "D", ms=3.4, mfc="none", mec=style.INK, mew=0.8, zorder=6)


def _beside(ax: Axes, record: dict, y: float, kind: str) -> None:
    """Printed, ours and the verdict in columns right of the panel."""
    verdict, printed, soft = record["verdict"], record["printed"], style.SOFT
    show = formatting.number if kind == "number" else formatting.signed
    first = show(printed, 1) if formatting.is_number(printed) else "nan"
    second = show(record["mean"], 1) if formatting.is_number(printed) else ""
    if not formatting.is_number(printed):
        first = f"nan; {record['diverged']} of {record['runs']}"
    verdict = verdict if record["as_printed"] else f"({verdict})"
    ink = style.INK if record["as_printed"] else soft
    _text(ax, y, first, 24 if second else 46, "right", ink)
    _text(ax, y, second, 46, "right", soft)
    _text(ax, y, verdict, 51, "left", SHADES[record["verdict"]])


def _text(ax: Axes, y: float, text: str, points: float, align: str, color: str) -> None:
    """Small text at a fixed distance right of the panel."""
    ax.annotate(
        text,
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(points, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        size=7,
        color=color,
        annotation_clip=False,
    )


def _names(ax: Axes, lines: list[dict]) -> None:
    room = ax.get_position().x0 * ax.figure.get_figwidth() * 72  # type: ignore[union-attr]
    for line in lines:
        heading = line.get("heading", False)
        ax.annotate(
            line["text"],
            (0, line["y"]),
            xycoords=("axes fraction", "data"),
            xytext=(3 - room if heading else -6, 0),
            textcoords="offset points",
            ha="left" if heading else "right",
            va="center",
            size=8,
            weight="bold" if heading else "normal",
            color=style.INK,
            annotation_clip=False,
        )


def _legend(figure, inputs: Inputs) -> None:
    plan = inputs.study.plan
    ink = style.INK
    mean: dict[str, Any] = {"marker": "o", "color": ink, "ms": 4, "mec": "white", "mew": 0.5}
    handles = {
        "printed": Line2D([], [], ls="", marker="D", ms=3.6, mfc="none", mec=ink, mew=0.8),
        f"{formatting.PLUS_MINUS}{plan.margin:g}": Patch(color=style.BAND, lw=0),
        f"our mean, {formatting.level(2 * plan.alpha)} interval": Line2D([], [], lw=2.6, **mean),
        f"a new run, {formatting.level(plan.alpha)}": Line2D([], [], lw=0.9, color=ink),
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=4,
        fontsize=7.5,
        columnspacing=1.6,
        handlelength=1.8,
        borderaxespad=0.15,
    )


def _alt(numbers: list[dict], gains: list[dict]) -> str:
    parts = [
        f"{place(r)}, {method(r['method'])}: printed {formatting.number(r['printed'], 1)}, ours "
        f"{formatting.number(r['mean'])}, {r['verdict']}"
        for r in ordered(numbers)
        if r["as_printed"]
    ]
    told = f" Gains: {counts([g for g in gains if g['as_printed']])}." if gains else ""
    return f"Printed numbers and ours. {'; '.join(parts)}.{told}"


def _frame(numbers: list[dict], gains: list[dict]) -> pd.DataFrame:
    """Both panels as one table: the columns that both records have, and the baseline."""
    keys = ["table", "backbone", "condition", "method", "baseline", "protocol"]
    keys += ["baseline_protocol", "as_printed", "printed", "n", "mean", "sd", "difference"]
    keys += ["ci_low", "ci_high", "prediction_low", "prediction_high", "verdict"]
    rows = [
        {"cells": "; ".join(r.get("cells") or [])} | {key: r.get(key) for key in keys}
        for r in [*ordered(numbers), *ordered(gains)]
    ]
    return pd.DataFrame(rows)
