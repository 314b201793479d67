"""A study file, checked and multiplied out into runs; light enough for every step to import."""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "StudyError": "afn.common.errors",
    "load_study": "afn.study.loading",
    "load_resolved": "afn.study.loading",
    "study_from_mapping": "afn.study.loading",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
