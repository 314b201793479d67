"""SIGKILL at any moment loses nothing: the same command goes on, and every bit is the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workflow.project import TINY, Project

pytestmark = pytest.mark.long
EPOCHS = 48
MOST_KILLS = 9


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, str]:
    project = Project(tmp_path_factory.mktemp("quiet"))
    project.snakemake("results")
    return project.hashes()


def _processes(folder: Path, word: str) -> list[int]:
    """Processes that work in a folder and carry a word in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if (entry / "cwd").resolve() == folder and word in line:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _at_work(project: Project, epochs: int) -> set[int]:
    """The living trainers that are inside an epoch."""
    living = set(_processes(project.folder, "-m afn.training"))
    return living & project.inside_an_epoch(epochs).keys()


def _kill(victim: str, driver: subprocess.Popen, folder: Path) -> None:
    """Kill the victim; the trainers of a dead Snakemake die a moment later by themselves."""
    if victim == "everything":
        os.killpg(driver.pid, signal.SIGKILL)
        return
    word = {"snakemake": "-m snakemake", "trainer": "-m afn.training"}[victim]
    for pid in _processes(folder, word):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.parametrize("victim", ["everything", "snakemake", "trainer"])
def test_a_killed_study_goes_on_and_ends_with_the_same_bits(victim, undisturbed, tmp_path):
    project, hits, kills, driver = Project(tmp_path), 0, 0, None
    moments = random.Random(victim)
    epochs = TINY["base"]["recipe"]["epochs"]
    # A kill may meet an import or a test of two short epochs: aimed until enough have hit.
    while kills < 3 or (hits < 2 and kills < MOST_KILLS):
        # Snakemake starts a killed trainer again by itself; what killed Snakemake needs a new call.
        if driver is None or driver.poll() is not None:
            driver = project.start_driver()
        ended = driver.poll
        _wait_for(lambda ended=ended: _at_work(project, epochs) or ended() is not None, 120)
        time.sleep(moments.uniform(0.0, 0.3))
        trainers = set(_processes(project.folder, "-m afn.training"))
        _kill(victim, driver, project.folder)
        kills += 1
        if victim != "trainer":
            driver.wait(timeout=120)
        _wait_for(
            lambda killed=trainers: not killed & {*_processes(project.folder, "-m afn.training")},
            10,
        )
        # Some trainer died at work, not in an import or a test; between two epochs is at work, too.
        hits += bool(trainers & project.inside_an_epoch(epochs).keys())
    driver.wait(timeout=300)
    assert hits >= 2
    done = project.run(*_driver())
    assert done.stdout.strip().splitlines()[-1] == "reports/tiny/index.html"
    assert (project.folder / "reports/tiny/index.html").is_file()
    assert "Nothing to be done" in project.snakemake("-n").stdout
    assert project.hashes() == undisturbed
    assert not _processes(project.folder, "-m afn.training")
    # A kill costs at most the epochs of the runs in progress: two jobs, a run of two epochs each.
    assert project.epochs_trained() <= EPOCHS + kills * 2 * TINY["base"]["recipe"]["epochs"]


def test_a_living_study_is_not_disturbed_by_a_second_one(tmp_path):
    project = Project(tmp_path)
    driver = project.start_driver()
    try:
        _wait_for(lambda: _processes(project.folder, "-m afn.training"), 60)
        second = project.run(*_driver(), check=False)
        assert second.returncode == 2
        assert "another Snakemake" in second.stderr
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()


def test_trainers_die_with_snakemake(tmp_path):
    project = Project(tmp_path)
    driver = project.start_driver()
    try:
        _wait_for(lambda: _processes(project.folder, "-m afn.training"), 60)
        _kill("snakemake", driver, project.folder)
        _wait_for(lambda: not _processes(project.folder, "-m afn.training"), 10)
    finally:
        driver.wait(timeout=60)


def _driver() -> list[str]:
    import sys

    return [sys.executable, "workflow/run.py"]


def _wait_for(condition, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)
