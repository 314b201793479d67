"""The user's own images: npz files or folders of pictures, with shifted test sets of any name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePath
from typing import Literal

import numpy as np

from afn.common.errors import StudyError
from afn.tasks.base import Lazy, Prepared, TestSet, within
from afn.tasks.data.shared import shared
from afn.tasks.data.sources import NPZ, need_folder, read_npz, read_pictures, resize
from afn.tasks.data.split import held_out

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
RESERVED = ("clean", "shift", "train", "val", "test")


class Images:
    """Images of the user, classified into ``num_classes`` classes.

    The folder holds, for each of ``train``, ``test``, optionally ``val`` and every condition,
    either ``<part>.npz`` (images uint8 (N, H, W[, C]), labels int64 (N,)) or
    ``<part>/<class>/<picture>``. Classes are numbered in the order of the names in ``train``.

    Parameters
    ----------
    folder : str
        Inside the data folder.
    num_classes : int
        Must agree with what is found.
    in_channels : int
        3 (grey images are repeated) or 1 (colour pictures are made grey; npz files must be grey).
    image_size : int
        Images of another size are resized, bilinear and antialiased.
    conditions : list of str
        Names of the shifted test sets.
    validation : float
        Share of the training images that is held out where there is no ``val``.
    """

    num_classes = 10
    in_channels = 3
    image_size = 32
    conditions = ()
    severities = ()
    domains = ()
    packages = ("pillow",)

    def __init__(
        self,
        *,
        folder: str = "images",
        num_classes: int = 10,
        in_channels: Literal[1, 3] = 3,
        image_size: int = 32,
        conditions: tuple[str, ...] = (),
        validation: float = 0.1,
    ) -> None:
        for name in conditions:
            bad = not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name in RESERVED
            if bad or conditions.count(name) > 1 or name.startswith("severity_"):
                raise StudyError(f"task 'images': {name!r} cannot name a condition")
        path = PurePath(folder)
        if not folder.strip() or path.is_absolute() or ".." in path.parts:
            raise StudyError(
                f"task.folder = {folder!r}: must lie inside the data folder (a link in there may "
                "lead elsewhere)"
            )
        self.folder, self.conditions, self.in_channels = folder, tuple(conditions), in_channels  # type: ignore[assignment]
        self.validation = within("validation", validation, 0.001, 0.5)
        self.num_classes = within("num_classes", num_classes, 2, 100_000)  # type: ignore[assignment]
        self.image_size = within("image_size", image_size, 4, 1024)  # type: ignore[assignment]
        self.title = folder
        self.class_names = tuple(str(number) for number in range(num_classes))

    def prepare(self, data_dir: Path | None) -> Prepared:
        """Read all parts; pictures are decoded when their array is written."""
        expected = (
            f"{self.folder}/<part>.npz ({NPZ}) or {self.folder}/<part>/<class>/<picture>, in the "
            f"data folder, for the parts {', '.join(('train', 'test', *self.conditions))}"
        )
        root = need_folder(data_dir, "task 'images'", expected) / self.folder
        if (root / "train").is_dir() and not (root / "train.npz").exists():
            self._name_classes(root / "train")
        arrays: dict[str, np.ndarray | Lazy] = {}
        images, labels = self._part(root, "train", expected)
        parts = {"train": images}
        if any((root / name).exists() for name in ("val", "val.npz")):
            self._add(arrays, "train", images, labels)
            parts["val"], held = self._part(root, "val", expected)
            self._add(arrays, "val", parts["val"], held)
        else:
            for part, rows in zip(
                ("train", "val"),
                held_out(labels, self.validation, "images"),  # type: ignore[arg-type]
                strict=True,
            ):
                chosen = [images[row] for row in rows] if isinstance(images, list) else images[rows]
                self._add(arrays, part, chosen, labels[rows])
        tests = []
        for name in ("test", *self.conditions):
            key = "test" if name == "test" else f"test_{name}"
            parts[name], known = self._part(root, name, expected)
            self._add(arrays, key, parts[name], known)
            condition = "clean" if name == "test" else name
            tests.append(TestSet(condition, 0, f"{key}_images", f"{key}_labels"))
        self.notes = tuple(self._shared(root, parts))
        return Prepared(arrays, tests)

    def _shared(self, root: Path, parts: dict[str, list[Path] | np.ndarray]) -> Iterator[str]:
        """Say which parts share images with what is trained or chosen on; refuse copies of it."""
        for name, images in parts.items():
            for other in [part for part in ("train", "val") if part in parts and part != name]:
                if name == "train":
                    continue
                number = shared(images, parts[other])
                if number == len(images):
                    raise StudyError(
                        f"{root}: all {number} images of {name} are images of {other}, too: "
                        "accuracy on them would say nothing about others"
                    )
                if number:
                    yield f"{number} of {len(images)} images of {name} are images of {other}, too."

    def _name_classes(self, train: Path) -> None:
        names = sorted(child.name for child in train.iterdir() if child.is_dir())
        if len(names) != self.num_classes:
            raise StudyError(
                f"{train} has {len(names)} classes ({', '.join(names)[:200]}); option num_classes "
                f"says {self.num_classes}"
            )
        self.class_names = tuple(names)

    def _part(self, root: Path, part: str, expected: str) -> tuple[list[Path] | np.ndarray, ...]:
        """Pictures' files, or the images themselves; and the labels."""
        if (root / f"{part}.npz").exists():
            images, labels = read_npz(root / f"{part}.npz")
        elif (root / part).is_dir():
            images, labels = self._scan(root / part)  # type: ignore[assignment]
        else:
            raise StudyError(f"{root} has no {part}.npz and no folder {part}. Expected: {expected}")
        if not len(labels):
            raise StudyError(f"{root / part} has no pictures. Expected: {expected}")
        if labels.min() < 0 or labels.max() >= self.num_classes:
            raise StudyError(
                f"{root}: the labels of {part} go from {labels.min()} to {labels.max()}; option "
                f"num_classes = {self.num_classes} allows 0 to {self.num_classes - 1}"
            )
        return images, labels

    def _scan(self, folder: Path) -> tuple[list[Path], np.ndarray]:
        found = {child.name for child in folder.iterdir() if child.is_dir()}
        foreign = sorted(found - set(self.class_names))
        if foreign:
            raise StudyError(f"{folder} has classes that train lacks: {', '.join(foreign)}")
        files, labels = [], []
        for label, name in enumerate(self.class_names):
            inside = sorted((folder / name).rglob("*")) if name in found else []
            inside = [file for file in inside if file.suffix.lower() in SUFFIXES]
            for file in inside:
                if not file.is_file():
                    raise StudyError(f"{file} is no regular file, and so no picture")
            files += inside
            labels += [label] * len(inside)
        return files, np.array(labels, np.int64)

    def _add(self, arrays: dict, part: str, images: list[Path] | np.ndarray, labels) -> None:
        size, channels = self.image_size, self.in_channels
        read = read_pictures if isinstance(images, list) else resize
        arrays[f"{part}_images"] = Lazy(len(labels), partial(read, images, size, channels))  # type: ignore[arg-type]
        arrays[f"{part}_labels"] = labels
