"""Parquet of odd types: decided as the same table in plain ones, or one message."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from afn.common.errors import StudyError
from analysis.standalone.compare import compare
from analysis.standalone.reading import read_table
from tests.analysis.standalone.field_tables import NAMES, arms, plan

NEEDED = (*NAMES, "accuracy")
DAYS = pd.date_range("2026-01-01", periods=24)


def stored(frame: pd.DataFrame | pa.Table, tmp_path, **columns: pa.Array) -> str:
    table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        values = pa.chunked_array([values])
        if place < 0:
            table = table.append_column(name, values)
        else:
            table = table.set_column(place, name, values)
    # Without what pandas adds: another program wrote it.
    pq.write_table(table.replace_schema_metadata(None), tmp_path / "x.parquet")
    return str(tmp_path / "x.parquet")


def decided(frame: pd.DataFrame) -> list[tuple]:
    return [(d.a, d.b, d.n, d.p, d.verdict) for d in compare(frame, plan())]


ODD = {
    "decimals": {"accuracy": lambda c: pa.array([Decimal(repr(float(v))) for v in c])},
    "a dictionary": {"method": lambda c: pa.array(list(c)).dictionary_encode()},
    "long text": {"method": lambda c: pa.array(list(c), pa.large_string())},
    "small seeds": {"seed": lambda c: pa.array(list(c), pa.uint8())},
    "large seeds": {"seed": lambda c: pa.array(list(c), pa.uint64())},
    "a list that nobody needs": {"more": lambda c: pa.array([[1, 2]] * 24)},
    "bytes that nobody needs": {"more": lambda c: pa.array([b"x"] * 24)},
    "structures that nobody needs": {"more": lambda c: pa.array([{"x": 1}] * 24)},
    "nothing": {"more": lambda c: pa.nulls(24)},
    "times": {"more": lambda c: pa.array(DAYS)},
    "durations": {"more": lambda c: pa.array([pd.Timedelta(n, "s") for n in range(24)])},
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_types_are_decided_as_plain_ones(kind, tmp_path):
    columns = {name: make(arms().get(name)) for name, make in ODD[kind].items()}
    found = read_table(stored(arms(), tmp_path, **columns), NAMES, NEEDED)
    assert decided(found.frame) == decided(arms())
    assert any("more" in said for said in found.told) == ("nobody needs" in kind)


def test_seeds_of_64_bits_keep_their_digits(tmp_path):
    seeds = pa.array([2**63 + n // 2 for n in range(24)], pa.uint64())
    frame = read_table(stored(arms(), tmp_path, seed=seeds), NAMES, NEEDED).frame
    assert frame["seed"].tolist() == seeds.to_pylist()


def test_missing_whole_numbers_stay_missing(tmp_path):
    frame = arms().assign(seed=pd.array([None, *range(1, 24)], "Int64"))
    found = read_table(stored(frame, tmp_path), NAMES, NEEDED).frame
    with pytest.raises(StudyError, match="column 'seed' is empty in one row"):
        compare(found, plan())


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("accuracy", pa.array([[1.0]] * 24), "ndarray"),
        ("accuracy", pa.array([{"x": 1.0}] * 24), "dict"),
        ("method", pa.array([b"a", b"b"] * 12), "bytes"),
    ],
)
def test_a_needed_column_of_other_things_is_one_message(name, values, kind, tmp_path):
    with pytest.raises(StudyError, match=f"column '{name}' holds values of type {kind}; expected"):
        read_table(stored(arms(), tmp_path, **{name: values}), NAMES, NEEDED)


def test_a_named_index_is_a_column(tmp_path):
    frame = arms().set_index(["seed", "method"])
    frame.to_parquet(tmp_path / "x.parquet")
    found = read_table(str(tmp_path / "x.parquet"), NAMES, NEEDED).frame
    assert decided(found) == decided(arms())


def test_columns_that_are_numbers_have_names(tmp_path):
    table = pa.Table.from_pandas(arms()).append_column("7", pa.array(np.arange(24)))
    assert "7" in read_table(stored(table, tmp_path), NAMES, NEEDED).frame


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" * 9, b"PAR1" + bytes(400) + b"PAR1"])
def test_what_only_begins_as_parquet(content, tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"x\.parquet: cannot be read as a table"):
        read_table(str(path), NAMES, NEEDED)
