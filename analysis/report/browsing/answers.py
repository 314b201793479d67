"""What the networks of a cell answered to the clean test images, and its confusion matrix.

In: stored predictions (read by the one reader of run folders, so that a changed file counts as
none), the prepared labels and images. Out: arrays and counts. Called by
`analysis.report.browsing.cells` and `analysis.report.browsing.images`. Where predictions or data
are not there, there is none of it.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

import numpy as np

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.files import sha256_of
from afn.common.run_folder import Unusable, read
from afn.study.grid.cells import Cell
from afn.study.state.prepared import PreparedTask, read_prepared
from analysis.inputs import Inputs

CLASSES = 20
"""A confusion matrix of more classes is too wide to be read."""
TEST = "test/clean/0"


class CleanAnswers:
    """Answers of all cells to the clean test images, each read once.

    Parameters
    ----------
    runs, data : Path or None
        The folder of stored runs, and that of prepared tasks.
    """

    def __init__(self, inputs: Inputs, runs: Path | None, data: Path | None) -> None:
        self._inputs, self._runs, self._data = inputs, runs, data
        self._read: dict[str, dict[str, np.ndarray]] = {}
        self._truth: dict[str, np.ndarray | None] = {}
        self._pictures: dict[str, np.ndarray | None] = {}

    def confusion(self, cell: Cell) -> list[list[int]]:
        """Images by true class (rows) and answer (columns), of all finished seeds."""
        labels, answers = self.labels(cell.task), self.of(cell)
        if labels is None or not len(answers) or labels.max() >= CLASSES:
            return []
        size = int(max(labels.max(), answers.max())) + 1
        counts = np.zeros((size, size), int)
        np.add.at(counts, (np.broadcast_to(labels, answers.shape), answers), 1)
        return counts.tolist() if size <= CLASSES else []

    def of(self, cell: Cell, protocol: str = "") -> np.ndarray:
        """Answers of the finished seeds, shape (seeds, images); under the first protocol that the
        study declares for the cell, if none is given."""
        protocol = protocol or self._inputs.scores.protocol(cell, None)
        known = self._read.setdefault(cell.path, {})
        if protocol not in known:
            known |= self._of_runs(cell, {protocol, *declared(self._inputs, cell)})
        return known[protocol]

    def _of_runs(self, cell: Cell, protocols: Collection[str]) -> dict[str, np.ndarray]:
        """The same by protocol, from one reading of each run; integers as small as were stored."""
        found: dict[str, list[np.ndarray]] = {name: [] for name in protocols}
        labels, runs = self.labels(cell.task), self._runs
        if runs is not None and labels is not None:
            for seed in self._seeds(cell):
                run = read(runs / cell.path / f"seed{seed}")
                files = {} if isinstance(run, Unusable) else run.sidecars
                for name, answers in _clean(files.get("predictions.npz"), protocols).items():
                    if len(answers) == len(labels):
                        found[name].append(answers)
        return {name: np.array(own) for name, own in found.items()}

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

    def labels(self, task: str) -> np.ndarray | None:
        """Labels of the clean test images; None where they are not prepared or differ by seed."""
        if task not in self._truth:
            prepared = self._prepared(task)
            whole = prepared is not None and not prepared.pool and TEST in prepared.labels
            self._truth[task] = prepared.labels[TEST].classes if prepared and whole else None
        return self._truth[task]

    def images(self, task: str) -> np.ndarray | None:
        """The clean test images as they were prepared; None where they are not there, are other
        ones than those of the labels, or make no picture."""
        if task not in self._pictures:
            labels, found = self.labels(task), self._prepared_images(task)
            whole = found is not None and labels is not None and len(found) == len(labels)
            self._pictures[task] = found if whole else None
        return self._pictures[task]

    def _prepared_images(self, task: str) -> np.ndarray | None:
        folder = self._data / task if self._data else Path()
        try:
            manifest = parsing.load(folder / "manifest.json")
            test = next(
                t for t in manifest["tests"] if (t["split"], t["condition"]) == ("test", "clean")
            )
            array = manifest["arrays"][test["images"]]
            if sha256_of(folder / array["file"]) != array["sha256"]:
                return None
            images: np.ndarray = np.load(folder / array["file"], mmap_mode="r")
        except (OSError, EOFError, ValueError, LookupError, TypeError, StopIteration):
            return None
        drawn = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in (1, 3, 4))
        return images if drawn and images.dtype == np.uint8 else None


def declared(inputs: Inputs, cell: Cell) -> list[str]:
    """The protocols under which the study tests a cell, without those that only a sweep adds."""
    return [name for name in cell.protocols if name not in inputs.study.swept]


def _clean(stored: bytes | None, protocols: Collection[str]) -> dict[str, np.ndarray]:
    """The classes that a run gave to the clean test images, by protocol."""
    if stored is None:
        return {}
    with np.load(io.BytesIO(stored)) as arrays:
        names = {name: f"{name}/{TEST}" for name in protocols}
        return {name: arrays[key] for name, key in names.items() if key in arrays.files}
