"""CIFAR-10-C: the CIFAR-10 test images under 19 corruptions at 5 severities.

Source: D. Hendrycks and T. Dietterich, ICLR 2019. Published files are read where the user has them;
elsewhere the project makes its own from the test images and calls them CIFAR-10-C (regenerated):
the numbers of the two must not be mixed. The paper's table 2.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from afn.common.errors import StudyError
from afn.tasks.base import Lazy, Prepared, TestSet, within
from afn.tasks.cifar import clean
from afn.tasks.cifar_corruptions.table import corrupt

PUBLISHED, REGENERATED = "CIFAR-10-C", "CIFAR-10-C (regenerated)"
COUNT = 10_000
"""Images per severity in a published file."""


class Cifar10C:
    """Train on CIFAR-10, test on its test images clean and corrupted.

    Parameters
    ----------
    files : str
        ``published``: `CIFAR-10-C/<corruption>.npy` and `labels.npy` of the data folder must be
        there. ``regenerated``: they are not looked at. ``auto``: published if all are there.
    severities : list of int
        Which of the severities 1 to 5 to test on.
    validation : float
        Share of the training images that is held out, as for `afn.tasks.cifar.Cifar10`.
    """

    num_classes = 10
    in_channels = 3
    image_size = 32
    # fmt: off
    class_names = ("airplane", "automobile", "bird", "cat", "deer",
                   "dog", "frog", "horse", "ship", "truck")
    conditions = ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise",
                  "gaussian_blur", "glass_blur", "defocus_blur", "motion_blur", "zoom_blur",
                  "snow", "frost", "fog", "brightness", "spatter",
                  "contrast", "saturate", "elastic_transform", "pixelate", "jpeg_compression")
    # fmt: on
    severities = (1, 2, 3, 4, 5)
    domains = ()
    packages = ("torchvision", "scipy", "pillow")
    plan_sizes = {"train": 50_000, "test": 10_000}

    def __init__(
        self,
        *,
        files: Literal["auto", "published", "regenerated"] = "auto",
        severities: tuple[Literal[1, 2, 3, 4, 5], ...] = (1, 2, 3, 4, 5),
        validation: float = 0.1,
    ) -> None:
        self.files = files
        self.validation = within("validation", validation, 0.001, 0.5)
        self.severities = tuple(sorted(set(severities)))  # type: ignore[assignment]
        self.title, self.notes = REGENERATED, ()

    def prepare(self, data_dir: Path | None) -> Prepared:
        """Clean arrays, and one array per corruption and severity, made when it is written."""
        arrays, tests = clean(self, "cifar10", data_dir)
        folder = self.published_folder(Path(data_dir))  # type: ignore[arg-type]
        labels = "test_labels"
        if folder:
            labels = "test_published_labels"
            arrays[labels] = published_labels(folder)
        self.title = PUBLISHED if folder else REGENERATED
        self.notes = () if folder else NOTES  # type: ignore[assignment]
        for condition in self.conditions:
            for severity in self.severities:
                key = f"test_{condition}_{severity}_images"
                if folder:
                    make = partial(published_images, folder / f"{condition}.npy", severity)
                else:
                    make = partial(corrupt, arrays["test_images"], condition, severity)
                arrays[key] = Lazy(len(arrays[labels]), make)
                tests.append(TestSet(condition, severity, key, labels))
        return Prepared(arrays, tests)

    def published_folder(self, data_dir: Path) -> Path | None:
        """The folder of the published files, or None where they are to be regenerated."""
        if self.files == "regenerated":
            return None
        names = [f"{name}.npy" for name in (*self.conditions, "labels")]
        folder = data_dir / "CIFAR-10-C"
        absent = [name for name in names if not (folder / name).is_file()]
        if not absent:
            return folder
        if self.files == "published" or len(absent) < len(names):
            # A folder with some of the files is a broken copy, not a wish for other images.
            raise StudyError(
                f"CIFAR-10-C: {folder} lacks {', '.join(absent)}. Put the published files there "
                "(one <corruption>.npy each, uint8 (50000, 32, 32, 3), and labels.npy), or choose "
                "the option files: regenerated"
            )
        return None


NOTES = (
    "The corrupted images are CIFAR-10-C (regenerated): made by this project from the test images "
    "with the published constants, not the published files.",
    "Frost is drawn, not photographed; the relief of water drops (spatter) follows the published "
    "steps without OpenCV.",
)


def published_labels(folder: Path) -> np.ndarray:
    """The labels of one severity; all five are the same in the published file."""
    labels = _load(folder / "labels.npy", (5 * COUNT,)).reshape(5, COUNT)
    if (labels != labels[0]).any():
        raise StudyError(f"{folder / 'labels.npy'}: the labels of the five severities differ")
    return labels[0].astype(np.int64)


def published_images(path: Path, severity: int) -> np.ndarray:
    """One severity's images out of a published file, uint8 (10000, 32, 32, 3)."""
    images = _load(path, (5 * COUNT, 32, 32, 3))
    return np.array(images[(severity - 1) * COUNT : severity * COUNT])


def _load(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StudyError(f"{path} cannot be read ({error})") from None
    if array.shape != shape or not np.issubdtype(array.dtype, np.integer):
        raise StudyError(f"{path} holds {array.dtype} {array.shape}; expected uint8 {shape}")
    return array
