"""docs/statistics.md says what the code does: its example runs, its table is the benchmark's."""

from __future__ import annotations

import contextlib
import io
import re
import shlex

import pytest

from analysis.__main__ import main
from benchmarks import calibration
from tests.analysis.conftest import ROOT

pytestmark = pytest.mark.about("docs/statistics.md")
TEXT = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def example():
    names: dict = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(blocks("python")[0], names)
    return names, printed.getvalue()


def test_the_example_prints_what_the_page_says(example):
    numbers = r"-?\d+\.\d+(e-\d+)?"
    shown, found = blocks("text")[0], example[1]
    assert re.sub(numbers, "#", found) == re.sub(numbers, "#", shown)
    for told, printed in zip(re.finditer(numbers, shown), re.finditer(numbers, found), strict=True):
        assert float(printed[0]) == pytest.approx(float(told[0]), rel=1e-6)


def test_the_command_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example[0]["frame"].to_csv("scores.csv", index=False)
    program, *words = shlex.split(blocks("bash")[0].removeprefix("python -m "))
    assert program == "analysis"
    assert main(words) == 0
    told = (tmp_path / "out" / "summary.txt").read_text()
    assert example[0]["pooled"].sentence() in told
    for name in re.findall(r"`(\w+\.(?:json|csv|html))`", TEXT.partition("| option")[0]):
        assert (tmp_path / "out" / name).is_file() or name == "scores.csv", name


def test_every_option_is_real(capsys):
    with pytest.raises(SystemExit):
        main(["scores.csv", "--help"])
    known = capsys.readouterr().out
    for option in set(re.findall(r"--[a-z][a-z-]+", TEXT)):
        assert option in known, option


def test_every_module_that_is_named_exists():
    import pkgutil

    for name in set(re.findall(r"`(analysis(?:\.\w+)+)`", TEXT)):
        pkgutil.resolve_name(name)


def printed(place: int) -> list[tuple[str, str, float, float, str]]:
    """The rows of a table of the benchmark: what, design, share, error, expected."""
    first, *lines = blocks("text")[place].splitlines()
    assert int(re.match(r"(\d+) repetitions", first)[1]) >= 20_000
    rows = []
    for line in lines:
        found = re.fullmatch(r"(.+?)  +(.+?) +(\d\.\d+) \+- (\d\.\d+)  expected (.+)", line) or (
            re.fullmatch(r"(.+?\)) (.+?) +(\d\.\d+) \+- (\d\.\d+)  expected (.+)", line)
        )
        assert found, line
        rows.append((found[1], found[2], float(found[3]), float(found[4]), found[5]))
    return rows


@pytest.mark.parametrize(
    ("table", "place", "repetitions"), [("rules", 1, 1000), ("targets", 2, 80)]
)
def test_the_tables_are_the_benchmarks(table, place, repetitions):
    """The same rows in the same order, every share within five errors of a smaller run."""
    told = printed(place)
    rows = list(calibration.rows(repetitions, seed=3, table=table))
    assert len(rows) == len(told)
    for row, (what, design, share, error, expected) in zip(rows, told, strict=True):
        assert (what, design, expected) == (row.what, row.design, row.expected)
        assert abs(share - row.share) < 5 * (row.share_error(share) + error), what


def test_what_was_printed_is_what_is_expected():
    """Every bound of the table about targets holds in what the page shows."""
    checked = 0
    for what, design, share, error, expected in printed(2):
        bounds = [float(x) for x in re.findall(r"(?<!\d)\.\d+", expected)]
        if expected.startswith(">="):
            bounds.append(1.0)
        elif expected.startswith("<="):
            bounds.insert(0, 0.0)
        if bounds:
            low, high = bounds
            assert low - 2 * error <= share <= high + 2 * error, (what, design, share)
            checked += 1
        elif expected == "too low":
            assert share < 0.9, (what, design, share)
    assert checked >= 40
