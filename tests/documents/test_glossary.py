"""docs/glossary.md: every word says where it is defined, and it is defined there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.about("docs/glossary.md")
TEXT = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ROWS = [
    [part.strip() for part in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| our word"))
]


def names(file: Path) -> set[str]:
    """What a module defines on its top level."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_a_word_is_defined_where_the_glossary_says():
    assert len(ROWS) > 40
    for row in ROWS:
        assert len(row) == 3, row
        places = re.findall(r"`([\w/]+\.py)`(?: `(\w+)`)?", row[2])
        assert places, f"{row[0]}: no place"
        for file, name in places:
            path = ROOT / file
            assert path.is_file(), f"{row[0]}: {file}"
            assert not name or name in names(path), f"{row[0]}: {file} defines no {name}"


def test_a_word_stands_once():
    words = [row[0] for row in ROWS]
    assert len(words) == len(set(words))


def test_readers_are_led_to_it():
    for page in ("README.md", "docs/architecture.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert re.search(r"\]\((?:docs/)?glossary\.md\)", text), page
