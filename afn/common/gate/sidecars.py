"""Whether the files beside a result hold what it says: an epoch a row, an evaluation an array.

In: the bytes of ``history.csv`` and ``predictions.npz``, and the record that names them. Out: the
first thing that is wrong, in words; else where the arrays of predictions lie, so that whoever needs
their values takes them from the same bytes. Called by the reader (`afn.common.run_folder`) and by
the gate of a study. Standard library only.
"""

from __future__ import annotations

import functools
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from afn.common.gate.record import key_of

_HEADER = re.compile(
    rb"^\{'descr': '([|<]u[12])', 'fortran_order': False, 'shape': \((\d+),\), \} *\n$"
)


class Stored(NamedTuple):
    """One array inside the bytes of an archive: NumPy's name of its type, its length, its start."""

    dtype: str
    length: int
    start: int


def check(record: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Stored]:
    """Compare the files of a record without fault with it; returns the arrays of predictions.

    Raises
    ------
    ValueError
        Where they do not hold what it says; the message says what is wrong.
    """
    if "history.csv" in files:
        _check_history(files["history.csv"], record["epochs"])
    if "predictions.npz" not in files:
        return {}
    try:
        arrays = stored(files["predictions.npz"])
    except ValueError as error:
        raise ValueError(f"its predictions.npz cannot be read ({error})") from None
    sizes = {key_of(row): row["n"] for row in record["evaluations"]}
    if arrays.keys() != sizes.keys():
        raise ValueError("its predictions.npz holds other evaluations than the result")
    for key, size in sizes.items():
        if arrays[key].length != size:
            raise ValueError(f"its predictions of {key} are {arrays[key].length}, not {size}")
    return arrays


def _check_history(text: bytes, epochs: int) -> None:
    if not text.startswith((b"epoch,", b"epoch\n")) or not text.endswith(b"\n"):
        raise ValueError("its history.csv cannot be read (it begins with no column epoch)")
    rows = text.count(b"\n") - 1
    if rows != epochs:
        raise ValueError(f"its history.csv has {rows} rows, one for each of {epochs} epochs")


def stored(raw: bytes) -> dict[str, Stored]:
    """Where the arrays of an uncompressed ``.npz`` lie, by name.

    Raises
    ------
    ValueError
        For anything but an archive of flat uint8 or uint16 arrays that are not compressed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
        return {member.filename.removesuffix(".npy"): _array(raw, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, NotImplementedError) as error:
        raise ValueError(f"no archive of arrays: {error}") from None


def _array(raw: bytes, member: zipfile.ZipInfo) -> Stored:
    name, extra = struct.unpack_from("<HH", raw, member.header_offset + 26)
    start = member.header_offset + 30 + name + extra
    if member.compress_type != zipfile.ZIP_STORED or raw[start : start + 6] != b"\x93NUMPY":
        raise ValueError(f"{member.filename} is no array as it was written")
    (length,) = struct.unpack_from("<H", raw, start + 8)
    dtype, count = _described(raw[start + 10 : start + 10 + length])
    size = count * int(dtype[-1])
    if member.file_size != 10 + length + size or start + member.file_size > len(raw):
        raise ValueError(f"{member.filename} is cut off")
    return Stored(dtype, count, start + 10 + length)


@functools.lru_cache(maxsize=256)
def _described(header: bytes) -> tuple[str, int]:
    found = _HEADER.match(header)
    if found is None:
        raise ValueError("it holds an array of another kind than predicted classes")
    return found[1].decode(), int(found[2])
