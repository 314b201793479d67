"""What is imported is declared, room by room, and what is declared is used."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib

import pytest

from tests.packaging.places import FILES, LEFT_OUT, PARTS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = {"": PROJECT["project"]["dependencies"], **PROJECT["project"]["optional-dependencies"]}
ROOMS = {
    "": ["afn/__init__.py", "afn/common", "afn/normalization"],
    "study": ["afn/backbones", "afn/checks", "afn/command", "afn/search", "afn/study", "afn/tasks"],
    "report": ["analysis"],
}
ROOMS["study"] += ["afn/training"]
"""Extra (none: the core) -> the rooms that work with it and the core."""
NAMED = {"PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit-learn"}
"""Module -> distribution, where they differ but for - and _."""
NOT_IMPORTED = {
    ("study", "snakemake"): "python -m snakemake",
    ("report", "pydantic"): "afn.study, through which the study file is read",
    ("report", "scikit-learn"): "Optuna's evaluator of importance needs it",
}


WITH_TORCH = {"triton"}
"""Comes with PyTorch's builds for GPUs; where it is absent these heads are not offered."""


def declared(extra: str) -> set[str]:
    return {re.split(r"[<>=\[; ]", text)[0].lower() for text in DECLARED[extra]}


def imported(extra: str) -> dict[str, str]:
    """Distribution -> a file that imports it."""
    found = {}
    for room in ROOMS[extra]:
        path = ROOT / room
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
                for top in {name.partition(".")[0] for name in names}:
                    if top not in sys.stdlib_module_names and top not in ("afn", "analysis"):
                        name = NAMED.get(top, top).lower().replace("_", "-")
                        found[name] = str(file.relative_to(ROOT))
    return found


@pytest.mark.about("pyproject.toml")
@pytest.mark.parametrize("extra", ROOMS)
def test_what_a_room_imports_is_declared(extra):
    allowed = declared("") | declared(extra) | WITH_TORCH
    missing = {name: file for name, file in imported(extra).items() if name not in allowed}
    assert not missing, f"imported and not declared in {extra or 'dependencies'!r}"


@pytest.mark.about("pyproject.toml")
@pytest.mark.parametrize("extra", ROOMS)
def test_what_is_declared_is_imported(extra):
    used = set(imported(extra)) | {name for where, name in NOT_IMPORTED if where == extra}
    assert declared(extra) <= used, f"nothing of {ROOMS[extra]} imports it"


def test_every_room_has_an_extra():
    rooms = {p.name for p in (ROOT / "afn").iterdir() if p.is_dir() and any(p.glob("*.py"))}
    named = {room.removeprefix("afn/") for rooms in ROOMS.values() for room in rooms}
    assert rooms <= named


@pytest.mark.about("pyproject.toml")
def test_the_core_is_small():
    assert declared("") == {"torch", "numpy", "annotated-types"}
    assert set(DECLARED["all"]) == {"afn-study[study,report]"}


@pytest.mark.about("CITATION.cff", "codemeta.json", "CHANGELOG.md")
def test_there_is_one_version():
    from afn import __version__

    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "afn.__version__"}
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (\S+)$", citation, re.MULTILINE)[1] == __version__


def test_the_command_is_there():
    module, _, name = PROJECT["project"]["scripts"]["afn-study"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_what_is_named_as_package_data_exists():
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        for pattern in patterns:
            assert list((ROOT / package.replace(".", "/")).glob(pattern)), (package, pattern)


def test_the_tree_that_is_built_has_all_that_the_build_names():
    assert all((ROOT / name).exists() for name in (*PARTS, *FILES))
    assert "shipped" in LEFT_OUT("", ["shipped"])


def test_every_file_beside_the_code_is_in_the_wheel():
    data = PROJECT["tool"]["setuptools"]["package-data"]
    named = {
        file
        for package, patterns in data.items()
        for pattern in patterns
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    kept = {
        file
        for room in ("afn", "analysis")
        for file in (ROOT / room).rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc", ".so") and file.name != "README.md"
    }
    assert kept <= named, "package-data of pyproject.toml lacks them"


@pytest.mark.about("Makefile")
def test_the_environment_without_cuda_takes_no_package_of_cuda(tmp_path):
    command = ["make", "-n", "report", "TORCH=cpu", f"VENV={tmp_path}"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pins = next(line for line in lines.splitlines() if "torch-cpu.txt &&" in line)
    subprocess.run(["bash", "-c", pins], cwd=ROOT, check=True)
    torch, others = (tmp_path / "torch-cpu.txt").read_text(), (tmp_path / "others.txt").read_text()
    assert [line.partition("==")[0] for line in torch.splitlines()] == ["torch", "torchvision"]
    assert not re.search(r"^(nvidia|cuda|triton|torch)", others, re.MULTILINE)
    lock = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line]
    left_out = {re.split("[-=]", line)[0] for line in lock} - {
        re.split("[-=]", line)[0] for line in others.splitlines()
    }
    assert left_out == {"nvidia", "cuda", "triton", "torch", "torchvision"}
    assert "--index-url https://download.pytorch.org/whl/cpu" in lines
    (tmp_path / ".torch-cpu").touch()
    again = subprocess.run([*command[:3], command[4]], cwd=ROOT, capture_output=True, text=True)
    assert "whl/cpu" in again.stdout, "an environment without CUDA stays one"
