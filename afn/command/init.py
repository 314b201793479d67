"""``afn-study init FOLDER``: a folder for a study of one's own, which needs no checkout.

In: a folder that is new or empty, and a study file to begin with: a small one, or by ``--study``
one that is shipped (``config``, ``table5_cifar10``, ...). Out: Snakefile, study file, its schema,
profiles, Makefile and README in it. Nothing that exists is written over.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from afn.command.places import shipped
from afn.common.errors import StudyError, nearest

TEMPLATE = Path(__file__).with_name("templates") / "study"
SCHEMA_LINE = "# yaml-language-server: $schema="


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="new, or empty")
    parser.add_argument("--study", default="", help="begin with a shipped one: config, ...")


def main(options: argparse.Namespace) -> int:
    """Write the folder and say what comes next."""
    folder = init(Path(options.folder), options.study)
    print(f"{folder}: edit config.yaml, then\n  cd {folder} && afn-study plan && afn-study report")
    return 0


def init(folder: Path, study: str = "") -> Path:
    """Write a folder of a study; returns it.

    Raises
    ------
    StudyError
        For a folder with something in it, and for a name of no shipped study.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{folder} is there already, and not empty; name a new folder")
    begin = _shipped_study(study) if study else None
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    shutil.copytree(shipped() / "profiles", folder / "profiles")
    if begin is not None:
        text = begin.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if not line.startswith(SCHEMA_LINE)]
        lines = [f"{SCHEMA_LINE}study.schema.json", *lines]
        (folder / "config.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    from afn.study.grid.schema import json_schema

    text = json.dumps(json_schema(), indent=2) + "\n"
    (folder / "study.schema.json").write_text(text, encoding="utf-8")
    return folder


def _shipped_study(name: str) -> Path:
    files = [shipped() / "config.yaml", *sorted((shipped() / "studies").glob("*.yaml"))]
    named = {file.stem: file for file in files}
    if name not in named:
        raise StudyError(f"there is no shipped study {name!r}; {nearest(name, named)}")
    return named[name]
