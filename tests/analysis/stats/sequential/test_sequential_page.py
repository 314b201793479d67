"""docs/sequential.md shows what the benchmark prints."""

from __future__ import annotations

import re

import pytest

from benchmarks.sequential.__main__ import rows
from tests.analysis.conftest import ROOT

pytestmark = pytest.mark.about("docs/sequential.md")

TEXT = (ROOT / "docs" / "sequential.md").read_text(encoding="utf-8")
LINE = re.compile(r"(.{62}) (.{34}) (-?\d+\.\d+) \+- (\d+\.\d+) *expected (.*)")


def shown() -> dict[tuple[str, str], tuple[float, float, str]]:
    found = {}
    for table in re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL):
        head, *lines = table.splitlines()
        studies = re.match(r"(\d+) studies a row, 2000000 paths", head)
        if not studies:  # what a plan prints, or two ways of running a study
            continue
        assert int(studies[1]) >= 50_000
        for line in lines:
            what, design, value, error, expected = LINE.fullmatch(line).groups()
            found[what.strip(), design.strip()] = float(value), float(error), expected
    return found


def test_the_table_is_the_benchmarks():
    """The same rows, every number within five errors of a smaller run."""
    table, checked = shown(), 0
    for part in ("type_one", "power", "coverage", "equivalence", "naive"):
        for row in rows(2000, 0, seed=3, only=part):
            value, error, expected = table[row.what, row.design]
            assert expected == row.expected
            assert abs(value - row.value) < 5 * (error + row.error), row
            checked += 1
    assert checked > 45


def test_what_is_promised_was_measured():
    """Every row with a bound, in the table itself: at most three standard errors beyond it."""
    bounded = 0
    for (what, _), (value, error, expected) in shown().items():
        told = re.match(r"<=? (\d*\.\d+)", expected)
        if told and "not offered" not in what:
            bounded += 1
            assert value <= float(told[1]) + 3 * max(error, 1e-4), what
    assert bounded > 25


def test_constants_are_those_of_the_exact_table():
    rows_of_constants = [x for (what, _), x in shown().items() if what == "constant c"]
    assert len(rows_of_constants) == 8
    for value, error, expected in rows_of_constants:
        exact, published = (float(x) for x in re.findall(r"\d\.\d+", expected))
        assert abs(value - exact) < 4 * error
        assert abs(exact - published) < 0.02
