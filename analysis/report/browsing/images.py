"""Image by image: the clean test images that the two arms of a comparison answer differently.

In: the loaded study and the answers of its networks (`analysis.report.browsing.answers`). Out: a
`Differing` per comparison and backbone, of which `table` makes the rows of the page's section and
`analysis.report.browsing.cells` the pictures of a cell, as PNG in the form of an address. Called by
`analysis.report.browsing.parts`. What stands here describes these networks and images; nothing is
tested.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from afn.study.grid.cells import Cell
from afn.study.parts.names import Arm
from analysis.decisions.decision import Decision
from analysis.display import formatting, naming
from analysis.display.table import Table, starts
from analysis.inputs import Inputs
from analysis.report.browsing.answers import CleanAnswers
from analysis.tables.board import declared

FAR = 0.5
"""Images count as far apart from this difference on, of the shares of seeds that are right."""
SHOWN = 8
"""Pictures of images of one comparison, furthest apart first."""
NUMBERS = 5
"""Of so many images that are better with one arm the table has the numbers."""


Served = tuple[Cell, str]
"""An arm on a backbone: its cell, and the protocol under which it is tested."""


@dataclass
class DifferingImage:
    """An image: its picture, its number, its class and how many seeds of both arms are right."""

    picture: str
    name: str
    text: str


@dataclass
class Differing:
    """Where two arms answer the same images differently.

    Attributes
    ----------
    comparison : Decision
        The decision that sets the arms side by side.
    cells : tuple of Cell
        The first and the second arm's.
    number : int
        Which of the comparisons that begin with the first cell it is, from 1.
    arms : tuple of str
        Their names.
    right : numpy.ndarray
        How many seeds are right, shape (2, images).
    seeds : tuple of int
        How many seeds of each arm finished.
    images : list of DifferingImage
        Those furthest apart, at most `SHOWN`; empty where no prepared images are there.
    """

    comparison: Decision
    cells: tuple[Cell, Cell]
    number: int
    arms: tuple[str, str]
    right: np.ndarray
    seeds: tuple[int, int]
    images: list[DifferingImage] = field(default_factory=list)

    @cached_property
    def gap(self) -> np.ndarray:
        """By image, the share of the first arm's seeds that are right minus the second's, -1 to 1.

        Counts are subtracted before they are divided, so that 7 of 10 and 2 of 10 are half apart.
        """
        n, m = self.seeds
        gap: np.ndarray = (self.right[0] * m - self.right[1] * n) / (n * m)
        return gap

    @cached_property
    def differing(self) -> list[int]:
        """Images on which the arms are right in different shares of their seeds, furthest first."""
        return [int(i) for i in np.argsort(-np.abs(self.gap), kind="stable") if self.gap[i]]

    @property
    def far(self) -> int:
        """How many images are half of the seeds or more apart."""
        return int((np.abs(self.gap) >= FAR).sum())

    @property
    def told(self) -> str:
        """In words: on how many images the arms differ, and on how many by far."""
        return (
            f"{self.arms[0]} and {self.arms[1]} are right in different shares of their seeds on "
            f"{len(self.differing):,} of the {len(self.gap):,} clean test images; the shares are "
            f"half of the seeds or more apart on "
            f"{formatting.small(self.far) if self.far else 'none'}."
        )


def differing(inputs: Inputs, told: CleanAnswers) -> list[Differing]:
    """Every primary comparison (every declared one where none is primary), by backbone.

    A comparison is there once, whatever its outcomes. Where answers or labels are not there, or a
    row of the decision is more than one cell, it is left out.
    """
    pooled = [d for d in inputs.decisions if d.backbone == "pooled" and d.primary]
    found: dict[tuple[tuple[str, str], ...], Differing] = {}
    for d in pooled or declared(inputs):
        for net in d.blocks:
            arms = [_served(inputs, d, net, arm) for arm in d.arms]
            if arms[0] is None or arms[1] is None:
                continue
            key = tuple((cell.path, protocol) for cell, protocol in (arms[0], arms[1]))
            if key in found:
                continue
            number = 1 + sum(other.cells[0] is arms[0][0] for other in found.values())
            own = _differing(inputs, told, d, (arms[0], arms[1]), number)
            if own is not None:
                found[key] = own
    return list(found.values())


def _served(inputs: Inputs, d: Decision, net: str, arm: Arm) -> Served | None:
    """The cell of an arm on a backbone, and the protocol under which it is tested there."""
    cell = inputs.cell(d.task, net, arm.norm, d.recipe)
    return None if cell is None else (cell, inputs.scores.protocol(cell, arm.protocol))


def _differing(
    inputs: Inputs, told: CleanAnswers, d: Decision, arms: tuple[Served, Served], number: int
) -> Differing | None:
    labels, answers = told.labels(d.task), [told.of(cell, protocol) for cell, protocol in arms]
    if labels is None or not all(map(len, answers)):
        return None
    first, second = (_named(inputs, cell, protocol) for cell, protocol in arms)
    right = np.array([(own == labels).sum(0) for own in answers])
    n, m = map(len, answers)
    found = Differing(d, (arms[0][0], arms[1][0]), number, (first, second), right, (n, m))
    pictures = told.images(d.task)
    if pictures is not None:
        for i in found.differing[:SHOWN]:
            text = (
                f"class {labels[i]}: right in {right[0, i]} of {n} with {first}, "
                f"in {right[1, i]} of {m} with {second}"
            )
            found.images.append(DifferingImage(_png(pictures[i]), f"image {i}", text))
    return found


def table(inputs: Inputs, found: list[Differing], links: list[str]) -> Table | None:
    """One row per comparison and backbone; ``links`` lead to the pictures of each."""
    if not found:
        return None
    rows = [_row(inputs, own) for own in found]
    parts = [{key: getattr(own.comparison, key) for key in ("task", "a", "b")} for own in found]
    places = [{"backbone": own.cells[0].backbone, "recipe": own.comparison.recipe} for own in found]
    return Table(
        "images",
        "Clean test images that two arms answer differently",
        "Images on which the arms are right in different shares of their seeds; far: half of the "
        "seeds or more apart. Then on how many of them the first-named arm is right more often, "
        "and on how many the second, furthest apart first: k\u00a0(a:b) is image k, right in a "
        "seeds of the first and b of the second (a/n:b/m where not as many finished)."
        f"{_unnamed(inputs)} This describes; it decides nothing.",
        ["comparison", "on", "differ", "far", "first is better on", "second is better on", "see"],
        "llrrlll",
        rows,
        pd.DataFrame([a | b for a, b in zip(parts, places, strict=True)]),
        starts(rows),
        links=links,
    )


def _row(inputs: Inputs, own: Differing) -> list[str]:
    apart, d = own.differing, own.comparison
    return [
        inputs.comparison(d) + inputs.on(d.task),
        naming.part(own.cells[0].backbone),
        f"{len(apart):,} of {len(own.gap):,}",
        f"{own.far:,}",
        _listed(own, [i for i in apart if own.gap[i] > 0]),
        _listed(own, [i for i in apart if own.gap[i] < 0]),
        "pictures" if own.images else "cell",
    ]


def _listed(own: Differing, images: list[int]) -> str:
    """How many images there are, and the first with their seeds: ``2: 22 (6:2), 19 (10:9)``."""
    if not images:
        return "0"
    of = [f"/{n}" if len(set(own.seeds)) > 1 else "" for n in own.seeds]
    told = [
        f"{i}\u00a0({own.right[0, i]}{of[0]}:{own.right[1, i]}{of[1]})" for i in images[:NUMBERS]
    ]
    more = len(images) - NUMBERS
    return f"{len(images):,}: {', '.join(told)}" + (f" and {more:,} more" if more > 0 else "")


def _unnamed(inputs: Inputs) -> str:
    """Under which statistics arms are compared that name none, where there are several."""
    if len(inputs.protocols) < 2:
        return ""
    first = naming.protocol_long(inputs.protocols[0], inputs.study.protocols[inputs.protocols[0]])
    return f" Where no statistics are named, they are {first}, or the only ones of a method."


def _named(inputs: Inputs, cell: Cell, protocol: str) -> str:
    """A cell's arm; with its statistics where the study declares several."""
    name = inputs.label(cell.norm, cell.recipe)
    several = len(inputs.protocols) > 1 and protocol in inputs.protocols
    return f"{name} ({naming.protocol(protocol)})" if several else name


def _png(image: np.ndarray) -> str:
    from matplotlib.image import imsave

    pixels = np.asarray(image)
    grey = pixels.ndim == 2 or pixels.shape[-1] == 1
    pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, 2) if grey else pixels
    data = io.BytesIO()
    imsave(data, pixels.astype(np.uint8), format="png", metadata={"Software": None})  # type: ignore[dict-item]
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
