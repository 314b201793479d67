"""From a YAML or JSON file to a checked `StudyFile`, with messages that name the place.

In: a path, or the mapping that Snakemake merged from several. Out: a `StudyFile`. Called by the
command line, by the workflow, and by the analysis (through `afn.study.load_study`).
"""

from __future__ import annotations

import functools
import stat
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from afn.common.errors import StudyError, nearest
from afn.study.grid.schema import RUNTIME, StudyFile
from afn.study.parts import document
from afn.study.parts.catalogue import homes

MOST_TOLD = 10
"""Faults of one file that are told at once."""


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Read a YAML (or JSON) file that holds one mapping, by the rules of YAML 1.2.

    Raises
    ------
    StudyError
        For a file that is none, or too large; as `document.read`.
    """
    value = document.read(_text(Path(path)), str(path))
    if not isinstance(value, dict):
        raise StudyError(f"{path}: a study file is a mapping of keys to values")
    return value


def _text(path: Path) -> str:
    """The text of a regular file: a pipe or a device could keep its reader waiting for ever."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise StudyError(f"{path}: is {what}; a study is a YAML file")
        if found.st_size > document.BYTES:
            raise StudyError(
                f"{path}: has {found.st_size:,} bytes; a study file has at most {document.BYTES:,}"
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: is not UTF-8 text ({error.reason})") from None
    except (OSError, ValueError) as error:
        near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise StudyError(f"{path}: {reason}; {nearest(path.name, near)}") from None


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
        faults: dict[tuple[str, ...], dict[str, Any]] = {}
        for found in error.errors():
            fault: dict[str, Any] = dict(found)
            # A union reports each of its branches; one line per key is enough.
            faults.setdefault(tuple(_location(fault, content)), fault)
        # Of a union's branches the one that fits further was meant.
        parents = {key[:n] for key in faults for n in range(len(key))}
        meant = [(key, fault) for key, fault in faults.items() if key not in parents]
        told = [_explain(list(key), fault, source) for key, fault in meant[:MOST_TOLD]]
        if len(meant) > MOST_TOLD:
            told.append(f"{source}: and {len(meant) - MOST_TOLD} more faults")
        raise StudyError("\n".join(told)) from None


def _explain(location: list[str], error: dict[str, Any], source: str) -> str:
    key = ".".join(location)
    where = f"{source}{line_of(source, location)}: {key or 'the study'}"
    if error["type"] == "extra_forbidden":
        hint = nearest(location[-1], _fields_at(location[:-1]))
        option = "".join(f"{home} is an option; " for home in homes(location[-1])[:1])
        return f"{where}: unknown key; {option}{hint}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    value = repr(error["input"])
    shown = value if len(value) <= 80 else value[:77] + "..."
    return f"{where} = {shown}: {error['msg'].removeprefix('Value error, ')}"


def _location(error: dict[str, Any], content: Mapping[str, Any]) -> list[str]:
    """The keys on the way to a fault, without the branches of unions that pydantic adds."""
    parts: list[str] = []
    value: Any = content
    for number, part in enumerate(error["loc"]):
        inside = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if inside or (isinstance(value, Mapping) and part in value):
            value = value[part]
        elif error["type"] != "missing" or number < len(error["loc"]) - 1:
            continue
        parts.append(str(part))
    return parts


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
    try:
        found = Path(source).stat()
        node = _nodes(source, found.st_mtime_ns, found.st_size)
    except (OSError, ValueError, StudyError):
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


@functools.lru_cache(maxsize=1)
def _nodes(source: str, changed: int, size: int) -> yaml.Node | None:
    """The nodes of a file, kept while it stays as it is: each fault of it asks for its line."""
    return document.compose(_text(Path(source)), source)
