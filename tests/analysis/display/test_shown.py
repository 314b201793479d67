"""How methods are shown: what their classes say, far looks for those that say nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from afn.normalization import REGISTRY
from afn.study.code.syntax import NOT_CODE
from afn.study.parts import catalogue, shown
from analysis.display import naming
from analysis.figures.drawing import palette, style

ROOT = Path(__file__).resolve().parents[3]
NORM = """
from torch import nn

class Scaled2d(nn.BatchNorm2d):
    statistics = ("running", "batch")
    {shown}

    def __init__(self, num_features, *, scale: float = 2.0):
        super().__init__(num_features)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a module `elsewhere` with a norm in it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(own: str) -> str:
        (tmp_path / "elsewhere.py").write_text(NORM.format(shown=own), encoding="utf-8")
        catalogue.entry.cache_clear()
        shown.look.cache_clear()
        palette._looks.cache_clear()
        return "elsewhere:Scaled2d"

    yield write
    shown.look.cache_clear()
    palette._looks.cache_clear()


def test_every_registered_method_says_all_of_its_look():
    for key in ("label", "color", "marker"):
        found = shown.registered(key)
        assert list(found) == list(REGISTRY)
        assert len(set(found.values())) == len(found)


def test_a_norm_from_outside_has_the_look_that_its_class_says(package):
    name = package('shown = {"label": "ScaledNorm", "color": "#123456", "marker": "*"}')
    assert naming.norm(f"{name}+scale=3") == "ScaledNorm, scale 3"
    style.use([name])
    assert (style.color(name), style.marker(name)) == ("#123456", "*")


def test_one_that_says_nothing_has_a_look_of_its_own(package):
    name = package("")
    assert naming.norm(name) == "Scaled2d"
    style.use(["batch", name, "not.here:Norm2d"])
    names = [*REGISTRY, name, "not.here:Norm2d"]
    assert len({style.color(n) for n in names}) == len(names)
    assert len({style.marker(n) for n in names}) == len(names)


def test_many_methods_have_different_colours_and_use_every_marker():
    looks = palette.looks(f"p:N{number}" for number in range(20))
    assert len({color for color, _ in looks.values()}) == len(REGISTRY) + 20
    assert {mark for _, mark in looks.values()} == set(palette.MARKERS)


def test_names_from_outside_are_shortened_alike():
    assert naming.norm("a.b:Norm2d+c=1") == "Norm2d, c 1"
    assert naming.norm("a.b~Norm2d+c=1") == "Norm2d, c 1"
    assert naming.part("photo_1~17524605593298") == "photo_1~17524605593298"
    assert naming.part("a.b:Network+width=8") == "Network, width 8"
    settings = {"x": {"name": "a.b:Task", "k": 1}, "y": {"name": "a.b:Task", "k": 2}}
    assert naming.tasks(settings) == {"x": "Task, k 1", "y": "Task, k 2"}


def test_training_reads_nothing_that_no_fingerprint_covers():
    """What may change after training is nothing for training to look at."""
    names = "|".join(NOT_CODE)
    use = re.compile(rf"\.({names})\b|[\"']({names})[\"']")
    for room in ("normalization", "backbones", "tasks", "training", "common"):
        for file in (ROOT / "afn" / room).rglob("*.py"):
            assert not use.search(file.read_text(encoding="utf-8")), file
