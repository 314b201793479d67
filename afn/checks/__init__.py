"""Whether a part keeps to its interface: the same checks for registered parts and for one's own.

``check(kind, name)`` with a registered name, a short name of an installed package, or
``package.module:Attribute``; it returns nothing, or raises `Broken` with what is wrong. The
interfaces are `afn.checks.interfaces`. Called by the tests of this project for all of its
registries, by the tests that ``afn-study new`` writes, and by anybody's.
"""

from __future__ import annotations

import importlib

from afn.common.errors import StudyError, nearest

_HOMES = {
    "norm": "afn.checks.layers",
    "backbone": "afn.checks.networks",
    "task": "afn.checks.data",
    "condition": "afn.checks.data",
    "recipe": "afn.checks.learning",
    "optimizer": "afn.checks.learning",
    "schedule": "afn.checks.learning",
    "augmentation": "afn.checks.learning",
}
"""Kind -> the module with its ``check_<kind>(entry, target, **settings)``."""
KINDS = tuple(_HOMES)


class Broken(AssertionError):
    """A part does not keep to its interface."""


def require(kept: object, what: str) -> None:
    """Raise `Broken` with what was not kept."""
    if not kept:
        raise Broken(what)


def check(kind: str, name: str, **settings: object) -> None:
    """Check one part.

    Parameters
    ----------
    kind
        One of `KINDS`.
    name
        What a study file writes.
    **settings
        Of a task: ``data_dir``. Of a backbone: ``image_size``. Else options of the part.

    Raises
    ------
    Broken
        Where the part does not keep to its interface.
    StudyError
        Where there is no such part, or its source cannot be read.
    ValueError
        For an unknown kind.
    """
    from afn.study.parts.catalogue import entry, registry

    __tracebackhide__ = True  # pytest then shows the test and what is wrong, and not this
    if kind not in _HOMES:
        raise ValueError(f"nothing is checked of {kind!r}; {nearest(kind, KINDS)}")
    try:
        found = entry(kind, name)
    except StudyError as error:
        # The message says it all; where it was raised tells a writer of a part nothing.
        raise StudyError(str(error)) from None
    attribute = registry(kind).get(found.name, found.name).partition(":")[2]
    target = getattr(importlib.import_module(found.module), attribute)
    module = importlib.import_module(_HOMES[kind])
    getattr(module, f"check_{kind}")(found, target, **settings)
