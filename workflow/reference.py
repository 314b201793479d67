"""The reference of all functions and classes, from their docstrings: ``make docs``.

In: the packages ``afn`` and ``analysis``. Out: ``docs/_build/html`` (not committed), a page for
each module, a room's under its room. Needs Sphinx and numpydoc (the group ``docs`` of
pyproject.toml, ``requirements-docs.lock``), which ``make docs`` puts into a folder of their own. A
warning is an error: mark-up that is none, a module that cannot be imported.
Called by ``make docs``; a test does the same where Sphinx is installed.
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "_build"
PACKAGES = ("afn", "analysis")
LEFT_OUT = {"templates", "shipped", "__main__.py"}
SETTINGS = {
    "project": "AFN study",
    "extensions": "sphinx.ext.autodoc,numpydoc",
    # `name` is a function or class where there is one, and else stands as it is.
    "default_role": "py:obj",
    "html_theme": "alabaster",
    "html_show_sphinx": "0",
    "numpydoc_show_class_members": "0",
    # What has no docstring of its own does not show that of torch.
    "autodoc_inherit_docstrings": "0",
    # A name that two rooms have is shown without a link; there is nothing to mend.
    "suppress_warnings": "ref.python",
}
WELCOME = """\
Reference
=========

Every function, class and constant that has a docstring, room by room. ``CHANGELOG.md`` says which
of them a version promises; ``docs/`` is where to begin.

.. toctree::
   :maxdepth: 2

"""


def modules() -> Iterator[str]:
    """Every module, packages before what they hold."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT)
            if not LEFT_OUT & set(path.parts):
                parts = path.with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree_of(module: str) -> ast.Module:
    """The syntax of a module."""
    path = ROOT / module.replace(".", "/")
    package = path / "__init__.py"
    file = package if package.is_file() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def types_of(module: str) -> dict[str, str]:
    """The names that a module gives to types (``Graph = dict[str, set[str]]``), with what is said.

    Sphinx takes them for classes and fails at their signatures.
    """
    found, body = {}, tree_of(module).body
    for node, after in itertools.pairwise(body):
        match node, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript()),
                ast.Expr(value=ast.Constant(value=str(said))),
            ):
                found[name] = f"{said}\n\n``{ast.unparse(node.value)}``"
    return found


def page(module: str, every: list[str]) -> str:
    """The page of a module, as reStructuredText."""
    types = types_of(module)
    lines = [module, "=" * len(module), "", f".. automodule:: {module}", "   :members:"]
    lines += [f"   :exclude-members: {', '.join(types)}"] if types else []
    for name, said in types.items():
        lines += ["", f".. py:data:: {module}.{name}", ""]
        lines += [f"   {line}".rstrip() for line in said.split("\n")]
    inside = [other for other in every if other.rpartition(".")[0] == module]
    if inside:
        lines += ["", "Modules", "-------", "", ".. toctree::", "   :maxdepth: 1", ""]
        lines += [f"   {other}" for other in inside]
    return "\n".join(lines) + "\n"


def write_pages(folder: Path) -> None:
    """Write the pages' sources, and take away those of modules that are gone."""
    every = list(modules())
    pages = {module: page(module, every) for module in every}
    pages["index"] = WELCOME + "".join(f"   {package}\n" for package in PACKAGES)
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.rst"):
        if file.stem not in pages:
            file.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.rst"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def main() -> int:
    """Write the reference; returns Sphinx's exit code, which a warning makes 1."""
    if not importlib.util.find_spec("sphinx"):
        print("error: Sphinx is not installed: `make docs` fetches it", file=sys.stderr)
        return 2
    from sphinx.cmd.build import main as build

    write_pages(OUT / "source")
    settings = dict(SETTINGS)
    if not importlib.util.find_spec("triton"):
        settings["autodoc_mock_imports"] = "triton"
    given = [word for key, value in settings.items() for word in ("-D", f"{key}={value}")]
    folders = [str(OUT / "source"), "-d", str(OUT / "doctrees"), str(OUT / "html")]
    code = build(["-q", "-W", "--keep-going", "-C", *given, *folders])
    if code == 0:
        print((OUT / "html" / "index.html").relative_to(ROOT))
    return code


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
