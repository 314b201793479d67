from __future__ import annotations

import ast
import shutil
import subprocess
import sys

import pytest

from afn.study.code.fingerprint import reachable, stable_form
from tests.study.conftest import ROOT

PRINT = (
    "import json; from afn.study import load_study;"
    "from afn.study.code.fingerprint import run_fingerprint, task_fingerprint;"
    "study = load_study('config.yaml');"
    "print(json.dumps({c.path: run_fingerprint(c) for c in study.cells()}))"
)


@pytest.fixture
def copy(tmp_path):
    """A copy of the package whose files may be edited."""
    shutil.copytree(ROOT / "afn", tmp_path / "afn", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "config.yaml", tmp_path)
    return tmp_path


def _fingerprints(folder) -> dict[str, str]:
    import json

    done = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _changed(before: dict, after: dict) -> set[str]:
    return {path for path in before if before[path] != after[path]}


def test_editing_a_method_changes_only_its_runs(copy):
    before = _fingerprints(copy)
    file = copy / "afn/normalization/methods/batch_instance.py"
    file.write_text(file.read_text() + "\n\ndef another():\n    return 1\n")
    changed = _changed(before, _fingerprints(copy))
    assert {path.split("/")[2] for path in changed} == {"batch_instance"}
    assert len(changed) == 2


def test_comments_docstrings_and_a_new_method_change_nothing(copy):
    before = _fingerprints(copy)
    for file in (copy / "afn").rglob("*.py"):
        file.write_text(file.read_text() + "\n# a remark\n")
    registry = copy / "afn/normalization/__init__.py"
    line = '    "batch": '
    text = registry.read_text()
    assert line in text
    registry.write_text(text.replace(line, '    "mine": "mine:Mine",\n' + line, 1))
    assert _changed(before, _fingerprints(copy)) == set()


def test_the_engine_is_part_of_every_run(copy):
    before = _fingerprints(copy)
    file = copy / "afn/training/loop/engine.py"
    file.write_text(file.read_text() + "\nCHANGED = True\n")
    assert _changed(before, _fingerprints(copy)) == set(before)


def test_the_entry_point_reaches_engine_layers_and_test_statistics():
    found = reachable(["afn.training.__main__", "afn.normalization.methods.afn"])
    assert {
        "afn.training.loop.engine",
        "afn.normalization.methods.afn",
        "afn.common.seeds",
    } <= found
    assert not any(name.startswith("analysis") for name in found)


def test_a_step_of_the_analysis_reaches_what_it_draws():
    assert "analysis.figures.forest" in reachable(["analysis.figures.making"])
    assert "analysis.figures.making" in reachable(["analysis.figures.making"])
    assert "analysis.display.table" in reachable(["analysis.report.page"])
    assert {"analysis.decisions.contrast", "afn.study.plan.power"} <= reachable(
        ["analysis.decisions.decide"]
    )


def test_the_form_ignores_docstrings_but_not_values():
    form = lambda text: stable_form(ast.parse(text))  # noqa: E731
    assert form('def f():\n    """A."""\n    return 1') == form("def f():\n    return 1  # one")
    assert form("x = None") != form("x = 0")
    assert form("x = 1") != form("x = 1.0")
    assert form("x = 'a'") != form("x = b'a'")
