"""Small images made from integers, and their goldens: ``python -m tests.tasks.pictures`` prints."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("golden_corruptions.json")


def synthetic(count: int = 8) -> np.ndarray:
    """Colour gradients with bars and squares, one grey, one black; uint8 (count, 32, 32, 3)."""
    y, x = np.mgrid[:32, :32]
    images = np.empty((count, 32, 32, 3), np.uint8)
    for n in range(count):
        images[n, ..., 0] = (7 * x + 3 * y * (n + 1)) % 256
        images[n, ..., 1] = (40 * n + 4 * y + (x // 4 % 2) * 60) % 256
        images[n, ..., 2] = 255 - (x * y // 4 + 20 * n) % 256
        images[n, 4 + n : 14 + n, 6 : 20 - n // 2] = (230, 40 * (n % 6), 90)
    images[-2] = images[-2, ..., :1]
    images[-1] = 0
    return images


def hashes(images: np.ndarray) -> dict[str, list[str]]:
    """sha256 (first 16 digits) per corruption of the five severities."""
    from afn.tasks.cifar_corruptions.table import CORRUPTIONS, corrupt

    return {
        name: [
            hashlib.sha256(corrupt(images, name, severity).tobytes()).hexdigest()[:16]
            for severity in (1, 2, 3, 4, 5)
        ]
        for name in CORRUPTIONS
    }


def real_subset(folder: Path) -> np.ndarray:
    """The first 16 test images of the stored CIFAR-10 subset."""
    with np.load(folder / "cifar10" / "test.npz") as content:
        return content["images"][:16]


if __name__ == "__main__":
    golden = {"synthetic": hashes(synthetic())}
    if "AFN_REAL_DATA" in os.environ:
        golden["cifar10_test_16"] = hashes(real_subset(Path(os.environ["AFN_REAL_DATA"])))
    print(json.dumps(golden, indent=1))
