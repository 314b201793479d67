"""Reading what other steps wrote, and writing: a file is there whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.errors import StudyError


def read_study(path: str | Path) -> Any:
    """Read study.json, or say in one message why not."""
    from afn.study import load_resolved

    try:
        return load_resolved(path)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read as a resolved study: {error}") from None


def read_results(path: str | Path) -> pd.DataFrame:
    """Read results.parquet, or say in one message why not."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read as a results table: {error}") from None


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file in the same folder, then put it in place.

    The temporary name starts with a dot and is removed if anything goes wrong.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON that any reader accepts: nan and infinity are refused."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))


def write_parquet(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table without its index."""
    write_atomically(path, lambda p: frame.to_parquet(p, index=False))


def write_csv(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table without its index."""
    write_atomically(path, lambda p: frame.to_csv(p, index=False))
