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
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types

from afn.common.errors import StudyError, nearest
from afn.study.parts import docstrings
from afn.study.parts.offered import offered
from afn.study.parts.recipe import COMMON, Option
from afn.study.parts.values import shown, typed

KINDS = {
    "task": "afn.tasks",
    "condition": "afn.tasks.conditions",
    "backbone": "afn.backbones",
    "norm": "afn.normalization",
    "recipe": "afn.training",
    "optimizer": "afn.training.optimizers",
    "schedule": "afn.training.schedules",
    "augmentation": "afn.training.augmentations",
    "figure": "",
    "table": "",
    "section": "",
}
"""What can be named -> the package whose `REGISTRY` holds the names; none for what a report gets,
which is all from outside."""
OWN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
"""What names something of the user's own: ``package.module:Class``."""
MEANT = {
    "learning_rate": "lr",
    "learningrate": "lr",
    "wd": "weight_decay",
    "bs": "batch_size",
    "batchsize": "batch_size",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "scheduler": "schedule",
    "lr_schedule": "schedule",
    "lr_scheduler": "schedule",
    "optimiser": "optimizer",
    "optim": "optimizer",
    "grad_clip": "clip_norm",
    "gradient_clipping": "clip_norm",
    "smoothing": "label_smoothing",
    "reduction": "stan_ratio",
    "num_groups": "groups",
}
"""What options are called elsewhere -> what they are called here."""
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
    """One thing that a study can name.

    ``about`` and ``described`` (by option) are what its docstring says.
    """

    kind: str
    name: str
    module: str
    file: Path
    options: dict[str, Option]
    literals: dict[str, Any]
    about: str
    described: dict[str, str]

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
            raise StudyError(f"{where}; {nearest(MEANT.get(key.lower(), key), self.options)}")
        try:
            checked = typed(self.options[key].annotation, value)
            kind = self.options[key].kind
            if kind and isinstance(checked, tuple):
                checked = tuple(entry(kind, name).name for name in checked)
            elif kind:
                checked = entry(kind, checked).name
        except StudyError as error:
            raise StudyError(f"{self.kind}.{key} = {shown(value)}: {error}") from None
        return checked


def registry(kind: str) -> dict[str, str]:
    """The registry of one kind of part."""
    return importlib.import_module(KINDS[kind]).REGISTRY if KINDS[kind] else {}


@functools.cache
def entry(kind: str, name: str) -> Entry:
    """Find what a study names; ``package.module:Attribute`` reaches a user's own package.

    A short name that an installed package offers is an entry under its long name, by which all
    that is made from the study calls it.

    Raises
    ------
    StudyError
        For a name that no registry holds, or a source that cannot be read; with the nearest name.
    """
    names = registry(kind)
    target = names.get(name, name)
    if target == name and not OWN.fullmatch(name):
        names = {**offered(kind), **names}
        if name in names:
            return entry(kind, names[name])
    if not OWN.fullmatch(target):
        form = "; one of your own is named package.module:Class" if ":" in name else ""
        raise StudyError(f"unknown {kind} {shown(name)}{form}; {nearest(name, names)}")
    module, _, attribute = target.partition(":")
    file = module_file(module)
    if file is None:
        beside = [path.stem for path in Path().glob("*.py")] if "." not in module else []
        hint = f"; {nearest(module, beside)} in this folder" if beside else ""
        told = f"there is no module {module!r} on the Python path"
        raise StudyError(f"{kind} {name!r}: {told}{hint}")
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise StudyError(f"{kind} {name!r}: {file} cannot be read: {error}") from None
    node = next((n for n in tree.body if getattr(n, "name", None) == attribute), None)
    if node is None:
        found = [n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
        raise StudyError(
            f"{kind} {name!r}: {file} has no {attribute!r}; {nearest(attribute, found)}"
        )
    options = dict(COMMON) if kind == "recipe" else {}
    options.update(_options(node, tree, f"{kind} {name!r} ({file.name})"))  # type: ignore[arg-type]
    literals = _literals(node)  # type: ignore[arg-type]
    for option, named in dict(literals.get("parts") or {}).items():
        options[option] = replace(options[option], kind=named)
    if kind == "norm" and "statistics" not in literals:
        raise StudyError(
            f"norm {name!r}: class {attribute} in {file} lacks the line "
            '`statistics = ("running", "batch")` (the statistics that it can be tested with; '
            "() for a layer that does not depend on the batch)"
        )
    about = docstrings.first_sentence(node)  # type: ignore[arg-type]
    described = docstrings.options(node)  # type: ignore[arg-type]
    return Entry(kind, name, module, file, options, literals, about, described)


def homes(option: str) -> list[str]:
    """Where an option belongs that stands in no part: ``lr`` -> ``["recipe.lr"]``."""
    option = MEANT.get(option.lower(), option)
    found = []
    for part in ("recipe", "norm", "backbone", "task"):
        if any(option in entry(part, name).options for name in registry(part)):
            found.append(f"{part}.{option}")
    return found


def place_of(key: str, parts: Iterable[str]) -> str:
    """What was meant by a key that should be ``part.option``, and the valid parts."""
    part, _, option = key.rpartition(".")
    meant = [home for home in homes(option) if home.partition(".")[0] in parts]
    meant.sort(key=lambda home: not home.startswith(f"{part}."))
    if meant and meant[0] != key:
        return f"did you mean {meant[0]!r}? {nearest('', parts)}"
    return nearest(part or key, parts)


def task_facts(settings: dict[str, Any]) -> dict[str, Any]:
    """What is known of a task before its data are: classes, image size, conditions, severities.

    An option with the name of a fact says it anew (``image_size`` of pacs, all of ``images``). A
    task whose option names another task has the facts of that one, and one that names conditions
    has these, too.
    """
    facts = dict(entry("task", settings["name"]).literals)
    for kind, name in parts_within("task", settings):
        if kind == "task":
            facts = {**task_facts({"name": name, **entry("task", name).defaults}), **facts}
        elif kind == "condition":
            facts["conditions"] = (*facts.get("conditions", ()), name.rpartition(":")[2])
    return {**facts, **{key: value for key, value in settings.items() if key in facts}}


def parts_within(kind: str, settings: dict[str, Any]) -> list[tuple[str, str]]:
    """What options of a part name in turn, as (kind, name): the task behind ``shifted``.

    The recipe's own (optimiser, schedule, augmentation) are not among them.
    """
    found = []
    for option, named in dict(entry(kind, settings["name"]).literals.get("parts") or {}).items():
        value = settings[option]
        names = [value] if isinstance(value, str) else value
        found += [(named, name) for name in names]
    return found


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
    except (Exception, SystemExit) as error:  # whatever the parents do when they are imported
        raise StudyError(f"{module}: cannot be imported: {error!r}") from None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _roots() -> list[Path]:
    return [Path(__file__).resolve().parents[3], *(Path(folder or ".") for folder in sys.path)]


def _options(node: ast.ClassDef | ast.FunctionDef, tree: ast.Module, where: str) -> dict:  # type: ignore[type-arg]
    """Keyword-only arguments that have a default are options."""
    if isinstance(node, ast.ClassDef):
        functions = [n for n in node.body if isinstance(n, ast.FunctionDef)]
        node = next((n for n in functions if n.name == "__init__"), None)  # type: ignore[assignment]
        if node is None:
            return {}
    options = {}
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):  # type: ignore[union-attr]
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
