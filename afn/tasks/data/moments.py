"""Mean and standard deviation of training images, which all images are normalised with.

In: uint8 images. Out: two lists of numbers. Called by the writer of a task's arrays, and where the
training images are divided anew.
"""

from __future__ import annotations

import numpy as np


def moments(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel of uint8 (N, H, W, C) images on [0, 1].

    Computed from integer counts of the 256 values: exact, and the same in any order of the images.
    """
    mean, std = [], []
    values = np.arange(256) / 255
    counts = np.zeros((images.shape[-1], 256), np.int64)
    for start in range(0, len(images), 1000):  # counting takes eight times the memory of its part
        for channel, count in enumerate(counts):
            part = images[start : start + 1000, ..., channel]
            count += np.bincount(part.ravel(), minlength=256)
    for count in counts:
        weight = count / count.sum()
        centre = float(weight @ values)
        mean.append(centre)
        std.append(float(np.sqrt(weight @ (values - centre) ** 2)))
    return mean, std
