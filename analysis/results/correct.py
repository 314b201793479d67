"""Which test images every run answered rightly: written while runs are collected, read arm by arm.

correct.npz is a zip of packed bits, one member per arm and set of images, so that neither writing
nor reading ever holds more than one arm::

    index.json                                              the members, as `Member` has them
    <task>/<backbone>/<norm>/<recipe>/<protocol>/<image set>.npy
                                                            uint8 (seeds, tests, ceil(images / 8))

Bits are in the order of `numpy.packbits`, images in the order of the prepared labels. An image set
is the name of an array of labels in the task's manifest: tests that share their labels are made of
the same images (a corruption of them), tests with other labels of other images (another domain).
A run without stored predictions is missing among the seeds of its members.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from afn.common.conditions import selects
from afn.common.errors import StudyError

SCHEMA, INDEX = 1, "index.json"
TIME = (1980, 1, 1, 0, 0, 0)
"""Of every member, so that the same answers are the same bytes."""


@dataclass(frozen=True)
class Labels:
    """The classes of one test, and the set of images that it is made of."""

    image_set: str
    classes: np.ndarray


def read_labels(manifest: str | Path) -> dict[str, Labels]:
    """Labels of every test of a prepared task, by ``<split>/<condition>/<severity>``.

    Raises
    ------
    StudyError
        If they are not there or cannot be read.
    """
    manifest = Path(manifest)
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        arrays: dict[str, np.ndarray] = {}
        found = {}
        for test in content["tests"]:
            key = test["labels"]
            if key not in arrays:
                file = manifest.parent / content["arrays"][key]["file"]
                arrays[key] = np.load(file, allow_pickle=False)
            name = f"{test['split']}/{test['condition']}/{test['severity']}"
            found[name] = Labels(key, arrays[key])
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{manifest}: the labels of its tests cannot be read: {error}") from None


@dataclass(frozen=True)
class Member:
    """One array of correct.npz: the seeds that it has, its tests and its number of images.

    ``tests`` are pairs of condition and severity.
    """

    seeds: list[int]
    tests: list[tuple[str, int]]
    images: int


class CorrectWriter:
    """Write correct.npz: run after run, each cell's as soon as the next begins.

    Parameters
    ----------
    path : path
        Complete only once the writer is closed.
    protocols : container of str
        Those whose arms are decided; other protocols, and other splits than the test, are left out.
    """

    def __init__(self, path: str | Path, protocols: Any):
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._protocols = set(protocols)
        self._cell = ""
        self._rows: dict[str, list[tuple[int, list, np.ndarray, int]]] = {}
        self._index: dict[str, Any] = {}

    def __enter__(self) -> CorrectWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end_cell()
            text = json.dumps({"schema": SCHEMA, "members": self._index}, indent=1)
            self._zip.writestr(zipfile.ZipInfo(INDEX, TIME), text)
        self._zip.close()

    def add(
        self,
        cell: str,
        seed: int,
        predictions: Mapping[str, np.ndarray],
        labels: Mapping[str, Labels],
        accuracies: Mapping[str, float],
    ) -> None:
        """Take one run.

        Parameters
        ----------
        cell, seed : str, int
            Path of the cell; all seeds of a cell come one after the other.
        predictions : mapping
            ``<protocol>/<split>/<condition>/<severity>`` to classes (images,).
        labels : mapping
            As `read_labels` gives them.
        accuracies : mapping
            What the run recorded for the same keys; the answers have to give the same.

        Raises
        ------
        ValueError
            If they do not: then the labels are not those that the run was tested on.
        """
        if cell != self._cell:
            self._end_cell()
            self._cell = cell
        sets: dict[str, list[tuple[tuple[str, int], np.ndarray]]] = {}
        for key, classes in predictions.items():
            protocol, _, test = key.partition("/")
            if protocol not in self._protocols or not test.startswith("test/"):
                continue
            right = _right(key, classes, labels.get(test), accuracies.get(key))
            _, condition, severity = test.split("/")
            member = f"{cell}/{protocol}/{labels[test].image_set}"
            sets.setdefault(member, []).append(((condition, int(severity)), right))
        for member, tests in sets.items():
            names, answers = zip(*tests, strict=True)
            packed = np.packbits(np.stack(answers), axis=1)
            self._rows.setdefault(member, []).append((seed, list(names), packed, len(answers[0])))

    def _end_cell(self) -> None:
        for member, rows in self._rows.items():
            seeds, names, packed, images = zip(*rows, strict=True)
            if any(n != names[0] for n in names) or len(set(images)) > 1:
                raise StudyError(f"the runs of {member} were not tested on the same images")
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.stack(packed), allow_pickle=False)
            self._zip.writestr(zipfile.ZipInfo(f"{member}.npy", TIME), buffer.getvalue())
            self._index[member] = asdict(Member(list(seeds), names[0], images[0]))
        self._rows = {}


class Collected:
    """Feeds a writer with the runs of a study, as they are collected.

    Parameters
    ----------
    writer : CorrectWriter
    data : path, optional
        Folder of the prepared tasks (``<task>/manifest.json``). Without it nothing is written.
    partial : bool
        A task that is not prepared is left out, not an error.
    """

    def __init__(self, writer: CorrectWriter, data: str | Path | None, *, partial: bool = False):
        self._writer, self._partial = writer, partial
        self._data = None if data is None else Path(data)
        self._labels: dict[str, dict[str, Labels] | None] = {}

    def add(self, cell: Any, seed: int, folder: Path, result: Mapping[str, Any]) -> None:
        """Take a run that was checked, from its folder; see `CorrectWriter.add`."""
        if "predictions.npz" not in (result.get("files") or {}):
            return
        labels = self._of_task(cell.task)
        if labels is None:
            return
        names = ("protocol", "split", "condition", "severity")
        accuracies = {
            "/".join(str(test.get(name)) for name in names): test["accuracy"]
            for test in result["evaluations"]
        }
        with np.load(folder / "predictions.npz", allow_pickle=False) as predictions:
            self._writer.add(cell.path, seed, predictions, labels, accuracies)

    def _of_task(self, task: str) -> dict[str, Labels] | None:
        if task not in self._labels:
            manifest = self._data and self._data / task / "manifest.json"
            absent = manifest is None or (self._partial and not manifest.is_file())
            self._labels[task] = None if absent or _is_pool(manifest) else read_labels(manifest)
        return self._labels[task]


def _is_pool(manifest: Path) -> bool:
    """Whether every seed of a task is tested on images of its own: then there is nothing to cross.

    Raises
    ------
    StudyError
        If the manifest cannot be read.
    """
    try:
        return json.loads(manifest.read_bytes())["options"].get("split") == "per_seed"
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise StudyError(f"{manifest}: cannot be read: {error}") from None


def _right(
    key: str, classes: np.ndarray, labels: Labels | None, accuracy: float | None
) -> np.ndarray:
    if labels is None or accuracy is None:
        missing = "prepared test" if labels is None else "recorded accuracy"
        raise ValueError(f"its predictions of {key} have no {missing}")
    if classes.shape != labels.classes.shape:
        raise ValueError(
            f"its predictions of {key} are {len(classes)}, the prepared labels "
            f"{len(labels.classes)}"
        )
    right = classes == labels.classes
    if abs(float(np.mean(right)) - accuracy) > 1e-9:
        raise ValueError(
            f"its predictions of {key} are right in {np.mean(right):.6f} of the prepared images, "
            f"but it recorded {accuracy:.6f}: the data were prepared anew since"
        )
    return right


@dataclass(frozen=True)
class Answers:
    """Answers of one arm to one image set; ``packed`` is (seeds, tests, bytes)."""

    member: Member
    packed: np.ndarray

    def right(self, seed: int, tests: Sequence[tuple[str, int]]) -> np.ndarray:
        """In how many of these tests each image was answered rightly: (images,)."""
        places = [self.member.tests.index(test) for test in tests]
        rows = self.packed[self.member.seeds.index(seed), places]
        bits = np.unpackbits(rows, axis=1, count=self.member.images)
        return bits.sum(axis=0, dtype=np.int64)


class Correct:
    """Read correct.npz; an arm is read when it is asked for and not kept.

    Raises
    ------
    StudyError
        For a file that is no such archive, or of another schema.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                content = json.loads(archive.read(INDEX))
            if content["schema"] != SCHEMA:
                raise ValueError(f"its schema is {content['schema']}, not {SCHEMA}")
            self._arms: dict[str, dict[str, Member]] = {}
            for name, m in content["members"].items():
                arm, _, image_set = name.rpartition("/")
                tests = [(condition, severity) for condition, severity in m["tests"]]
                member = Member(m["seeds"], tests, m["images"])
                self._arms.setdefault(arm, {})[image_set] = member
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise StudyError(f"{self.path}: cannot be read as answers of runs: {error}") from None

    def sets(self, cell: str, protocol: str) -> dict[str, Member]:
        """The image sets that an arm was tested on; none where no run has predictions."""
        return self._arms.get(f"{cell}/{protocol}", {})

    def answers(self, cell: str, protocol: str, image_set: str) -> Answers:
        """Read one member."""
        arm = f"{cell}/{protocol}"
        with zipfile.ZipFile(self.path) as archive, archive.open(f"{arm}/{image_set}.npy") as file:
            packed = np.lib.format.read_array(file, allow_pickle=False)
        return Answers(self._arms[arm][image_set], packed)

    def __len__(self) -> int:
        return sum(map(len, self._arms.values()))


@dataclass(frozen=True)
class ArmAnswers:
    """The answers of one arm on one backbone that an outcome averages, read when needed."""

    correct: Correct
    cell: str
    protocol: str
    outcome: str

    def sets(self) -> dict[str, Member]:
        """The image sets of the outcome, each with the tests that belong to it."""
        found = {}
        for name, member in self.correct.sets(self.cell, self.protocol).items():
            tests = [test for test in member.tests if selects([self.outcome], *test)]
            if tests:
                found[name] = replace(member, tests=tests)
        return found

    def read(self, image_set: str) -> Answers:
        """Read one set, with all of its tests."""
        return self.correct.answers(self.cell, self.protocol, image_set)
