"""Images that two parts of a data set share: a test on training images measures no test accuracy.

In: two parts as they were found, each either files of pictures or an array. Out: how many images of
the first are, byte by byte, in the second, too. Called by tasks of the user's own data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from afn.common.errors import StudyError

Images = list[Path] | np.ndarray


def shared(part: Images, other: Images) -> int:
    """How many images of ``part`` are in ``other``; 0 where one has files and one an array.

    Raises
    ------
    StudyError
        For a picture that cannot be read.
    """
    if isinstance(part, list) != isinstance(other, list):
        return 0
    if isinstance(part, np.ndarray):
        known = {_digest(image.tobytes()) for image in other} if alike(part, other) else set()  # type: ignore[arg-type, union-attr]
        return sum(_digest(image.tobytes()) in known for image in part) if known else 0
    try:
        # Only files of one size can be equal: most are told apart without being read.
        sizes = {file.stat().st_size for file in part}
        known = set(_contents(file for file in other if file.stat().st_size in sizes))
        if not known:
            return 0
        return sum(digest in known for digest in _contents(part))
    except OSError as error:
        raise StudyError(f"{error.filename}: cannot be read: {error.strerror}") from None


def alike(part: np.ndarray, other: np.ndarray) -> bool:
    """Whether images of two arrays have one shape."""
    return part.shape[1:] == other.shape[1:]


def _contents(files: Iterator[Path] | list[Path]) -> Iterator[bytes]:
    for file in files:
        yield _digest(file.read_bytes())


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
