"""What the docstring of a part says, read from its source without importing it.

In: the node of a class or function with a numpydoc docstring. Out: its first sentence, and what it
says of each option. Called by `afn.study.parts.catalogue`; pages explain with it the methods and
the options that a study names, those of other packages as well.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re

SECTION = "Parameters"


def first_sentence(node: ast.ClassDef | ast.FunctionDef) -> str:
    """The first sentence of a docstring on one line; empty without one."""
    text = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def options(node: ast.ClassDef | ast.FunctionDef) -> dict[str, str]:
    """Option -> its text in the section "Parameters", on one line; several may share one."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in _section(ast.get_docstring(node) or ""):
        if line[:1].strip():
            names = [name.strip() for name in line.partition(":")[0].split(",")]
            found |= dict.fromkeys(names, "")
        elif line.strip():
            for name in names:
                found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _section(text: str) -> list[str]:
    lines = inspect.cleandoc(text).splitlines()
    heads = [i for i, line in enumerate(lines) if i and line and set(line) == {"-"}]
    for here, after in itertools.pairwise([*heads, len(lines) + 1]):
        if lines[here - 1] == SECTION:
            return lines[here + 1 : after - 1]
    return []
