"""Files that are there whole or not at all; the one place that writes over a name.

In: a path and its content. Out: the file. Called by whoever leaves a file that another step reads:
prepared arrays, results, checkpoints, records of searches, tables, pages.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp"
_NUMBERS = itertools.count()


@contextlib.contextmanager
def replacing(path: Path | str, *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what is written there takes its place at the end.

    ``path`` holds the new content whole, or what it held before, whatever happens: an error inside
    the block, a kill, a full disk. The content is forced to the disk before the name is; the name
    itself may be lost in a power failure, which only means that the work is done again. The folder
    is made where there is none. Two who write at the same time do not disturb each other; the last
    one stays.

    Parameters
    ----------
    path : path
        What is replaced.
    durable : bool
        False leaves out the way to the disk: for many small files that are compared and made again
        at each start.

    Yields
    ------
    Path
        ``.<name>.<process>-<number>.tmp``, which the block has to write. A dot in front: no pattern
        of results finds it; see `sweep` for what a kill leaves behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_NUMBERS)}{TEMPORARY}")
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path | str, *content: bytes) -> None:
    """Put pieces of bytes at ``path``, as `replacing` does."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(content)


def write_text(path: Path | str, text: str) -> None:
    """Put text at ``path`` as UTF-8, as `replacing` does."""
    write(path, text.encode())


def sweep(folder: Path) -> None:
    """Remove what processes that were killed while writing left in a folder.

    Only for a folder in which nobody else writes now: of a run, whoever holds its lease.
    """
    for path in folder.glob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def sha256_of(path: Path | str) -> str:
    """The sha256 of a file's content, in hexadecimal digits.

    Raises
    ------
    OSError
        Where it cannot be read, or is no file: a pipe would be waited for without end.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise OSError(errno.EINVAL, "no regular file", str(path))
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
