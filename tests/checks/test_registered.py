"""Every registered part passes the checks that parts from outside have to pass."""

from __future__ import annotations

import re
import sys
from typing import get_type_hints

import numpy as np
import pytest

from afn import checks
from afn.checks import Broken, check, interfaces
from afn.study.parts.catalogue import registry
from tests.outside.package import OFFERED, install

NARROW = {"convnet": {"width": 4, "hidden": 8}, "resnet18_imagenet": {"image_size": 40}}
BACKBONES = ["convnet", "convnet_small", "resnet8", "resnet18", "vgg8", "wrn_16_2"]
NO_DATA = ["digits8x8", "shifted"]


@pytest.mark.parametrize("name", registry("norm"))
def test_norms(name):
    check("norm", name)


@pytest.mark.parametrize("name", BACKBONES)
def test_backbones(name):
    check("backbone", name, **NARROW.get(name, {}))


@pytest.mark.parametrize("kind", ["condition", "recipe", "optimizer", "schedule", "augmentation"])
def test_all_of_a_registry(kind):
    for name in registry(kind):
        if name != "ada":  # needs a whole training around it; its own tests have one
            check(kind, name)


@pytest.mark.parametrize("name", NO_DATA)
def test_tasks(name):
    check("task", name)


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(install(tmp_path)))
    yield tmp_path / "somebody"
    for name in [name for name in sys.modules if name.partition(".")[0] == "somebody"]:
        del sys.modules[name]


@pytest.mark.parametrize("kind", checks.KINDS)
def test_parts_from_outside(kind, package):
    check(kind, next(iter(OFFERED[kind].values())))


BROKEN = {
    "norm": ("norms.py", "return self.scale * super().forward(x)", "return x[:, :, 1:]", "gives"),
    "backbone": ("networks.py", "if image_size < 4", "if False", "images of one pixel are taken"),
    "task": ("tasks.py", "RandomState(0)", "RandomState(None)", "another one the next time"),
    "condition": ("weather.py", "images + share", "images - share", "outside"),
    "recipe": ("recipes.py", "* loss, logits", "* loss, labels", "logits are"),
    "optimizer": ("parts.py", "lr * gradient", "-lr * gradient", "do not lower"),
    "schedule": ("parts.py", "self.start / 2", "float('nan')", "no finite number"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_part_is_told(kind, package):
    file, good, bad, told = BROKEN[kind]
    path = package / file
    text = path.read_text()
    assert good in text
    path.write_text(text.replace(good, bad))
    with pytest.raises(Broken, match=told):
        check(kind, next(iter(OFFERED[kind].values())))


def test_an_augmentation_that_draws_by_itself_is_told(package):
    path = package / "parts.py"
    own = "\n    def apply(self, images, draws):\n        import torch\n"
    own += "        return torch.randint(0, 256, images.shape).to(torch.uint8)\n"
    path.write_text(path.read_text() + own)
    with pytest.raises(Broken, match="the same draws"):
        check("augmentation", OFFERED["augmentation"]["two"])


def test_an_unknown_kind_is_told():
    with pytest.raises(ValueError, match="did you mean 'norm'"):
        check("norms", "batch")


def test_every_kind_has_a_typed_interface():
    names = {"recipe": "Algorithm"}
    for kind in checks.KINDS:
        interface = getattr(interfaces, names.get(kind, kind.capitalize()))
        assert interface.__doc__
        members = [m for m in vars(interface) if re.match(r"[a-z]|__call__", m)]
        assert members or get_type_hints(interface), kind
    assert np.ndarray
