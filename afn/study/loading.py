"""The one way from a file (or a merged configuration) to a validated study.

The order of validation: the file, then names and options, then the plan. Called by everything
that needs a study; needs neither torch nor data.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afn.common import parsing
from afn.common.errors import StudyError
from afn.study.grid.cells import Study
from afn.study.grid.expansion import expand
from afn.study.grid.reading import check_mapping, line_of, read_mapping
from afn.study.plan.checks import check_plan


def study_from_mapping(mapping: Mapping[str, Any], source: str) -> Study:
    """Check a configuration and multiply it out; `source` is what messages call it."""
    file = check_mapping(mapping, source)
    try:
        study = expand(file)
        check_plan(study)
        _check_report(study)
        _check_runtime(mapping)
    except StudyError as error:
        key = str(error).partition(": ")[0]
        line = line_of(source, key.split("."))
        raise StudyError(f"{source}{line}: {error}") from None
    return study


def _check_report(study: Study) -> None:
    """What a report gets from outside has to be there, as everything else that a study names."""
    try:
        added = study.added
    except StudyError as error:
        raise StudyError(f"report: {error}") from None
    for kind, names in added.items():
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise StudyError(f"report.{kind}s: {twice[0]!r} is given twice")


def _check_runtime(mapping: Mapping[str, Any]) -> None:
    """Settings of how a study runs may stand in its file, too."""
    for key in ("seeds_per_job", "seeds_at_once"):
        size = mapping.get(key, 1)
        if not str(size).isdecimal() or int(size) < 1:
            raise StudyError(f"{key}: {size!r} is not a whole number of at least 1")
    minutes = mapping.get("minutes_per_job", 1)
    try:
        known = 0 < float(minutes) < float("inf") and not isinstance(minutes, bool)
    except (TypeError, ValueError):
        known = False
    if not known:
        raise StudyError(f"minutes_per_job: {minutes!r} is not a number above 0")
    where = mapping.get("where")
    if where is not None and not isinstance(where, str):
        raise StudyError(f"where: {where!r} is not text")


def load_study(path: str | Path) -> Study:
    """Read, check and multiply out a study file (YAML or JSON)."""
    return study_from_mapping(read_mapping(path), str(path))


def load_resolved(path: str | Path) -> Study:
    """Read the study that `Study.to_json` wrote beside the results."""
    mapping = parsing.load(path)
    return study_from_mapping(mapping, str(path))
