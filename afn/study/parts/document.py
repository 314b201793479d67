"""YAML as a study is written in it: read by the core schema of YAML 1.2, within limits.

In: text. Out: plain values, each scalar as section 10.3.2 of YAML 1.2.2 says; or a `StudyError`
that names the line and the key. PyYAML scans and parses; its own rules for scalars are those of
YAML 1.1, by which ``010`` is eight, ``1:30`` is ninety, ``off`` is false and ``1e-4`` is text.
Those of ruamel.yaml, with which the tests compare, add ``1_000``, ``0b11`` and dates to YAML 1.2.
Called by the reader of study files and for option values inside names.

The limits (`BYTES`, `NODES`, `DEPTH`, `VALUES`) are far beyond any study and end within a second or
two what would take all memory: aliases of aliases, a hundred thousand brackets, an anchor that
holds itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from afn.common.errors import StudyError

BYTES = 1_000_000
NODES = 20_000
"""As written."""
DEPTH = 30
VALUES = 100_000
"""With every alias written out."""
_TAG = "tag:yaml.org,2002:"
_INT = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = (
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
SCALARS = {
    "null": re.compile(r"(?:null|Null|NULL|~|)\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(rf"(?:{_INT})\Z"),
    "float": re.compile(rf"(?:{_FLOAT})\Z"),
}
"""Core schema: tag -> the plain scalars that have it, the first that fits; all else is text."""
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""No text that anybody means: control characters, and half a character."""
_OLD_BREAKS = re.compile(r"[\x85\u2028\u2029]")
"""Ends of lines to YAML 1.1 and PyYAML, parts of a text or a comment to YAML 1.2."""
_SURROGATES = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_FAULTS = (yaml.YAMLError, ValueError, ArithmeticError, LookupError, RecursionError)
"""What PyYAML raises for text that is none; for some of it by accident."""


class Reader(yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's reader with the scalars of YAML 1.2, which gives up beyond the limits."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (a table of the library's, replaced)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        self.nodes += 1
        self.depth += 1
        if getattr(self.peek_event(), "tag", None) == "!":
            raise yaml.MarkedYAMLError(
                problem="the tag ! alone has no place in a study; quotes make text of a value",
                problem_mark=self.peek_event().start_mark,
            )
        if self.nodes > NODES or self.depth > DEPTH:
            what = f"nested deeper than {DEPTH} levels" if self.depth > DEPTH else None
            what = what or f"more than {NODES:,} values"
            raise yaml.MarkedYAMLError(problem=what, problem_mark=self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


Reader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"<<\Z"), ["<"])
for _name, _pattern in SCALARS.items():
    Reader.add_implicit_resolver(f"{_TAG}{_name}", _pattern, None)


def compose(text: str, source: str) -> yaml.Node | None:
    """The nodes of a document, with their lines; None for one that is empty.

    Raises
    ------
    StudyError
        For text that is no YAML, of another version than 1.2, or beyond the limits.
    """
    if found := _OLD_BREAKS.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise StudyError(
            f"{source}:{line}: holds the character U+{ord(found[0]):04X}, which ends a line in "
            "YAML 1.1 and not in YAML 1.2; take it away"
        )
    try:
        reader = Reader(text)
        root = reader.get_single_node()
    except _FAULTS as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f":{mark.line + 1}"
        what = getattr(error, "problem", None) or " ".join(str(error).split())
        raise StudyError(f"{source}{place}: not valid YAML: {what}") from None
    if reader.yaml_version not in (None, (1, 2)):
        version = ".".join(map(str, reader.yaml_version))
        raise StudyError(f"{source}: is written in YAML {version}; studies are YAML 1.2")
    return root


def read(text: str, source: str) -> Any:
    """The value of a document; `source` is what messages call it.

    Raises
    ------
    StudyError
        As `compose`; and for a key that is given twice or is no text or number, an anchor that
        holds itself, a tag or a character that has no place in a study.
    """
    root = compose(text, source)
    return None if root is None else _Values(source).of(root, ())


def scalar(text: str, source: str) -> Any:
    """The value of a piece of text that stands in a name: quotes and brackets are YAML's, too.

    >>> [scalar(text, "") for text in ("-5", "1e-3", "off", "a,b", "[1, 2]")]
    [-5, 0.001, 'off', 'a,b', [1, 2]]
    """
    if text.startswith(("[", "{", "'", '"')):
        return read(text, source)
    kind = next((kind for kind, pattern in SCALARS.items() if pattern.match(text)), None)
    try:
        return text if kind is None else _number(kind, text)
    except (ValueError, OverflowError):
        raise StudyError(f"{source}: a number of {len(text):,} digits") from None


class _Values:
    """Makes values of nodes; aliases are written out, so that no two places share a value."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.made = 0
        self.open: list[yaml.Node] = []

    def of(self, node: yaml.Node, place: tuple[str, ...]) -> Any:
        self.made += 1
        if self.made > VALUES:
            self.refuse(node, place, f"aliases make more than {VALUES:,} values of the file")
        if any(node is outer for outer in self.open):
            self.refuse(node, place, "its anchor holds an alias of itself")
        if len(self.open) >= DEPTH:
            self.refuse(node, place, f"aliases nest it deeper than {DEPTH} levels")
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, kind, place)
        if kind != ("map" if isinstance(node, yaml.MappingNode) else "seq"):
            self._refuse_tag(node, place)
        self.open.append(node)
        if isinstance(node, yaml.MappingNode):
            value: Any = self._mapping(node, place)
        else:
            value = [self.of(inner, (*place, str(n))) for n, inner in enumerate(node.value)]
        self.open.pop()
        return value

    def _mapping(self, node: yaml.MappingNode, place: tuple[str, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                for mapping in self._merged(value_node, place):
                    merged = {**mapping, **merged}
                continue
            key = self.of(key_node, place)
            if isinstance(key, dict | list):
                self.refuse(key_node, place, "a key is text or a number")
            if key in own:
                self.refuse(key_node, (*place, str(key)), "is given twice")
            own[key] = self.of(value_node, (*place, str(key)))
        return {**merged, **own}

    def _merged(self, node: yaml.Node, place: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        several = isinstance(node, yaml.SequenceNode)
        for inner in node.value if several else [node]:
            value = self.of(inner, (*place, "<<"))
            if not isinstance(value, dict):
                self.refuse(inner, (*place, "<<"), "takes over the keys of mappings only")
            yield value

    def _scalar(self, node: yaml.ScalarNode, kind: str, place: tuple[str, ...]) -> Any:
        text = node.value
        if kind in ("str", "merge"):
            text = _SURROGATES.sub(_whole, text)
            if found := _UNSEEN.search(text):
                self.refuse(node, place, f"holds the character U+{ord(found[0]):04X}")
            return text
        if kind not in SCALARS:
            self._refuse_tag(node, place)
        if not SCALARS[kind].match(text) and not (kind == "float" and _is_int(text)):
            self.refuse(node, place, f"{text[:40]!r} is no {kind} of YAML 1.2")
        try:
            return _number(kind, text)
        except (ValueError, OverflowError):  # Python reads no number of thousands of digits
            self.refuse(node, place, f"a number of {len(text):,} digits")

    def _refuse_tag(self, node: yaml.Node, place: tuple[str, ...]) -> None:
        tag = node.tag.replace(_TAG, "!!")
        valid = ", ".join(f"!!{name}" for name in ("str", *SCALARS, "seq", "map"))
        self.refuse(node, place, f"the tag {tag} has no place in a study; valid: {valid}")

    def refuse(self, node: yaml.Node, place: tuple[str, ...], what: str) -> None:
        shown = ".".join(place) or "the file"
        raise StudyError(f"{self.source}:{node.start_mark.line + 1}: {shown[:200]}: {what}")


def _is_int(text: str) -> bool:
    return bool(SCALARS["int"].match(text))


def _number(kind: str, text: str) -> int | float | bool | None:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int" or _is_int(text):
        whole = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return whole if kind == "int" else float(whole)
    return float(re.sub(r"\.(?=[in])", "", text.lower()))


def _whole(pair: re.Match[str]) -> str:
    """One character of two halves, as JSON writes it."""
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
