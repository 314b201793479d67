"""The folder of a run: ``result.json`` and the files beside it. One reader, one writer.

In: a folder. Out: its `Result`, or `Unusable` with the reason. A result is usable where it is whole
(JSON, one object), sealed, of a status that the caller takes, and where every file that it names
lies beside it with the hash that it names. Whether it is of this study and code is another
question, which needs a study; see `afn.study.state.verify`. Called by the trainer (which puts
finished runs back from its store), by the steps of a search, by ``python -m afn.study``, and by
whoever makes tables of results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afn.common.canonical import is_sealed, sealed
from afn.common.files import write

RESULT = "result.json"
SIDECARS = ("history.csv", "predictions.npz")
FINAL = ("finished", "diverged")
"""Of a run that needs no more training; only such runs stand in a results table."""
STATUSES = (*FINAL, "stopped", "empty")
"""All that there are: ``stopped`` by intention before its last epoch, ``empty`` slot of a rung."""


@dataclass(frozen=True)
class Result:
    """A usable result: its record, and by name the bytes of the files beside it."""

    record: dict[str, Any]
    sidecars: dict[str, bytes]


@dataclass(frozen=True)
class Unusable:
    """Why there is no usable result.

    ``kind`` is one word for programs (missing, unreadable, status, changed, sidecar), ``reason``
    the words for people, ``file`` what they are about.
    """

    kind: str
    reason: str
    file: Path

    def __str__(self) -> str:
        return self.reason


def read(
    folder: Path, *, statuses: tuple[str, ...] = FINAL, sidecars: bool = True
) -> Result | Unusable:
    """Read and check the result of a run.

    Parameters
    ----------
    folder : Path
        ``.../<task>/<backbone>/<norm>/<recipe>/seed<k>``.
    statuses : tuple of str
        Those that the caller can use, of `STATUSES`.
    sidecars : bool
        False reads the record alone, for who looks at many and uses no file of theirs.

    Returns
    -------
    Result or Unusable
        Never an error for what lies in the folder, whatever it is.
    """
    path = Path(folder) / RESULT
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Unusable("missing", "there is no result", path)
    except (OSError, ValueError, RecursionError) as error:
        return Unusable("unreadable", f"the result cannot be read ({error})", path)
    if not isinstance(record, dict):
        return Unusable("unreadable", "the result is no JSON object", path)
    # Before anything in it is used: a flipped bit can make a number infinite.
    if not is_sealed(record):
        reason = "the result was changed after it was written (its seal does not fit)"
        return Unusable("changed", reason, path)
    if record.get("status") not in statuses:
        wanted = " or ".join(statuses)
        reason = f"the result has status {record.get('status')!r}, not {wanted}"
        return Unusable("status", reason, path)
    named = record.get("files")
    if not isinstance(named, dict):
        return Unusable("unreadable", "the result does not name its files", path)
    return _with_sidecars(path.parent, record, named) if sidecars else Result(record, {})


def _with_sidecars(
    folder: Path, record: dict[str, Any], named: Mapping[str, str]
) -> Result | Unusable:
    contents: dict[str, bytes] = {}
    for name, digest in named.items():
        if Path(name).name != name:
            return Unusable("sidecar", f"its file {name!r} lies elsewhere", folder / RESULT)
        file = folder / name
        try:
            contents[name] = file.read_bytes()
        except (OSError, ValueError):
            return Unusable("sidecar", f"its file {name} is not there", file)
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            reason = f"its file {name} is damaged (its sha256 differs)"
            return Unusable("sidecar", reason, file)
    return Result(record, contents)


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
    text = json.dumps(sealed({**record, "files": files}), sort_keys=True, indent=1, allow_nan=False)
    write(folder / RESULT, text.encode() + b"\n")
