"""What the networks of a cell answered: its confusion matrix, and images on which two arms differ.

In: stored predictions (read by the one reader of run folders, so that a changed file counts as
none), the prepared labels and images. Out: counts, and pictures as PNG in the form of an address.
Called by `analysis.report.browsing.cells`. Where predictions or data are not there, there is none
of it.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.run_folder import Unusable, read
from afn.study.grid.cells import Cell
from afn.study.state.prepared import PreparedTask, read_prepared
from analysis.display import formatting, naming
from analysis.inputs import Inputs

CLASSES = 20
"""A confusion matrix of more classes is too wide to be read."""
SHOWN = 6
"""Images on which two arms differ most."""
TEST = "test/clean/0"


@dataclass
class DifferingImage:
    """An image: its picture, its number, its class and how many seeds of both arms are right."""

    picture: str
    name: str
    text: str


@dataclass
class Differing:
    """On which images two arms differ: in words how many there are, and those of most seeds."""

    told: str = ""
    images: list[DifferingImage] = field(default_factory=list)


@dataclass
class Compared:
    """What a cell is compared with: its own protocol there, the other cell, and that one's."""

    own: str
    other: Cell
    others: str


class CleanAnswers:
    """Answers of all cells to the clean test images, each read once.

    Parameters
    ----------
    runs, data : Path or None
        The folder of stored runs, and that of prepared tasks.
    """

    def __init__(self, inputs: Inputs, runs: Path | None, data: Path | None) -> None:
        self._inputs, self._runs, self._data = inputs, runs, data
        self._read: dict[tuple[str, str], np.ndarray] = {}
        self._labels: dict[str, np.ndarray | None] = {}

    def confusion(self, cell: Cell) -> list[list[int]]:
        """Images by true class (rows) and answer (columns), of all finished seeds."""
        labels, answers = self._truth(cell.task), self._of(cell)
        if labels is None or not len(answers) or labels.max() >= CLASSES:
            return []
        size = int(max(labels.max(), answers.max())) + 1
        counts = np.zeros((size, size), int)
        np.add.at(counts, (np.broadcast_to(labels, answers.shape), answers), 1)
        return counts.tolist() if size <= CLASSES else []

    def differing(self, cell: Cell) -> Differing:
        """Images that this cell and the one that it is compared with first answer differently."""
        compared = self._compared.get((cell.task, cell.backbone, cell.norm, cell.recipe))
        labels = self._truth(cell.task)
        if compared is None or labels is None:
            return Differing()
        arms = [(cell, compared.own), (compared.other, compared.others)]
        mine, theirs = (self._of(c, protocol) == labels for c, protocol in arms)
        if not len(mine) or not len(theirs):
            return Differing()
        gap = mine.mean(0) - theirs.mean(0)
        names = [self._named(c, protocol) for c, protocol in arms]
        half, any_seed = int((np.abs(gap) >= 0.5).sum()), int((gap != 0).sum())
        found = Differing(
            f"{names[0]} and {names[1]} are right in different shares of their seeds on {any_seed} "
            f"of the {len(labels)} clean test images; the shares are half of the seeds or more "
            f"apart on {formatting.small(half) if half else 'none'}."
        )
        images = self._images(cell.task)
        if images is not None:
            for i in np.argsort(-np.abs(gap), kind="stable")[:SHOWN]:
                if gap[i]:
                    text = (
                        f"class {labels[i]}: right in {mine[:, i].sum()} of {len(mine)} with "
                        f"{names[0]}, in {theirs[:, i].sum()} of {len(theirs)} with {names[1]}"
                    )
                    found.images.append(DifferingImage(_png(images[i]), f"image {i}", text))
        return found

    def _named(self, cell: Cell, protocol: str) -> str:
        """A cell's arm; with its statistics where the study declares several."""
        name = self._inputs.label(cell.norm, cell.recipe)
        several = len(self._inputs.protocols) > 1 and protocol in self._inputs.protocols
        return f"{name} ({naming.protocol(protocol)})" if several else name

    @cached_property
    def _compared(self) -> dict[tuple, Compared]:
        """What the first primary comparison of each cell sets beside it, under its protocols."""
        found: dict[tuple, Compared] = {}
        served = self._inputs.scores.protocol
        for d in self._inputs.decisions:
            a, b = d.arms
            if not d.primary or a.norm == b.norm:
                continue
            for net in d.blocks:
                own = self._inputs.cell(d.task, net, a.norm, d.recipe)
                other = self._inputs.cell(d.task, net, b.norm, d.recipe)
                if own is not None and other is not None:
                    at = Compared(served(own, a.protocol), other, served(other, b.protocol))
                    found.setdefault((d.task, net, a.norm, d.recipe), at)
        return found

    def _of(self, cell: Cell, protocol: str = "") -> np.ndarray:
        """Answers of the finished seeds, shape (seeds, images); under the first protocol that the
        study declares for the cell, if none is given."""
        protocol = protocol or self._inputs.scores.protocol(cell, None)
        key = cell.path, protocol
        if key not in self._read:
            found, labels, runs = [], self._truth(cell.task), self._runs
            if runs is not None and labels is not None:
                for seed in self._seeds(cell):
                    run = read(runs / cell.path / f"seed{seed}")
                    files = {} if isinstance(run, Unusable) else run.sidecars
                    stored = files.get("predictions.npz")
                    answers = None if stored is None else _clean(stored, protocol)
                    if answers is not None and len(answers) == len(labels):
                        found.append(answers)
            self._read[key] = np.array(found, int)
        return self._read[key]

    def _seeds(self, cell: Cell) -> list[int]:
        """The seeds that the table of results has; other folders are of other studies or code."""
        rows = self._inputs.results
        own = (rows["task"] == cell.task) & (rows["backbone"] == cell.backbone)
        own &= (rows["norm"] == cell.norm) & (rows["recipe"] == cell.recipe)
        return sorted(rows.loc[own, "seed"].astype(int).unique().tolist())

    def _prepared(self, task: str) -> PreparedTask | None:
        if self._data is None or not (self._data / task / "manifest.json").is_file():
            return None
        try:
            return read_prepared(self._data / task / "manifest.json")
        except StudyError:
            return None

    def _truth(self, task: str) -> np.ndarray | None:
        """Labels of the clean test images; None where they are not prepared or differ by seed."""
        if task not in self._labels:
            prepared = self._prepared(task)
            whole = prepared is not None and not prepared.pool and TEST in prepared.labels
            self._labels[task] = prepared.labels[TEST].classes if prepared and whole else None
        return self._labels[task]

    def _images(self, task: str) -> np.ndarray | None:
        folder = self._data / task if self._data else Path()
        try:
            manifest = parsing.load(folder / "manifest.json")
            test = next(
                t for t in manifest["tests"] if (t["split"], t["condition"]) == ("test", "clean")
            )
            return np.load(folder / manifest["arrays"][test["images"]]["file"], mmap_mode="r")
        except (OSError, ValueError, KeyError, StopIteration):
            return None


def declared(inputs: Inputs, cell: Cell) -> list[str]:
    """The protocols under which the study tests a cell, without those that only a sweep adds."""
    return [name for name in cell.protocols if name not in inputs.study.swept]


def _clean(stored: bytes, protocol: str) -> np.ndarray | None:
    """The classes that a run gave to the clean test images under a protocol."""
    with np.load(io.BytesIO(stored)) as arrays:
        name = f"{protocol}/{TEST}"
        return arrays[name].astype(int) if name in arrays.files else None


def _png(image: np.ndarray) -> str:
    from matplotlib.image import imsave

    pixels = np.asarray(image)
    grey = pixels.ndim == 2 or pixels.shape[-1] == 1
    pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, 2) if grey else pixels
    data = io.BytesIO()
    imsave(data, pixels.astype(np.uint8), format="png", metadata={"Software": None})  # type: ignore[dict-item]
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
