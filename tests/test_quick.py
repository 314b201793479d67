"""The quick tests are found by what they use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import quick

ROOT = Path(__file__).resolve().parents[1]


class Helper:
    def start(self):
        return [lambda: subprocess.run([], check=True)]


def helping():
    return Helper()


def drawing():
    from analysis.figures.making import make_all

    return make_all


def harmless():
    return sorted([3, 2])


def again():
    return again(), harmless()


@pytest.mark.parametrize("value", [Helper, helping, Helper.start, drawing])
def test_a_costly_helper_is_seen(value):
    assert quick._reaches(value, set())


@pytest.mark.parametrize("value", [harmless, again, None, ROOT, len])
def test_others_are_not(value):
    assert not quick._reaches(value, set())


@pytest.mark.about("tests/quick.py", "docs/testing.md")
def test_what_is_left_out():
    """A long test, one that starts processes, one with a shared fixture; and what stays."""
    names = ("test_about.py", "test_digits8x8.py", "test_quick.py")
    files = [str(file) for name in names for file in (ROOT / "tests").rglob(name)]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--quick"]
    command += ["-o", "addopts=--import-mode=importlib", "--collect-only", "-q", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "test_errors_name_the_files" in done.stdout
    assert "test_others_are_not" in done.stdout
    assert "test_digits8x8.py::" in done.stdout
    for name in ("breaks_no_test", "prints_the_file", "test_sizes_and_types", "test_what_is_left"):
        assert name not in done.stdout


def test_no_module_draws_from_what_differs_each_time():
    """Generators of their own have a seed, too."""
    unseeded = re.compile(r"default_rng\(\)|\bRandom\(\)|SystemRandom|RandomState\(\)")
    for file in sorted((ROOT / "tests").rglob("*.py")):
        if file != Path(__file__):
            found = unseeded.findall(file.read_text(encoding="utf-8"))
            assert not found, f"{file.relative_to(ROOT)}: {found}"


def test_of_many_cases_a_few_run_evenly_spread():
    class Case:
        def __init__(self, originalname: str, number: int):
            self.path, self.cls, self.originalname = ROOT, None, originalname
            self.name = f"{originalname}[{number}]"

    items = [Case("test_many", number) for number in range(101)]
    items += [Case("test_two", number) for number in range(2)] + [Case("test_one", 0)]
    kept = [item.name for item in quick.spread(items)]
    assert kept[:2] == ["test_many[0]", "test_many[100]"]
    assert kept[2:] == ["test_two[0]", "test_two[1]", "test_one[0]"]
