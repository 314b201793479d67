"""How weights move along a gradient: the optimisers that a recipe names.

`REGISTRY` maps a name to ``"module:Class"``. It holds strings, so that reading it loads no torch
and adding one changes no fingerprint of the others. A recipe may also name
``"package.module:Class"``.
"""

from __future__ import annotations

REGISTRY = {
    "adam": "afn.training.optimizers.adam:Adam",
    "adamw": "afn.training.optimizers.adamw:AdamW",
    "sgd": "afn.training.optimizers.sgd:SGD",
}
