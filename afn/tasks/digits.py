"""Digits across domains: train on one of MNIST, SVHN, USPS, MNIST-M, SYN and test on the others.

Every image is 32x32 with three channels: smaller ones are resized (bilinear), grey ones repeated,
as in R. Volpi et al., Generalizing to Unseen Domains via Adversarial Data Augmentation, NeurIPS
2018. The paper's table 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from afn.common.errors import StudyError
from afn.tasks.base import Prepared, TestSet, within
from afn.tasks.data.sources import (
    NPZ,
    Split,
    need_folder,
    read_mat,
    read_npz,
    read_pictures,
    resize,
    through_torchvision,
)
from afn.tasks.data.split import held_out

Domain = Literal["mnist", "svhn", "usps", "mnist_m", "syn"]
SIZE = 32
EXPECTED = {
    "mnist": "MNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte",
    "svhn": "SVHN/train_32x32.mat and SVHN/test_32x32.mat",
    "usps": "USPS/usps.bz2 and USPS/usps.t.bz2",
    "mnist_m": f"mnist_m/train.npz and mnist_m/test.npz ({NPZ}), or as published "
    "mnist_m/mnist_m_{train,test}/*.png and mnist_m/mnist_m_{train,test}_labels.txt",
    "syn": "SYN/synth_train_32x32.mat and SYN/synth_test_32x32.mat",
}


class Digits:
    """One source domain to train on; its own test set is "clean", each target is a condition.

    Parameters
    ----------
    source : str
        The domain to train on.
    targets : list of str
        The other domains; the source is left out where it is among them, so that a factor over
        sources needs no list of its own for each.
    mnist : str
        With MNIST as source: train on its ``first10000`` images, the standard of this literature,
        and validate on later ones; or split ``all`` 60,000.
    validation : float
        Share of the training images (with ``first10000``: a tenth as many, beyond them) for
        validation.
    """

    num_classes = 10
    in_channels = 3
    image_size = 32
    class_names = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    conditions = ()
    severities = ()
    domains = ("mnist", "svhn", "usps", "mnist_m", "syn")
    title = "Digits"
    packages = ("torchvision", "scipy", "pillow")
    plan_sizes = {
        "mnist": {"train": 60_000, "first10000": 10_000, "test": 10_000},
        "svhn": {"train": 73_257, "test": 26_032},
        "usps": {"train": 7_291, "test": 2_007},
        "mnist_m": {"train": 59_001, "test": 9_001},
        "syn": {"train": 479_400, "test": 9_553},
    }

    def __init__(
        self,
        *,
        source: Domain = "mnist",
        targets: tuple[Domain, ...] = ("mnist", "svhn", "usps", "mnist_m"),
        mnist: Literal["first10000", "all"] = "first10000",
        validation: float = 0.1,
    ) -> None:
        self.source, self.mnist = source, mnist
        self.validation = within("validation", validation, 0.001, 0.5)
        self.targets = tuple(name for name in dict.fromkeys(targets) if name != source)

    def prepare(self, data_dir: Path | None) -> Prepared:
        """Read the source, and the test set of every domain."""
        images, labels = read_domain(self.source, data_dir, "train")
        if self.source == "mnist" and self.mnist == "first10000":
            train, val = first_images(labels, 10_000, self.validation)
        else:
            train, val = held_out(labels, self.validation, f"digits/{self.source}")
        arrays = {}
        for part, rows in (("train", train), ("val", val)):
            arrays[f"{part}_images"] = resize(images[rows], SIZE)
            arrays[f"{part}_labels"] = labels[rows]
        tests = []
        for domain in (self.source, *self.targets):
            key = "test" if domain == self.source else f"test_{domain}"
            images, labels = read_domain(domain, data_dir, "test")
            arrays[f"{key}_images"], arrays[f"{key}_labels"] = resize(images, SIZE), labels
            condition = "clean" if domain == self.source else domain
            tests.append(TestSet(condition, 0, f"{key}_images", f"{key}_labels"))
        return Prepared(arrays, tests)  # type: ignore[arg-type]


def first_images(labels: np.ndarray, count: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Train on the first ``count`` rows; validate on a stratified choice of the later ones."""
    if len(labels) < count + 1000:
        raise StudyError(
            f"MNIST has {len(labels)} training images here; option mnist: first10000 needs more "
            "than 11,000 (use mnist: all)"
        )
    later = labels[count:]
    _, val = held_out(later, min(0.5, share * count / len(later)), "digits/mnist/first")
    return np.arange(count), count + val


def read_domain(domain: str, data_dir: Path | None, split: str) -> Split:
    """The published ``train`` or ``test`` part of a domain, in its own size and channels."""
    expected = f"{EXPECTED[domain]}, in the data folder"
    folder = need_folder(data_dir, f"domain {domain!r}", expected)
    if domain == "mnist_m":
        return _mnist_m(folder / "mnist_m", split, expected)
    if domain == "syn":
        return read_mat(folder / "SYN" / f"synth_{split}_32x32.mat", expected)
    found = _torchvision(domain, folder, split, f"domain {domain!r} ({folder})", expected)
    if domain == "svhn":
        return np.ascontiguousarray(found.data.transpose(0, 2, 3, 1)), found.labels  # type: ignore[attr-defined]
    return np.asarray(found.data)[..., None], np.asarray(found.targets, np.int64)  # type: ignore[attr-defined]


def _torchvision(domain: str, folder: Path, split: str, what: str, expected: str) -> object:
    train = split == "train"
    names = {
        "mnist": [f"MNIST/raw/{p}" for p in _MNIST_FILES],
        "svhn": [f"SVHN/{split}_32x32.mat"],
        "usps": [f"USPS/usps{'' if train else '.t'}.bz2"],
    }[domain]

    def make(download: bool) -> object:
        from torchvision import datasets

        if domain == "mnist":
            return datasets.MNIST(str(folder), train=train, download=download)
        if domain == "svhn":
            return datasets.SVHN(str(folder / "SVHN"), split=split, download=download)
        return datasets.USPS(str(folder / "USPS"), train=train, download=download)

    return through_torchvision(make, [folder / name for name in names], what, expected)


_MNIST_FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)


def _mnist_m(folder: Path, split: str, expected: str) -> Split:
    listed = folder / f"mnist_m_{split}_labels.txt"
    if listed.exists():
        lines = [line.split() for line in listed.read_text().splitlines() if line.strip()]
        try:
            labels = np.array([int(label) for _, label in lines], np.int64)
        except ValueError as error:
            raise StudyError(f"{listed}: lines are not `file label` ({error})") from None
        files = [folder / f"mnist_m_{split}" / name for name, _ in lines]
        return read_pictures(files, SIZE), labels
    if (folder / f"{split}.npz").exists():
        return read_npz(folder / f"{split}.npz")
    raise StudyError(f"domain 'mnist_m': {folder} lacks its {split} part. Expected: {expected}")
