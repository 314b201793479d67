"""The one error that a user can cause, and the words in which it is told."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class StudyError(Exception):
    """A mistake in what the user gave; the message says where, what, and the nearest value."""


def nearest(value: object, valid: Iterable[str], *, most: int = 12) -> str:
    """Say which valid name is nearest to ``value``, and list the valid ones.

    >>> nearest("bacth", ["batch", "layer"])
    "did you mean 'batch'? valid: batch, layer"
    """
    names = sorted({str(v) for v in valid})
    close = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    shown = ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}valid: {shown}" if names else f"{hint}there are none"
