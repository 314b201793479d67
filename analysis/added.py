"""What a study adds to its report: figures, tables and sections from outside this project.

In: the loaded study, whose file names ``package.module:function`` under ``report``. Out: pictures,
tables and sections, checked for what they are. Each function gets the loaded study
(`analysis.inputs.Inputs`) and decides nothing: what it says is shown in a section of its own, under
the name of the package that it comes from. Called by figures, tables and the page.

The interfaces are the protocols below (docs/extending.md has an example of each); a function may be
called more than once and has to give the same each time.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from afn.common.errors import StudyError
from analysis.display.table import Table
from analysis.inputs import Inputs

SECTION = "added"
"""The section of the page in which additions stand."""


@dataclass(frozen=True)
class Section:
    """A heading and paragraphs of plain text."""

    title: str
    paragraphs: tuple[str, ...]


class MakesFigures(Protocol):
    """What ``report.figures`` names: yields `analysis.figures.drawing.picture` objects."""

    def __call__(self, inputs: Inputs) -> Iterable[Any]: ...


class MakesTables(Protocol):
    """What ``report.tables`` names."""

    def __call__(self, inputs: Inputs) -> Iterable[Table]: ...


class MakesSections(Protocol):
    """What ``report.sections`` names."""

    def __call__(self, inputs: Inputs) -> Section: ...


def made(inputs: Inputs, kind: str) -> Iterator[tuple[str, Any]]:
    """The name of every addition of a kind, and what its function gives for the study.

    Raises
    ------
    StudyError
        Where a function cannot be imported.
    """
    for name in inputs.study.added.get(kind, ()):
        module, _, attribute = name.partition(":")
        try:
            function = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise StudyError(f"report.{kind}s: {name}: cannot be imported: {error}") from None
        yield name, function(inputs)


def pictures(inputs: Inputs, allowed: tuple[type, ...]) -> Iterator[Any]:
    """All figures from outside, in the section for them."""
    for name, given in made(inputs, "figure"):
        for item in _listed(given, name, allowed):
            yield replace(item, section=SECTION) if hasattr(item, "section") else item


def tables(inputs: Inputs) -> Iterator[Table]:
    """All tables from outside, marked as such."""
    for name, given in made(inputs, "table"):
        for table in _listed(given, name, (Table,)):
            yield replace(table, section=SECTION)


def sections(inputs: Inputs) -> list[Section]:
    """All sections from outside."""
    return [
        section
        for name, given in made(inputs, "section")
        for section in _listed([given], name, (Section,))
    ]


def sources(inputs: Inputs) -> list[str]:
    """The functions that add something, as the study names them."""
    return [name for names in inputs.study.added.values() for name in names]


def _listed(given: Any, name: str, allowed: tuple[type, ...]) -> Iterator[Any]:
    words = " or ".join(kind.__name__ for kind in allowed)
    if not isinstance(given, Iterable) or isinstance(given, str | dict):
        raise StudyError(f"report: {name} gave {type(given).__name__}, not several {words}")
    for item in given:
        if not isinstance(item, allowed):
            raise StudyError(f"report: {name} gave {type(item).__name__}, not {words}")
        yield item
