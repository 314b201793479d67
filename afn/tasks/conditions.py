"""Test conditions by name: what `afn.tasks.shifted` can be asked to test on.

A condition is a function ``(images, severity, seed) -> images``: images (N, H, W, C) in [0, 1] in
and out, a severity from 1 to 5, and a seed that fixes what happens to each image, so that
severities differ in strength alone. `REGISTRY` maps a name to ``"module:function"``; a study may
also name one of its own, whose name is then that of the function.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

REGISTRY = {
    name: f"afn.tasks.corruptions:{name}"
    for name in ("noise", "blur", "contrast", "brightness", "translation", "occlusion")
}

Condition = Callable[[np.ndarray, int, int], np.ndarray]


def find(name: str) -> Condition:
    """The function behind a registered name or ``package.module:function``."""
    module, _, attribute = REGISTRY.get(name, name).partition(":")
    return getattr(importlib.import_module(module), attribute)


def short(name: str) -> str:
    """What results and outcomes call a condition.

    >>> short("blur"), short("mypackage.weather:fog")
    ('blur', 'fog')
    """
    return name.rpartition(":")[2]


def changed(name: str, images: np.ndarray, severity: int, seed: int) -> np.ndarray:
    """The uint8 images (N, H, W, C) under a condition, as uint8.

    Raises
    ------
    ValueError
        Where the function gives something else than images of the same shape in [0, 1].
    """
    given = images.astype(np.float64) / 255
    found = np.asarray(find(name)(given, severity, seed))
    if found.shape != images.shape or not np.isfinite(found).all():
        raise ValueError(f"condition {name!r} gives {found.shape}, not finite {images.shape}")
    if found.min(initial=0) < 0 or found.max(initial=0) > 1:
        raise ValueError(f"condition {name!r} gives values outside [0, 1]")
    return np.round(found * 255).astype(np.uint8)
