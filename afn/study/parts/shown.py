"""How the classes of normalisations want to be shown: label, colour, marker.

In: the name that a study uses, of the registry or ``package.module:Class``. Out: what the class
says in ``shown = {"label": ..., "color": ..., "marker": ...}``, all of them optional. The source is
read, never imported. Called by the names and colours of pages.
"""

from __future__ import annotations

import functools

from afn.common.errors import StudyError
from afn.study.parts.catalogue import entry, registry
from afn.study.parts.names import as_given


@functools.cache
def look(name: str) -> dict[str, str]:
    """What a class says of its look; nothing where it is not at hand.

    A page may be made on a machine that lacks the package of a method that was trained elsewhere.
    """
    try:
        return entry("norm", as_given(name)).shown
    except (StudyError, OSError, SyntaxError):
        return {}


def registered(key: str) -> dict[str, str]:
    """Name -> label, colour or marker of every registered method that says one."""
    return {name: look(name)[key] for name in registry("norm") if key in look(name)}


def short(name: str) -> str:
    """The name of a method, task or backbone without its package.

    >>> short("laboratory.norms:ScaledBatch2d")
    'ScaledBatch2d'
    """
    return as_given(name).rpartition(":")[2]


def label(name: str) -> str:
    """A method's label: what its class says, else its short name."""
    return look(name).get("label", short(name))
