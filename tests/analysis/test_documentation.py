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
    # Those of the benchmarks, which the page quotes as whole commands, are not this command's.
    own = re.sub(r"`python -m benchmarks[^`]*`", "", TEXT)
    for option in set(re.findall(r"--[a-z][a-z-]+", own)):
        assert option in known, option


def test_every_module_that_is_named_exists():
    import pkgutil

    for name in set(re.findall(r"`(analysis(?:\.\w+)+)`", TEXT)):
        pkgutil.resolve_name(name)


@pytest.mark.seconds
def test_the_table_is_the_benchmarks():
    """The same rows in the same order, every share within five errors of a smaller run."""
    first, *lines = blocks("text")[1].splitlines()
    assert int(re.match(r"(\d+) repetitions", first)[1]) >= 20_000
    rows = list(calibration.rows(1000, seed=3))
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        found = re.fullmatch(r"(.+?)  +(.+?) +(\d\.\d+) \+- (\d\.\d+)  expected (.+)", line) or (
            re.fullmatch(r"(.+?\)) (.+?) +(\d\.\d+) \+- (\d\.\d+)  expected (.+)", line)
        )
        assert found, line
        assert (found[1], found[2], found[5]) == (row.what, row.design, row.expected)
        room = 5 * (row.share_error(float(found[3])) + float(found[4]))
        assert abs(float(found[3]) - row.share) < room, line
