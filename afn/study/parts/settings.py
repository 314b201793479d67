"""One part of a run (task, backbone, norm or recipe) with every default filled in.

In: a name, a canonical name with options, or a mapping, as a study file has it. Out: all settings.
Called for the base, for the levels of a grid, and for arms.
"""

from __future__ import annotations

from typing import Any

from afn.common.errors import StudyError
from afn.study.parts.catalogue import Entry, entry
from afn.study.parts.names import parse_part


def resolve(kind: str, value: object, where: str) -> dict[str, Any]:
    """A name, a canonical name with options, or a mapping: all settings, every default filled."""
    try:
        name: Any
        if isinstance(value, str):
            name, given = parse_part(value)
        elif isinstance(value, dict):
            given = {str(k): v for k, v in value.items()}
            fallback = "plain" if kind == "recipe" else None
            name = given.pop("name", fallback)
            if not isinstance(name, str):
                raise StudyError(f"a mapping needs the key 'name' with the name of a {kind}")
        else:
            raise StudyError(f"{value!r} is neither a name nor a mapping")
        return _filled(entry(kind, name), given)
    except StudyError as error:
        raise StudyError(f"{where}: {error}") from None


def _filled(found: Entry, given: dict[str, Any]) -> dict[str, Any]:
    settings = {key: found.check(key, value) for key, value in given.items()}
    return {"name": found.name, **found.defaults, **settings}
