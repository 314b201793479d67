"""Has anything been touched since a study last ended with its report?

A finished study is asked for its report again and again, and Snakemake needs seconds to find that
nothing is to be done. Here the state of every file that it would look at (and of every result) is
compared with what it was when the report was last found to be whole: size, inode, and the times of
content and of inode. The last one is the kernel's: whoever writes a file, copies it or sets its
times back moves it. Whatever differs, or cannot be known, leaves the work to Snakemake; so does a
study file or code that was edited while the study ran, for what was made is of what stood there
when it began.

In: the command line, and the files. Out: the page, or None; ``.snakemake/afn-unchanged/`` holds
what was seen. Called by ``workflow/run.py`` and `afn.command` before anything heavy is imported
(so: standard library only), and by the driver when a study has ended.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afn.study.grid.cells import Study

SEEN = Path(".snakemake/afn-unchanged")
VARIABLES = ("AFN_", "SNAKEMAKE", "PYTHONPATH", "XDG_CONFIG_HOME")
"""Settings of the environment that decide how, or where, a study runs."""
IGNORED = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
SHORT = ("--study", "--data")
"""Options with which a plain report is asked for; with any other Snakemake has to be asked."""


def page_of(arguments: list[str]) -> Path | None:
    """The page that a command line asks for, where nothing was touched since it was made."""
    if any(word.partition("=")[0] not in SHORT for word in arguments[::2]) or len(arguments) % 2:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        seen = json.loads(_file(arguments).read_text(encoding="utf-8"))
        page = Path(seen["page"])
        if seen["state"] == state(map(Path, seen["roots"])) and page.is_file():
            return page
    return None


def told(page: Path) -> str:
    """What a user reads then; the last line is the page, as always."""
    return f"nothing was touched since the report was made:\n{page}"


def sources_of(file: str) -> list[Path]:
    """Where all lies that Snakemake and its jobs read and never write: a study file, and code."""
    code = Path(__file__).resolve().parents[2]
    rules = [Path(name) for name in ("Snakefile", "workflow", "profiles")]
    return [code / "afn", code / "analysis", *rules, code / "Snakefile", Path(file)]


def roots_of(study: Study, file: str) -> list[Path] | None:
    """Where everything lies that a study is made from and has made; None where code of the
    user's own takes part, which may lie anywhere."""
    from afn.study.code.fingerprint import modules_of
    from afn.study.layout import PREPARED, StudyFolders

    own = {module.partition(".")[0] for cell in study.cells() for module in modules_of(cell)}
    if own != {"afn"} or study.file.report is not None:
        return None
    layout = StudyFolders(study.name)
    made = [layout.results, layout.reports]
    made += [PREPARED / task for task in dict.fromkeys(c.task for c in study.cells())]
    return [*sources_of(file), *made]


def state(roots: Iterable[Path]) -> str:
    """One hash of the state of all files below some folders, and of how Python is called."""
    found = hashlib.sha256()
    settings = {k: v for k, v in os.environ.items() if k.startswith(VARIABLES)}
    where = (sys.executable, sys.version, str(Path.cwd()), sorted(settings.items()))
    found.update(repr(where).encode())
    for root in roots:
        for line in _lines(str(root)):
            found.update(line.encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def seen(roots: Iterable[Path]) -> str:
    """The same; empty where a folder cannot be read, of which nothing is known then."""
    try:
        return state(roots)
    except OSError:
        return ""


def keep(arguments: list[str], roots: list[Path], found: str, page: Path) -> None:
    """Note what was seen; without room for that the next call asks Snakemake."""
    path = _file(arguments)
    text = json.dumps({"page": str(page), "roots": [str(r) for r in roots], "state": found})
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)


def _file(arguments: list[str]) -> Path:
    """Where the state of what a command line asks for is kept."""
    name = hashlib.sha256(repr(arguments).encode()).hexdigest()[:16]
    return SEEN / f"{name}.json"


def _lines(path: str) -> Iterator[str]:
    """The state of a file, or of everything in a folder, in the order of names."""
    try:
        own = os.stat(path)
    except OSError as error:
        yield f"{path}|{error.errno}\n"
        return
    if not os.path.isdir(path):
        times = f"{own.st_mtime_ns}|{own.st_ctime_ns}"
        yield f"{path}|{own.st_size}|{own.st_mode}|{own.st_ino}|{times}\n"
        return
    yield f"{path}|folder\n"
    for name in sorted(os.listdir(path)):
        if name not in IGNORED:
            yield from _lines(f"{path}/{name}")
