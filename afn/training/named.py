"""From a name in a specification to the object that it names, and to one made of it.

In: a registry (``name -> "module:Class"``), a name of it or ``"package.module:Class"``, and the
settings of the recipe. Out: the class, or an instance. Called by the builder of networks and by the
training loop.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from afn.common.errors import StudyError, nearest


def find(registry: Mapping[str, str], name: str, kind: str) -> Any:
    """Return the object that a registry name or ``"package.module:Attribute"`` names.

    Raises
    ------
    StudyError
        Naming what is missing, and the nearest registered name.
    """
    target = registry.get(name, name)
    module, _, attribute = target.partition(":")
    if not attribute:
        raise StudyError(f"unknown {kind} {name!r}; {nearest(name, registry)}")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise StudyError(f"{kind} {name!r}: {error}") from None
    except AttributeError:
        raise StudyError(f"{kind} {name!r}: {module} has no {attribute!r}") from None


def make(registry: Mapping[str, str], name: str, kind: str, recipe: Mapping, *given: Any) -> Any:
    """Make what ``name`` names from ``given`` and those settings of the recipe that it takes.

    A setting is taken by a keyword-only argument of its name; the others are of no concern to it.
    """
    found = find(registry, name, kind)
    parameters = inspect.signature(found).parameters.values()
    own = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    return found(*given, **{key: recipe[key] for key in own if key in recipe})
