"""From tidy tables of scores to decisions, figures and a report. Imports no torch."""

from __future__ import annotations

import importlib

_LAZY = {
    "compare": "analysis.standalone.compare",
    "Plan": "analysis.standalone.compare",
    "Decision": "analysis.decisions.decision",
}


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
