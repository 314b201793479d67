"""Canonical values and names: the same settings always get the same text.

In: option values as a study file gives them. Out: text that is used in folder names, in
specifications and as the key under which runs are shared. Called by the grid, by ``where`` and by
the analysis.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from afn.common.canonical import canonical_json
from afn.common.errors import StudyError
from afn.study.parts import document

MAX_LENGTH = 120
AND, AT, OF = "+", "@", "."
"""Before an option in the name of a part, before the protocol in the name of an arm, and between
a part and its option in the name of a factor."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.,@-]")
_OWN = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*):([A-Za-z_][A-Za-z0-9_]*)")


def text_name(text: str) -> str:
    """Text as it stands in a name, which is a folder's: other text has another name.

    What is made of letters, digits and ``_.,@-`` stands as it is. Behind the ``~``, which no such
    text has, comes the class of ``module:Class``, or, where other characters had to give way, a
    number made from all of the text.

    >>> [text_name(t) for t in ("photo_1", "photo 1", "mine.norms:Mine")]
    ['photo_1', 'photo_1~17524605593298', 'mine.norms~Mine']
    """
    safe = _UNSAFE.sub("_", text)
    if safe == text:
        return text
    if own := _OWN.fullmatch(text):
        return "~".join(own.groups())
    # In decimal digits, with which no class begins.
    digest = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10**14
    return f"{safe[:60]}~{digest:014d}"


def value_text(value: object) -> str:
    """The one way to write an option's value in a name.

    >>> [value_text(v) for v in (1e-3, -5.0, True, None, "learned")]
    ['0.001', '-5', 'on', 'none', 'learned']
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, list | tuple):
        return ",".join(_in_list(v) for v in value)
    return text_name(str(value))


def _in_list(value: object) -> str:
    """One of several values: what holds a comma, or nothing, would pass for another number."""
    text = value_text(value)
    return text_name(f"{value}\0") if "," in text or not text else text


def part_name(name: str, options: Mapping[str, object], defaults: Mapping[str, object]) -> str:
    """Name a part of a run by what differs from its defaults.

    A name that would be longer than 120 characters ends in a hash of all its options.

    >>> part_name("afn", {"residual": "off", "stan_ratio": 8}, {"residual": "learned"})
    'afn+residual=off+stan_ratio=8'
    """
    changed = [
        f"{key}={value_text(value)}"
        for key, value in sorted(options.items())
        if key not in defaults or canonical_json(defaults[key]) != canonical_json(value)
    ]
    text = AND.join([text_name(name), *changed])
    if len(text) <= MAX_LENGTH:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[: MAX_LENGTH - 13].rpartition(AND)[0] or text[:60]}{AND}{digest}"


def parse_part(text: str) -> tuple[str, dict[str, object]]:
    """Read ``afn+residual=off`` back into a name and the options that it gives.

    Raises
    ------
    StudyError
        Where a piece behind a ``+`` is not ``option=value``.
    """
    name, *pieces = text.split(AND)
    options: dict[str, object] = {}
    for piece in pieces:
        key, equals, value = piece.partition("=")
        if not equals or not key:
            raise StudyError(f"{text!r}: {piece!r} is not option=value")
        options[key] = document.scalar(as_given(value), f"{text!r}: {key}")
    return as_given(name), options


def as_given(text: str) -> str:
    """``mine.norms:Mine`` of ``mine.norms~Mine``; other text as it is."""
    return re.sub(r"\A([A-Za-z_][A-Za-z0-9_.]*)~([A-Za-z_][A-Za-z0-9_]*)\Z", r"\1:\2", text)


@dataclass(frozen=True)
class Arm:
    """A norm with its options, and how it is tested: one side of a contrast.

    Attributes
    ----------
    norm : str
        Name of the norm part: ``afn+residual=off``.
    protocol : str or None
        Name of a protocol; None is the study's first that fits.

    >>> Arm.parse("afn+residual=off@test_batch")
    Arm(norm='afn+residual=off', protocol='test_batch')
    >>> str(Arm.parse("batch")), Arm.parse("afn+residual=off").method
    ('batch', 'afn')
    """

    norm: str
    protocol: str | None = None

    @classmethod
    def parse(cls, text: str) -> Arm:
        """Read the name that files and study files have."""
        norm, at, protocol = text.partition(AT)
        return cls(norm, protocol if at else None)

    @property
    def method(self) -> str:
        """The norm without its options."""
        return self.norm.partition(AND)[0]

    def __str__(self) -> str:
        return self.norm if self.protocol is None else f"{self.norm}{AT}{self.protocol}"


class Factor(NamedTuple):
    """What a grid or a search varies: a part of a cell, or one option of a part.

    >>> Factor.parse("norm.lambda_init")
    Factor(part='norm', option='lambda_init')
    >>> Factor.parse("backbone"), str(Factor.parse("norm.lambda_init"))
    (Factor(part='backbone', option=None), 'norm.lambda_init')
    """

    part: str
    option: str | None = None
    """None: the whole part."""

    @classmethod
    def parse(cls, text: str) -> Factor:
        """Read the name that study files and results have."""
        part, dot, option = text.partition(OF)
        return cls(part, option if dot else None)

    def level(self, cell: Any) -> Any:
        """Level of a cell: a part's name for ``backbone``, a value for ``norm.lambda_init``."""
        if self.option is None:
            return getattr(cell, self.part)
        return cell.settings[self.part].get(self.option)

    @property
    def short(self) -> str:
        """The option without its part; the part where all of it is meant."""
        return self.option or self.part

    def __str__(self) -> str:
        return self.part if self.option is None else f"{self.part}{OF}{self.option}"
