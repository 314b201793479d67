"""The look of every figure: colours, type, panels measured in inches, labels instead of legends.

In: norm names. Out: matplotlib figures that look alike, and files whose bytes depend on nothing
but their content. Called by the modules beside this one.

One colour and one marker per normalisation method, everywhere; blue is the method under study,
near-black its baseline. The colours stay apart under protanopia, deuteranopia and tritanopia (a
test measures it). Solid lines and filled marks: the study's first protocol; dashed lines and open
marks: any other.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from afn.study.parts.names import Arm
from analysis.display.inline_svg import with_facts
from analysis.figures.drawing import cells, narrow, palette

USUAL = 7.2  # inches: the text width of a two-column journal page
WIDTH = USUAL  # of the figures that are drawn now, see `use`
ACCENT, INK, SOFT, RULE, BAND = "#1F5FBF", "#1C1C1E", "#5F6368", "#D5D8DC", "#EEF1F5"
FONTS = ["Liberation Sans", "Arial", "Helvetica", "DejaVu Sans"]

_looks: dict[str, palette.Look] = {}
"""Of the methods that `use` was told of."""

SEQUENTIAL = LinearSegmentedColormap.from_list("afn_seq", ["#F7F9FC", "#A9C6EA", "#1F5FBF"])
DIVERGING = LinearSegmentedColormap.from_list(
    "afn_div", ["#B4532A", "#E7A886", "#FAFAFA", "#9CC0EA", "#1F5FBF"]
)
DEPTH = LinearSegmentedColormap.from_list(
    "afn_depth", ["#D9A21B", "#8A9A3B", "#2E8B7A", "#1F5FBF", "#4B2E83"]
)

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": FONTS,
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelsize": 8.5,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": "#9AA0A6",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": "#E6E8EB",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.major.width": 0.7,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "afn-study",
    "text.parse_math": False,
}


def use(norms: Iterable[str] = (), width: float = USUAL) -> None:
    """Set matplotlib's parameters and the looks of a study's methods; can be called more than once.

    Parameters
    ----------
    norms : iterable of str
        Norm parts of the study, so that methods of other packages look like none of the others.
    width : float
        Inches of every figure that is drawn from now on, unless its content needs more.
    """
    global WIDTH
    WIDTH = width
    # Fonts are tried in order; a machine without the first need not be told once per label.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
    _looks.clear()
    _looks.update(palette.looks(base_norm(norm) for norm in norms))


def base_norm(part: str) -> str:
    """``afn+residual=off@test_batch`` -> ``afn``."""
    return Arm.parse(part).method


def _look(part: str) -> palette.Look:
    name = base_norm(part)
    if name not in _looks:
        _looks.update(palette.looks([*_looks, name]))
    return _looks[name]


def color(part: str) -> str:
    """The colour of a norm part or arm: its method's, lighter for each option away from default."""
    full = _look(part)[0]
    return full if "+" not in part else tint(full, 0.38)


def marker(part: str) -> str:
    """The marker of a norm part or arm."""
    return _look(part)[1]


def tint(hex_color: str, amount: float) -> str:
    """Mix with white: 0 leaves the colour, 1 gives white."""
    mixed = np.array(to_rgb(hex_color)) * (1 - amount) + amount
    return "#" + "".join(f"{round(255 * c):02X}" for c in mixed)


Shared = bool | Literal["none", "all", "row", "col"]
"""Which panels have one axis, as matplotlib says it."""


class Margins(TypedDict, total=False):
    """Around the panels of a figure and between them, in inches."""

    left: float
    right: float
    top: float
    bottom: float
    wgap: float
    hgap: float


MARGINS: Margins = {
    "left": 0.55,
    "right": 0.1,
    "top": 0.3,
    "bottom": 0.5,
    "wgap": 0.3,
    "hgap": 0.55,
}


def panels(
    rows: int,
    cols: int,
    *,
    height: float | Sequence[float],
    width: float | None = None,
    widths: Sequence[float] | None = None,
    sharex: Shared = False,
    sharey: Shared = False,
    **given: Unpack[Margins],
) -> tuple[Figure, np.ndarray]:
    """Make a grid of panels with every margin in inches.

    Parameters
    ----------
    height : float or sequence of float
        Height of a panel in inches, or of each row; the figure's height follows.
    widths : sequence of float, optional
        Relative widths of the columns.
    **given : Margins
        Those that are not the usual ones.

    Returns
    -------
    figure, axes : array of shape (rows, cols)
    """
    margins: Margins = {**MARGINS, **given}
    left, right, top, bottom, wgap, hgap = (
        margins[key] for key in ("left", "right", "top", "bottom", "wgap", "hgap")
    )
    width = WIDTH if width is None else width
    heights = list(height) if isinstance(height, Sequence) else [height] * rows
    total = top + bottom + sum(heights) + (rows - 1) * hgap
    inner = (width - left - right - (cols - 1) * wgap) / cols
    figure, axes = plt.subplots(
        rows,
        cols,
        figsize=(width, total),
        squeeze=False,
        gridspec_kw={
            "left": left / width,
            "right": 1 - right / width,
            "top": 1 - top / total,
            "bottom": bottom / total,
            "wspace": wgap / inner,
            "hspace": hgap * rows / sum(heights),
            "height_ratios": heights,
            "width_ratios": widths,
        },
        sharex=sharex,
        sharey=sharey,
    )
    return figure, axes


def text_width(text: str, size: float = 8.5, bold: bool = False) -> float:
    """Width of a line of text in inches, measured in the widest of ``FONTS``.

    matplotlib brings that one along, so a layout does not depend on the machine's fonts, and a
    label fits whichever of them a reader's machine has.
    """
    font = FontProperties(family=FONTS[-1], weight="bold" if bold else "normal", size=size)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def wrapped(text: str, width: float, size: float = 8.5, bold: bool = False) -> list[str]:
    """Lines of a text that are at most ``width`` inches wide, where its words allow it."""
    lines: list[str] = []
    # A number stays with the name before it.
    for word in re.split(r" (?![\u2212+]?\d)", text):
        if lines and text_width(f"{lines[-1]} {word}", size, bold) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks with numbers for a logarithmic axis, also where it spans less than a decade."""
    ratio = high / low
    if ratio < 5:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio < 60 else (1.0,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def jitter(n: int, spread_by: float) -> np.ndarray:
    """Fixed offsets that keep dots apart: the same for every call, centred at zero."""
    if n < 2:
        return np.zeros(n)
    return spread_by * (((np.arange(n) * 0.618034) % 1.0) - 0.5)


def save(figure: Figure, folder: Path, name: str) -> dict[str, str]:
    """Write ``name``.pdf, .svg and .png (300 dpi) into ``folder`` and close the figure.

    Returns
    -------
    dict
        Format -> file name; the SVG says how it is shown on a narrow screen. Two calls with the
        same content write the same bytes: no dates, fixed identifiers.
    """
    metadata = {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        "png": {"Software": None},
    }
    files = {}
    plan, marks = narrow.narrow(figure), cells.of(figure)
    for kind, meta in metadata.items():
        files[kind] = f"{name}.{kind}"
        with matplotlib.rc_context({"svg.hashsalt": name}):
            figure.savefig(folder / files[kind], format=kind, metadata=meta, facecolor="white")
    svg = folder / files["svg"]
    svg.write_text(with_facts(svg.read_text(encoding="utf-8"), plan, marks), encoding="utf-8")
    plt.close(figure)
    return files
