"""Training and testing of one cell of a study: ``python -m afn.training --help``.

`REGISTRY` maps a recipe's name to the class of its training algorithm (``"module:Class"``). It
holds strings, so that reading it loads neither torch nor any algorithm.
"""

from __future__ import annotations

REGISTRY = {
    "plain": "afn.training.algorithms.plain:Plain",
    "rsc": "afn.training.algorithms.rsc:RSC",
    "ada": "afn.training.algorithms.ada:ADA",
}
