"""Tasks that a user might write, good and bad."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge

from afn.tasks.base import Prepared, TestSet


class Toy:
    """Reads two files from the data folder."""

    num_classes = 2
    in_channels = 3
    image_size = 4
    class_names = ("dark", "light")
    conditions = ()
    severities = ()
    domains = ()
    expected_files = ("images.bin", "labels.bin")

    def __init__(self, *, n: Annotated[int, Ge(4)] = 8) -> None:
        self.n = n

    def prepare(self, data_dir: Path | None) -> Prepared:
        labels = np.arange(self.n) % 2
        images = np.repeat(labels.astype(np.uint8) * 200, 48).reshape(self.n, 4, 4, 3)
        arrays = {
            f"{part}_{kind}": array
            for part in ("train", "val", "test")
            for kind, array in (("images", images), ("labels", labels))
        }
        return Prepared(arrays, [TestSet("clean", 0, "test_images", "test_labels")])
