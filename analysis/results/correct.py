"""Which test images every run answered rightly: written while runs are collected, read arm by arm.

correct.npz is a zip of packed bits, one member per arm and set of images, so that neither writing
nor reading ever holds more than one arm::

    index.json                              the members, as `Member` has them, with their hashes
    <task>/<backbone>/<norm>/<recipe>/<protocol>/<image set>.npy
                                                            uint8 (seeds, tests, ceil(images / 8))

Bits are in the order of `numpy.packbits`, images in the order of the prepared labels. An image set
is the name of an array of labels in the task's manifest: tests that share their labels are made of
the same images (a corruption of them), tests with other labels of other images (another domain).
A run that diverged is missing among the seeds of its members.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from afn.common.conditions import selects
from afn.common.errors import StudyError
from afn.common.made_from import enclosed, healing, parse_document
from afn.study.state.prepared import ImageLabels
from analysis.results.units import POINTS

INDEX = "index.json"
TIME = (1980, 1, 1, 0, 0, 0)
"""Of every member, so that the same answers are the same bytes."""


@dataclass(frozen=True)
class Member:
    """One array of correct.npz: the seeds that it has, its tests, number of images and hash.

    ``tests`` are pairs of condition and severity.
    """

    seeds: list[Any]
    tests: list[tuple[str, int]]
    images: int
    sha256: str


class CorrectWriter:
    """Write correct.npz: run after run, each cell's as soon as the next begins.

    Parameters
    ----------
    path : path
        Complete only once the writer is closed.
    protocols : container of str
        Those whose arms are decided; other protocols, and other splits than the test, are left out.
    made_from : mapping, optional
        The hashes of what the answers are collected from, which the file keeps.
    """

    def __init__(
        self, path: str | Path, protocols: Any, made_from: Mapping[str, str] | None = None
    ):
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._protocols, self._made_from = set(protocols), made_from or {}
        self._cell = ""
        self._rows: dict[str, list[tuple[int, list, np.ndarray, int]]] = {}
        self._index: dict[str, Any] = {}

    def __enter__(self) -> CorrectWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end_cell()
            text = json.dumps(enclosed("members", self._index, self._made_from), indent=1)
            self._zip.writestr(zipfile.ZipInfo(INDEX, TIME), text)
        self._zip.close()

    def add(
        self,
        cell: str,
        seed: int,
        right: Mapping[str, np.ndarray],
        labels: Mapping[str, ImageLabels],
    ) -> None:
        """Take one run.

        Parameters
        ----------
        cell, seed : str, int
            Path of the cell; all seeds of a cell come one after the other.
        right : mapping
            ``<protocol>/<split>/<condition>/<severity>`` to bool (images,), as the gate gives them.
        labels : mapping
            ``<split>/<condition>/<severity>`` to what names the images.
        """
        if cell != self._cell:
            self._end_cell()
            self._cell = cell
        sets: dict[str, list[tuple[tuple[str, int], np.ndarray]]] = {}
        for key, answers in right.items():
            protocol, split, condition, severity = key.split("/")
            if protocol not in self._protocols or split != "test":
                continue
            image_set = labels[f"{split}/{condition}/{severity}"].image_set
            place = (condition, int(severity))
            sets.setdefault(f"{cell}/{protocol}/{image_set}", []).append((place, answers))
        for member, tests in sets.items():
            names, rows = zip(*tests, strict=True)
            packed = np.packbits(np.stack(rows), axis=1)
            self._rows.setdefault(member, []).append((seed, list(names), packed, len(rows[0])))

    def _end_cell(self) -> None:
        for member, rows in self._rows.items():
            seeds, names, packed, images = zip(*rows, strict=True)
            if any(n != names[0] for n in names) or len(set(images)) > 1:
                raise StudyError(f"the runs of {member} were not tested on the same images")
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.stack(packed), allow_pickle=False)
            content = buffer.getvalue()
            self._zip.writestr(zipfile.ZipInfo(f"{member}.npy", TIME), content)
            digest = hashlib.sha256(content).hexdigest()
            self._index[member] = asdict(Member(list(seeds), names[0], images[0], digest))
        self._rows = {}


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
                content = parse_document(archive.read(INDEX), "members")
            self._arms: dict[str, dict[str, Member]] = {}
            for name, m in content["members"].items():
                arm, _, image_set = name.rpartition("/")
                tests = [(condition, severity) for condition, severity in m["tests"]]
                member = Member(m["seeds"], tests, m["images"], m["sha256"])
                self._arms.setdefault(arm, {})[image_set] = member
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise StudyError(
                f"{self.path}: cannot be read as answers of runs: {error}; {healing(self.path)}"
            ) from None

    def sets(self, cell: str, protocol: str) -> dict[str, Member]:
        """The image sets that an arm was tested on; none where no run has predictions."""
        return self._arms.get(f"{cell}/{protocol}", {})

    def answers(self, cell: str, protocol: str, image_set: str) -> Answers:
        """Read one member.

        Raises
        ------
        StudyError
            Where it is not what was written.
        """
        arm = f"{cell}/{protocol}"
        member = self._arms[arm][image_set]
        try:
            with zipfile.ZipFile(self.path) as archive:
                content = archive.read(f"{arm}/{image_set}.npy")
            if hashlib.sha256(content).hexdigest() != member.sha256:
                raise ValueError(f"{arm}/{image_set} was changed after it was written")
            packed = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise StudyError(f"{self.path}: {error}; {healing(self.path)}") from None
        return Answers(member, packed)

    def __len__(self) -> int:
        return sum(map(len, self._arms.values()))


@dataclass(frozen=True)
class ArmAnswers:
    """The answers of one arm on one backbone that an outcome averages, read when needed."""

    correct: Correct
    cell: str
    protocol: str
    outcome: str
    scale: float = POINTS
    """From a share of right answers to the unit of the scores, points."""

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
