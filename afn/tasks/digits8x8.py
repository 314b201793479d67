"""The 1,797 handwritten digits that scikit-learn ships: real data without a download.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (its test
part): 32x32 bitmaps of 13 writers counted down to 8x8 values from 0 to 16. Images of one writer may
fall on both sides of the split, as they do wherever this set is split at random.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from afn.common.seeds import stream
from afn.tasks.base import Prepared, TestSet
from afn.tasks.corruptions import corrupt
from afn.tasks.data.split import stratified_split


class Digits8x8:
    """Digits 0 to 9 on 8x8 grey images; 1,077 to train, 360 to validate, 360 to test.

    The split is stratified and fixed: no seed of a study moves it. The shifted conditions are made
    from the 360 test images with fixed seeds, so every run is tested on the same pixels.
    """

    num_classes = 10
    in_channels = 1
    image_size = 8
    class_names = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    conditions = ("noise", "blur", "contrast", "brightness", "translation", "occlusion")
    severities = (1, 3, 5)
    domains = ()
    packages = ("scikit-learn",)
    plan_sizes = {"train": 1077, "test": 360}

    def __init__(self) -> None:
        pass

    def prepare(self, data_dir: Path | None = None) -> Prepared:
        """Read, split and shift the images; ``data_dir`` is not needed and not looked at."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images[..., None] * (255 / 16)).astype(np.uint8)
        labels = digits.target.astype(np.int64)
        arrays = {}
        seed = stream(0, "digits8x8", "split")
        for split, rows in stratified_split(labels, {"val": 360, "test": 360}, seed).items():
            arrays[f"{split}_images"] = images[rows]
            arrays[f"{split}_labels"] = labels[rows]
        tests = [TestSet("clean", 0, "test_images", "test_labels")]
        for condition in self.conditions:
            seed = stream(0, "digits8x8", condition)
            for severity in self.severities:
                key = f"test_{condition}_{severity}_images"
                arrays[key] = corrupt(arrays["test_images"], condition, severity, seed)
                tests.append(TestSet(condition, severity, key, "test_labels"))
        return Prepared(arrays, tests)
