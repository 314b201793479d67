"""A report that is asked for again: only where nothing was touched is Snakemake not asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from afn.command import unchanged

ASKED = ["--study", "config.yaml", "--data", ""]
PAGE = Path("reports/small/index.html")
ROOTS = [Path("config.yaml"), Path("results/small"), Path("reports/small"), Path("absent")]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A finished study, with its state kept."""
    monkeypatch.chdir(tmp_path)
    for name in ("results/small/runs/a/result.json", "results/small/b.csv", str(PAGE)):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("config.yaml").write_text("study: small")
    unchanged.keep(ASKED, ROOTS, unchanged.state(ROOTS), PAGE)
    return tmp_path


def rewritten_with_its_times():
    path = Path("results/small/runs/a/result.json")
    own = path.stat()
    path.write_text(path.read_text().replace("a", "b"))
    os.utime(path, ns=(own.st_atime_ns, own.st_mtime_ns))


def replaced_by_a_copy():
    path = Path("results/small/b.csv")
    shutil.copy2(path, "copy")
    os.replace("copy", path)


CHANGES = {
    "a byte, with its times set back": rewritten_with_its_times,
    "a copy": replaced_by_a_copy,
    "a file more": lambda: Path("results/small/runs/a/more").touch(),
    "a file less": lambda: Path("results/small/b.csv").unlink(),
    "no page": PAGE.unlink,
    "the study file": lambda: Path("config.yaml").write_text("study: small\n"),
    "what was not there": lambda: Path("absent").mkdir(),
    "what was seen, cut off": lambda: unchanged._file(ASKED).write_text('{"page": "x"'),
}


def test_nothing_touched_is_seen(made):
    assert unchanged.page_of(ASKED) == PAGE
    (made / "results/small/runs/a/__pycache__").mkdir()
    assert unchanged.page_of(ASKED) == PAGE


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_differs_is_seen(made, change):
    change()
    assert unchanged.page_of(ASKED) is None


@pytest.mark.parametrize(
    "asked",
    [
        [*ASKED, "--rerun"],
        [*ASKED, "--partial", "x"],
        ["--study", "other.yaml", "--data", ""],
        [*ASKED, "--", "-n"],
        ["-h"],
    ],
)
def test_anything_but_the_same_report_is_snakemakes(made, asked):
    assert unchanged.page_of(asked) is None


def test_another_setting_of_the_environment_is_seen(made, monkeypatch):
    monkeypatch.setenv("AFN_HEAD", "torch")
    assert unchanged.page_of(ASKED) is None
