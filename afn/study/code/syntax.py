"""What of a source file is code: its imports, and a form without comments and docstrings.

In: the bytes of a Python file. Out: `Source`, plain values that can be kept on a disk. Called by
`afn.study.code.modules`, which keeps them by the content of the file.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from typing import Any

VERSION = 3
"""Of `stable_form` and `Source`: what is kept under another one is read anew."""
_UNSTABLE = ("kind", "type_comment", "ctx", "type_ignores")


NOT_CODE = {"shown", "plan_sizes", "plan_cost"}
"""Literals of a class: what pages read (label, colour, marker) and what plans read (data sizes,
the work of a layer)."""


@dataclass(frozen=True)
class Source:
    """What a fingerprint needs of a source file."""

    digest: str
    """Of the stable form."""
    imports: list[tuple[int, str, str]]
    """(level, module, name): ``from ..b import c`` is (2, "b", "c"), ``import a`` (0, "a", "")."""
    sources: list[str]
    """Files beside it that are part of its code: ``SOURCES = ("kernels.c",)``."""
    lazy: dict[str, str]
    """The ``_LAZY`` table of a package: public name -> module."""

    @classmethod
    def of(cls, content: bytes, name: str) -> Source:
        """Read the source of the file ``name``, which only messages mention."""
        tree = ast.parse(content, filename=name)
        return cls(
            hashlib.sha256(stable_form(tree).encode()).hexdigest(),
            _imports(tree),
            list(_literal(tree, "SOURCES") or ()),
            dict(_literal(tree, "_LAZY") or {}),
        )


def _imports(tree: ast.Module) -> list[tuple[int, str, str]]:
    found: list[tuple[int, str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.level, node.module or "", alias.name) for alias in node.names]
    return found


def _literal(tree: ast.Module, name: str) -> Any:
    """The value of a name that is set to a literal on the top level; None where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == name for t in node.targets):
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


def stable_form(tree: ast.AST) -> str:
    """Write a syntax tree in a form that is the same for every version of Python.

    Docstrings, positions, empty fields and what is `NOT_CODE` are left out; comments are not in a
    tree at all.
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
                visit(_code(node, value) if key == "body" else value)
            pieces.append(")")
        elif isinstance(node, list):
            for item in node:
                visit(item)
                pieces.append(",")
        else:
            pieces.append(f"{type(node).__name__}:{node!r}")

    visit(tree)
    return "".join(pieces)


def _code(node: ast.AST, body: object) -> object:
    """The statements of a body but its docstring and, in a class, what is `NOT_CODE`."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if not isinstance(node, holders) or not isinstance(body, list) or not body:
        return body
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
        body = body[1:]
    return [s for s in body if not _is_shown(s)] if isinstance(node, ast.ClassDef) else body


def _is_shown(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Dict)
        and all(isinstance(t, ast.Name) and t.id in NOT_CODE for t in statement.targets)
    )
