"""Write a task's arrays: one ``.npy`` per array, and last the manifest that vouches for them.

A folder with a manifest is complete: the manifest is removed before the first array changes and
renamed into place after the last one is on disk. It holds no times, so the same data and code give
the same bytes.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np

from afn.common import files
from afn.common.canonical import sealed
from afn.tasks.base import Lazy, Prepared
from afn.tasks.data.moments import moments
from afn.tasks.data.reader import manifest_bytes

SCHEMA = 1


def write(
    folder: Path, name: str, options: dict, task: object, prepared: Prepared, fingerprint: str = ""
) -> Path:
    """Write ``prepared`` into ``folder`` and return the path of its manifest.

    Parameters
    ----------
    folder : Path
        Made if it is not there; arrays of an earlier preparation are replaced.
    name, options : str, dict
        What the study calls the task, with every option resolved.
    task : object
        The task, for its literal attributes (number of classes and so on).
    prepared : Prepared
        What to write. Shapes and types are checked first.
    fingerprint : str
        Hash of the code that made the arrays, as the study computes it.
    """
    check(task, prepared)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.json"
    manifest.unlink(missing_ok=True)
    entries = {}
    for key, array in sorted(prepared.arrays.items()):
        entries[key] = _write_array(folder / f"{key}.npy", key, array, task)
    mean, std = moments(np.load(folder / "train_images.npy", mmap_mode="r"))
    said = {key: getattr(task, key) for key in ("title", "notes") if getattr(task, key, None)}
    content = {
        **said,
        "schema": SCHEMA,
        "task": name,
        "options": options,
        "num_classes": task.num_classes,  # type: ignore[attr-defined]
        "in_channels": task.in_channels,  # type: ignore[attr-defined]
        "image_size": task.image_size,  # type: ignore[attr-defined]
        "class_names": list(task.class_names),  # type: ignore[attr-defined]
        "mean": mean,
        "std": std,
        "arrays": entries,
        "tests": [
            {
                "split": "test",
                "condition": test.condition,
                "severity": test.severity,
                "images": test.images,
                "labels": test.labels,
            }
            for test in prepared.tests
        ],
        "fingerprint": fingerprint,
        "versions": {p: metadata.version(p) for p in ("numpy", *getattr(task, "packages", ()))},
    }
    files.write(manifest, manifest_bytes(sealed(content)))
    return manifest


def _write_array(path: Path, key: str, array: np.ndarray | Lazy, task: object) -> dict:
    """Write one array, which is made here if it is lazy, and return its entry of the manifest."""
    if isinstance(array, Lazy):
        length, array = len(array), array.make()
        check_array(key, array, task)
        if len(array) != length:
            raise ValueError(f"array {key!r} has {len(array)} rows; {length} were announced")
    array = np.ascontiguousarray(array)
    with files.replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        digest = files.sha256_of(temporary)
    return {
        "file": path.name,
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "sha256": digest,
    }


def check(task: object, prepared: Prepared) -> None:
    """Raise ValueError, naming the array, where a task does not keep to the interface."""
    for key, array in prepared.arrays.items():
        if not isinstance(array, Lazy):
            check_array(key, array, task)
    pairs = [(f"{split}_images", f"{split}_labels") for split in ("train", "val")]
    pairs += [(test.images, test.labels) for test in prepared.tests]
    for images, labels in pairs:
        if len(prepared.arrays[images]) != len(prepared.arrays[labels]):
            raise ValueError(f"arrays {images!r} and {labels!r} differ in length")


def check_array(key: str, array: np.ndarray, task: object) -> None:
    """Raise ValueError unless the array called ``key`` has the task's shape, type and labels."""
    size, channels = task.image_size, task.in_channels  # type: ignore[attr-defined]
    if key.endswith("_images"):
        expected, shape = "uint8", (len(array), size, size, channels)
    else:
        expected, shape = "int64", (len(array),)  # type: ignore[assignment]
    if str(array.dtype) != expected or array.shape != shape:
        found = f"{array.dtype} {array.shape}"
        raise ValueError(f"array {key!r} is {found}; expected {expected} {shape}")
    if expected == "int64" and not set(np.unique(array)) <= set(range(task.num_classes)):  # type: ignore[attr-defined]
        raise ValueError(f"array {key!r} holds labels outside 0..{task.num_classes - 1}")  # type: ignore[attr-defined]
