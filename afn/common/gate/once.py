"""JSON in which every key stands once.

In: the bytes of a file. Out: its value. Of two equal keys Python takes the last and other readers
the first, so one file would say two things, of which a seal covers one. Called by the readers of
results and of the files between the steps.
"""

from __future__ import annotations

import json
from typing import Any


def parse(raw: bytes) -> Any:
    """The value of JSON text.

    Raises
    ------
    ValueError
        For text that is none, and for a key that is given twice.
    """
    return json.loads(raw, object_pairs_hook=_mapping)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:60]!r} is given twice")
    return found
