"""Normalisation layers: one file per method, one signature ``(num_features, *, **options)``.

`REGISTRY` maps the name that a study file uses to ``"module:Class"``. It holds strings, so that
reading it loads neither torch nor any layer; the functions below are loaded when first used.
"""

from __future__ import annotations

import importlib

REGISTRY = {}

_LAZY = {}


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
