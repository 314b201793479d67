"""A drawn sheet of frost: it stands for photographs that this project does not have.

Feathers of ice are grown from random nuclei: a stem, and barbs that leave it at sixty degrees as in
a snow crystal, over a patchy haze. The sheet is the same for everybody and is made once a process.
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from afn.common.seeds import stream

SIZE = 256
FEATHERS = 150
TINT = np.array([0.86, 0.95, 1.0])


@functools.cache
def texture() -> np.ndarray:
    """The sheet, float64 (256, 256, 3) in [0, 1]; not to be written to."""
    random = np.random.RandomState(stream(0, "cifar10_c", "frost", "texture") % 2**32)
    haze = gaussian_filter(random.standard_normal((SIZE, SIZE)), 14, mode="wrap")
    haze = 0.5 + 0.2 * haze / haze.std()
    fine = gaussian_filter(random.standard_normal((SIZE, SIZE)), 0.7, mode="wrap")
    ice = gaussian_filter(_feathers(random), 0.4, mode="wrap")
    sheet = np.clip(0.75 * haze + 0.06 * fine / fine.std() + 0.5 * ice, 0, 1)
    sheet = sheet[..., None] * TINT
    sheet.setflags(write=False)
    return sheet


def _feathers(random: np.random.RandomState) -> np.ndarray:
    """Brightness of the ice crystals alone, (SIZE, SIZE) in [0, 1]."""
    canvas = Image.new("L", (SIZE, SIZE), 0)
    pen = ImageDraw.Draw(canvas)
    for _ in range(FEATHERS):
        start = random.uniform(-20, SIZE + 20, size=2)
        direction, length = random.uniform(0, 2 * np.pi), random.uniform(15, 60)
        bend, light = random.uniform(-0.015, 0.015), int(random.randint(110, 256))
        _feather(pen, start, direction, length, bend, light)
    return np.asarray(canvas) / 255


def _feather(pen, start, direction, length, bend, light) -> None:
    """Draw one stem in steps of three pixels, with a pair of barbs at each."""
    point = start
    for travelled in np.arange(0, length, 3.0):
        ahead = point + 3 * _unit(direction)
        pen.line([*_whole(point), *_whole(ahead)], fill=light)
        for side in (-1, 1):
            barb = ahead + 0.3 * (length - travelled) * _unit(direction + side * np.pi / 3)
            pen.line([*_whole(ahead), *_whole(barb)], fill=light * 3 // 5)
        point, direction = ahead, direction + 3 * bend


def _unit(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle)])


def _whole(point: np.ndarray) -> tuple[int, int]:
    return int(np.rint(point[0])), int(np.rint(point[1]))
