"""Reading what other steps wrote, and writing: a file is there whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from afn.common.errors import StudyError
from afn.common.files import replacing, sha256_of
from afn.common.gate import signature
from afn.common.made_from import healing

CONTENT, MADE_FROM, SIGNATURE = b"afn.content", b"afn.made_from", b"afn.signature"
"""Keys of a table's own metadata: the hash of its content, those of its inputs as JSON; signed."""


def read_study(path: str | Path) -> Any:
    """Read study.json, or say in one message why not."""
    from afn.study import load_resolved

    try:
        return load_resolved(path)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read as a resolved study: {error}") from None


def read_table(path: str | Path) -> pd.DataFrame:
    """Read results.parquet or history.parquet, as `write_parquet` left it.

    Raises
    ------
    StudyError
        Where there is no such table, or it was changed after it was written; says how to make it
        again.
    """
    if not Path(path).is_file():
        raise StudyError(f"{path}: no such file")
    try:
        table = pq.read_table(path)
        frame = table.to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StudyError(f"{path}: cannot be read as a table: {error}; {healing(path)}") from None
    named = (table.schema.metadata or {}).get(CONTENT)
    if named is None:
        raise StudyError(f"{path}: carries no hash of its content; {healing(path)}")
    if named.decode(errors="replace") != content_of(frame):
        raise StudyError(f"{path}: was changed after it was written; {healing(path)}")
    metadata = {key: value.decode(errors="replace") for key, value in table.schema.metadata.items()}
    signed = [metadata[CONTENT], metadata.get(MADE_FROM, "{}")]
    if reason := signature.fault(signed, metadata.get(SIGNATURE)):
        raise StudyError(f"{path}: was not written by this study: {reason}; {healing(path)}")
    return frame


def made_from(path: str | Path) -> dict[str, str]:
    """What a table says that it was made from; nothing where it says nothing."""
    metadata = pq.read_schema(path).metadata or {}
    return json.loads(metadata.get(MADE_FROM, b"{}"))


def content_of(frame: pd.DataFrame) -> str:
    """A hash of a table's columns and values that does not depend on how they are stored."""
    total = hashlib.sha256()
    for name in frame.columns:
        codes, different = pd.factorize(frame[name])
        texts = [repr(value) for value in different.tolist()]
        total.update(json.dumps([str(name), texts]).encode())
        total.update(codes.astype("<i8").tobytes())
    return total.hexdigest()


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file in the same folder, then put it in place."""
    with replacing(path) as temporary:
        write(temporary)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON that any reader accepts: nan and infinity are refused."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))


def write_list(path: Path, index: dict[str, Any], files: Iterable[str]) -> dict[str, Any]:
    """Write a list of figures or tables with the hashes of its files, in paths from its folder.

    Returns what was written.
    """
    hashes = {name: sha256_of(path.parent / name) for name in sorted(files)}
    whole = signature.signed({**index, "sha256": hashes})
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True) + "\n"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))
    return whole


def write_parquet(path: str | Path, frame: pd.DataFrame, inputs: dict[str, str]) -> None:
    """Write a table without its index, with the hashes of its content and of its inputs."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    carried = {CONTENT: content_of(frame), MADE_FROM: json.dumps(inputs)}
    carried[SIGNATURE] = signature.signature([carried[CONTENT], carried[MADE_FROM]])
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **carried})
    write_atomically(path, lambda p: pq.write_table(table, p))


def write_csv(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table without its index."""
    write_atomically(path, lambda p: frame.to_csv(p, index=False))
