"""Digital changes: contrast, saturation, elastic, pixels, JPEG. Conventions: see `noise`."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from afn.tasks.cifar_corruptions.blur import smooth

CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
SATURATE = ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))
ELASTIC = (
    (0, 0, 0.08),
    (0.05, 0.2, 0.07),
    (0.08, 0.06, 0.06),
    (0.1, 0.04, 0.05),
    (0.1, 0.03, 0.03),
)
PIXELATE = (0.95, 0.9, 0.85, 0.75, 0.65)
JPEG_QUALITY = (80, 65, 58, 50, 40)


def contrast(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Draw every value towards the mean of its image and channel."""
    del random
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + CONTRAST[severity - 1] * (images - mean)


def saturate(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Change the saturation of HSV; hue and value stay (grey has the hue of red, as in HSV)."""
    del random
    scale, shift = SATURATE[severity - 1]
    value = images.max(axis=3, keepdims=True)
    below = value - images
    chroma = below.max(axis=3, keepdims=True)
    grey = chroma == 0
    below = np.where(grey, np.array([0.0, 1.0, 1.0]), below / np.where(grey, 1, chroma))
    saturation = chroma / np.where(value == 0, 1, value)
    return value * (1 - np.clip(scale * saturation + shift, 0, 1) * below)


def elastic_transform(
    images: np.ndarray, severity: int, random: np.random.RandomState
) -> np.ndarray:
    """Move three points at random, and with them the plane; then move every pixel a little."""
    count, size = images.shape[:2]
    alpha, sigma, affine = (size * constant for constant in ELASTIC[severity - 1])
    middle, side = size // 2, size // 3
    corners = np.array([(1, 1), (1, -1), (-1, -1)]) * side + middle
    moved = corners + affine * random.uniform(-1, 1, size=(count, 3, 2))
    # Where a pixel of the result comes from: the map that takes the moved corners back.
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    origin, first, second = moved[:, 1], moved[:, 0] - moved[:, 1], moved[:, 2] - moved[:, 1]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    x = columns - origin[:, 0, None, None]
    y = rows - origin[:, 1, None, None]
    first, second, area = first[..., None, None], second[..., None, None], area[:, None, None]
    along = (x * second[:, 1] - y * second[:, 0]) / area
    across = (y * first[:, 0] - x * first[:, 1]) / area
    back = corners[1][:, None, None] + np.zeros((count, 2, 1, 1))
    back = back + along[:, None] * (corners[0] - corners[1])[:, None, None]
    back = back + across[:, None] * (corners[2] - corners[1])[:, None, None]
    images = sample(images, back[:, 1], back[:, 0], mirror_edge=False)
    shift = random.uniform(-1, 1, size=(2, count, size, size))
    down, right = (alpha * smooth(part, sigma, mode="reflect", truncate=3) for part in shift)
    return sample(images, rows + down, columns + right, mirror_edge=True)


def sample(
    images: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, mirror_edge: bool
) -> np.ndarray:
    """Read (N, H, W, C) images at fractional places (N, H, W), bilinear, mirrored outside.

    ``mirror_edge`` repeats the edge pixel in the mirror (scipy's "reflect"); without it the edge
    is the axis (OpenCV's BORDER_REFLECT_101).
    """
    count, size = images.shape[:2]
    flat = images.reshape(count * size * size, -1)
    offset = (np.arange(count) * size * size)[:, None, None]

    def inside(place: np.ndarray) -> np.ndarray:
        period = 2 * size if mirror_edge else 2 * size - 2
        place = np.mod(place, period)
        return np.minimum(place, period - (1 if mirror_edge else 0) - place)

    top, left = np.floor(rows), np.floor(columns)
    result = np.zeros(images.shape)
    for y, part_y in ((top, 1 - (rows - top)), (top + 1, rows - top)):
        for x, part_x in ((left, 1 - (columns - left)), (left + 1, columns - left)):
            at = offset + inside(y.astype(int)) * size + inside(x.astype(int))
            result += (part_y * part_x)[..., None] * flat[at]
    return result


def pixelate(images: np.ndarray, severity: int, random: np.random.RandomState) -> np.ndarray:
    """Make the image smaller and larger again, each time by means over boxes."""
    del random
    size = images.shape[1]
    small = int(size * PIXELATE[severity - 1])

    def change(picture: Image.Image) -> Image.Image:
        box = Image.Resampling.BOX
        return picture.resize((small, small), box).resize((size, size), box)

    return _through_pillow(images, change)


def jpeg_compression(
    images: np.ndarray, severity: int, random: np.random.RandomState
) -> np.ndarray:
    """Encode and decode as JPEG. The bytes are those of Pillow's libjpeg."""
    del random
    quality = JPEG_QUALITY[severity - 1]

    def change(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer)

    return _through_pillow(images, change)


def _through_pillow(images: np.ndarray, change) -> np.ndarray:
    pictures = np.rint(images * 255).astype(np.uint8)
    return np.stack([np.asarray(change(Image.fromarray(p))) for p in pictures]) / 255
