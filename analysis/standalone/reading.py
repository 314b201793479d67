"""Anybody's table as a file: delimiters, encodings, and names that stay as they are written.

In: a path, or ``-`` for standard input. Out: a frame in which a column is numeric only if all of
its cells are plainly numbers and it does not name anything (methods, blocks, seeds); sentences
about what was treated; and the file's hash. What cannot be read is one error that says what was
found.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from hashlib import sha256
from numbers import Number
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from afn.common.errors import StudyError

DELIMITERS = (",", ";", "\t", "|")
PACKED = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
EMPTY = {"", "nan", "na", "n/a", "null", "none"}
"""Cells of a column of numbers that hold none, in lower case."""
CODE = re.compile(r"[+-]?0[0-9]+(\.[0-9]*)?")
"""``001``: digits that name something; as a number they would lose their zeros."""
COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")


class Read(NamedTuple):
    """A table as it was read."""

    frame: pd.DataFrame
    told: list[str]
    made_from: dict[str, str]
    """Name of the file -> sha256."""


def read_table(path: str, names: Collection[str] = (), needed: Collection[str] = ()) -> Read:
    """Read a table of scores.

    Parameters
    ----------
    path : str
        CSV with commas, semicolons, tabs or bars (also packed: .gz, .bz2, .xz), Parquet, or ``-``.
    names : collection of str
        Columns that name things: their text stays as written, ``1.10`` and ``001`` included.
    needed : collection of str
        Columns that the table must have; they help to tell the delimiter.

    Raises
    ------
    StudyError
        For a file that is no table, rows longer or shorter than the header, a column that occurs
        twice.
    """
    where = "standard input" if path == "-" else path
    raw = _bytes(path, where)
    made_from = {Path(where).name: sha256(raw).hexdigest()}
    if path.lower().endswith((".parquet", ".pq")) or raw[:4] == b"PAR1":
        frame, told = read_parquet(raw, where, needed)
        return Read(frame, told, made_from)
    rows, delimiter = _rows(_text(raw, path, where), where, needed)
    header, body, told = _columns(rows, where)
    frame = pd.DataFrame(body, columns=header, dtype=object).astype(str)
    for column in header:
        if column in names:
            continue
        numbers, how = _numbers(frame[column], delimiter)
        if numbers is not None:
            frame[column] = numbers
            told += [f"Commas in column {column} were read as decimal points."] if how else []
    return Read(frame, told, made_from)


def read_parquet(
    raw: bytes, where: str, needed: Collection[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """A Parquet file as columns of numbers and of text; a named index is a column, too.

    Raises
    ------
    StudyError
        For bytes that are no such file, and for a needed column of lists, structures or bytes.
    """
    try:
        frame = pd.read_parquet(io.BytesIO(raw))
    except Exception as error:  # of Arrow's own kinds, too, and more of them than are documented
        reason = " ".join(str(error).split())[:300]
        raise StudyError(f"{where}: cannot be read as a table: {reason}") from None
    frame = frame.reset_index(drop=all(name is None for name in frame.index.names))
    frame.columns = [str(name) for name in frame.columns]
    twice = [name for name, times in Counter(frame.columns).items() if times > 1]
    if twice:
        raise StudyError(f"{where}: column {twice[0]!r} occurs twice")
    told = []
    for name in frame.columns:
        plain = _plain(frame[name])
        if plain is not None:
            frame[name] = plain
        elif name in needed:
            kind = type(frame[name].dropna().iloc[0]).__name__
            raise StudyError(
                f"{where}: column {name!r} holds values of type {kind}; expected: numbers or text"
            )
        else:
            del frame[name]
            told.append(f"Column {name} holds neither numbers nor text and was not used.")
    return frame, told


def _plain(column: pd.Series) -> pd.Series | None:
    """Numbers as numbers, names as text, nothing as nothing; None for lists, bytes and the like."""
    types = pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if types.is_bool_dtype(column.dtype) and not column.hasnans:
        return column.astype(bool)
    if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype):
        whole = types.is_integer_dtype(column.dtype) and not column.hasnans
        # Seeds of 64 bits would lose digits as floating-point numbers.
        return column if whole else column.astype("float64")
    if isinstance(column.dtype, pd.StringDtype):
        return column
    given = column.dropna()
    if given.map(lambda value: isinstance(value, Decimal)).all():  # also where there are none
        return column.astype("float64")
    if not given.map(lambda value: isinstance(value, str | Number | date | time | timedelta)).all():
        return None
    return column.map(str, na_action="ignore").astype(object)


def _bytes(path: str, where: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise StudyError(f"{where}: cannot be read as a table: {error}") from None


def _text(raw: bytes, path: str, where: str) -> str:
    unpack = PACKED.get(Path(path).suffix.lower())
    try:
        raw = unpack(raw) if unpack else raw
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise StudyError(f"{where}: cannot be read as a table: {error}") from None
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{where}: cannot be read as a table: {error}") from None
    if "\0" in text:
        raise StudyError(f"{where}: is no text; a table is CSV (any delimiter) or Parquet")
    return text


def _rows(text: str, where: str, needed: Collection[str]) -> tuple[list[list[str]], str]:
    """Fields of all lines that are not empty, by the delimiter that suits the header best."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise StudyError(f"{where}: cannot be read as a table: it is empty")

    def suits(delimiter: str) -> tuple[int, int]:
        fields = [field.strip() for field in next(csv.reader([first], delimiter=delimiter), [])]
        return len(set(needed) & set(fields)), len(fields)

    delimiter = max(DELIMITERS, key=suits)
    try:
        # A byte that ends lines elsewhere may be part of a quoted name here.
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise StudyError(f"{where}: cannot be read as a table: {error}") from None
    return [row for row in rows if any(field.strip() for field in row)], delimiter


def _columns(rows: Sequence[list[str]], where: str) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, body and sentences; rows that only end in empty fields are cut to the header."""
    header, told = [name.strip() for name in rows[0]], []
    while header and not header[-1]:
        header.pop()
    width = len(header)
    body = [row[:width] for row in rows[1:]]
    longer = sum(len(row) > width for row in rows[1:])
    for number, row in enumerate(rows[1:], 1):
        if any(field.strip() for field in row[width:]) or len(row) < width:
            raise StudyError(
                f"{where}: row {number} has {len(row)} fields, the header has {width}: "
                f"{', '.join(map(repr, row[: width + 2]))}"
            )
    if longer:
        told.append(f"Empty fields at the end of {longer} rows were cut off: no column holds them.")
    twice = [name for name, times in Counter(header).items() if times > 1 and name]
    if twice:
        raise StudyError(f"{where}: column {twice[0]!r} occurs twice")
    unnamed = [i for i, name in enumerate(header) if not name]
    if unnamed:
        told.append(f"Columns without a name were not used ({len(unnamed)}).")
        keep = [i for i in range(width) if i not in unnamed]
        header, body = [header[i] for i in keep], [[row[i] for i in keep] for row in body]
    return header, body, told


def _numbers(column: pd.Series, delimiter: str) -> tuple[pd.Series | None, bool]:
    """The column as numbers if it plainly holds nothing else; and whether commas were points."""
    cells = column.str.strip()
    present = cells[~cells.str.lower().isin(EMPTY)]
    if present.empty and cells.ne("").any():
        return None, False  # nothing but "None": a name
    if present.str.fullmatch(CODE).any():
        return None, False
    commas = False
    if delimiter != "," and len(present) and present.str.contains(",").any():
        # 0,85 beside 1: decimal commas; 1,234.5 is something else and stays text.
        commas = not present.str.contains(".", regex=False).any() and bool(
            present[present.str.contains(",")].str.fullmatch(COMMA).all()
        )
        cells = cells.str.replace(",", ".") if commas else cells
    numbers = pd.to_numeric(cells.mask(cells.str.lower().isin(EMPTY)), errors="coerce")
    known = cells[~cells.str.lower().isin(EMPTY)]
    return (None, False) if numbers[known.index].isna().any() else (numbers, commas)
