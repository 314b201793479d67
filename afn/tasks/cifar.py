"""CIFAR-10 and CIFAR-100: 32x32 colour photographs of 10 and 100 kinds of things.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. The files are
read, checked and, where absent, downloaded by torchvision. The paper's tables 5 and 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from afn.tasks.base import Prepared, TestSet, within
from afn.tasks.data.sources import NPZ, Split, need_folder, read_npz, through_torchvision
from afn.tasks.data.split import held_out

FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}


class Cifar10:
    """CIFAR-10: 50,000 images to train and validate, 10,000 to test, as published.

    Parameters
    ----------
    validation : float
        Share of the training images that is held out for validation (stratified, the same for
        every seed); the rest is trained on. The test set is never looked at for any choice.
    """

    num_classes = 10
    in_channels = 3
    image_size = 32
    # fmt: off
    class_names = ("airplane", "automobile", "bird", "cat", "deer",
                   "dog", "frog", "horse", "ship", "truck")
    # fmt: on
    conditions = ()
    severities = ()
    domains = ()
    title = "CIFAR-10"
    packages = ("torchvision",)
    plan_sizes = {"train": 50_000, "test": 10_000}

    def __init__(self, *, validation: float = 0.1) -> None:
        self.validation = within("validation", validation, 0.001, 0.5)

    def prepare(self, data_dir: Path | None) -> Prepared:
        """Read and split; arrays ``{train,val,test}_{images,labels}``."""
        return Prepared(*clean(self, "cifar10", data_dir))


class Cifar100:
    """CIFAR-100 with its 100 fine labels; 50,000 images to train and validate, 10,000 to test.

    ``validation`` is the share of the training images that is held out, as for `Cifar10`.
    """

    num_classes = 100
    in_channels = 3
    image_size = 32
    conditions = ()
    severities = ()
    domains = ()
    title = "CIFAR-100"
    packages = ("torchvision",)
    plan_sizes = {"train": 50_000, "test": 10_000}

    def __init__(self, *, validation: float = 0.1) -> None:
        self.validation = within("validation", validation, 0.001, 0.5)
        self.class_names = tuple(str(number) for number in range(100))

    def prepare(self, data_dir: Path | None) -> Prepared:
        """Read and split; arrays ``{train,val,test}_{images,labels}``."""
        return Prepared(*clean(self, "cifar100", data_dir))


def clean(task: object, name: str, data_dir: Path | None) -> tuple[dict, list[TestSet]]:
    """Arrays of the clean condition, and that condition; ``task.validation`` is held out."""
    images, labels = read_split(name, data_dir, "train")
    train, val = held_out(labels, task.validation, name)  # type: ignore[attr-defined]
    arrays = {
        "train_images": images[train],
        "train_labels": labels[train],
        "val_images": images[val],
        "val_labels": labels[val],
    }
    arrays["test_images"], arrays["test_labels"] = read_split(name, data_dir, "test")
    return arrays, [TestSet("clean", 0, "test_images", "test_labels")]


def read_split(name: str, data_dir: Path | None, split: str) -> Split:
    """The ``train`` or ``test`` images and labels of ``cifar10`` or ``cifar100``, in file order.

    Looks for the published python files, then for ``<name>/<split>.npz``, then downloads.
    """
    npz = [f"{name}/train.npz", f"{name}/test.npz"]
    expected = (
        f"{FOLDERS[name]}/ (the python version, unpacked), or {npz[0]} and {npz[1]} ({NPZ}), "
        "in the data folder"
    )
    folder = need_folder(data_dir, TITLES[name], expected)
    published = folder / FOLDERS[name]
    if not published.is_dir() and any((folder / file).exists() for file in npz):
        return read_npz(folder / name / f"{split}.npz")

    def make(download: bool) -> object:
        from torchvision.datasets import CIFAR10, CIFAR100

        kind = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
        return kind(str(folder), train=split == "train", download=download)

    found = through_torchvision(make, [published], f"{TITLES[name]} ({folder})", expected)
    return np.asarray(found.data), np.asarray(found.targets, np.int64)  # type: ignore[attr-defined]
