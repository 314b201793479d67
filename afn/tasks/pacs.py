"""PACS: photographs, art paintings, cartoons and sketches of seven kinds of things.

Source: D. Li et al., Deeper, Broader and Artier Domain Generalization, ICCV 2017. torchvision has
no reader and no download for it; the user puts it into the data folder. The paper's tables 3 (one
source) and 4 (leave one domain out).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from afn.common.errors import StudyError
from afn.common.seeds import stream
from afn.tasks.base import Lazy, Prepared, TestSet, within
from afn.tasks.data.sources import need_folder, read_pictures
from afn.tasks.data.split import held_out, stratified_split

Side = Literal["rest", "art_painting", "cartoon", "photo", "sketch"]
DOMAINS = ("art_painting", "cartoon", "photo", "sketch")
CLASSES = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
SUFFIXES = (".jpg", ".jpeg", ".png")
EXPECTED = (
    "PACS/<domain>/<class>/*.jpg|png in the data folder (or PACS/kfold/<domain>/...), with the "
    f"domains {', '.join(DOMAINS)} and the classes {', '.join(CLASSES)}; beside the domains or in "
    "PACS/, where you have them, the published lists <domain>_train_kfold.txt and "
    "<domain>_crossval_kfold.txt"
)
Listing = tuple[list[Path], np.ndarray]


class Pacs:
    """Train on some domains, test on others; "clean" is what was held out of the training domains.

    With the published lists, a domain's `train` list is trained on. Its `crossval` list is halved,
    class by class: one half validates, the other is the clean test, so that nothing that is chosen
    was chosen on a test image. Without lists, a stratified share takes the place of `crossval`.
    A target is tested on all its images, as published.

    Parameters
    ----------
    source : str
        The domain to train on, or ``rest``: all but the target.
    target : str
        The domain to test on, or ``rest``: all but the source.
    image_size : int
        Pictures (published with 227 x 227) are resized to it, bilinear and antialiased.
    validation : float
        Share of a training domain that is held out where it has no lists.
    """

    num_classes = 7
    in_channels = 3
    image_size = 224
    class_names = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
    conditions = ()
    severities = ()
    domains = ("art_painting", "cartoon", "photo", "sketch")
    title = "PACS"
    packages = ("pillow",)
    plan_sizes = {
        "art_painting": {"train": 1840, "held_out": 208, "test": 2048},
        "cartoon": {"train": 2107, "held_out": 237, "test": 2344},
        "photo": {"train": 1499, "held_out": 171, "test": 1670},
        "sketch": {"train": 3531, "held_out": 398, "test": 3929},
    }

    def __init__(
        self,
        *,
        source: Side = "photo",
        target: Side = "rest",
        image_size: int = 224,
        validation: float = 0.1,
    ) -> None:
        if source == target:
            raise StudyError(f"task 'pacs': source and target are both {source!r}")
        self.image_size = within("image_size", image_size, 8, 512)  # type: ignore[assignment]
        self.validation = within("validation", validation, 0.001, 0.5)
        self.sources = _others(target) if source == "rest" else (source,)
        self.targets = _others(source) if target == "rest" else (target,)

    def prepare(self, data_dir: Path | None) -> Prepared:
        """List the files now; decode each array's pictures when it is written."""
        folder = need_folder(data_dir, "PACS", EXPECTED) / "PACS"
        parts: dict[str, list[Listing]] = {"train": [], "val": [], "test": []}
        listed = set()
        for domain in self.sources:
            found, by_lists = split_domain(folder, domain, self.validation)
            listed.add(by_lists)
            for part, listing in found.items():
                parts[part].append(listing)
        self.notes = (LISTED if all(listed) else UNLISTED if not any(listed) else MIXED,)
        sets = {part: join(listings) for part, listings in parts.items()}
        sets.update({f"test_{domain}": scan(folder, domain) for domain in self.targets})
        arrays = {}
        for part, (files, labels) in sets.items():
            make = partial(read_pictures, files, self.image_size)
            arrays[f"{part}_images"] = Lazy(len(files), make)
            arrays[f"{part}_labels"] = labels  # type: ignore[assignment]
        tests = [TestSet("clean", 0, "test_images", "test_labels")]
        for domain in self.targets:
            tests.append(TestSet(domain, 0, f"test_{domain}_images", f"test_{domain}_labels"))
        return Prepared(arrays, tests)  # type: ignore[arg-type]


LISTED = "Split by the published lists; the crossval list is halved into validation and clean test."
UNLISTED = "No published lists were there: split by a stratified share, not the published split."
MIXED = "Published lists were there for some training domains only; the others are split by share."


def _others(domain: str) -> tuple[str, ...]:
    return tuple(name for name in DOMAINS if name != domain)


def join(listings: list[Listing]) -> Listing:
    """Files and labels of several domains, one after the other."""
    files = [file for listing in listings for file in listing[0]]
    return files, np.concatenate([labels for _, labels in listings])


def split_domain(folder: Path, domain: str, share: float) -> tuple[dict[str, Listing], bool]:
    """Train, validation and clean test files of one domain; and whether published lists say so."""
    train_list, held_list = (find_list(folder, domain, part) for part in ("train", "crossval"))
    if train_list and held_list:
        train, held = (read_list(path, folder, domain) for path in (train_list, held_list))
    else:
        whole = scan(folder, domain)
        rows = held_out(whole[1], share, f"pacs/{domain}")
        train, held = (_rows(whole, part) for part in rows)
    if len(held[0]) < 2:
        raise StudyError(f"PACS: {domain} leaves {len(held[0])} pictures to validate and test on")
    sizes = {"val": (len(held[0]) + 1) // 2}
    halves = stratified_split(held[1], sizes, stream(0, "pacs", domain, "halves"))
    parts = {
        "train": train,
        "val": _rows(held, halves["val"]),
        "test": _rows(held, halves["train"]),
    }
    return parts, bool(train_list and held_list)


def _rows(listing: Listing, rows: np.ndarray) -> Listing:
    files, labels = listing
    return [files[row] for row in rows], labels[rows]


def images_root(folder: Path) -> Path:
    """The folder that holds the domains' folders."""
    for root in (folder, folder / "kfold", folder / "images"):
        if any((root / domain).is_dir() for domain in DOMAINS):
            return root
    raise StudyError(f"PACS is not in {folder} and cannot be downloaded. Expected: {EXPECTED}")


def scan(folder: Path, domain: str) -> Listing:
    """All pictures of a domain, by class and name."""
    root = images_root(folder) / domain
    files, labels = [], []
    for label, name in enumerate(CLASSES):
        inside = (root / name).iterdir() if (root / name).is_dir() else ()
        found = sorted(file for file in inside if file.suffix.lower() in SUFFIXES)
        if not found:
            raise StudyError(f"PACS: {root / name} has no pictures. Expected: {EXPECTED}")
        files += found
        labels += [label] * len(found)
    return files, np.array(labels, np.int64)


def find_list(folder: Path, domain: str, part: str) -> Path | None:
    """The published list of a domain's ``train`` or ``crossval`` part, where the user has it."""
    name = f"{domain}_{part}_kfold.txt"
    places = (folder, folder / "splits", folder / "image_list", folder / "kfold")
    return next((place / name for place in places if (place / name).is_file()), None)


def read_list(path: Path, folder: Path, domain: str) -> Listing:
    """Read lines ``domain/class/file label``; the published labels count from 1.

    The class is that of the folder; a label that contradicts it is an error, as is a file that is
    not there.
    """
    root, files, labels = images_root(folder), [], []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(" ")
        pieces = name.split("/")
        if len(pieces) < 3 or pieces[-3] != domain or pieces[-2] not in CLASSES:
            raise StudyError(f"{path}, line {number}: {line!r} is not `{domain}/class/file label`")
        if label != str(CLASSES.index(pieces[-2]) + 1):
            raise StudyError(f"{path}, line {number}: label {label} is not that of {pieces[-2]}")
        files.append(root / Path(*pieces[-3:]))
        labels.append(CLASSES.index(pieces[-2]))
    lost = [file for file in files if not file.is_file()]
    if lost or not files:
        raise StudyError(
            f"{path}: {len(lost)} of {len(files)} files are missing, first: {lost[:1]}"
        )
    return files, np.array(labels, np.int64)
