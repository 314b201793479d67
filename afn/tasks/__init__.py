"""What is learned and on what it is tested: source arrays, splits, shifted test conditions.

`REGISTRY` maps the name that a study file uses to ``"module:Class"``. It holds strings, so that
reading it loads no data library. ``python -m afn.tasks prepare NAME`` turns a task into plain
arrays once; training only reads those (`load`), without scikit-learn or torchvision.
"""

from __future__ import annotations

import importlib

REGISTRY = {
    "cifar10": "afn.tasks.cifar:Cifar10",
    "cifar10_c": "afn.tasks.cifar10_c:Cifar10C",
    "cifar100": "afn.tasks.cifar:Cifar100",
    "digits": "afn.tasks.digits:Digits",
    "digits8x8": "afn.tasks.digits8x8:Digits8x8",
    "images": "afn.tasks.images:Images",
    "pacs": "afn.tasks.pacs:Pacs",
}

_LAZY = {
    "Prepared": "afn.tasks.base",
    "TestSet": "afn.tasks.base",
    "load": "afn.tasks.reader",
    "write": "afn.tasks.writer",
}


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
