"""An optimiser, a schedule and an augmentation from a package outside: named, trained, covered."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from afn.common.errors import StudyError
from tests.training.conftest import ROOT, make_spec

MODULE = """
import torch
from afn.training.augmentations.moves import Moves
from afn.training.optimizers.base import Optimizer
from afn.training.schedules.constant import Constant
from mypackage.numbers import FACTOR


class SignDescent(Optimizer):
    buffers = ("velocity",)

    def __init__(self, groups, *, momentum=0.5):
        self.momentum = momentum
        super().__init__(groups)

    def update(self, group, lr, gradients, parameters, velocity):
        for parameter, gradient, own in zip(parameters, gradients, velocity):
            own.mul_(self.momentum).add_(gradient)
            parameter.sub_(FACTOR * lr * own.sign())


class Half(Constant):
    def lr(self, epoch):
        return self.start / 2


class Two(Moves):
    def padding(self, size):
        return 2
"""
OWN = {
    "optimizer": "mypackage.parts:SignDescent",
    "schedule": "mypackage.parts:Half",
    "augmentation": "mypackage.parts:Two",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder on the Python path with a package that no registry knows."""
    folder = tmp_path / "outside/mypackage"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "parts.py").write_text(MODULE)
    (folder / "numbers.py").write_text("FACTOR = 1.0\n")
    monkeypatch.syspath_prepend(folder.parent)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "mypackage"]:
        del sys.modules[name]


def test_they_are_trained_with_the_settings_of_the_recipe(lab, package):
    result = lab.run(make_spec(**OWN, lr=0.002, momentum=0.75))
    assert result["status"] == "finished"
    history = (lab.output().parent / "history.csv").read_text().splitlines()
    assert "0.001" in history[1].split(",")
    other = lab.run(make_spec(**OWN, lr=0.002, momentum=0.0))
    assert other["evaluations"] != result["evaluations"]


def test_one_that_is_not_there_is_told(lab, package):
    with pytest.raises(StudyError, match=r"mypackage\.parts has no 'Sign'"):
        lab.run(make_spec(optimizer="mypackage.parts:Sign"))


def test_a_fingerprint_covers_it_and_what_it_imports(package, tmp_path):
    study = (ROOT / "config.yaml").read_text()
    named = study.replace("optimizer: adam", f"optimizer: {OWN['optimizer']}")
    assert named != study
    (tmp_path / "study.yaml").write_text(named)

    def codes() -> list[str]:
        path = os.pathsep.join([str(package.parent), str(ROOT)])
        done = subprocess.run(
            [sys.executable, "-m", "afn.study", "codes", "study.yaml"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        return list(json.loads(done.stdout).values())

    before = codes()
    for name, text, same in (
        ("parts", "# a remark", True),
        ("numbers", "OTHER = 2.0", False),
        ("parts", "OTHER = 2.0", False),
        ("another", "OTHER = 2.0", True),
    ):
        with (package / f"{name}.py").open("a") as file:
            file.write(text + "\n")
        after = codes()
        assert [a == b for a, b in zip(after, before, strict=True)] == [same] * len(before), name
        before = after
