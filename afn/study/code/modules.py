"""The modules that some modules need, and a digest of each.

In: names of modules. Out: module -> digest of its code, over everything that they import from their
own packages. Package ``__init__`` files are looked through, not hashed: they hold registries of
strings and lazy names only, and adding a method must not change the others. Only imports that stand
in the source are seen; a module found by a computed name is not. Called by the fingerprints.

Reading a syntax tree costs milliseconds, so what was found is kept by the content of the file: in
the process, and in `KEPT` where Snakemake has its folder.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from afn.common import files, parsing
from afn.study.code.syntax import VERSION, Source
from afn.study.parts.catalogue import module_file

KEPT = Path(".snakemake/afn-sources.json")
"""{"version", "sources": {sha256 of a file: `Source`}}; only where its folder is."""
APART = {
    "afn.common.errors",
    "afn.common.files",
    "afn.common.leases",
    "afn.common.ledger",
    "afn.common.locks",
    "afn.common.process",
    "afn.common.run_folder",
    "afn.search.export",
    "afn.training.job.devices",
    "afn.training.job.failures",
    "afn.training.job.interruption",
    "afn.training.job.log",
}
"""Modules that tell, wait, count and write: left out of every digest, as they change no number."""


@functools.cache
def digests(modules: tuple[str, ...]) -> dict[str, str]:
    """Module -> digest, of modules and of everything that they import from their own packages."""
    return {name: _digest(name) for name in sorted(reachable(modules))}


def reachable(modules: Iterable[str]) -> set[str]:
    """All local modules that can be reached from some modules by following imports."""
    modules = list(modules)
    found: set[str] = set()
    waiting = list(modules)
    packages = {"afn", *map(_package, waiting)}
    while waiting:
        name = waiting.pop()
        if name in found | APART:
            continue
        file = _file(name)
        if file is None or (file.name == "__init__.py" and name not in modules):
            continue
        found.add(name)
        waiting += [other for other in _needed(name) if _package(other) in packages]
    return found


def _package(module: str) -> str:
    return module.partition(".")[0]


@functools.cache
def imports(module: str) -> tuple[tuple[str, str], ...]:
    """What a module imports, as pairs of a module and a name in it ("" for the module itself)."""
    pairs = []
    for level, base, name in _source(module).imports:
        if level:
            parents = module.split(".")[:-level]
            base = ".".join([*parents, base] if base else parents)
        pairs.append((base, name))
    return tuple(pairs)


@functools.cache
def _needed(module: str) -> tuple[str, ...]:
    """What a module imports itself, with the modules behind lazy names of packages."""
    pairs = imports(module)
    needed = [other for base, name in pairs for other in (base, *_behind(base, name))]
    return tuple(dict.fromkeys(needed))


_file = functools.cache(module_file)


def _behind(package: str, name: str) -> list[str]:
    """The module behind ``from package import name``: a submodule, or a lazy name's home."""
    if not name:
        return []
    if _file(f"{package}.{name}") is not None:
        return [f"{package}.{name}"]
    file = _file(package)
    if file is None or file.name != "__init__.py":
        return []
    lazy = _source(package).lazy
    return [lazy[name]] if name in lazy else []


@functools.cache
def _digest(module: str) -> str:
    source = _source(module)
    if not source.sources:
        return source.digest
    digest = hashlib.sha256(source.digest.encode())
    for name in source.sources:
        digest.update((_known_file(module).parent / name).read_bytes())
    return digest.hexdigest()


def _known_file(module: str) -> Path:
    """The file of a module that was found before."""
    file = _file(module)
    assert file is not None, module
    return file


@functools.cache
def _source(module: str) -> Source:
    file = _known_file(module)
    content = file.read_bytes()
    key = hashlib.sha256(content).hexdigest()
    kept = _kept()
    if key not in kept:
        kept[key] = Source.of(content, str(file))
        _at_the_end()
    return kept[key]


@functools.cache
def _kept() -> dict[str, Source]:
    """What earlier processes found; nothing where it is not there, damaged, or of another form."""
    try:
        content = parsing.load(KEPT)
        if content["version"] != VERSION:
            return {}
        found = {key: Source(**value) for key, value in content["sources"].items()}
        return found if content["check"] == _check(found) else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _check(found: dict[str, Source]) -> str:
    """A flipped bit on the disk must not look like an edit of the code."""
    text = json.dumps({key: asdict(source) for key, source in found.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _at_the_end() -> None:
    atexit.register(_keep)


def _keep() -> None:
    """Write what was found, once, when the process ends; where that fails nothing is lost."""
    if not KEPT.parent.is_dir():
        return
    found = _kept()
    content = {"version": VERSION, "check": _check(found)}
    content["sources"] = {key: asdict(source) for key, source in found.items()}
    with contextlib.suppress(OSError):
        files.write_text(KEPT, json.dumps(content))
