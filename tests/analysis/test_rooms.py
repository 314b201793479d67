"""The rooms of `analysis/`: imports run one way, no folder and no file outgrows a head."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.analysis.conftest import ROOT

FLOORS = [
    {"analysis.stats", "analysis.display"},
    {"analysis.results"},
    {"analysis.decisions", "analysis.published"},
    {"analysis.inputs"},
    {"analysis.added"},
    {"analysis.figures"},
    {"analysis.tables", "analysis.example"},
    {"analysis.report", "analysis.standalone"},
    {"analysis.paper", "analysis.across"},
    {"analysis.__main__"},
]
"""Rooms from the ground up: a room imports from floors below its own, and from itself."""

ROOMS = sorted(set.union(*FLOORS))


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def imports(path) -> set[str]:
    """Modules of `analysis` that a file imports; of a package, the modules that it takes of it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "analysis":
            found |= {f"analysis.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("analysis."):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("analysis.")}
    return found


def files(room: str) -> list:
    path = ROOT.joinpath(*room.split("."))
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def test_every_module_is_in_a_room_that_has_a_floor():
    found = {
        room_of(".".join(f.relative_to(ROOT).with_suffix("").parts)) for f in files("analysis")
    }
    assert found == {*ROOMS, "analysis.__init__"}, "add the room to FLOORS, in this file"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_floors_below(room):
    floor = next(number for number, rooms in enumerate(FLOORS) if room in rooms)
    below = set().union(*FLOORS[:floor]) | {room}
    for file in files(room):
        for name in imports(file):
            assert room_of(name) in below, f"{file.relative_to(ROOT)} imports {name}"


def test_within_the_figures_what_all_use_imports_no_family():
    for file in files("analysis.figures.drawing"):
        for name in imports(file):
            assert not name.startswith("analysis.figures.") or name.startswith(
                "analysis.figures.drawing"
            ), f"{file.relative_to(ROOT)} imports {name}"


def test_statistics_know_neither_studies_nor_text():
    for file in files("analysis.stats"):
        assert all(name.startswith("analysis.stats") for name in imports(file)), file


def test_a_table_of_scores_is_decided_without_matplotlib_or_pyarrow():
    code = "import analysis, sys; analysis.compare; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
