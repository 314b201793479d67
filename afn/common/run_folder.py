"""The folder of a run: ``result.json`` and the files beside it. One reader, one writer.

In: a folder. Out: its `Result`, or `Unusable` with the reason. A result is usable where it is whole
and true to itself: JSON, one object, sealed (and signed, where there is a key), of a status that
the caller takes, of the run that its path names, with the epochs, evaluations and files that a
training of its status leaves, each file with the hash that the result names and with the content
that it speaks of. That needs no code of today, so folders of any age can be compared. Whether a
result is of a study, of the present code and data, is another question: `afn.study.state.gate`.
Called by the trainer (which puts finished runs back from its store) and by that gate.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afn.common import parsing
from afn.common.canonical import canonical_json, is_sealed, sealed
from afn.common.files import write
from afn.common.gate import record as records
from afn.common.gate import sidecars as beside
from afn.common.gate import signature

RESULT = "result.json"
STAMP = "stamp.json"
"""Beside a result in the trainer's store: what it was made under."""
SIDECARS = ("history.csv", "predictions.npz")
FINAL = ("finished", "diverged")
"""Of a run that needs no more training; only such runs stand in a results table."""
STATUSES = (*FINAL, "stopped", "empty")
"""All that there are: ``stopped`` by intention before its last epoch, ``empty`` slot of a rung."""
STAMPED = ("spec", "fingerprint", "data", "threads")
"""What a stamp and its result both hold."""


@dataclass(frozen=True)
class Result:
    """A usable result: its record, and by name the bytes of the files beside it.

    ``arrays`` says where in the bytes of the predictions each evaluation's lie.
    """

    record: dict[str, Any]
    sidecars: dict[str, bytes]
    arrays: dict[str, beside.Stored] = field(default_factory=dict)


@dataclass(frozen=True)
class Unusable:
    """Why there is no usable result.

    ``kind`` is one word for programs: missing, unreadable, changed, unsigned, status, sidecar,
    untrue (to itself), foreign (of another run); of a study also stale (of other settings, code or
    data), search (has not ended), scores. ``reason`` are the words for people, ``file`` what they
    are about.
    """

    kind: str
    reason: str
    file: Path

    def __str__(self) -> str:
        return self.reason


def read(
    folder: Path,
    *,
    statuses: tuple[str, ...] = FINAL,
    sidecars: bool = True,
    run: str | None = None,
) -> Result | Unusable:
    """Read and check the result of a run.

    Parameters
    ----------
    folder : Path
        ``.../<task>/<backbone>/<norm>/<recipe>/seed<k>``, or a folder of the trainer's store in it.
    statuses : tuple of str
        Those that the caller can use, of `STATUSES`.
    sidecars : bool
        False reads the record alone, for who looks at many and uses no file of theirs.
    run : str, optional
        ``<task>/<backbone>/<norm>/<recipe>/seed<k>`` of the run whose result has to lie there, if
        that is another one than the folder names (a slot of a search).

    Returns
    -------
    Result or Unusable
        Never an error for what lies in the folder, whatever it is.
    """
    path = Path(folder) / RESULT
    try:
        record = parsing.load(path)
    except FileNotFoundError:
        return Unusable("missing", "there is no result", path)
    except (OSError, ValueError, RecursionError) as error:
        return Unusable("unreadable", f"the result cannot be read ({error})", path)
    if not isinstance(record, dict):
        return Unusable("unreadable", "the result is no JSON object", path)
    signed_by = record.pop(signature.NAME, None)
    # Before anything in it is used: a flipped bit can make a number infinite.
    if not _is_sealed(record):
        reason = "the result was changed after it was written (its seal does not fit)"
        return Unusable("changed", reason, path)
    if record.get("status") not in statuses:
        wanted = " or ".join(statuses)
        reason = f"the result has status {record.get('status')!r}, not {wanted}"
        return Unusable("status", reason, path)
    if not isinstance(record.get("files"), dict):
        return Unusable("unreadable", "the result does not name its files", path)
    files = _sidecars(path.parent, record) if sidecars else {}
    if isinstance(files, Unusable):
        return files
    found = _fault(path, record, signed_by, _named(path.parent) if run is None else run)
    if found is not None or record["status"] == "empty":
        return found or Result(record, files)
    try:
        return Result(record, files, beside.check(record, files))
    except ValueError as error:
        return Unusable("sidecar", str(error), path)


def _is_sealed(record: dict[str, Any]) -> bool:
    try:
        return is_sealed(record)
    except RecursionError:
        return False


def _fault(path: Path, record: dict[str, Any], signed_by: object, run: str) -> Unusable | None:
    """What a result that is sealed, and has its files, is not true in."""
    if reason := records.fault(record):
        return Unusable("untrue", reason, path)
    # Times are outside the seal, and inside the signature: they have been checked by now.
    if reason := signature.fault(record, signed_by):
        return Unusable("unsigned", f"the result was not written by this study: {reason}", path)
    if record["status"] == "empty":
        return None
    if run and records.run_of(record) != run:
        return Unusable("foreign", f"the result is of another run: {records.run_of(record)}", path)
    return _stamp_fault(path, record)


def _named(folder: Path) -> str:
    """The run that a folder is of by its path; "" for a folder of no run."""
    parts = Path(folder).absolute().parts
    if re.fullmatch(r"finished|until\d+", parts[-1]):
        parts = parts[:-1]
    if len(parts) < 6 or not re.fullmatch(r"seed\d+", parts[-1]):
        return ""
    return "/".join(parts[-5:])


def _stamp_fault(path: Path, record: dict[str, Any]) -> Unusable | None:
    """In the trainer's store: a stamp that speaks of another training than its result."""
    stamp = path.with_name(STAMP)
    if not stamp.is_file():
        return None
    try:
        held = parsing.load(stamp)
        same = held["seed"] == record["run"]["seed"] and all(
            canonical_json(held[key]) == canonical_json(record[key]) for key in STAMPED
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        same = False
    return None if same else Unusable("foreign", "its stamp is of another training", stamp)


def _sidecars(folder: Path, record: dict[str, Any]) -> dict[str, bytes] | Unusable:
    contents: dict[str, bytes] = {}
    for name, digest in record["files"].items():
        if Path(name).name != name:
            return Unusable("sidecar", f"its file {name!r} lies elsewhere", folder / RESULT)
        file = folder / name
        try:
            contents[name] = parsing.content(file)
        except (OSError, ValueError):
            return Unusable("sidecar", f"its file {name} is not there", file)
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            reason = f"its file {name} is damaged (its sha256 differs)"
            return Unusable("sidecar", reason, file)
    return contents


def write_result(folder: Path, record: dict[str, Any], sidecars: Mapping[str, bytes]) -> None:
    """Write a result and its files: each atomically, the result last.

    The hashes of the files go into ``record["files"]``. A result that stood there before is removed
    first, so that no result ever stands beside files that are not its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    for name in SIDECARS:
        if name in sidecars:
            write(folder / name, sidecars[name])
        else:
            (folder / name).unlink(missing_ok=True)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in sidecars.items()}
    whole = signature.signed(sealed({**record, "files": files}))
    text = json.dumps(whole, sort_keys=True, indent=1, allow_nan=False)
    write(folder / RESULT, text.encode() + b"\n")
