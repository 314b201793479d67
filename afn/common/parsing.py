"""JSON as this project leaves it: read without surprise, whatever lies in its place.

In: a path, or text. Out: its value, or an `OSError` or `ValueError`, for which every reader is
prepared: brackets a hundred thousand deep, a pipe on which a reader would wait for ever, a key that
is given twice (of which Python takes the last and other readers the first, so that one file says
two things). Called by the readers of results, of the files between the steps and of what is kept
beside them.
"""

from __future__ import annotations

import errno
import json
import stat
from pathlib import Path
from typing import Any


def content(path: Path | str) -> bytes:
    """The bytes of a regular file.

    Raises
    ------
    OSError
        Where it is not there, or is no regular file.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return Path(path).read_bytes()


def load(path: Path | str) -> Any:
    """The value of a JSON file; raises as `content` and `parse`."""
    return parse(content(path))


def parse(text: bytes | str) -> Any:
    """The value of JSON text.

    Raises
    ------
    ValueError
        For text that is none, is nested too deep, or gives a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_mapping)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:60]!r} is given twice")
    return found
