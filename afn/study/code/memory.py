"""Which modules a fingerprint covered, remembered, so that a later one can say what has changed.

In: a cell and the folder `StudyFolders.codes`. Out: in it ``<fingerprint>.json``, module to digest;
and in words what differs between a remembered fingerprint and the present code. Written when
Snakemake starts to work (never in a dry run), read by ``python -m afn.study plan``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from afn.common import files, parsing
from afn.study.code.fingerprint import TRAINING, modules_of, parts_of, run_fingerprint
from afn.study.code.modules import digests, reachable
from afn.study.grid.cells import Cell
from afn.study.parts.catalogue import module_file

MOST = 3
"""Modules that are named of one part that has changed; the rest are counted."""


def remember(cells: Iterable[Cell], folder: Path) -> None:
    """Write the modules of each cell's fingerprint, unless they are there."""
    for fingerprint, cell in {run_fingerprint(cell): cell for cell in cells}.items():
        path = folder / f"{fingerprint}.json"
        if recalled(folder, fingerprint) is None:
            files.write_text(path, json.dumps(digests(modules_of(cell)), indent=1) + "\n")


def recalled(folder: Path, fingerprint: str) -> dict[str, str] | None:
    """Module -> digest of a remembered fingerprint; None where it is not known."""
    try:
        found = parsing.load(folder / f"{fingerprint}.json")
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def difference(cell: Cell, folder: Path, fingerprint: object) -> str:
    """What has changed since the code of ``fingerprint``, in words, by the part that uses it.

    >>> difference(cell, folder, "0123456789abcdef")  # doctest: +SKIP
    'norm afn changed (afn/normalization/methods/afn.py)'
    """
    before = recalled(folder, str(fingerprint))
    if before is None:
        return "made by code of which no list is kept"
    now = digests(modules_of(cell))
    changed = sorted(
        name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    )
    owners: dict[str, list[str]] = {}
    for name in changed:
        owners.setdefault(_owner(cell, name, gone=name not in now), []).append(_file(name))
    return "; ".join(f"{owner} ({_listed(names)})" for owner, names in owners.items())


def _owner(cell: Cell, module: str, *, gone: bool) -> str:
    if gone:
        return "no longer used"
    if module in reachable(TRAINING):
        return "training and testing changed"
    parts = parts_of(cell).items()
    owner = next((part for part, start in parts if module in reachable((start,))), "code")
    return f"{owner} changed"


def _file(module: str) -> str:
    file = module_file(module)
    name = module.replace(".", "/")
    return f"{name}/__init__.py" if file and file.name == "__init__.py" else f"{name}.py"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
