"""Shifted versions of small images, for tests only: noise, blur, contrast, brightness, and so on.

Every function takes images of shape (N, H, W, C) in [0, 1], a severity from 1 to 5 and a seed, and
returns images of the same shape in [0, 1]. The seed fixes *what* happens to an image (which noise,
which direction, which corner); the severity only scales it. So the severities of one condition
differ in strength alone, and a fall of accuracy along them is not the luck of another draw.

The constants are for 8x8 images (those of CIFAR-10-C are for 32x32 photographs). They were set once
so that small networks with BatchNorm lose a few points at severity 1 and between a fifth and a half
of their accuracy at severity 5; no other method was looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Corruption = Callable[[np.ndarray, int, int], np.ndarray]

NOISE_SD = (0.12, 0.20, 0.28, 0.36, 0.45)
BLUR_SIGMA = (0.45, 0.55, 0.65, 0.75, 0.85)  # pixels
CONTRAST_FACTOR = (0.70, 0.60, 0.50, 0.41, 0.33)
BRIGHTNESS_SHIFT = (0.12, 0.20, 0.28, 0.35, 0.42)
TRANSLATION = (0.40, 0.55, 0.70, 0.85, 1.00)  # pixels
OCCLUSION_SIDE = (2.0, 2.6, 3.2, 3.8, 4.4)  # pixels


def noise(images: np.ndarray, severity: int, seed: int) -> np.ndarray:
    """Add Gaussian noise, independent per pixel."""
    field = _random(seed).standard_normal(images.shape)
    return np.clip(images + NOISE_SD[severity - 1] * field, 0, 1)


def blur(images: np.ndarray, severity: int, seed: int) -> np.ndarray:
    """Smooth with a Gaussian, black outside the image."""
    del seed  # nothing is random here
    height, width = images.shape[1:3]
    rows = _gaussian_matrix(height, BLUR_SIGMA[severity - 1])
    columns = _gaussian_matrix(width, BLUR_SIGMA[severity - 1])
    return np.clip(np.einsum("yh,nhwc,xw->nyxc", rows, images, columns), 0, 1)


def contrast(images: np.ndarray, severity: int, seed: int) -> np.ndarray:
    """Draw every pixel towards the mean of its image and channel."""
    del seed
    mean = images.mean(axis=(1, 2), keepdims=True)
    return np.clip(mean + CONTRAST_FACTOR[severity - 1] * (images - mean), 0, 1)


def brightness(images: np.ndarray, severity: int, seed: int) -> np.ndarray:
    """Add light; what is white already stays white."""
    del seed
    return np.clip(images + BRIGHTNESS_SHIFT[severity - 1], 0, 1)


def translation(images: np.ndarray, severity: int, seed: int) -> np.ndarray:
    """Move each image by a fixed distance in its own direction (bilinear, black outside)."""
    angle = _random(seed).uniform(0, 2 * np.pi, size=len(images))
    distance = TRANSLATION[severity - 1]
    rows = _shift_matrix(images.shape[1], distance * np.sin(angle))
    columns = _shift_matrix(images.shape[2], distance * np.cos(angle))
    return np.clip(np.einsum("nyh,nhwc,nxw->nyxc", rows, images, columns), 0, 1)


def occlusion(images: np.ndarray, severity: int, seed: int) -> np.ndarray:
    """Cover a square around a random point of the middle with mid-grey (soft to the sub-pixel)."""
    height, width = images.shape[1:3]
    centre = _random(seed).uniform(0.25, 0.75, size=(len(images), 2)) * (height, width)
    half = OCCLUSION_SIDE[severity - 1] / 2
    rows = _covered(height, centre[:, 0], half)
    columns = _covered(width, centre[:, 1], half)
    mask = (rows[:, :, None] * columns[:, None, :])[..., None]
    return images * (1 - mask) + 0.5 * mask


CORRUPTIONS: dict[str, Corruption] = {
    "noise": noise,
    "blur": blur,
    "contrast": contrast,
    "brightness": brightness,
    "translation": translation,
    "occlusion": occlusion,
}


def corrupt(images: np.ndarray, condition: str, severity: int, seed: int) -> np.ndarray:
    """Corrupt uint8 images (N, H, W, C) and return uint8 images; deterministic in ``seed``."""
    changed = CORRUPTIONS[condition](images.astype(np.float64) / 255, severity, seed)
    return np.round(changed * 255).astype(np.uint8)


def _random(seed: int) -> np.random.RandomState:
    # The legacy generator: its streams are frozen for good, default_rng's may change with NumPy.
    return np.random.RandomState(seed % 2**32)


def _gaussian_matrix(size: int, sigma: float) -> np.ndarray:
    """Row y holds the weights of the pixels that the blurred pixel y is made of; (size, size)."""
    reach = np.arange(-size, size + 1)
    weights = np.exp(-0.5 * (reach / sigma) ** 2)
    weights /= weights.sum()
    offset = np.arange(size)[None, :] - np.arange(size)[:, None]
    return weights[offset + size]


def _shift_matrix(size: int, shift: np.ndarray) -> np.ndarray:
    """Interpolation weights that move row h of image n to h + shift[n]; (N, size, size)."""
    source = np.arange(size)[None, :] - shift[:, None]
    return np.clip(1 - np.abs(source[:, :, None] - np.arange(size)), 0, None)


def _covered(size: int, centre: np.ndarray, half: float) -> np.ndarray:
    """Share of each pixel that lies within ``half`` of ``centre``; (N, size)."""
    left = np.maximum(np.arange(size)[None, :], centre[:, None] - half)
    right = np.minimum(np.arange(size)[None, :] + 1, centre[:, None] + half)
    return np.clip(right - left, 0, 1)
