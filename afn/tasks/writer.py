"""Write a task's arrays: one ``.npy`` per array, and last the manifest that vouches for them.

A folder with a manifest is complete: the manifest is removed before the first array changes and
renamed into place after the last one is on disk. It holds no times, so the same data and code give
the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from importlib import metadata
from pathlib import Path

import numpy as np

from afn.tasks.base import Prepared

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
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        _replace(folder / f"{key}.npy", buffer.getvalue())
        entries[key] = {
            "file": f"{key}.npy",
            "shape": list(array.shape),
            "dtype": str(array.dtype),
            "sha256": hashlib.sha256(buffer.getbuffer()).hexdigest(),
        }
    mean, std = moments(prepared.arrays["train_images"])
    content = {
        "schema": SCHEMA,
        "task": name,
        "options": options,
        "num_classes": task.num_classes,
        "in_channels": task.in_channels,
        "image_size": task.image_size,
        "class_names": list(task.class_names),
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
    _replace(manifest, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    return manifest


def check(task: object, prepared: Prepared) -> None:
    """Raise ValueError, naming the array, where a task does not keep to the interface."""
    size, channels = task.image_size, task.in_channels
    for key, array in prepared.arrays.items():
        if key.endswith("_images"):
            expected, shape = "uint8", (len(array), size, size, channels)
        else:
            expected, shape = "int64", (len(array),)
        if str(array.dtype) != expected or array.shape != shape:
            found = f"{array.dtype} {array.shape}"
            raise ValueError(f"array {key!r} is {found}; expected {expected} {shape}")
        if expected == "int64" and not set(np.unique(array)) <= set(range(task.num_classes)):
            raise ValueError(f"array {key!r} holds labels outside 0..{task.num_classes - 1}")
    pairs = [(f"{split}_images", f"{split}_labels") for split in ("train", "val")]
    pairs += [(test.images, test.labels) for test in prepared.tests]
    for images, labels in pairs:
        if len(prepared.arrays[images]) != len(prepared.arrays[labels]):
            raise ValueError(f"arrays {images!r} and {labels!r} differ in length")


def moments(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel of uint8 (N, H, W, C) images on [0, 1].

    Computed from integer counts of the 256 values: exact, and the same in any order of the images.
    """
    mean, std = [], []
    values = np.arange(256) / 255
    for channel in range(images.shape[-1]):
        weight = (
            np.bincount(images[..., channel].ravel(), minlength=256) / images[..., channel].size
        )
        centre = float(weight @ values)
        mean.append(centre)
        std.append(float(np.sqrt(weight @ (values - centre) ** 2)))
    return mean, std


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
