"""Tests of what people read and write: pages, derived files, studies. They name the file to edit.

``@pytest.mark.about("docs/tasks.md")``, on a test, a module or a parameter, puts the file's name
before what a failing test says, since from "assert 0.4 == 0.5" nobody sees which page to mend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

MARK = "about(*files): files of the repository whose content is tested, named where it fails"


@contextlib.contextmanager
def naming(files: list[str]) -> Iterator[None]:
    """Errors raised inside say which files to edit."""
    try:
        yield
    except AssertionError as error:
        if files:
            message = f"{error.args[0]}" if error.args else "a check failed"
            error.args = (f"to edit: {' or '.join(files)}: {message}", *error.args[1:])
        raise
    except Exception as error:
        if files:
            error.add_note(f"to edit: {' or '.join(files)}")
        raise


def files_of(item: pytest.Item) -> list[str]:
    """The files that a test is about, the nearest mark's first."""
    named = [str(file) for mark in item.iter_markers("about") for file in mark.args]
    return list(dict.fromkeys(named))


class NamesTheFile:
    """The plugin."""

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", MARK)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item):
        with naming(files_of(item)):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item):
        with naming(files_of(item)):
            return (yield)
