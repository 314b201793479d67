"""A picture of a task's test conditions: one row per condition, one column per severity.

Reads prepared arrays (``manifest.json``), so that one sees exactly what networks are tested on.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from afn.tasks.data.reader import TaskData, TestData, load

GAP, MARGIN, HEAD = 2, 112, 14


def picture(manifest: Path, output: Path, *, images: int = 1, zoom: int = 2) -> Path:
    """Draw the first ``images`` test images under every condition and write ``output``.

    Each image is enlarged ``zoom`` times without smoothing. The first row is the clean condition.
    """
    data = load(manifest)
    rows = grid(data)
    columns = max(len(tests) for tests in rows.values())
    tile = data.image_size * zoom
    step = tile + GAP
    size = (MARGIN + columns * images * step, HEAD + len(rows) * step)
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    pen.text((2, 1), _title(manifest, data), fill="black")
    for line, (condition, tests) in enumerate(rows.items()):
        top = HEAD + line * step
        pen.text((2, top + tile // 2 - 6), condition, fill="black")
        for column, test in enumerate(tests):
            for number in range(min(images, len(test.images))):
                left = MARGIN + (column * images + number) * step
                canvas.paste(_enlarged(test.images[number], zoom), (left, top))
    output.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(output)
    return output


def grid(data: TaskData) -> dict[str, list[TestData]]:
    """Test sets by condition, each with its severities in rising order."""
    rows: dict[str, list[TestData]] = {}
    for test in sorted(data.tests, key=lambda test: test.severity):
        rows.setdefault(test.condition, []).append(test)
    order = list(dict.fromkeys(test.condition for test in data.tests))
    return {condition: rows[condition] for condition in order}


def _title(manifest: Path, data: TaskData) -> str:
    return str(json.loads(Path(manifest).read_text()).get("title", data.task))


def _enlarged(image: np.ndarray, zoom: int) -> Image.Image:
    image = np.repeat(np.repeat(image, zoom, axis=0), zoom, axis=1)
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
