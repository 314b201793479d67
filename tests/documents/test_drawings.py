"""The drawings are those of the tree, and the pages show them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scripts import script

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "drawings"
pytestmark = pytest.mark.about("docs/drawings (run: make drawings)")


@pytest.fixture(scope="module")
def module():
    return script("workflow/drawings.py")


def test_the_rooms_are_drawn_as_they_are(module):
    graph = module.rooms()
    drawn = module.svg(graph, "The rooms, and what they import", module.ROOMS, down=False)
    assert drawn == (FOLDER / "rooms.svg").read_text()
    assert set(graph) == set(module.ROOMS), "words for every room, and no others"


@pytest.mark.seconds
def test_the_rules_are_drawn_as_they_are(module):
    graph = module.rules()
    drawn = module.svg(graph, "The rules of the default study", module.RULES, down=True)
    assert drawn == (FOLDER / "rules.svg").read_text()
    assert set(graph) == set(module.RULES), "words for every rule, and no others"


def test_an_arrow_of_the_drawing_is_an_import(module):
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": {"c"}}
    assert module.layers(graph) == [["c"], ["b", "d"], ["a"]]
    assert module.reduced(graph) == {"a": {"b"}, "b": {"c"}, "c": set(), "d": {"c"}}
    assert module.turned(graph) == {"a": set(), "b": {"a"}, "c": {"a", "b", "d"}, "d": set()}
    drawn = module.svg(graph, "t", {}, down=False)
    assert drawn.count("<path d=") == 1 + 3, "the arrow's tip, and three arrows"


def test_looped_rules_are_one(module):
    text = """
        0[label = "all", color]
        1[label = "train_seed0_to_9", color]
        2[label = "train_tuned.search0~~seed0_to_1", color]
        3[label = "prepare", color]
        1 -> 0
        2 -> 0
        3 -> 1
        3 -> 2
    """
    assert module.of_dot(text) == {"all": {"train"}, "train": {"prepare"}, "prepare": set()}


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_pages_show_the_drawings(page):
    text = (ROOT / page).read_text()
    shown = re.findall(r"!\[[^]]+\]\(([^)]+\.svg)\)", text)
    assert shown
    assert all(((ROOT / page).parent / path).is_file() for path in shown)


def test_the_page_names_files_that_are_there():
    text = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(
        r"`((?:afn|analysis|tests|workflow)/[\w/.]+|grid/\S+\.py|parts/\S+\.py)`", text
    )
    roots = (ROOT, ROOT / "afn/study")
    assert len(named) > 15
    assert not [name for name in named if not any((root / name).exists() for root in roots)]
