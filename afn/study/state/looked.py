"""Are the looks at a study in waves what was written, and from the results that lie there now?

In: a `Study` and its folders. Out: findings in words, none where all is well. Called by
`afn.study.state.made`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from afn.common.errors import StudyError
from afn.common.files import sha256_of
from afn.common.made_from import digest, read_document
from afn.study.grid.cells import Study
from afn.study.layout import StudyFolders
from afn.study.waves.asked import LOOK, asked_by, look_file
from afn.study.waves.record import read_record

RUNS = "runs"
"""In what a look was made from: the results of the runs that it has read."""


def look_findings(study: Study, layout: StudyFolders) -> Iterator[str]:
    """What is wrong with the looks of a study in waves, of those there are."""
    if study.looks:
        try:
            read_record(study, layout.results)
        except StudyError as error:
            yield f"changed: {error}"
    before: list[dict[str, Any]] = []
    for wave in range(1, len(study.looks) + 1):
        path = look_file(layout.results, wave)
        if not path.is_file():
            return
        try:
            document = read_document(path, LOOK)
        except StudyError as error:
            yield f"changed: {error}"
            return
        look, made_from = document[LOOK], document["made_from"]
        wanted = asked_by(study, before)
        names = [
            f"{cell}/seed{seed}/result.json"
            for cell in look["read"]
            for seed in wanted.get(cell, ())
        ]
        if made_from[RUNS] != digest(layout.runs, names):
            yield f"stale: {path}: made from other results of runs than those there are"
        for name in made_from.keys() - {RUNS}:
            other = path.with_name(name) if name != "study.json" else layout.results / name
            if not other.is_file() or made_from[name] != sha256_of(other):
                yield f"stale: {path}: older than {other}, or made from another one"
        before.append(look)
        if not look["next"]:
            return
