"""What a study can name: tasks, backbones, norms and recipes with their options.

In: the registries of the rooms (``name -> "module:Attribute"``) and the source files they point
to. Out: `Entry` objects with options, types, limits and defaults. The source is read, never
imported, so that a study is checked without torch and in milliseconds. Called by the grid and by
the fingerprints.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types
from pydantic import TypeAdapter, ValidationError

from afn.common.errors import StudyError, nearest
from afn.study.parts.recipe import COMMON, Option

KINDS = {
    "task": "afn.tasks",
    "backbone": "afn.backbones",
    "norm": "afn.normalization",
    "recipe": "afn.training",
    "optimizer": "afn.training.optimizers",
    "schedule": "afn.training.schedules",
    "augmentation": "afn.training.augmentations",
}
"""What can be named -> the package whose `REGISTRY` holds the names."""
_NAMESPACE = {
    "__builtins__": {},
    **{t.__name__: t for t in (int, float, bool, str, list, tuple)},
    **{name: getattr(annotated_types, name) for name in ("Ge", "Gt", "Le", "Lt", "Interval")},
    "Literal": Literal,
    "Annotated": Annotated,
}
_PLAIN = (
    *(ast.Name, ast.Load, ast.Constant, ast.Subscript, ast.Tuple, ast.List, ast.Call, ast.keyword),
    *(ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop),
)
"""What an annotation may be made of: no attributes, so that it reaches nothing beyond its names."""


@dataclass(frozen=True)
class Entry:
    """One thing that a study can name."""

    kind: str
    name: str
    module: str
    file: Path
    options: dict[str, Option]
    literals: dict[str, Any]

    @property
    def defaults(self) -> dict[str, object]:
        return {key: option.default for key, option in self.options.items()}

    @property
    def statistics(self) -> tuple[str, ...]:
        """Which statistics a norm can be tested with; () = no dependence on the batch."""
        return tuple(self.literals["statistics"])

    @property
    def shown(self) -> dict[str, str]:
        """How pages show a norm: ``label``, ``color``, ``marker``, each if its class says it."""
        return dict(self.literals.get("shown", {}))

    def check(self, key: str, value: object) -> object:
        """Return the value in its declared type, or say what is wrong with it."""
        if key not in self.options:
            where = f"{self.kind} {self.name!r} has no option {key!r}"
            raise StudyError(f"{where}; {nearest(key, self.options)}")
        annotation = self.options[key].annotation
        if isinstance(value, bool) and annotation is not bool:
            # YAML reads a bare off or on as a truth value.
            value = "on" if value else "off"
        try:
            checked = TypeAdapter(annotation).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise StudyError(f"{self.kind}.{key} = {value!r}: {reason}") from None
        if self.options[key].kind:
            try:
                entry(self.options[key].kind, checked)
            except StudyError as error:
                raise StudyError(f"{self.kind}.{key} = {value!r}: {error}") from None
        if isinstance(checked, float) and not math.isfinite(checked):
            raise StudyError(f"{self.kind}.{key} = {value!r}: is not a finite number")
        return checked


def registry(kind: str) -> dict[str, str]:
    """The registry of one kind of part."""
    return importlib.import_module(KINDS[kind]).REGISTRY


@functools.cache
def entry(kind: str, name: str) -> Entry:
    """Find what a study names; ``package.module:Attribute`` reaches a user's own package.

    Raises
    ------
    StudyError
        For a name that no registry holds, or a source that cannot be read; with the nearest name.
    """
    names = registry(kind)
    target = names.get(name, name if ":" in name else None)
    if target is None:
        raise StudyError(f"unknown {kind} {name!r}; {nearest(name, names)}")
    module, _, attribute = target.partition(":")
    file = module_file(module)
    if file is None:
        raise StudyError(f"{kind} {name!r}: there is no module {module!r} on the Python path")
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    node = next((n for n in tree.body if getattr(n, "name", None) == attribute), None)
    if node is None:
        found = [n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
        raise StudyError(
            f"{kind} {name!r}: {file} has no {attribute!r}; {nearest(attribute, found)}"
        )
    options = dict(COMMON) if kind == "recipe" else {}
    options.update(_options(node, tree, f"{kind} {name!r} ({file.name})"))
    literals = _literals(node)
    if kind == "norm" and "statistics" not in literals:
        raise StudyError(
            f"norm {name!r}: class {attribute} in {file} lacks the line "
            '`statistics = ("running", "batch")` (the statistics that it can be tested with; '
            "() for a layer that does not depend on the batch)"
        )
    return Entry(kind, name, module, file, options, literals)


def task_facts(settings: dict[str, Any]) -> dict[str, Any]:
    """What is known of a task before its data are: classes, image size, conditions, severities.

    An option with the name of a fact says it anew (``image_size`` of pacs, all of ``images``).
    """
    facts = entry("task", settings["name"]).literals
    return {**facts, **{key: value for key, value in settings.items() if key in facts}}


def module_file(module: str) -> Path | None:
    """The source file of a module, found without importing it where that is possible."""
    relative = Path(*module.split("."))
    for root in _roots():
        for candidate in (root / relative.with_suffix(".py"), root / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
        if (root / relative.parts[0]).is_dir():
            return None
    try:
        # Packages behind an import hook; this imports the parents of the module.
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _roots() -> list[Path]:
    return [Path(__file__).resolve().parents[3], *(Path(folder or ".") for folder in sys.path)]


def _options(node: ast.ClassDef | ast.FunctionDef, tree: ast.Module, where: str) -> dict:
    """Keyword-only arguments that have a default are options."""
    if isinstance(node, ast.ClassDef):
        functions = [n for n in node.body if isinstance(n, ast.FunctionDef)]
        node = next((n for n in functions if n.name == "__init__"), None)
        if node is None:
            return {}
    options = {}
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if default is None:
            continue
        try:
            value = ast.literal_eval(default)
            annotation = _annotation(argument.annotation, tree)
        except (ValueError, NameError, TypeError, AttributeError) as error:
            raise StudyError(f"{where}: option {argument.arg!r} cannot be read: {error}") from None
        options[argument.arg] = Option(annotation, value)
    return options


def _annotation(node: ast.expr | None, tree: ast.Module) -> Any:
    if node is None:
        return Any
    aliases = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for inner in ast.walk(node):
        if not isinstance(inner, _PLAIN):
            raise TypeError(f"{ast.unparse(inner)!r} has no place in an annotation")
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - set(_NAMESPACE)
    local = {name: _annotation(aliases[name], tree) for name in used if name in aliases}
    code = compile(ast.Expression(node), "<annotation>", "eval")
    return eval(code, dict(_NAMESPACE), local)


def _literals(node: ast.ClassDef | ast.FunctionDef) -> dict[str, Any]:
    values = {}
    for statement in node.body if isinstance(node, ast.ClassDef) else []:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        try:
            literal = ast.literal_eval(value)
        except ValueError:
            continue
        values.update({t.id: literal for t in targets if isinstance(t, ast.Name)})
    return values
