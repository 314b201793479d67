"""Weather: snow, frost, fog, brightness, spatter. Conventions: see `noise`."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate, distance_transform_edt, uniform_filter

from afn.tasks.cifar_corruptions.blur import smear, smooth, zoom_in, zoom_window
from afn.tasks.cifar_corruptions.frost import texture

SNOW = (
    (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
)
FROST = ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))
FOG = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))
BRIGHTNESS = (0.05, 0.1, 0.15, 0.2, 0.3)
SPATTER = (
    (0.62, 0.1, 0.7, 0.7, 0.5, 0),
    (0.65, 0.1, 0.8, 0.7, 0.5, 0),
    (0.65, 0.3, 1, 0.69, 0.5, 0),
    (0.65, 0.1, 0.7, 0.69, 0.6, 1),
    (0.65, 0.1, 0.5, 0.68, 0.6, 1),
)
WATER = np.array([175, 238, 238]) / 255
MUD = np.array([63, 42, 20]) / 255
GREY = np.array([0.299, 0.587, 0.114])


def snow(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Whiten, and add flakes: magnified noise above a threshold, smeared downwards."""
    mean, sd, zoom, threshold, radius, sigma, mix = SNOW[severity - 1]
    layer = mean + sd * random.standard_normal(images.shape[:3])
    angle = random.uniform(-135, -45, size=len(images))
    layer = zoom_in(layer, *zoom_window(layer.shape[1], zoom))
    layer = np.clip(np.where(layer < threshold, 0, layer), 0, 1)
    flakes = smear(layer[..., None], radius, sigma, angle)
    pale = np.maximum(images, (images * GREY).sum(axis=3, keepdims=True) * 1.5 + 0.5)
    return mix * images + (1 - mix) * pale + flakes + flakes[:, ::-1, ::-1]


def frost(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Mix with a piece of frost. The benchmark's photographs of frost are not used: the frost is
    drawn (`afn.tasks.cifar_corruptions.frost`)."""
    keep, add = FROST[severity - 1]
    frozen = texture()
    size = images.shape[1]
    rows = random.randint(0, frozen.shape[0] - size, size=len(images))
    columns = random.randint(0, frozen.shape[1] - size, size=len(images))
    at = np.arange(size)
    piece = frozen[(rows[:, None] + at)[:, :, None], (columns[:, None] + at)[:, None, :]]
    return keep * images + add * piece


def fog(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Add a plasma fractal and scale back by max / (max + strength), max of each image."""
    strength, decay = FOG[severity - 1]
    brightest = images.max(axis=(1, 2, 3), keepdims=True)
    cloud = plasma(len(images), images.shape[1], decay, random)[..., None]
    return (images + strength * cloud) * brightest / (brightest + strength)


def plasma(count: int, size: int, decay: float, random: np.random.RandomState) -> np.ndarray:
    """Diamond-square clouds on a torus, in [0, 1]; (count, size, size), size a power of 2."""
    clouds = np.zeros((count, size, size))
    step, wobble = size, 100.0

    def mean_of(total: np.ndarray) -> np.ndarray:
        return total / 4 + wobble**2 * random.uniform(-1, 1, total.shape)

    while step >= 2:
        half = step // 2
        corners = clouds[:, ::step, ::step]
        total = corners + np.roll(corners, -1, axis=1)
        clouds[:, half::step, half::step] = mean_of(total + np.roll(total, -1, axis=2))
        middles = clouds[:, half::step, half::step]
        total = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        clouds[:, ::step, half::step] = mean_of(total)
        total = middles + np.roll(middles, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        clouds[:, half::step, ::step] = mean_of(total)
        step, wobble = half, wobble / decay
    clouds -= clouds.min(axis=(1, 2), keepdims=True)
    return clouds / clouds.max(axis=(1, 2), keepdims=True)


def brightness(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Raise the value of HSV; hue and saturation stay."""
    del random
    value = images.max(axis=3, keepdims=True)
    raised = np.clip(value + BRIGHTNESS[severity - 1], 0, 1)
    black = value == 0
    return np.where(black, raised, images * (raised / np.where(black, 1, value)))


def spatter(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Drops of water (severities 1 to 3) or mud (4 and 5) on the lens."""
    mean, sd, sigma, threshold, strength, mud = SPATTER[severity - 1]
    layer = mean + sd * random.standard_normal(images.shape[:3])
    liquid = smooth(layer, sigma)
    liquid = np.where(liquid < threshold, 0, liquid)
    if mud:
        cover = smooth((liquid > threshold).astype(np.float64), strength)
        cover = np.where(cover < 0.8, 0, cover)[..., None]
        return images * (1 - cover) + MUD * cover
    light = liquid * drop_relief(liquid > 0)
    peak = light.max(axis=(1, 2), keepdims=True)
    light = strength * light / np.where(peak > 0, peak, 1)
    return images + light[..., None] * WATER


def drop_relief(drops: np.ndarray) -> np.ndarray:
    """Light and shade of drops by the distance from their edges; bool (N, H, W) to [0, 255].

    Stands for the benchmark's chain of OpenCV calls (Canny edges, distance, equalised histogram,
    emboss): the edge here is where a drop meets what is not a drop.
    """
    # A first axis of great spacing keeps the images apart in one call.
    apart = (1e6, 1, 1)
    inside = distance_transform_edt(np.pad(drops, ((0, 0), (1, 1), (1, 1))), sampling=apart)
    edge = (inside[:, 1:-1, 1:-1] > 0) & (inside[:, 1:-1, 1:-1] <= 1)
    distance = np.minimum(distance_transform_edt(~edge, sampling=apart), 20)
    distance = np.rint(uniform_filter(distance, (1, 3, 3), mode="mirror"))
    emboss = np.array([[[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]])
    shaded = correlate(equalize(distance.astype(np.int64)), emboss, mode="mirror")
    return uniform_filter(np.clip(shaded, 0, 255).astype(np.float64), (1, 3, 3), mode="mirror")


def equalize(images: np.ndarray) -> np.ndarray:
    """Equalise the histogram of each image; integers (N, H, W) from 0 to 255, result too."""
    count, pixels = len(images), images[0].size
    offset = 256 * np.arange(count)[:, None, None]
    histogram = np.bincount((images + offset).ravel(), minlength=256 * count).reshape(count, 256)
    total = histogram.cumsum(axis=1)
    first = histogram[np.arange(count), (histogram > 0).argmax(axis=1)][:, None]
    scale = 255 / np.maximum(pixels - first, 1)
    table = np.clip(np.rint((total - first) * scale), 0, 255).astype(np.int64)
    return table.ravel()[images + offset]
