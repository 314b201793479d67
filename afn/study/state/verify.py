"""Re-hash every result of a study: is it what was written, and from the present code?

In: a `Study` and its folders. Out: a list of findings, empty where all is well. Called by
``python -m afn.study verify``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from afn.common.canonical import is_sealed
from afn.study.grid.cells import Study
from afn.study.layout import Layout
from afn.study.state.progress import is_current, read_result


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(study: Study) -> tuple[int, list[str]]:
    """Return how many results are whole and current, and what is wrong with the others."""
    layout = Layout(study.name)
    whole, findings = 0, []
    for run in study.runs():
        path = layout.result(run)
        if not path.is_file():
            findings.append(f"missing: {path}")
            continue
        result = read_result(path)
        if result is None:
            findings.append(f"unreadable: {path}")
            continue
        if not is_sealed(result):
            findings.append(f"changed after it was written (its seal does not fit): {path}")
            continue
        damaged = _damaged(path.parent, result.get("files") or {})
        findings += [f"{what}: {path.parent / name}" for name, what in damaged]
        if not is_current(result, run):
            findings.append(f"stale (made from other settings or code): {path}")
        elif not damaged:
            whole += 1
    return whole, findings


def _damaged(folder: Path, files: dict[str, str]) -> list[tuple[str, str]]:
    found = []
    for name, digest in sorted(files.items()):
        file = folder / name
        if not file.is_file():
            found.append((name, "missing file of a result"))
        elif sha256_of(file) != digest:
            found.append((name, "damaged (its hash differs)"))
    return found
