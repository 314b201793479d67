"""Read prepared arrays: memory-mapped, in milliseconds; and check them against the manifest.

The manifest has a seal; the arrays have their sha256 in it. Opening compares types and shapes;
whoever is going to use the content of arrays calls `TaskData.check` first.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from afn.common.canonical import is_sealed
from afn.common.errors import StudyError
from afn.common.files import sha256_of


@dataclass(frozen=True)
class TestData:
    """One test set; ``images`` uint8 (N, H, W, C), ``labels`` int64 (N,)."""

    __test__ = False

    split: str
    condition: str
    severity: int
    images: np.ndarray
    labels: np.ndarray

    @property
    def name(self) -> str:
        return f"{self.split}/{self.condition}/{self.severity}"


@dataclass(frozen=True)
class TaskData:
    """Everything that training needs to know about a task.

    ``mean`` and ``std`` are those of the training images per channel on [0, 1]; ``sha256`` is the
    manifest's and so vouches for every array.
    """

    task: str
    options: dict
    num_classes: int
    in_channels: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    validation: TestData
    tests: tuple[TestData, ...]
    sha256: str
    digests: dict[Path, str] = field(default_factory=dict)

    def check(self, *, tests: bool) -> None:
        """Read the arrays of the tests, or else those of the other splits, and compare hashes.

        Raises
        ------
        StudyError
            For an array that is damaged.
        """
        for path, digest in self.digests.items():
            if path.name.startswith(("train_", "val_")) != tests:
                _check(path, digest)


def load(manifest: Path | str, *, verify: bool = False) -> TaskData:
    """Open the arrays that a manifest describes, without reading their content.

    Parameters
    ----------
    manifest : Path
        ``manifest.json`` as written by ``python -m afn.tasks prepare``.
    verify : bool
        Also read every array and compare its sha256.

    Raises
    ------
    StudyError
        For a missing or foreign manifest, and for an array that is not as the manifest says.
    """
    manifest = Path(manifest)
    try:
        raw = manifest.read_bytes()
        content = json.loads(raw)
        entries = content["arrays"]
        if not is_sealed(content) or manifest_bytes(content) != raw:
            raise StudyError(
                f"prepared data: {manifest} is damaged, or older than this version (its seal does "
                f"not fit); {_REMEDY}"
            )
        paths = {key: manifest.parent / entry["file"] for key, entry in entries.items()}
        arrays = {key: _array(path, entries[key], verify) for key, path in paths.items()}
        tests = tuple(
            TestData(
                test["split"],
                test["condition"],
                test["severity"],
                arrays[test["images"]],
                arrays[test["labels"]],
            )
            for test in content["tests"]
        )
        return TaskData(
            task=content["task"],
            options=content["options"],
            num_classes=content["num_classes"],
            in_channels=content["in_channels"],
            image_size=content["image_size"],
            mean=tuple(content["mean"]),
            std=tuple(content["std"]),
            train_images=arrays["train_images"],
            train_labels=arrays["train_labels"],
            validation=TestData(
                "validation", "clean", 0, arrays["val_images"], arrays["val_labels"]
            ),
            tests=tests,
            sha256=hashlib.sha256(raw).hexdigest(),
            digests={path: entries[key]["sha256"] for key, path in paths.items()},
        )
    except FileNotFoundError as error:
        raise StudyError(f"prepared data: {error.filename} is missing; {_REMEDY}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StudyError(
            f"{manifest} is no manifest of prepared data ({error}); {_REMEDY}"
        ) from None


_REMEDY = (
    "make it with `python -m afn.tasks prepare`, or delete its folder and give the command of the "
    "study again"
)


def manifest_bytes(content: dict) -> bytes:
    """A manifest as it is written: one text for one content, so that no bit of it is free."""
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _array(path: Path, entry: dict, verify: bool) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # NumPy reads the header as Python, and fails in many ways
        raise StudyError(f"prepared data: {path} cannot be read ({error}); {_REMEDY}") from None
    found = [str(array.dtype), list(array.shape)]
    if found != [entry["dtype"], entry["shape"]]:
        expected = [entry["dtype"], entry["shape"]]
        raise StudyError(f"prepared data: {path} is {found}, not {expected}; {_REMEDY}")
    if verify:
        _check(path, entry["sha256"])
    return array


def _check(path: Path, digest: str) -> None:
    if sha256_of(path) != digest:
        raise StudyError(f"prepared data: {path} is damaged (sha256 differs); {_REMEDY}")
