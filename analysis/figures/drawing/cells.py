"""Which cell a mark shows, so that a page can highlight it, hide it and say its numbers.

In: a row of a figure's tidy numbers (`analysis.figures.drawing.tidy`), or a decision, and whatever
is drawn for it. Out: identifiers on the artists and, for the saved file, what each stands for.
Called by the figures while they draw and by `style.save`; `analysis.display.inline_svg` writes it
into the page as ``data-cell`` and ``data-tip``. It changes nothing that is drawn.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.decisions.decision import Decision
from analysis.display import formatting, naming

Mark = tuple[str, str]
"""The tokens of a cell, and what is told about the mark."""

_marks: weakref.WeakKeyDictionary[Figure, dict[str, Mark]] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def marked(ax: Axes, row: Mapping[str, Any], told: str = "") -> Iterator[None]:
    """Everything that is drawn into ``ax`` inside belongs to the cell of ``row``.

    Parameters
    ----------
    told : str
        What a reader is told about the mark; made from the row's numbers if empty.
    """
    before = set(ax.get_children())
    yield
    for artist in ax.get_children():
        if artist not in before:
            _name(ax, artist, (naming.tokens(row), told or tell(row)))


def compared(d: Decision) -> dict[str, str]:
    """The arms that a decision compares, and every network that is behind it."""
    nets = "; ".join(d.blocks) if d.backbone == "pooled" else d.backbone
    return {"a": d.a, "b": d.b, "task": d.task, "outcome": d.outcome, "backbone": nets}


def follow(ax: Axes, artist: Artist, label: str) -> None:
    """A name beside a mark of the same panel belongs to the mark's cell."""
    for cell, told in _marks.get(_figure(ax), {}).values():
        if told.partition(":")[0].partition(",")[0] == label:
            _name(ax, artist, (cell, ""))
            return


def of(figure: Figure) -> dict[str, Mark]:
    """Identifier -> what the mark shows."""
    return _marks.get(figure, {})


def tell(row: Mapping[str, Any]) -> str:
    """The numbers of a row in words: its name, value, interval and number of seeds."""
    place = [str(row[k]) for k in ("backbone", "outcome") if _there(row.get(k))]
    text = ", ".join([str(row.get("label", "")), *place])
    if not _there(row.get("value")):
        return text
    text += f": {formatting.number(float(row['value']), 2)}"
    if _there(row.get("low")) and _there(row.get("high")):
        low, high = (formatting.number(float(row[k]), 2) for k in ("low", "high"))
        text += f" [{low}, {high}] ({row.get('interval', '')})"
    if _there(row.get("n")):
        text += f", n = {int(row['n'])}"
    if _there(row.get("seed")):
        text += f", seed {row['seed']}"
    return text


def curve(rows: pd.DataFrame, along: str) -> str:
    """The numbers of a line in words, at most ten of its points."""
    step = max(1, -(-len(rows) // 10))
    first = rows.iloc[0]
    points = [
        f"{getattr(r, along):g} {formatting.number(float(r.value), 2)}"
        for r in rows.iloc[::step].itertuples()
    ]
    name = f"{first['label']}, {first['backbone']}, {first['protocol']}"
    return f"{name}: at {along} {'; '.join(points)}; n = {int(first['n'])}"


def _there(value: Any) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and pd.isna(value))


def _figure(ax: Axes) -> Figure:
    return ax.get_figure(root=True)  # type: ignore[return-value]


def _name(ax: Axes, artist: Artist, mark: Mark) -> None:
    own = _marks.setdefault(_figure(ax), {})
    name = f"mark{len(own)}"
    artist.set_gid(name)
    own[name] = mark
