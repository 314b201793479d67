"""The referee reads files only: it imports neither of the project's packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.rglob("*.py"))
PROJECT = {"afn", "analysis", "workflow"}
ALLOWED = {"tests.referee", "tests.sharing", "tests.workflow.project"}


def imported(source: str) -> set[str]:
    """Every module that a source imports, at its top or inside, by name or by a string."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return found


def of_project(names: set[str]) -> set[str]:
    parts = {name: name.split(".")[0] for name in names}
    own = {name for name in names if name.startswith("tests")}
    foreign = {n for n in own if not any(n == a or n.startswith(f"{a}.") for a in ALLOWED)}
    return {name for name, part in parts.items() if part in PROJECT} | foreign


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_referee_imports_nothing_of_the_project(path):
    assert not of_project(imported(path.read_text(encoding="utf-8")))


def test_what_the_referee_takes_from_the_tests_imports_nothing_of_it_either():
    root = Path(__file__).parents[1]
    for name in ("sharing.py", "workflow/project.py", "__init__.py", "workflow/__init__.py"):
        assert not of_project(imported((root / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "import analysis.stats",
        "def f():\n    from afn.study import load",
        "import importlib\nimportlib.import_module('analysis')",
        "from tests.analysis import synthetic",
    ],
)
def test_an_import_of_the_project_is_found(source):
    assert of_project(imported(source))
