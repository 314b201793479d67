"""The value of an option in the type that its signature declares; nothing is guessed.

In: an annotation of the catalogue, and a value as a study file has it. Out: the value in that type,
or a `StudyError` without the key, which whoever calls adds. Text is no number and no truth value,
and a truth value is no number: who writes ``"8"`` or ``true`` may have meant something else.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from pydantic import TypeAdapter, ValidationError

from afn.common.errors import StudyError

LARGEST, SMALLEST = 1e9, 1e-30
"""No option of a network or of its training is a larger number, or, but for 0, a smaller one."""
LONGEST = 1000
"""Characters of an option's text, and values of a list."""


def typed(annotation: Any, value: object) -> object:
    """The value in the annotated type: whole numbers also as ``8.0``, truth also as on or off.

    Raises
    ------
    StudyError
        For a value of another type, out of the annotation's limits or out of any.
    """
    if isinstance(value, bool) and annotation is not bool:
        # By YAML 1.1 a bare off or on is a truth value, and by JSON there is no bare word.
        value = "on" if value else "off"
    forms = [value]
    if isinstance(value, list):
        forms.append(tuple(value))
    elif isinstance(value, float) and value.is_integer():
        forms.append(int(value))
    elif annotation is bool and value in ("on", "off"):
        forms.append(value == "on")
    reason = ""
    for form in forms:
        try:
            checked = _adapter(annotation).validate_python(form, strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
        else:
            refuse_absurd(checked)
            return checked
    raise StudyError(reason)


@functools.cache
def _adapter(annotation: Any) -> TypeAdapter:  # type: ignore[type-arg]
    return TypeAdapter(annotation)


def refuse_absurd(value: object) -> None:
    """Raise StudyError for a number that is none or beyond all sense, and for endless text."""
    if isinstance(value, str | list | tuple) and len(value) > LONGEST:
        raise StudyError(f"has a length of {len(value):,}; at most {LONGEST:,}")
    if isinstance(value, list | tuple):
        for inner in value:
            refuse_absurd(inner)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise StudyError("is not a finite number")
    if abs(value) > LARGEST:
        raise StudyError(f"is out of range: at most {LARGEST:g}")
    if 0 < abs(value) < SMALLEST:
        raise StudyError(f"is out of range: 0, or at least {SMALLEST:g}")


def shown(value: object) -> str:
    """A value in a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
