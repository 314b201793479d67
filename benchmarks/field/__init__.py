"""Inputs with which similar software went wrong in the field, each with what is right.

A kind of input is a line of `KINDS`: its name and the modules that hold its cases. A case is a
function under ``@case``: it returns where the result is right and raises an AssertionError, or
anything else, where it is wrong; its docstring says what is right. `python -m benchmarks.field`
runs all of them and counts; the tests run the same cases one by one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

KINDS = {
    "library": (
        "benchmarks.field.library_test_time",
        "benchmarks.field.library_conversion",
        "benchmarks.field.library_folding",
        "benchmarks.field.library_torch",
        "benchmarks.field.library_options",
    ),
    "tables of scores": ("benchmarks.field.tables",),
}
"""Kind -> modules with its cases."""

_cases: dict[str, list[Case]] = {}


class Case(NamedTuple):
    """One input.

    Attributes
    ----------
    name
        The function's name, and the argument in brackets where there are several.
    right
        What is right, in a sentence.
    run
        Returns if it is.
    """

    name: str
    right: str
    run: Callable[[], object]


def case(*arguments: object) -> Callable:
    """Register a function as a case, or as one case per argument."""

    def register(function: Callable) -> Callable:
        right = " ".join((function.__doc__ or "").split())
        found = _cases.setdefault(function.__module__, [])
        for argument in arguments:
            name = f"{function.__name__}[{argument}]"
            found.append(Case(name, right, lambda argument=argument: function(argument)))
        if not arguments:
            found.append(Case(function.__name__, right, function))
        return function

    return register


def cases(kind: str) -> list[Case]:
    """All cases of a kind, in the order of its modules."""
    found = []
    for module in KINDS[kind]:
        importlib.import_module(module)
        found += _cases[module]
    return found
