"""Normalisation layers: one file per method, one signature ``(num_features, *, **options)``.

`REGISTRY` maps the name that a study file uses to ``"module:Class"``. It holds strings, so that
reading it loads neither torch nor any layer; the functions below are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

REGISTRY = {
    "batch": "afn.normalization.methods.batch:Batch2d",
    "instance": "afn.normalization.methods.instance:Instance2d",
    "layer": "afn.normalization.methods.layer:Layer2d",
    "group": "afn.normalization.methods.group:Group2d",
    "switchable": "afn.normalization.methods.switchable:Switchable2d",
    "batch_instance": "afn.normalization.methods.batch_instance:BatchInstance2d",
    "asr": "afn.normalization.methods.asr:ASR2d",
    "afn": "afn.normalization.methods.afn:AFN2d",
    "afn_released": "afn.normalization.methods.afn_released:AFNReleased2d",
}

_LAZY = {
    "AFN1d": "afn.normalization.methods.afn",
    "AFN2d": "afn.normalization.methods.afn",
    "Batch2d": "afn.normalization.methods.batch",
    "create": "afn.normalization.registry",
    "factory": "afn.normalization.registry",
    "test_statistics_of": "afn.normalization.registry",
    "set_test_statistics": "afn.normalization.bases.test_time",
    "convert": "afn.normalization.tools.conversion",
    "fold": "afn.normalization.tools.folding",
    "synchronize": "afn.normalization.passes.distributed",
    "update_statistics": "afn.normalization.tools.statistics",
    "parameter_groups": "afn.normalization.tools.parameters",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
