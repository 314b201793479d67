"""Blurs: Gaussian, glass, defocus, motion, zoom. Conventions: see `noise`."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.ndimage import gaussian_filter

GAUSSIAN_SIGMA = (0.4, 0.6, 0.7, 0.8, 1)
GLASS = ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2))
DEFOCUS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))
MOTION = ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))
ZOOM_END = (1.06, 1.11, 1.16, 1.21, 1.26)


def smooth(images: np.ndarray, sigma: float, **options) -> np.ndarray:
    """Gaussian blur of (N, H, W) or (N, H, W, C) over H and W; edge pixels repeat."""
    spread = (0, sigma, sigma, 0)[: images.ndim]
    return gaussian_filter(images, spread, **{"mode": "nearest", **options})


def gaussian_blur(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Smooth with a Gaussian, cut off at four standard deviations."""
    del random
    return smooth(images, GAUSSIAN_SIGMA[severity - 1])


def glass_blur(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Smooth, let pixels take the place of near ones, smooth.

    The benchmark means to exchange pixels; its code assigns through views, so that a pixel is
    overwritten by its neighbour, and so are the published images. The same is done here.
    """
    sigma, reach, rounds = GLASS[severity - 1]
    # (H, W, N, 3): one position of all images is one block of memory.
    moved = np.ascontiguousarray(smooth(images, sigma).transpose(1, 2, 0, 3))
    size, every = moved.shape[0], np.arange(len(images))
    for _ in range(rounds):
        for row in range(size - reach, reach, -1):
            for column in range(size - reach, reach, -1):
                step = random.randint(-reach, reach, size=(2, len(images)))
                moved[row, column] = moved[row + step[0], column + step[1], every]
    return smooth(moved.transpose(2, 0, 1, 3), sigma)


def defocus_blur(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Convolve with a disk whose edge is softened; the image is mirrored at its border."""
    del random
    kernel = disk(*DEFOCUS[severity - 1])
    half = len(kernel) // 2
    padded = np.pad(images, ((0, 0), (half, half), (half, half), (0, 0)), mode="reflect")
    size = images.shape[1]
    result = np.zeros_like(images)
    for row, column in np.argwhere(kernel > 1e-12):
        result += kernel[row, column] * padded[:, row : row + size, column : column + size]
    return result


def disk(radius: float, alias: float) -> np.ndarray:
    """A disk of sum 1, smoothed by a 3x3 Gaussian with standard deviation ``alias``."""
    reach = np.arange(-3, 4)
    filled = (reach[:, None] ** 2 + reach[None, :] ** 2 <= radius**2).astype(np.float64)
    return gaussian_filter(filled / filled.sum(), alias, radius=1, mode="constant")


def motion_blur(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Blur along an angle of -45 to 45 degrees, each image its own."""
    radius, sigma = MOTION[severity - 1]
    return smear(images, radius, sigma, random.uniform(-45, 45, size=len(images)))


def smear(images: np.ndarray, radius: int, sigma: float, angle: np.ndarray) -> np.ndarray:
    """Mean along a ray: half a Gaussian of 2 radius + 1 pixels, as ImageMagick's motion blur.

    Parameters
    ----------
    images : numpy.ndarray
        Shape (N, H, W, C).
    radius, sigma : int, float
        Pixels.
    angle : numpy.ndarray
        Degrees, shape (N,); 0 looks to the right, 90 down. Edge pixels repeat.
    """
    width = 2 * radius + 1
    weights = np.exp(-0.5 * (np.arange(width) / sigma) ** 2)
    weights /= weights.sum()
    pad = ((0, 0), (width, width), (width, width), (0, 0))
    padded = np.pad(images, pad, mode="edge")
    height, length = images.shape[1:3]
    result = np.zeros_like(images)
    for i, weight in enumerate(weights):
        if weight < 1e-7:  # below the resolution of eight bits by far
            break
        down = np.ceil(i * np.sin(np.radians(angle)) - 0.5).astype(int) + width
        right = np.ceil(i * np.cos(np.radians(angle)) - 0.5).astype(int) + width
        for step in sorted(set(zip(down.tolist(), right.tolist(), strict=True))):
            rows = np.flatnonzero((down == step[0]) & (right == step[1]))
            window = padded[:, step[0] : step[0] + height, step[1] : step[1] + length]
            result[rows] += weight * window[rows]
    return result


def zoom_blur(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Mean of the image and its magnifications in steps of one percent."""
    del random
    factors = np.arange(1, ZOOM_END[severity - 1], 0.01)
    size = images.shape[1]
    # On so few pixels neighbouring factors often read the same window.
    windows = Counter(zoom_window(size, factor) for factor in factors)
    total = images.copy()
    for window, times in windows.items():
        total += times * zoom_in(images, *window)
    return total / (len(factors) + 1)


def zoom_window(size: int, factor: float) -> tuple[int, int]:
    """How many middle pixels a magnification reads, and how many it makes of them."""
    read = int(np.ceil(size / factor))
    return read, round(read * factor)


def zoom_in(images: np.ndarray, read: int, made: int) -> np.ndarray:
    """Stretch the middle ``read`` pixels to ``made`` and keep the middle (N, H, W[, C])."""
    size = images.shape[1]
    top, trim = (size - read) // 2, (made - size) // 2
    place = (np.arange(size) + trim) * ((read - 1) / (made - 1)) + top
    low = np.clip(np.floor(place).astype(int), 0, size - 1)
    high = np.minimum(low + 1, size - 1)
    share = (place - low).reshape(-1, *[1] * (images.ndim - 2))
    images = images[:, low] + share * (images[:, high] - images[:, low])
    share = share[..., 0] if images.ndim == 4 else share.reshape(-1)
    share = share.reshape(-1, *[1] * (images.ndim - 3))
    return images[:, :, low] + share * (images[:, :, high] - images[:, :, low])
