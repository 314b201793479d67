"""From a name and options to a layer."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable

from torch import nn

from afn.common.errors import nearest
from afn.normalization import REGISTRY


def resolve(name: str) -> type[nn.Module]:
    """The class behind a registry name or a ``"package.module:Class"`` string.

    Raises
    ------
    ValueError
        If the name is neither; the message names the nearest registered one.
    """
    target = REGISTRY.get(name, name)
    module, _, attribute = target.partition(":")
    if not attribute:
        raise ValueError(f"there is no normalisation {name!r}; {nearest(name, REGISTRY)}")
    try:
        found: type[nn.Module] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the normalisation {name!r} cannot be loaded: {error}") from error
    return found


def options_of(cls: type[nn.Module]) -> dict[str, object]:
    """The options of a layer (its keyword-only arguments) with their defaults."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def create(name: str, num_features: int, **options: object) -> nn.Module:
    """Build one layer.

    Parameters
    ----------
    name
        A name of `REGISTRY`, or ``"package.module:Class"``.
    num_features
        Channels C of the input (N, C, H, W).
    **options
        Keyword-only arguments of the class.

    Raises
    ------
    ValueError
        For an unknown name, an unknown option or a value out of range; the message names the
        nearest valid one.
    """
    refuse_unknown(name, options)
    return resolve(name)(num_features, **options)


def refuse_unknown(name: str, options: Iterable[str]) -> None:
    """Raise the ValueError of `create` for an unknown name or option."""
    valid = options_of(resolve(name))
    for option in options:
        if option not in valid:
            raise ValueError(f"{name!r} has no option {option!r}; {nearest(option, valid)}")


def factory(name: str, **options: object) -> Callable[[int], nn.Module]:
    """What a backbone takes: ``norm(num_features) -> nn.Module``."""
    return lambda num_features: create(name, num_features, **options)


def test_statistics_of(name: str) -> tuple[str, ...]:
    """How a layer can be tested: a part of ("running", "batch"); () if no batch matters to it."""
    return tuple(resolve(name).statistics)  # type: ignore[attr-defined]


test_statistics_of.__test__ = False  # type: ignore[attr-defined]  # its name looks like a test to pytest
