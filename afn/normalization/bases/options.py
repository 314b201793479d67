"""Options of a layer checked against its own signature, which is the one place that limits them.

``@checked`` stands over the constructor of every method. What it reads are the annotations that a
study file is checked against, too: types, ``Literal`` and the limits of `annotated_types`.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeVar, cast

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt

_LIMITS: dict[type, tuple[str, Callable[[Any, Any], bool], str]] = {
    Ge: ("ge", lambda value, limit: value >= limit, "at least"),
    Gt: ("gt", lambda value, limit: value > limit, "above"),
    Le: ("le", lambda value, limit: value <= limit, "at most"),
    Lt: ("lt", lambda value, limit: value < limit, "below"),
}


_Init = TypeVar("_Init", bound=Callable[..., None])


def checked(init: _Init) -> _Init:
    """Let a constructor ``(self, num_features, *, **options)`` refuse options out of range.

    Raises
    ------
    ValueError
        By the constructor, before anything is made: for a number of channels that is no whole
        number above 0, and for an option of another type or outside its limits.
    """

    @functools.wraps(init)
    def constructor(self: object, num_features: int, **options: object) -> None:
        kind = type(self).__name__
        if not _whole(num_features) or num_features < 1:
            raise ValueError(
                f"{kind}: num_features is {num_features!r}; it must be a whole number of at least 1"
            )
        limits = _hints(init)
        for name, value in options.items():
            wanted = _wanted(value, limits[name]) if name in limits else None
            if wanted:
                raise ValueError(f"{kind}: {name} is {value!r}; it must be {wanted}")
        init(self, num_features, **options)

    return cast(_Init, constructor)


@functools.cache
def _hints(init: Callable[..., None]) -> dict[str, object]:
    keywords = inspect.signature(init).parameters.values()
    hints = typing.get_type_hints(init, include_extras=True)
    return {p.name: hints[p.name] for p in keywords if p.kind is p.KEYWORD_ONLY}


def _whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _wanted(value: object, hint: object) -> str | None:
    """What a value should have been; None if it is that."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _wanted(value, arguments[0]) or _outside(value, arguments[1:])
    if origin is typing.Literal:
        fits = any(type(value) is type(a) and value == a for a in arguments)
        return None if fits else "one of " + ", ".join(map(repr, arguments))
    if origin in (typing.Union, types.UnionType):
        wanted = [_wanted(value, part) for part in arguments]
        each = [words for words in wanted if words is not None]
        return " or ".join(each) if len(each) == len(wanted) else None
    if hint is bool:
        return None if isinstance(value, bool) else "True or False"
    if hint is int:
        return None if _whole(value) else "a whole number"
    if hint is float:
        real = isinstance(value, Real) and not isinstance(value, bool)
        return None if real and math.isfinite(cast(float, value)) else "a finite number"
    return None if isinstance(value, cast(type, hint)) else getattr(hint, "__name__", str(hint))


def _outside(value: object, limits: tuple[object, ...]) -> str | None:
    """The limits in words, if a value breaks one of them."""
    single = [one for limit in limits for one in _single(limit)]
    rules = [(getattr(one, _LIMITS[type(one)][0]), *_LIMITS[type(one)][1:]) for one in single]
    if all(holds(value, limit) for limit, holds, _ in rules):
        return None
    return " and ".join(f"{words} {limit}" for limit, _, words in rules)


def _single(limit: object) -> list[object]:
    return list(limit) if isinstance(limit, GroupedMetadata) else [limit]
