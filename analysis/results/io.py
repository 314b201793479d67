"""Reading what other steps wrote, and writing: a file is there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.errors import StudyError
from afn.common.files import replacing


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
    """Let ``write`` fill a temporary file in the same folder, then put it in place."""
    with replacing(path) as temporary:
        write(temporary)


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
