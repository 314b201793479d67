"""Which runs a study in waves has asked for by now.

In: a `Study` and its folder of results. Out: the seeds of every cell. All cells have the first
wave; after look k, ``looks/look<k>.json`` names the cells that get wave k + 1 (``next``): those
that a comparison needs which is not decided. It is a document of `afn.common.made_from`, written by
``python -m analysis look``; one that was changed is refused. With a fixed number of seeds every
declared run is asked for. Called by everything that lists runs: workflow, progress, plan, verify,
collect.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afn.common.files import sha256_of
from afn.common.made_from import read_document

if TYPE_CHECKING:
    from afn.study.grid.cells import Run, Study

FOLDER = "looks"
LOOK = "look"
"""What a look's document holds: ``wave``, ``next`` (paths of cells), ``families``."""


def look_file(results: Path | str, wave: int) -> Path:
    """Where the look after a wave (counted from 1) is kept."""
    return Path(results) / FOLDER / f"look{wave}.json"


def read_look(path: Path | str) -> dict[str, Any]:
    """What a look found.

    Raises
    ------
    StudyError
        If it is not there, or is not what was written.
    """
    result: dict[str, Any] = read_document(path, LOOK)[LOOK]
    return result


def taken(study: Study, results: Path | str) -> list[dict[str, Any]]:
    """The looks that were taken, in order, until one is missing or nothing is left to decide."""
    found: list[dict[str, Any]] = []
    for wave in range(1, len(study.looks) + 1):
        path = look_file(results, wave)
        if not path.is_file():
            break
        found.append(read_look(path))
        if not found[-1]["next"]:
            break
    return found


def look_hashes(files: Iterable[Path]) -> dict[str, str]:
    """``looks/look<k>.json`` -> sha256, as it stands in what was made from looks."""
    return {f"{FOLDER}/{path.name}": sha256_of(path) for path in files}


def asked(study: Study, results: Path | str) -> dict[str, list[int]]:
    """Path of every cell -> the seeds that it is asked to have by now."""
    return asked_by(study, taken(study, results))


def asked_by(study: Study, looks: Iterable[dict[str, Any]]) -> dict[str, list[int]]:
    """The same from looks that were read."""
    first, *later = study.waves
    found = {cell.path: list(first if cell.seeds is None else cell.seeds) for cell in study.cells()}
    for wave, look in zip(later, looks, strict=False):
        for path in look["next"]:
            # A cell that the study file no longer has is asked for nothing.
            if path in found:
                found[path] += wave
    return found


def asked_runs(study: Study, results: Path | str) -> list[Run]:
    """The runs that a study has asked for by now, cell by cell."""
    return runs_by(study, taken(study, results))


def runs_by(study: Study, looks: Iterable[dict[str, Any]]) -> list[Run]:
    """The same from looks that were read."""
    from afn.study.grid.cells import Run

    if not study.looks:
        return list(study.runs())
    wanted = asked_by(study, looks)
    return [Run(cell, seed) for cell in study.cells() for seed in wanted[cell.path]]
