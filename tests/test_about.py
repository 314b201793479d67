"""A failing test of a page or a study names the file to edit; a user's own study breaks no test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.about import naming

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "tests").rglob("test_*.py"))
PAGE = re.compile(r"\bdocs\"? ?/|docs/\w+\.md|\"README\.md")
OWN = """
study: my_own
question: Does it help me?
seeds: 2
base: {task: digits8x8, backbone: convnet_small, recipe: {epochs: 1}}
experiments: {mine: {factors: {norm: [batch, afn]}, contrasts: [[afn, batch]]}}
plan: {outcomes: [clean], primary: [mine], strict: false}
"""
FAILING = """
import pytest

pytestmark = pytest.mark.about("docs/a.md")


@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.about("studies/b.yaml"))])
def test_numbers(x):
    assert x == 2, "a number"


def test_reading():
    {}["absent"]
"""


def test_errors_name_the_files():
    with (
        pytest.raises(AssertionError, match=r"^to edit: a.md or b.md: no number$"),
        naming(["a.md", "b.md"]),
    ):
        raise AssertionError("no number")
    with pytest.raises(AssertionError, match=r"^to edit: a.md: a check failed$"), naming(["a.md"]):
        raise AssertionError
    with pytest.raises(KeyError) as caught, naming(["a.md"]):
        {}["absent"]
    assert caught.value.__notes__ == ["to edit: a.md"]
    with pytest.raises(AssertionError, match=r"^as it was$"), naming([]):
        raise AssertionError("as it was")


def test_a_failing_test_prints_the_file(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from tests.about import NamesTheFile\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(NamesTheFile())\n"
    )
    (tmp_path / "test_some.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "AssertionError: to edit: studies/b.yaml or docs/a.md: a number" in done.stdout
    assert "KeyError: 'absent'" in done.stdout
    assert re.search(r"^E +to edit: docs/a.md$", done.stdout, re.MULTILINE)


def test_every_test_of_a_page_is_marked():
    """By what its text names: a test that reads a page, and does not say which one to edit."""
    named = [file for file in MODULES if PAGE.search(file.read_text(encoding="utf-8"))]
    assert len(named) > 5
    for file in named:
        text = file.read_text(encoding="utf-8")
        assert "mark.about(" in text or "to edit" in text, f"{file.relative_to(ROOT)}: mark.about"


@pytest.mark.long
def test_a_study_of_a_users_own_breaks_no_test(tmp_path):
    """In a copy of the checkout: every quick test that names the folder of studies, with one more
    study in it and with a file that is none."""
    for path in ROOT.iterdir():
        if path.name in ("tests", "studies"):
            shutil.copytree(path, tmp_path / path.name, ignore=shutil.ignore_patterns("*.pyc"))
        elif not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "studies/my_own.yaml").write_text(OWN)
    (tmp_path / "studies/notes.yaml").write_text("to be done: [")
    users = [file for file in MODULES if re.search(r"studies|shipped", file.read_text("utf-8"))]
    files = [str(file.relative_to(ROOT)) for file in users if file != Path(__file__)]
    assert len(files) > 4
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--quick"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [*command, *files], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
