"""Heat map from each domain to each other, with both margins, one panel per arm.

In: the source x target matrices of a study (``inputs.domains``). Out: one figure per task, backbone
and recipe, with a CSV of its numbers; none for a study of one source. Called by
`analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from analysis.decisions.domain_matrices import MEAN, Matrix
from analysis.display import formatting, naming
from analysis.display.matrix_names import label, margin_of_paper, where
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Picture
from analysis.figures.drawing.tidy import cell, tidy
from analysis.inputs import Inputs

CELL = 0.285  # inches
GAP = 0.3  # of a cell, between the matrix and its margins


def pictures(inputs: Inputs) -> Iterator[Picture]:
    groups: dict[tuple, list[Matrix]] = {}
    for matrix in inputs.domains:
        key = (matrix.task, matrix.backbone, matrix.recipe)
        groups.setdefault(key, []).append(matrix)
    for number, own in enumerate(groups.values()):
        yield _picture(inputs, own, number, len(groups) > 1)


def _picture(inputs: Inputs, own: list[Matrix], number: int, several: bool) -> Picture:
    sources = list(dict.fromkeys(s for m in own for s in m.sources))
    targets = list(dict.fromkeys(t for m in own for t in m.targets))
    width, height = (CELL * (len(side) + 1 + GAP) for side in (targets, sources))
    left = 0.16 + max(style.text_width(naming.domain(s), 7.5) for s in [*sources, MEAN])
    right, wgap = 0.1, 0.14
    across = int((style.WIDTH - left - right + wgap) // (width + wgap))
    across = max(1, min(across, len(own)))
    down = -(-len(own) // across)
    across = -(-len(own) // down)  # rows of equal length
    names = 0.1 + 0.72 * max(style.text_width(naming.domain(t), 7.5) for t in [*targets, MEAN])
    figure, axes = style.panels(
        down,
        across,
        width=left + right + across * width + (across - 1) * wgap,
        height=height,
        left=left,
        right=right,
        top=0.36 + names,
        bottom=0.06,
        wgap=wgap,
        hgap=0.52 + names,
    )
    transfers = np.concatenate([_grid(m, sources, targets)[1] for m in own])
    low, high = np.nanmin(transfers), np.nanmax(transfers)
    for i, (ax, matrix) in enumerate(zip(axes.flat, own, strict=False)):
        _panel(ax, matrix, sources, targets, (low, high), first=i % across == 0)
    for ax in axes.flat[len(own) :]:
        ax.set_visible(False)
    told = where(inputs, own[0])
    return Picture(
        name="domains" + (f"-{number + 1}" if several else ""),
        section="domains",
        figure=figure,
        title="From each domain to each other" + (f" ({told})" if told else ""),
        caption=(
            "Rows: trained on; columns: tested on; mean accuracy in percent over seeds, darker is "
            "higher. Set apart: the means over targets (right), over sources (bottom) and over all "
            "transfers (corner). Framed cells without colour are the source's own test set, which "
            f"enters no mean. {margin_of_paper(inputs)}"
        ).strip(),
        alt=_alt(own),
        numbers=_numbers(inputs, own),
    )


def _numbers(inputs: Inputs, own: list[Matrix]) -> pd.DataFrame:
    """One row per number: mean over seeds of a source, a target, or a margin."""
    rows = []
    for m in own:
        head = cell(m.task, m.backbone, m.norm, m.recipe, m.protocol)
        for r in m.table.itertuples():
            row = head | {"outcome": r.target, "label": label(inputs, m)}
            row |= {"source": r.source, "target": r.target, "sd": r.sd}
            rows.append(row | {"n": r.n, "value": r.mean})
    return tidy(rows)


def _grid(matrix: Matrix, sources: list[str], targets: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """All places with their margins, and the transfers alone as a flat array."""
    rows, columns = [*sources, MEAN], [*targets, MEAN]
    values = np.array([[matrix.value(s, t) for t in columns] for s in rows])
    own = np.array([[s == t for t in targets] for s in sources])
    return values, np.where(own, np.nan, values[:-1, :-1]).ravel()


def _panel(
    ax: Axes, matrix: Matrix, sources: list[str], targets: list[str], span: tuple, *, first: bool
) -> None:
    values, _ = _grid(matrix, sources, targets)
    x = [*range(len(targets)), len(targets) + GAP]
    y = [*range(len(sources)), len(sources) + GAP]
    ax.grid(False)
    ax.set_xlim(-0.5, x[-1] + 0.5)
    ax.set_ylim(y[-1] + 0.5, -0.5)
    for side in ax.spines.values():
        side.set_visible(False)
    for (i, j), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        margin = i == len(sources) or j == len(targets)
        own = not margin and sources[i] == targets[j]
        share = (value - span[0]) / max(span[1] - span[0], 1e-9)
        face = "white" if own else style.SEQUENTIAL(float(np.clip(share, 0, 1)))
        corner = (x[j] - 0.46, y[i] - 0.46)
        edge = style.RULE if own else face
        with marked(ax, _shown(matrix, [*sources, MEAN][i], [*targets, MEAN][j], float(value))):
            ax.add_patch(Rectangle(corner, 0.92, 0.92, facecolor=face, edgecolor=edge, lw=0.6))
            ax.text(
                x[j],
                y[i],
                formatting.number(float(value), 1),
                ha="center",
                va="center",
                size=7,
                weight="bold" if margin else "normal",
                color=style.SOFT if own else "white" if share > 0.62 else style.INK,
            )
    ax.xaxis.tick_top()
    columns = [*map(naming.domain, targets), MEAN]
    ax.set_xticks(x, columns, rotation=45, ha="left", rotation_mode="anchor")
    ax.set_yticks(y, [*map(naming.domain, sources), MEAN] if first else [""] * len(y))
    ax.tick_params(length=0, pad=1.5, labelsize=7.5, labelcolor=style.INK)
    protocol = "" if matrix.protocol == "any" else naming.protocol(matrix.protocol)
    ax.set_title(f"{naming.norm(matrix.norm)}\n{protocol}".strip(), size=8, pad=4)


def _shown(m: Matrix, source: str, target: str, value: float) -> dict[str, Any]:
    """The cell of one place of a matrix, and what is told of it."""
    row = cell(m.task, m.backbone, m.norm, m.recipe, m.protocol)
    way = f"from {naming.domain(source)} to {naming.domain(target)}"
    label = f"{naming.norm(m.norm)} {way}"
    return row | {"outcome": "" if target == MEAN else target, "label": label, "value": value}


def _alt(own: list[Matrix]) -> str:
    parts = [
        f"{naming.norm(m.norm)} ({naming.protocol(m.protocol)}) "
        f"{formatting.number(m.value(MEAN, MEAN), 1)} %"
        for m in own
    ]
    return f"Heat maps of accuracy by source and target. Mean of all transfers: {'; '.join(parts)}."
