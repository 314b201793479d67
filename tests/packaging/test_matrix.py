"""What `make matrix` runs, and that it says what it did not run and why; nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.packaging.places import ROOT
from tests.scripts import script


@pytest.fixture
def matrix(monkeypatch, tmp_path):
    module = script("workflow/matrix.py")
    monkeypatch.setattr(module, "FOLDER", tmp_path / "matrix")
    return module


def test_versions_are_those_that_the_project_names(matrix):
    found = matrix.torches("torch (2.99.1)\nAvailable versions: 2.99.1, 2.99.0")
    assert found["newest"] == "2.99.1"
    assert f'"torch>={found["oldest"].removesuffix(".0")}"' in (ROOT / "pyproject.toml").read_text()
    assert f"\ntorch=={found['locked']}" in (ROOT / "requirements.lock").read_text()
    assert matrix.torches("").keys() == {"oldest", "locked"}
    assert matrix.supported()[0] == "3.11"


def test_torchvision_counts_with_torch(matrix):
    import torch
    import torchvision

    own = matrix.vision(torch.__version__.partition("+")[0]).removesuffix("*")
    assert torchvision.__version__.startswith(own)


def test_what_is_run_is_the_oldest_and_everything_on_every_python(matrix):
    found = {"oldest": "2.10.0", "locked": "2.14.1", "newest": "2.15.0"}
    pairs = {(pair.python, pair.torch) for pair in matrix.wanted(found)}
    every = {(python, found[t]) for python in matrix.supported() for t in ("locked", "newest")}
    usual = ("{}.{}".format(*sys.version_info[:2]), "2.14.1")
    assert pairs == {*every, ("3.11", "2.10.0")} - {usual}
    asked = matrix.chosen(["3.12:newest", "3.13:2.11.0"], found)
    assert [(p.python, p.torch) for p in asked] == [("3.12", "2.15.0"), ("3.13", "2.11.0")]
    with pytest.raises(SystemExit, match="a pair is PYTHON:TORCH"):
        matrix.chosen(["3.12"], found)


def test_what_is_not_run_is_said(matrix, monkeypatch, capsys):
    monkeypatch.setattr(matrix, "pythons", dict)
    monkeypatch.setattr(sys, "argv", ["matrix.py", "--only", "3.12:2.14.1"])
    monkeypatch.setattr(
        subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, "", "")
    )
    assert matrix.main() == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("the newest torch is not known")
    assert told[1] == "Python 3.12, torch 2.14.1: not run: no Python 3.12 on this machine"
    assert all(line.endswith(": not run: not asked for") for line in told[2:])
    assert len(told) > 3


@pytest.mark.parametrize(
    ("code", "passed", "said"),
    [(0, True, "9 passed"), (1, False, "1 failed, 8 passed")],
)
def test_the_word_of_the_tests_is_passed_on(matrix, monkeypatch, tmp_path, code, passed, said):
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    monkeypatch.setattr(matrix, "PARTS", ())
    pair = matrix.Pair("3.12", "2.14.1")
    (pair.folder / "tree").mkdir(parents=True)
    (pair.folder / matrix.DONE).touch()

    def ran(command, stdout=None, **given):
        if "pytest" in command:
            stdout.write(f"....\n{said} in 1.0s (0:00:01)\nand a warning\n")
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", ran)
    found = matrix.run(pair, {"3.12": sys.executable})
    assert found[0] is passed
    assert found[1].startswith(said)


def test_an_index_without_a_version_is_no_failure_of_the_layers(matrix, monkeypatch):
    def refused(command, **given):
        pip = "pip" in command
        error = "ERROR: No matching distribution found for torch==2.99.0" if pip else ""
        return subprocess.CompletedProcess(command, int(pip), "", f"WARNING: x\n{error}\n")

    monkeypatch.setattr(subprocess, "run", refused)
    passed, why = matrix.run(matrix.Pair("3.12", "2.99.0"), {"3.12": sys.executable})
    assert passed is None
    assert why == "pip: No matching distribution found for torch==2.99.0"
