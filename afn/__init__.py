"""AFN as a library: the layer, conversion of trained models, folding; loads torch when used."""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_LAZY = {
    "AFN1d": "afn.normalization.methods.afn",
    "AFN2d": "afn.normalization.methods.afn",
    "convert": "afn.normalization.tools.conversion",
    "fold": "afn.normalization.tools.folding",
    "set_test_statistics": "afn.normalization.bases.test_time",
    "synchronize": "afn.normalization.passes.distributed",
    "update_statistics": "afn.normalization.tools.statistics",
    "parameter_groups": "afn.normalization.tools.parameters",
}


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
