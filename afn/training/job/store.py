"""The private store of a run: what survives when the workflow removes a job's outputs.

Layout: ``STORE/<task>/<backbone>/<norm>/<recipe>/seed<k>/`` with ``finished/`` (the result and its
files), the checkpoints and the lease; ``until<n>/`` is a result of a run that stopped after epoch n
by intention. No other step reads it. A finished run whose outputs are gone is put back from here
without training.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from afn.common.canonical import canonical_json, is_sealed, sealed
from afn.common.errors import StudyError

RESULT = "result.json"
SIDECARS = ("history.csv", "predictions.npz")
TEMPORARY = ".tmp"


@dataclass(frozen=True)
class RunName:
    """A run by the names of its parts, as in the path of its result."""

    task: str
    backbone: str
    norm: str
    recipe: str
    seed: int

    @classmethod
    def of(cls, output: Path) -> RunName:
        """Read the name from ``.../<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json``.

        Raises
        ------
        StudyError
            If the path has another form.
        """
        parts = Path(output).parts
        if len(parts) >= 6 and parts[-1] == RESULT and parts[-2].startswith("seed"):
            digits = parts[-2].removeprefix("seed")
            if digits.isdecimal():
                return cls(*parts[-6:-2], int(digits))
        raise StudyError(
            f"output {str(output)!r}: expected "
            ".../<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json"
        )

    @property
    def cell(self) -> tuple[str, str, str, str]:
        return (self.task, self.backbone, self.norm, self.recipe)

    def __str__(self) -> str:
        return "/".join((*self.cell, f"seed{self.seed}"))


def write_result(folder: Path, record: dict, sidecars: dict[str, bytes]) -> None:
    """Write a result and its files: each atomically, the result last.

    The hashes of the files go into ``record["files"]``. A result that stood there before is removed
    first, so that no result ever stands beside files that are not its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    for name in SIDECARS:
        if name in sidecars:
            replace_durably(folder / name, sidecars[name])
        else:
            (folder / name).unlink(missing_ok=True)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in sidecars.items()}
    text = json.dumps(sealed({**record, "files": files}), sort_keys=True, indent=1, allow_nan=False)
    replace_durably(folder / RESULT, text.encode() + b"\n")


def read_result(folder: Path) -> tuple[dict, dict[str, bytes]] | None:
    """Read a result and its files; None if anything is missing or damaged."""
    try:
        record = json.loads((folder / RESULT).read_bytes())
        sidecars = {name: (folder / name).read_bytes() for name in record["files"]}
        intact = is_sealed(record) and all(
            hashlib.sha256(content).hexdigest() == record["files"][name]
            for name, content in sidecars.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (record, sidecars) if intact else None


class Store:
    """The private folder of one run; ``until`` is the epoch after which it stops by intention."""

    def __init__(self, root: Path, run: RunName, until: int | None = None) -> None:
        self.folder = Path(root).joinpath(*run.cell, f"seed{run.seed}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kept = self.folder / ("finished" if until is None else f"until{until}")

    def finished(self, stamp: dict) -> tuple[dict, dict[str, bytes]] | None:
        """The finished result if it is intact and was made under ``stamp``."""
        try:
            if json.loads((self.kept / "stamp.json").read_text()) != stamp:
                return None
        except (OSError, ValueError):
            return None
        return read_result(self.kept)

    def finish(self, stamp: dict, record: dict, sidecars: dict[str, bytes]) -> None:
        """Keep a result under ``stamp``."""
        shutil.rmtree(self.kept, ignore_errors=True)
        write_result(self.kept, record, sidecars)
        replace_durably(self.kept / "stamp.json", canonical_json(stamp).encode())


def replace_durably(path: Path, *content: bytes) -> None:
    """Put ``content`` at ``path``: all of it, or what was there before, whatever happens.

    The content is forced to the disk before the name is; the name itself may be lost in a power
    failure, which only means that the work is done again.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed while writing left in the folder of a run."""
    for path in folder.glob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)
