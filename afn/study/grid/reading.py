"""From a YAML or JSON file to a checked `StudyFile`, with messages that name the place.

In: a path, or the mapping that Snakemake merged from several. Out: a `StudyFile`. Called by the
command line, by the workflow, and by the analysis (through `afn.study.load_study`).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from afn.common.errors import StudyError, nearest
from afn.study.grid.schema import RUNTIME, StudyFile

# What PyYAML's own constructors raise where a tag does not fit its value ("!!bool maybe").
_TAG_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError)


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Read a YAML (or JSON) file that holds one mapping; a key given twice is an error."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        reason = error.strerror or "cannot be read"
        raise StudyError(f"{path}: {reason}; {nearest(path.name, near)}") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: is not UTF-8 text ({error.reason})") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, *_TAG_ERRORS) as error:
        raise StudyError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(value, dict):
        raise StudyError(f"{path}: a study file is a mapping of keys to values")
    _refuse_doubles(root, path, ())
    return value


def check_mapping(mapping: Mapping[str, Any], source: str) -> StudyFile:
    """Check keys and types; runtime settings are taken out first.

    Raises
    ------
    StudyError
        One line per fault: the source, the line where it is known, the key, the value, and the
        nearest valid one.
    """
    content = {str(key): value for key, value in mapping.items() if key not in RUNTIME}
    try:
        return StudyFile.model_validate(content)
    except ValidationError as error:
        faults: dict[str, str] = {}
        for fault in error.errors():
            # A union reports each of its branches; one line per key is enough.
            faults.setdefault(".".join(_location(fault)), _explain(fault, source))
        raise StudyError("\n".join(faults.values())) from None


def _explain(error: dict[str, Any], source: str) -> str:
    location = _location(error)
    key = ".".join(location)
    where = f"{source}{line_of(source, location)}: {key or 'the study'}"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key; {nearest(location[-1], _fields_at(location[:-1]))}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    value = repr(error["input"])
    shown = value if len(value) <= 80 else value[:77] + "..."
    return f"{where} = {shown}: {error['msg'].removeprefix('Value error, ')}"


def _location(error: dict[str, Any]) -> list[str]:
    """The keys on the way to a fault, without the branches of unions that pydantic adds."""
    parts = [str(part) for part in error["loc"]]
    branches = ("constrained-", "function-", "literal", "[key]", "kind-")
    plain = {"int", "str", "float"}
    return [p for p in parts if p not in plain and not p.startswith(branches) and "[" not in p]


def _fields_at(location: list[str]) -> list[str]:
    """The keys that are valid at a place in the file."""
    annotation: Any = StudyFile
    for part in location:
        annotation = _strip(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(part)
            if field is None:
                return []
            annotation = field.annotation
        else:
            arguments = typing.get_args(annotation)
            annotation = arguments[-1] if arguments else Any
    annotation = _strip(annotation)
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    fields = list(annotation.model_fields) if is_model else []
    return fields + (list(RUNTIME) if annotation is StudyFile else [])


def _strip(annotation: Any) -> Any:
    """Look through Annotated and through a union: to its model, where it has one."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in (typing.Union, types.UnionType):
            inner = [a for a in typing.get_args(annotation) if a is not type(None)]
            models = [a for a in map(_strip, inner) if isinstance(a, type)]
            models = [a for a in models if issubclass(a, BaseModel)]
            annotation = models[0] if models else inner[0]
        else:
            return annotation


def line_of(source: str, location: list[str]) -> str:
    """Say ``:12`` for the line of a key, or nothing where the source is no readable file."""
    path = Path(source)
    if not path.is_file():
        return ""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line
        else:
            break
    return "" if line is None else f":{line + 1}"


def _refuse_doubles(node: yaml.Node, path: Path, location: tuple[str, ...]) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(getattr(key, "value", ""))
            if name in seen:
                where = ".".join((*location, name))
                raise StudyError(f"{path}:{key.start_mark.line + 1}: {where}: is given twice")
            seen.add(name)
            _refuse_doubles(value, path, (*location, name))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_doubles(value, path, location)
