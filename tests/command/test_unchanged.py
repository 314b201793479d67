"""A report that is asked for again: only where nothing was touched is Snakemake not asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from afn.command import driver, unchanged
from tests.workflow.project import TINY

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


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the driver on a study that Snakemake finishes at once; ``during`` happens meanwhile."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").touch()
    page = tmp_path / "reports/tiny/index.html"
    page.parent.mkdir(parents=True)
    page.touch()
    Path("config.yaml").write_text(yaml.safe_dump(TINY))
    # Which files are whole is not the matter here.
    monkeypatch.setattr(driver, "lacking", lambda study: [])
    monkeypatch.setattr(driver, "made_findings", lambda study: [])

    def once(during=lambda: None) -> Path | None:
        def snakemake(*_):
            during()
            return 0, tmp_path / "log"

        monkeypatch.setattr(driver, "run_snakemake", snakemake)
        assert driver.main(ASKED) == 0
        return unchanged.page_of(ASKED)

    return once


def edit_study():
    Path("config.yaml").write_text(yaml.safe_dump({**TINY, "seeds": 9}))


def edit_rules():
    Path("workflow").mkdir()
    Path("workflow/mine.smk").touch()


def test_the_driver_notes_what_it_has_seen(run):
    assert run() == Path("reports/tiny/index.html")


@pytest.mark.parametrize("edit", [edit_study, edit_rules])
def test_what_was_edited_while_a_study_ran_is_asked_for_again(run, edit):
    """The report is of the file as it was when the study began: nobody says it is of this one."""
    assert run(during=edit) is None
    assert run() == Path("reports/tiny/index.html")


def test_a_folder_that_cannot_be_read_is_snakemakes(run, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as closing:
        closing.setattr(os, "listdir", closed)
        assert run() is None
    assert run() == Path("reports/tiny/index.html")
