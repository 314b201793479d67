"""Every recipe of CONTRIBUTING.md, carried out in a copy of the tree."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from afn.command.new import main as write_new

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if re.match(r"\| an? ", line)
]
KINDS = {row[0].split(" ", 1)[1]: row for row in ROWS}
pytestmark = pytest.mark.about("CONTRIBUTING.md")


def test_every_kind_that_is_checked_has_a_recipe():
    from afn.checks import KINDS as CHECKED

    assert {*CHECKED, "figure", "table", "statistical test"} == set(KINDS)


@pytest.mark.seconds
@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_works(kind, tmp_path, monkeypatch, capsys):
    ignore = shutil.ignore_patterns("__pycache__")
    for room in ("afn", "analysis"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignore)
    _, file, line, command = KINDS[kind]
    path = tmp_path / re.search(r"`([^`]+)`", file)[1]
    if kind == "statistical test":
        blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", TEXT, re.DOTALL)
        assert blocks[0][0] == str(path.relative_to(tmp_path))
        path.write_text(blocks[0][1])
    else:
        monkeypatch.chdir(tmp_path)
        folder = str(path.parent.relative_to(tmp_path))
        write_new(argparse.Namespace(kind=kind, name="mine", folder=folder))
        assert path.is_file(), "the row names the file that is written"
    added = re.match(r"`([^`]+)` in `([^`]+)`", line)
    if added:
        text, registry = added[1], tmp_path / added[2]
        assert f"  in {added[2]}:  {text}" in capsys.readouterr().out, "told when it is written"
        before = registry.read_text()
        if text.startswith("REGISTRY["):
            registry.write_text(f"{before}\n{text}\n")
        else:
            assert "REGISTRY = {\n" in before
            registry.write_text(
                before.replace("REGISTRY = {\n", f"REGISTRY = {{\n    {text},\n", 1)
            )
    else:
        assert line.startswith("none")
    words = shlex.split(re.search(r"`(.+)`", command)[1])
    assert words[0] == "python"
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Failed" not in done.stdout


def test_what_is_named_is_there():
    named = set(re.findall(r"`((?:analysis|tests|docs|benchmarks|afn)/[\w/.]+)`", TEXT))
    gone = {name for name in named if "mine" not in name and not (ROOT / name).exists()}
    assert not gone
    links = re.findall(r"\]\(([\w./]+)\)", TEXT)
    assert all((ROOT / link).is_file() for link in links)
