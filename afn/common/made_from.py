"""What a file between two steps was made from: hashes of its inputs, and of its own content.

In: a value, and the files that it was computed from. Out: a JSON document that carries both, and
its reader, which refuses a value that was changed after it was written. Called by the steps from
runs to page, and by ``python -m afn.study verify``, which asks whether what a file was made from is
still what lies there.

The hashes protect from accidents and careless edits; whoever computes them anew is kept out by a
key alone (`afn.common.gate.signature`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from afn.common import parsing
from afn.common.canonical import canonical_json
from afn.common.errors import StudyError
from afn.common.files import sha256_of
from afn.common.gate import signature

SCHEMA = 1


def hashes(*files: Path | str) -> dict[str, str]:
    """Name -> sha256 of files, by the last part of their paths.

    Raises
    ------
    StudyError
        Where one cannot be read.
    """
    try:
        return {Path(file).name: sha256_of(file) for file in files}
    except OSError as error:
        raise StudyError(f"{error.filename}: cannot be read: {error.strerror}") from None


def digest(folder: Path | str, files: Iterable[str]) -> str:
    """One hash of many files of a folder, in the given order; a missing one counts as missing."""
    total = hashlib.sha256()
    for name in files:
        path = Path(folder, name)
        total.update(f"{name} {sha256_of(path) if path.is_file() else 'missing'}\n".encode())
    return total.hexdigest()


def content_hash(value: object) -> str:
    """The sha256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def enclosed(name: str, value: object, made_from: Mapping[str, str]) -> dict[str, Any]:
    """A document that holds ``value`` under ``name``, with its hash and those of its inputs."""
    head = {"schema": SCHEMA, "content": content_hash(value), "made_from": dict(made_from)}
    # The value is signed by its hash: it may be large.
    return {**signature.signed(head), name: value}


def read_document(path: Path | str, name: str) -> dict[str, Any]:
    """Read a document that `enclosed` made.

    Raises
    ------
    StudyError
        Where there is none, or it is not what was written; says how to make it again.
    """
    try:
        return parse_document(parsing.content(path), name)
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{path}: {error}; {healing(path)}") from None


def parse_document(raw: bytes, name: str) -> dict[str, Any]:
    """The same from bytes.

    Raises
    ------
    ValueError
        Where it is not what was written.
    """
    try:
        document = parsing.parse(raw)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(document, dict) or not {"content", "made_from", name} <= document.keys():
        raise ValueError("carries no hash of its content")
    if document["content"] != _content_or_none(document[name]):
        raise ValueError("was changed after it was written")
    made_from = document["made_from"]
    if not isinstance(made_from, dict) or not all(isinstance(v, str) for v in made_from.values()):
        raise ValueError("does not say what it was made from")
    given = document.pop(signature.NAME, None)
    head = {key: value for key, value in document.items() if key != name}
    if reason := signature.fault(head, given):
        raise ValueError(f"was not written by this study: {reason}")
    return document


def _content_or_none(value: object) -> str | None:
    """The hash of a value; none of what JSON cannot hold, such as an infinite number."""
    try:
        return content_hash(value)
    except ValueError:
        return None


def healing(path: Path | str) -> str:
    """The command after which the study makes a file of its own again."""
    return f"make it again: rm '{path}', then `make report` (with STUDY=... as before)"
