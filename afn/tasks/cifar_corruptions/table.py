"""All 19 corruptions by name, and one function that applies any of them to any number of images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from afn.common.seeds import stream
from afn.tasks.cifar_corruptions import blur, digital, noise, weather

Corruption = Callable[[np.ndarray, int, np.random.RandomState], np.ndarray]

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "speckle_noise": noise.speckle_noise,
    "gaussian_blur": blur.gaussian_blur,
    "glass_blur": blur.glass_blur,
    "defocus_blur": blur.defocus_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "snow": weather.snow,
    "frost": weather.frost,
    "fog": weather.fog,
    "brightness": weather.brightness,
    "spatter": weather.spatter,
    "contrast": digital.contrast,
    "saturate": digital.saturate,
    "elastic_transform": digital.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg_compression": digital.jpeg_compression,
}
CHUNK = 500
"""Images that are corrupted together: few enough for the processor's cache."""


def corrupt(images: np.ndarray, name: str, severity: int) -> np.ndarray:
    """Corrupt uint8 images (N, 32, 32, 3) and return uint8 images of the same shape.

    Deterministic. What happens to an image (which noise, which direction) depends on the
    corruption and the image's position; all severities of one image share these draws as far as
    the distribution allows, so that they differ in strength and not in luck. The first images of
    a set do not depend on how many follow, in steps of `CHUNK`. Values are rounded (the published
    files were truncated).
    """
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
        raise ValueError(f"images are {images.dtype} {images.shape}, not uint8 (N, 32, 32, 3)")
    result = np.empty_like(images)
    for number, start in enumerate(range(0, len(images), CHUNK)):
        rows = slice(start, start + CHUNK)
        # The legacy generator: its streams are frozen for good.
        random = np.random.RandomState(stream(0, "cifar10_c", name, number) % 2**32)
        changed = CORRUPTIONS[name](images[rows] / 255, severity, random)
        result[rows] = np.rint(np.clip(changed, 0, 1) * 255)
    return result
