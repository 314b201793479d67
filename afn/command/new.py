"""``afn-study new KIND NAME``: a file with a part of your own that works, and its test.

In: a kind of part and a name for it. Out: ``<name>.py`` (of kinds that are functions
``<name>_<kind>.py``), which is complete and small, to be edited; and ``test_<name>.py``, which asks
the same of it as this project asks of its own parts. Both lie in the present folder, or in that of
``--folder``; nothing that exists is written over. Printed is how
a study names it (docs/extending.md has all kinds). Where the folder is one of a package, the name
is that of the package; in a checkout of this project (``--folder afn/normalization/methods``) the
test lies where its tests lie, and the line for the registry is printed, too.
"""

from __future__ import annotations

import argparse
import keyword
import re
from pathlib import Path

from afn.common.errors import StudyError, nearest
from afn.study.parts.catalogue import KINDS

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
OURS = ("afn", "analysis")
"""Packages of this project, whose tests lie in a tree of their own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", help=", ".join(NAMED))
    parser.add_argument("name", help="of the class or function, as MyNorm or my_network")
    parser.add_argument("--folder", default=".", help="where to write (default: here)")


def main(options: argparse.Namespace) -> int:
    """Write both files; says how a study names the part, and how it is tested."""
    folder = Path(options.folder)
    target, files = new(options.kind, options.name, folder)
    print("\n".join(str(file) for file in files))
    print(f"  in a study file:  {NAMED[options.kind].format(target)}")
    print(f"  its test:         python -m pytest {files[1]}")
    if _parts(folder)[:1] == OURS[:1] and options.kind not in OF_REPORTS:
        attribute = target.partition(":")[2]
        short = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", attribute).lower()
        print(f"  in {_registry(options.kind)}:  {_line(options.kind, short, target)}")
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
    files = (folder / f"{module}.py", _tests(folder) / f"test_{module}.py")
    for file in files:
        if file.exists():
            raise StudyError(f"{file} is there already; choose another name, or remove it")
    target = f"{'.'.join((*_parts(folder), module))}:{attribute}"
    words = {
        "Name": camel,
        "name": snake,
        "kind": kind,
        "target": target,
        "checks": "analysis.example" if kind in OF_REPORTS else "afn.checks",
    }
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    for file, template in zip(files, (f"{kind}.py.txt", "test.txt"), strict=True):
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        for key, value in words.items():
            text = text.replace("{{" + key + "}}", value)
        file.write_text(text, encoding="utf-8")
    return target, files


def _registry(kind: str) -> str:
    """The file of this project that holds the registry of a kind."""
    file = Path(KINDS[kind].replace(".", "/"))
    return (file / "__init__.py" if file.is_dir() else file.with_suffix(".py")).as_posix()


def _line(kind: str, short: str, target: str) -> str:
    """What to add there: an entry of the dictionary, or, where it is computed, a line below it."""
    if kind == "condition":
        return f'REGISTRY["{short}"] = "{target}"'
    return f'"{short}": "{target}",  (an entry of REGISTRY)'


def _parts(folder: Path) -> tuple[str, ...]:
    """The package that a folder is, seen from the present one; nothing where it is none."""
    here, there = Path.cwd(), folder.resolve()
    if not there.is_relative_to(here):
        return ()
    parts = there.relative_to(here).parts
    packages = (here.joinpath(*parts[: n + 1]) for n in range(len(parts)))
    return parts if all((path / "__init__.py").is_file() for path in packages) else ()


def _tests(folder: Path) -> Path:
    """Where the test of a part in this folder lies: beside it, but for parts of this project."""
    parts = _parts(folder)
    if parts[:1] not in [(name,) for name in OURS] or not Path("tests").is_dir():
        return folder
    return Path("tests", *(parts[1:] if parts[0] == "afn" else parts))
