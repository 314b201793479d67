"""Which tests ``make check`` runs: those that take well under a second, found by what they use.

A test is quick unless

- it is marked `long`, or `seconds` (a second of the processor and more);
- it asks for a fixture that is shared (of a session, a module or a class): what is worth sharing, a
  drawn page or prepared data, takes seconds to make, and in a short run each worker makes it;
- it, a fixture of it or a helper that they call starts processes, each of which begins with imports
  of seconds, or calls what draws pages and trains (`COSTLY`).

So nobody keeps a list. Of a test with many cases (`parametrize`) only `CASES` run, the first and
the last: a mistake made while editing seldom spares both, and `make test` runs every one. The
option names the tests that took more than `SECOND` of the processor.
"""

from __future__ import annotations

import inspect
import os
import time
import types
from collections.abc import Iterator

import pytest

MARKS = {"long", "seconds"}
SECOND = 1.0
CASES = 2
"""How many cases of a test run."""
COSTLY = {"subprocess", "multiprocessing", "analysis.__main__", "analysis.figures.making"}
COSTLY |= {"analysis.report", "analysis.report.__main__", "afn.training.job.job"}
"""Modules whose use by a test takes seconds."""


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _reaches(value: object, seen: set[int]) -> bool:
    """Whether a function or class of the tests uses a costly module, itself or through helpers."""
    is_module = isinstance(value, types.ModuleType)
    home = value.__name__ if is_module else getattr(value, "__module__", None)
    if isinstance(home, str) and home in COSTLY:
        return True
    if id(value) in seen or not isinstance(home, str) or not home.startswith("tests"):
        return False
    seen.add(id(value))
    if isinstance(value, type):
        return any(_reaches(inspect.unwrap(part), seen) for part in vars(value).values())
    if not isinstance(value, types.FunctionType):
        return False
    names = {name for code in _codes(value.__code__) for name in code.co_names}
    imported = not names.isdisjoint(COSTLY)  # inside a function, by its full name
    return imported or any(_reaches(value.__globals__.get(name), seen) for name in names)


def _fixtures(item: pytest.Function) -> list[pytest.FixtureDef]:
    """The fixtures of this suite that a test asks for, each as it is defined nearest to it."""
    chosen = (fixtures[-1] for fixtures in item._fixtureinfo.name2fixturedefs.values())
    return [f for f in chosen if f.func.__module__.startswith("tests")]


def is_costly(item: pytest.Function) -> bool:
    test = item.function
    test = (getattr(test, "hypothesis", None) and test.hypothesis.inner_test) or test
    seen: set[int] = set()
    return any(
        _reaches(inspect.unwrap(f), seen) for f in (test, *(f.func for f in _fixtures(item)))
    )


def shares_fixtures(item: pytest.Function) -> bool:
    """Whether a test asks for a fixture of this suite that serves more than one test."""
    return any(fixture.scope != "function" for fixture in _fixtures(item))


def is_quick(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or not MARKS.isdisjoint(
        mark.name for mark in item.iter_markers()
    ):
        return False
    return not shares_fixtures(item) and not is_costly(item)


def spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """At most `CASES` cases of each test, from first to last, in the order in which they came."""
    cases: dict[object, list[pytest.Item]] = {}
    for item in items:
        test = (item.path, getattr(item, "cls", None), getattr(item, "originalname", item.name))
        cases.setdefault(test, []).append(item)
    kept = set()
    for same in cases.values():
        step = (len(same) - 1) / (CASES - 1)
        kept |= {same[round(step * k)] for k in range(CASES)}
    return [item for item in items if item in kept]


def _processor() -> float:
    return time.process_time() + sum(os.times()[2:4])


class Quick:
    """The plugin: leaves the other tests out, and names quick ones that are not."""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]):
        chosen = spread([item for item in items if is_quick(item)])
        left_out = set(items).difference(chosen)
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item):
        began = _processor()
        try:
            return (yield)
        finally:
            item.user_properties.append(("processor", _processor() - began))

    def pytest_terminal_summary(self, terminalreporter) -> None:
        times = {
            report.nodeid: dict(report.user_properties).get("processor", 0.0)
            for report in terminalreporter.stats.get("passed", [])
        }
        slow = sorted((name for name, time in times.items() if time > SECOND), key=times.get)
        if slow:
            terminalreporter.section(
                f"more than {SECOND:g} s of the processor: mark them `seconds`?"
            )
        for name in reversed(slow):
            terminalreporter.line(f"{times[name]:5.1f}  {name}")
