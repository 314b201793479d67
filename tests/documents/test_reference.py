"""Docstrings say what is there, in a form that the reference can be made from."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import TOOLS
from tests.scripts import script

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {
    *("Parameters", "Returns", "Yields", "Raises", "Warns", "Other Parameters", "Attributes"),
    *("Methods", "See Also", "Notes", "References", "Examples"),
}
"""What numpydoc knows."""
LINED = re.compile(r"^(\S.*)\n(-{3,})$", re.MULTILINE)
FILES = sorted(file for top in ("afn", "analysis") for file in (ROOT / top).rglob("*.py"))


def described(docstring: str, section: str) -> set[str]:
    """The names that a section describes: the lines of it that begin at the margin."""
    parts = LINED.split(docstring)
    # Text, then title, line and text of each section; the last line of a text may be a title's.
    body = dict(zip(parts[1::3], parts[3::3], strict=True)).get(section, "")
    body = re.split(r"\n\n(?=\S)|\n>>>", body)[0]
    heads = [line for line in body.split("\n") if line and not line.startswith(" ")]
    return {name for head in heads for name in head.partition(" : ")[0].split(", ")}


def own_names(node: ast.AST) -> set[str]:
    """What a function takes; of a class what its ``__init__`` takes, and its fields."""
    if isinstance(node, ast.ClassDef):
        fields = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
        begins = [n for n in node.body if getattr(n, "name", "") == "__init__"]
        return fields.union(*map(own_names, begins))
    given = node.args
    names = {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    more = [("*", given.vararg), ("**", given.kwarg)]
    return names | {f"{stars}{one.arg}" for stars, one in more if one}


def findings(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            continue
        docstring, name = ast.get_docstring(node) or "", getattr(node, "name", "the module")
        for title, line in LINED.findall(docstring):
            if title not in SECTIONS:
                found.append(f"{name}: no section of numpydoc: {title}")
            elif len(title) != len(line):
                found.append(f"{name}: the line under {title} is not as long as it")
        if not isinstance(node, ast.Module):
            unknown = described(docstring, "Parameters") - own_names(node)
            found += [f"{name}: no parameter {other!r}" for other in sorted(unknown)]
    return found


@pytest.mark.parametrize("top", ["afn", "analysis"])
def test_docstrings_describe_what_is_there(top):
    found = {
        str(file.relative_to(ROOT)): faults
        for file in FILES
        if file.is_relative_to(ROOT / top) and (faults := findings(file.read_text()))
    }
    assert not found


def test_a_wrong_docstring_is_found():
    text = """
def one(a, *rest):
    '''Do it.

    Parameters
    ----------
    a, b : int
        Numbers.
    *rest
        More.

    Return
    ------
    int

    Raises
    -----
    ValueError
        Never.
    '''
"""
    assert findings(text) == [
        "one: no section of numpydoc: Return",
        "one: the line under Raises is not as long as it",
        "one: no parameter 'b'",
    ]


@pytest.fixture(scope="module")
def reference():
    return script("workflow/reference.py")


def test_every_module_has_a_page_and_every_page_a_way_to_it(reference, tmp_path):
    (tmp_path / "gone.rst").touch()
    reference.write_pages(tmp_path)
    pages = {file.stem: file.read_text() for file in tmp_path.glob("*.rst")}
    commands = {f for f in FILES if f.name == "__main__.py" or "shipped" in f.parts}
    assert len(pages) == len(set(FILES) - commands) + 1
    reached, waiting = set(), ["index"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += re.findall(r"^   ((?:afn|analysis)[\w.]*)$", pages[name], re.MULTILINE)
    assert reached == set(pages)
    for name in reached - {"index"}:
        assert f".. automodule:: {name}\n" in pages[name]


@pytest.mark.long
@pytest.mark.sphinx
@pytest.mark.about("workflow/reference.py, or the docstring that it warns of")
def test_the_reference_is_made_without_a_warning():
    tools = {**os.environ, "PYTHONPATH": str(TOOLS["sphinx"]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "workflow/reference.py"]
    done = subprocess.run(command, cwd=ROOT, env=tools, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "docs/_build/html/index.html\n"
    page = (ROOT / "docs/_build/html/afn.normalization.methods.afn.html").read_text()
    assert "rescale_lambda_init" in page
