from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from afn.study.code.fingerprint import parts_of, run_fingerprint
from afn.study.code.modules import reachable
from afn.study.code.syntax import stable_form
from afn.study.loading import load_study
from tests.study.conftest import ROOT

IMPORTS = (
    "from afn.study import load_study; from afn.study.code.fingerprint import run_fingerprint as f"
)


@pytest.fixture
def copy(tmp_path):
    """A copy of the package whose files may be edited."""
    shutil.copytree(ROOT / "afn", tmp_path / "afn", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "config.yaml", tmp_path)
    return tmp_path


def _print(folder, imports: str, value: str) -> dict[str, str]:
    """A value that a new process in a copy computes."""
    code = f"import json; {imports}; print(json.dumps({value}))"
    # Where the tests were told another tree, the copy is still the one that is asked.
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _fingerprints(folder) -> dict[str, str]:
    return _print(folder, IMPORTS, "{c.path: f(c) for c in load_study('config.yaml').cells()}")


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


NEW = {
    "normalization": "mine.py",
    "backbones": "mine.py",
    "tasks": "mine.py",
    "training": "algorithms/mine.py",
    "training/optimizers": "mine.py",
    "training/schedules": "mine.py",
    "training/augmentations": "mine.py",
}
"""Package with a registry -> a file for one more of its kind."""


def test_adding_one_of_each_kind_trains_nothing_again(copy):
    before = _fingerprints(copy)
    for package, file in NEW.items():
        folder = copy / "afn" / package
        (folder / file).write_text("class Mine:\n    statistics = ()\n")
        module = f"afn.{package}.{file.removesuffix('.py')}".replace("/", ".")
        registry = folder / "__init__.py"
        text = registry.read_text()
        start = re.search(r"^REGISTRY[^=]*= \{\n", text, re.MULTILINE).end()
        registry.write_text(f'{text[:start]}    "mine": "{module}:Mine",\n{text[start:]}')
    # Conditions are functions of one module; what a report gets is all from outside.
    listed = "k for k, package in c.KINDS.items() if package and k != 'condition'"
    kinds = _print(
        copy,
        "import afn.study.parts.catalogue as c",
        f"{{k: c.entry(k, 'mine').module for k in ({listed})}}",
    )
    assert len(kinds) == len(NEW)
    assert _changed(before, _fingerprints(copy)) == set()


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("optimizers/adam.py", {"optimizer": "adam"}),
        ("schedules/cosine.py", {"schedule": "cosine"}),
        ("augmentations/none.py", {"augmentation": "none"}),
    ],
)
def test_editing_what_a_recipe_names_changes_the_runs_that_name_it(copy, file, parts):
    ((key, name),) = parts.items()
    config = yaml.safe_load((copy / "config.yaml").read_text())
    other = {"optimizer": "sgd", "schedule": "step", "augmentation": "shift"}[key]
    config["experiments"]["another"] = {"factors": {f"recipe.{key}": [name, other]}}
    (copy / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    before = _fingerprints(copy)
    path = copy / "afn/training" / file
    path.write_text(path.read_text() + "\n\nCHANGED = True\n")
    same = set(before) - _changed(before, _fingerprints(copy))
    assert {cell.split("/")[3].partition("+")[2] for cell in same} == {
        part for cell in before if other in (part := cell.split("/")[3].partition("+")[2])
    }
    assert len(same) == 1


def test_a_search_covers_every_optimizer_that_it_may_choose(small, load):
    small["experiments"]["tuned"] = {
        "search": {"space": {"recipe.optimizer": ["adam", "sgd"]}, "trials": 2, "width": 2},
        "factors": {"norm": ["afn"]},
    }
    cell = load(small).cell("digits8x8/resnet8/afn/tuned")
    assert {"optimizer adam", "optimizer sgd"} <= parts_of(cell).keys()


def test_what_was_read_is_kept_by_content_and_a_damaged_file_is_passed_over(copy):
    (copy / ".snakemake").mkdir()
    fresh = _fingerprints(copy)
    kept = copy / ".snakemake/afn-sources.json"
    whole = kept.read_text()
    assert _fingerprints(copy) == fresh
    digest = next(iter(json.loads(whole)["sources"].values()))["digest"]
    for text in (whole.replace(digest, "0" * 64), whole[:200], "[]", '{"version": 1}'):
        kept.write_text(text)
        assert _fingerprints(copy) == fresh


def test_the_default_studys_fingerprints_are_those_that_were_written_down():
    """What a change trains again is seen in its review: in the difference of this list."""
    found = {cell.path: run_fingerprint(cell) for cell in load_study(ROOT / "config.yaml").cells()}
    written = json.loads((ROOT / "tests/study/code/fingerprints.json").read_text())
    changed = [path for path in found if written.get(path) != found[path]]
    assert found == written, (
        f"{len(changed)} of {len(found)} cells would be trained again, {changed[:3]} among them. "
        "If that is meant: `make fingerprints`, and CHANGELOG.md says what is trained again and why"
    )


def test_the_engine_is_part_of_every_run(copy):
    before = _fingerprints(copy)
    file = copy / "afn/training/loop/engine.py"
    file.write_text(file.read_text() + "\nCHANGED = True\n")
    assert _changed(before, _fingerprints(copy)) == set(before)


def test_the_entry_point_reaches_engine_layers_and_test_statistics():
    found = reachable(["afn.training.job.job", "afn.normalization.methods.afn"])
    assert {
        "afn.training.loop.engine",
        "afn.normalization.methods.afn",
        "afn.common.seeds",
    } <= found
    assert not any(name.startswith("analysis") for name in found)


@pytest.mark.seconds
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
    shown = "class A:\n    shown = {'label': 'B'}\n    b = 1"
    assert form(shown) == form("class A:\n    b = 1")
    assert form("shown = {'label': 'B'}") != form("pass")  # only in a class
    assert form("class A:\n    shown = f()") != form("class A:\n    pass")
