"""Which code a run really uses, as a hash that ignores comments and docstrings.

In: the parts that a cell names. Out: a hexadecimal digest over the modules of these parts, the
training entry point, and all their imports inside the same packages. Snakemake passes it as a
parameter, so that editing one method retrains that method's runs and nothing else.

Package ``__init__`` files are looked through, not hashed: they hold registries of strings and lazy
names only, and adding a method must not change the others. Only imports that stand in the source
are seen; a module found by a computed name is not.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from afn.study.grid.cells import PARTS, Cell
from afn.study.parts.catalogue import entry, module_file

_UNSTABLE = ("kind", "type_comment", "ctx", "type_ignores")
TRAINING = "afn.training.__main__"
PREPARING = "afn.tasks.__main__"
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


def run_fingerprint(cell: Cell) -> str:
    """Digest of the code that trains and tests this cell."""
    names = [entry(part, cell.settings[part]["name"]).module for part in PARTS]
    return fingerprint((TRAINING, *names))


def task_fingerprint(task: str) -> str:
    """Digest of the code that prepares a task's data."""
    return fingerprint((PREPARING, entry("task", task).module))


@functools.cache
def fingerprint(modules: tuple[str, ...]) -> str:
    """Digest of modules and of everything that they import from their own packages."""
    lines = [f"{name} {_digest(name)}" for name in sorted(reachable(modules))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def reachable(modules: Iterable[str]) -> set[str]:
    """All local modules that can be reached from some modules by following imports."""
    modules = list(modules)
    found: set[str] = set()
    waiting = list(modules)
    packages = {"afn", *map(_package, waiting)}
    while waiting:
        name = waiting.pop()
        file = module_file(name) if name not in found | APART else None
        if file is None or (file.name == "__init__.py" and name not in modules):
            continue
        found.add(name)
        for base, imported in _imports(name):
            if _package(base) in packages:
                waiting += [base, *_behind(base, imported)]
    return found


def _package(module: str) -> str:
    return module.partition(".")[0]


@functools.cache
def _tree(module: str) -> ast.Module:
    file = module_file(module)
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


@functools.cache
def _imports(module: str) -> tuple[tuple[str, str], ...]:
    """What a module imports, as pairs of a module and a name in it ("" for the module itself)."""
    pairs: list[tuple[str, str]] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            pairs += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: -node.level]
                base = ".".join([*parents, base] if base else parents)
            pairs += [(base, alias.name) for alias in node.names]
    return tuple(pairs)


def _behind(package: str, name: str) -> list[str]:
    """The module behind ``from package import name``: a submodule, or a lazy name's home."""
    if not name:
        return []
    if module_file(f"{package}.{name}") is not None:
        return [f"{package}.{name}"]
    file = module_file(package)
    if file is None or file.name != "__init__.py":
        return []
    lazy = _lazy_names(file)
    return [lazy[name]] if name in lazy else []


@functools.cache
def _lazy_names(file: Path) -> dict[str, str]:
    """The ``_LAZY`` table of a package: public name -> module."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            getattr(t, "id", "") == "_LAZY" for t in node.targets
        ):
            return ast.literal_eval(node.value)
    return {}


@functools.cache
def _digest(module: str) -> str:
    digest = hashlib.sha256(stable_form(_tree(module)).encode())
    for name in _sources(module):
        digest.update((module_file(module).parent / name).read_bytes())
    return digest.hexdigest()


def _sources(module: str) -> tuple[str, ...]:
    """Files beside a module that it names as part of its code: ``SOURCES = ("kernels.c",)``."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and any(
            getattr(t, "id", "") == "SOURCES" for t in node.targets
        ):
            return tuple(ast.literal_eval(node.value))
    return ()


def stable_form(tree: ast.AST) -> str:
    """Write a syntax tree in a form that is the same for every version of Python.

    Docstrings, positions and empty fields are left out; comments are not in a tree at all.
    """
    pieces: list[str] = []

    def visit(node: object) -> None:
        if isinstance(node, ast.AST):
            pieces.append(type(node).__name__ + "(")
            for key, value in sorted(ast.iter_fields(node)):
                # A constant None is a value; any other absent field is nothing.
                is_value = isinstance(node, ast.Constant) and key == "value"
                if key in _UNSTABLE or (value in (None, []) and not is_value):
                    continue
                pieces.append(key + "=")
                visit(_without_docstring(node, value) if key == "body" else value)
            pieces.append(")")
        elif isinstance(node, list):
            for item in node:
                visit(item)
                pieces.append(",")
        else:
            pieces.append(f"{type(node).__name__}:{node!r}")

    visit(tree)
    return "".join(pieces)


def _without_docstring(node: ast.AST, body: object) -> object:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if isinstance(node, holders) and isinstance(body, list) and body:
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            return body[1:]
    return body


def analysis_fingerprint(module: str) -> str:
    """Digest of an analysis step: its modules, and the templates beside them."""
    digest = hashlib.sha256(fingerprint((module,)).encode())
    root = module_file("analysis.__init__") or module_file(module)
    for file in sorted(root.parent.rglob("templates/*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
