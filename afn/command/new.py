"""``afn-study new KIND NAME``: a file with a part of your own that works, and its test.

In: a kind of part and a name for it. Out: ``<name>.py``, which is complete and small, to be edited;
and ``test_<name>.py``, which asks the same of it as this project asks of its own parts. Both lie in
the present folder, or in that of ``--folder``; nothing that exists is written over. Printed is how
a study names it (docs/extending.md has all kinds).
"""

from __future__ import annotations

import argparse
import keyword
import re
from pathlib import Path

from afn.common.errors import StudyError, nearest

TEMPLATES = Path(__file__).with_name("templates") / "new"
NAMED = {
    "norm": 'norm: "{0}"',
    "backbone": 'backbone: "{0}"',
    "task": 'task: "{0}"',
    "condition": 'task: {{name: shifted, of: digits8x8, more: ["{0}"]}}',
    "recipe": 'recipe: {{name: "{0}"}}',
    "optimizer": 'recipe: {{optimizer: "{0}"}}',
    "schedule": 'recipe: {{schedule: "{0}"}}',
    "augmentation": 'recipe: {{augmentation: "{0}"}}',
    "figure": 'report: {{figures: ["{0}"]}}',
    "table": 'report: {{tables: ["{0}"]}}',
    "section": 'report: {{sections: ["{0}"]}}',
}
"""Kind -> how a study file names one."""
FUNCTIONS = ("backbone", "condition", "figure", "table", "section")
"""Kinds that are functions; the others are classes."""
OF_REPORTS = ("figure", "table", "section")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", help=", ".join(NAMED))
    parser.add_argument("name", help="of the class or function, as MyNorm or my_network")
    parser.add_argument("--folder", default=".", help="where to write (default: here)")


def main(options: argparse.Namespace) -> int:
    """Write both files; says how a study names the part, and how it is tested."""
    target, files = new(options.kind, options.name, Path(options.folder))
    print("\n".join(str(file) for file in files))
    print(f"  in a study file:  {NAMED[options.kind].format(target)}")
    print(f"  its test:         python -m pytest {files[1]}")
    return 0


def new(kind: str, name: str, folder: Path) -> tuple[str, tuple[Path, Path]]:
    """Write a part and its test; returns ``module:Name`` and the two paths.

    Raises
    ------
    StudyError
        For an unknown kind, a name that is none, and a file that is there already.
    """
    if kind not in NAMED:
        raise StudyError(f"there is no kind {kind!r}; {nearest(kind, NAMED)}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, re.ASCII) or keyword.iskeyword(name):
        raise StudyError(f"{name!r} is no name of Python: letters, digits and _ only")
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    camel = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    attribute = snake if kind in FUNCTIONS else camel
    # A module named as its function would be one name for two things.
    module = f"{snake}_{kind}" if kind in FUNCTIONS else snake
    files = (folder / f"{module}.py", folder / f"test_{module}.py")
    for file in files:
        if file.exists():
            raise StudyError(f"{file} is there already; choose another name, or remove it")
    target = f"{module}:{attribute}"
    words = {
        "Name": camel,
        "name": snake,
        "kind": kind,
        "target": target,
        "test": files[1].name,
        "checks": "analysis.example" if kind in OF_REPORTS else "afn.checks",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file, template in zip(files, (f"{kind}.py.txt", "test.txt"), strict=True):
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        for key, value in words.items():
            text = text.replace("{{" + key + "}}", value)
        file.write_text(text, encoding="utf-8")
    return target, files
