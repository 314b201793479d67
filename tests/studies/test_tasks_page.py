"""docs/tasks.md names every task, recipe, backbone and option, and prints what the plan prints."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from afn.study import load_study
from afn.study.parts.catalogue import entry, registry
from afn.study.parts.recipe import COMMON
from afn.study.plan.describe import describe_plan
from afn.study.waves.family import members
from analysis.decisions.waves.expected import outlook
from tests.shipped import FILES, ROOT, STUDIES, each

TEXT = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.about("docs/tasks.md")


def rows(name: str) -> list[list[str]]:
    """The rows of all tables whose first cell names this."""
    lines = [line.strip("|").split(" | ") for line in TEXT.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines if f"`{name}`" in line[0]]


@pytest.mark.parametrize("part", ["task", "recipe", "backbone"])
def test_every_name_is_there_with_its_options(part):
    shared = set(entry("recipe", "plain").defaults) if part == "recipe" else set()
    for option in shared:
        assert re.search(rf"`{option}[:`]", TEXT), option
    for name in registry(part):
        found = rows(name)
        assert found, name
        named = " ".join(" ".join(row[1:]) for row in found)
        for option in set(entry(part, name).defaults) - shared:
            assert re.search(rf"`{option}[:`]", named), (name, option)


@pytest.mark.parametrize("part", ["task", "recipe"])
def test_printed_defaults_are_those_of_the_code(part):
    checked = 0
    for name in registry(part):
        own = " ".join(" ".join(row[1:]) for row in rows(name))
        for option, default in entry(part, name).defaults.items():
            # Options that all recipes share are told once, below the table.
            told = re.search(rf"`{option}: ([^`]+)`", f"{own} {TEXT}" if part == "recipe" else own)
            if told:
                assert told[1] == written(default), (name, option)
                checked += 1
    assert checked > 10


def written(default: object) -> str:
    """A default as the page writes it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    if isinstance(default, float):
        return {1 / 3: "1/3", 1.0: "1.0"}.get(default, f"{default:g}")
    return str(default)


@pytest.mark.parametrize("file", each(FILES))
def test_runs_and_cost_are_those_of_the_plan(file):
    name = str(file.relative_to(ROOT))
    assert rows(name), f"there is no row for {name}"
    ((_, _, runs, hours, _),) = rows(name)
    study = load_study(file)
    told = describe_plan(study)
    assert f"\n{'at most ' if study.looks else ''}{runs} runs: " in told
    assert f", {hours} hours on one GPU at an assumed 20 TFLOP/s" in told


@pytest.mark.long
@pytest.mark.parametrize("file", each(FILES))
def test_expected_trainings_are_those_of_the_simulation(file):
    study = load_study(file)
    ((*_, told),) = rows(str(file.relative_to(ROOT)))
    if not study.looks:
        assert told == "all"
        return
    margin = study.plan.margin
    sds = {member.name: margin / 2 for member in members(study)}
    found = [
        round(outlook(study, difference, sds, None).trainings)
        for difference in (0.0, margin, 2 * margin)
    ]
    assert told == f"{min(found)} to {max(found)}"


def test_every_study_that_is_named_is_shipped():
    named = re.findall(r"^\| `studies/(\w+)\.yaml`", TEXT, re.MULTILINE)
    assert sorted(named) == sorted(STUDIES), "the table of studies and tests/shipped.py differ"


def test_every_schedule_and_augmentation_is_there():
    for key in ("schedule", "augmentation", "optimizer"):
        for name in get_args(COMMON[key].annotation):
            assert f"`{name}`" in TEXT or f"`{key}: {name}`" in TEXT, name


def test_linked_pages_exist():
    links = re.findall(r"\]\(([\w./]+)\)", TEXT)
    assert links
    assert all((ROOT / "docs" / link).is_file() for link in links)
    assert "docs/tasks.md" in (ROOT / "README.md").read_text(encoding="utf-8")
