"""What installed packages offer under short names: entry points of the groups ``afn_study.<kind>``.

In: a kind (``norm``, ``backbone``, ``task``, ``condition``, ``recipe``, ``optimizer``,
``schedule``, ``augmentation``, ``figure``, ``table``, ``section``). Out: name ->
``package.module:Attribute``. A study that uses such a name has the same specification, the same
names of results and the same fingerprint as one that writes ``package.module:Attribute``: the short
name is only read here, and installing a package changes no study that does not name it. Called by
the catalogue.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points

from afn.common.errors import StudyError

GROUP = "afn_study."


@functools.cache
def offered(kind: str) -> dict[str, str]:
    """Name -> ``package.module:Attribute`` of everything that is installed for a kind.

    Raises
    ------
    StudyError
        Where two packages offer different things under one name.
    """
    found: dict[str, str] = {}
    for point in entry_points(group=GROUP + kind):
        target = f"{point.module}:{point.attr}"
        if found.setdefault(point.name, target) != target:
            raise StudyError(
                f"{kind} {point.name!r} is offered by two installed packages, as "
                f"{found[point.name]} and as {target}: name the one that you mean so"
            )
    return found
