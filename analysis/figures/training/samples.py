"""What the networks are tested on: a few test images under every condition and severity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from afn.common import parsing
from analysis.display import formatting
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs

PIXELS = 40  # an image is drawn with at least this many pixels a side


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for task in inputs.tasks:
        folder = inputs.data / task if inputs.data else None
        if folder is None or not (folder / "manifest.json").is_file():
            where = folder or "no folder of prepared tasks was given"
            yield Missing(
                "samples", f"{inputs.task_name(task)}: the prepared images are not there ({where})"
            )
            continue
        yield _samples(inputs, task, folder)


def _samples(inputs: Inputs, task: str, folder: Path) -> Picture:
    manifest = parsing.load(folder / "manifest.json")
    tests = {(t["condition"], int(t["severity"])): t for t in manifest["tests"]}
    conditions = [c for c in dict.fromkeys(c for c, _ in tests) if c != "clean"]
    severities = sorted({s for c, s in tests if c != "clean"})
    each = max(1, min(5, 12 // max(1, len(severities))))
    clean = tests.get(("clean", 0)) or next(iter(tests.values()))
    labels = _array(folder, manifest, clean["labels"])
    chosen = _one_per_class(labels, each)
    clean_images = _array(folder, manifest, clean["images"])[chosen]
    shape = clean_images.shape[1:3]
    factor = -(-PIXELS // max(shape))
    columns = max(1, len(severities))
    cell = (style.WIDTH - 1.2 - 0.12 * (columns - 1)) / columns
    side = min(0.42, cell / each - 0.03)
    figure, axes = style.panels(
        2 + len(conditions),
        columns,
        height=[side, 0.12] + [side] * len(conditions),
        left=1.05,
        width=1.05 + 0.1 + columns * (side + 0.03) * each + 0.14 * (columns - 1),
        wgap=0.14,
        hgap=0.06,
        top=0.08,
        bottom=0.06,
    )
    for ax in axes.flat:
        ax.set_axis_off()
    # Where nothing stands there is no panel: the clean images stand once, and a row is a gap.
    for ax in [*axes[0, 1:], *axes[1]]:
        ax.set_visible(False)
    _strip(axes[0, 0], clean_images, factor)
    _row_name(axes[0, 0], "clean")
    for i, condition in enumerate(conditions, 2):
        for j, severity in enumerate(severities):
            test = tests.get((condition, severity))
            if test is not None:
                _strip(axes[i, j], _array(folder, manifest, test["images"])[chosen], factor)
        _row_name(axes[i, 0], _words(condition))
    for j, severity in enumerate(severities if severities != [0] else []):
        _column_name(axes[2, j], f"severity {severity}")
    title = inputs.prepared[task]["title"]
    count = formatting.count(len(clean_images), "test image")
    return Picture(
        name=inputs.stem("samples", task),
        section="data",
        figure=figure,
        title=f"What the networks see: {title}",
        caption=(
            f"The same {count} of {title}, clean first, then under every shifted "
            f"condition. No network was trained on a shifted image. Look how much of each "
            f"image is left at the highest severity: that is what an accuracy there has to be "
            f"measured against."
        ),
        alt=f"Sample test images under {formatting.listing(map(_words, conditions))}.",
        numbers=_numbers(task, [("clean", 0), *tests], chosen, labels),
    )


def _column_name(ax: Axes, text: str) -> None:
    ax.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 4),
        textcoords="offset points",
        size=8.5,
        weight="bold",
        annotation_clip=False,
    )


def _numbers(task: str, places: list, chosen: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Which images are drawn: one row per condition, severity and image of the test set."""
    rows = [
        {"task": task, "condition": c, "severity": s, "image": int(i), "class": int(labels[i])}
        for c, s in dict.fromkeys(places)
        for i in chosen
    ]
    return pd.DataFrame(rows)


def _words(condition: str) -> str:
    return condition.replace("_", " ")


def _one_per_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Index of the first image of each of ``count`` classes, classes spread evenly."""
    classes = np.unique(labels)
    wanted = classes[np.linspace(0, len(classes) - 1, min(count, len(classes))).astype(int)]
    return np.array([int(np.flatnonzero(labels == k)[0]) for k in wanted])


def _array(folder: Path, manifest: dict, key: str) -> np.ndarray:
    return np.load(folder / manifest["arrays"][key]["file"], mmap_mode="r", allow_pickle=False)


def _strip(ax, images: np.ndarray, factor: int) -> None:
    """Draw images (n, H, W, C) side by side with a thin gap that shows the ground."""
    big = np.kron(np.asarray(images), np.ones((1, factor, factor, 1), np.uint8)).astype(np.uint8)
    big = np.repeat(big, 3, axis=3) if big.shape[3] == 1 else big[..., :3]
    big = np.concatenate([big, np.full_like(big[..., :1], 255)], axis=3)
    gap = np.zeros((big.shape[1], max(1, factor // 2), 4), np.uint8)
    pieces = [piece for image in big for piece in (image, gap)][:-1]
    strip = np.concatenate(pieces, axis=1)
    ax.imshow(strip, interpolation="none", aspect="equal")
    ax.set_anchor("W")


def _row_name(ax, text: str) -> None:
    ax.annotate(
        text,
        (0, 0.5),
        xycoords="axes fraction",
        xytext=(-6, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        size=8.5,
        annotation_clip=False,
    )
