"""Noise: Gaussian, shot, impulse, speckle.

Here as in the other families: images are float64 (N, 32, 32, 3) in [0, 1], severity is 1 to 5,
``random`` is the only source of chance, and the caller clips the result to [0, 1].
"""

from __future__ import annotations

import numpy as np

GAUSSIAN_SD = (0.04, 0.06, 0.08, 0.09, 0.10)
SHOT_PHOTONS = (500, 250, 100, 75, 50)
IMPULSE_SHARE = (0.01, 0.02, 0.03, 0.05, 0.07)
SPECKLE_SD = (0.06, 0.1, 0.12, 0.16, 0.2)


def gaussian_noise(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Add normal noise, independent per value."""
    return images + GAUSSIAN_SD[severity - 1] * random.standard_normal(images.shape)


def shot_noise(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Count photons: a Poisson number of them per value, fewer for a higher severity."""
    photons = SHOT_PHOTONS[severity - 1]
    return random.poisson(images * photons) / photons


def impulse_noise(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Set a share of all values to 0 or 1 (salt and pepper in equal parts)."""
    share = IMPULSE_SHARE[severity - 1]
    where = random.random_sample(images.shape)
    salt = random.random_sample(images.shape) < 0.5
    return np.where(where < share, salt, images)


def speckle_noise(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Add normal noise in proportion to the value."""
    return images + images * SPECKLE_SD[severity - 1] * random.standard_normal(images.shape)
