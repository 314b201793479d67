"""The time that is left, where the epochs of a study's cells take different times."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from afn.study.plan.machines import BUILT_IN, PROCESSOR, Machine
from afn.study.state import eta
from afn.study.state.eta import EpochPace, EpochSeconds, known_machine
from afn.study.state.progress import Progress
from tests.study.state.test_progress import _write_events, _write_result, study  # noqa: F401

NORMS = ("afn", "batch", "layer")


def cell_of(study, norm: str):  # noqa: F811
    return next(c for c in study.cells() if c.norm == norm)


def test_an_estimate_is_corrected_by_what_has_finished(study):  # noqa: F811
    times = EpochSeconds(study.cells(), BUILT_IN)
    afn, batch, layer = (cell_of(study, norm).path for norm in NORMS)
    before = times.of(afn), times.of(batch), times.of(layer)
    assert before[0] > before[1] == before[2]
    for seconds in (8.0, 9.0, 100.0):
        times.finished(batch, {"train_seconds": seconds, "epochs": 2})
    times.finished(batch, {"train_seconds": None, "epochs": 2})
    assert times.of(batch) == 4.5
    # A cell of which nothing has finished is as far off as the others are.
    assert times.of(afn) / before[0] == pytest.approx(4.5 / before[1])
    times.finished(afn, {"train_seconds": 3.0, "epochs": 2})
    assert times.of(afn) == 1.5


def test_epochs_count_by_what_they_take(study, monkeypatch):  # noqa: F811
    """BatchNorm took a second an epoch, AFN takes ten and is being trained."""
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    runs = [r for r in study.runs() if r.cell.norm in ("afn", "batch")]
    progress = Progress(study, runs)
    done = next(r for r in runs if r.cell.norm == "batch")
    one, *others = (r for r in runs if r.cell.norm == "afn")
    progress._times.finished(done.cell.path, {"train_seconds": 2.0, "epochs": 2})
    progress._times.finished(one.cell.path, {"train_seconds": 20.0, "epochs": 2})
    progress.states()
    for epoch in (1, 2):
        now[0] += 10
        event = {"run": one.path, "event": "epoch", "epoch": epoch, "time": time.time()}
        _write_events(progress, event)
        progress.states()
    # An epoch of ten seconds in ten seconds since the first: one job's worth at a time.
    left = progress.time_left([others[0], done], [])
    assert left == pytest.approx(2 * 10 + 2 * 1)
    assert ", ETA " in progress.line()
    # By a count of epochs it would have been the time of four epochs of AFN.
    assert 4 / progress.rate() == pytest.approx(40)


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("took", [0.2, 20.0, 600.0])
def test_the_pace_is_that_of_the_jobs_whenever_it_is_asked_for(took, jobs):
    """Jobs that train without a pause, beside each other: so many epochs' worth at a time."""
    pace = EpochPace()
    for job in range(jobs):
        pace.begun(f"run{job}", 0.0)
    for epoch in range(1, 31):
        for job in range(jobs):
            pace.ended(f"run{job}", epoch * took)
        for later in (0.0, 0.5, 0.9):
            recent, seconds = pace.recent((epoch + later) * took, 0.0)
            done = sum(part * took for _, part in recent)
            if epoch * took >= 1:  # what is shorter than a second is not timed
                assert done / seconds == pytest.approx(jobs, rel=0.01), (epoch, later)
    # They stand still: what was done counts for less and less, then for nothing.
    slower, seconds = pace.recent((30 + 1.5) * took, 0.0)
    assert not slower or sum(p * took for _, p in slower) / seconds <= jobs
    assert pace.recent(30 * took + max(60, 2 * took) + 1, 0.0) == ([], 1.0)


def test_an_epoch_of_which_no_beginning_is_known_is_not_timed():
    pace = EpochPace()
    pace.ended("run", 1000.0)
    assert pace.recent(1000.0, 0.0) == ([], 1.0)
    pace.ended("run", 1010.0)
    assert pace.recent(1010.0, 0.0) == ([("run", 1.0)], 10.0)
    assert pace.recent(1010.0, 1020.0) == ([], 1.0)


def test_epochs_of_minutes_have_a_time_left(study, monkeypatch):  # noqa: F811
    """One epoch of ten minutes has ended just now, 47 others of this one job are left."""
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(EpochSeconds, "of", lambda self, cell: 600.0)
    runs = list(study.runs())[:24]
    progress = Progress(study, runs)
    progress.states()
    for event, epoch in (("start", 0), ("epoch", 1)):
        now[0] += 600.0 * epoch
        line = {"run": runs[0].path, "event": event, "epoch": epoch, "time": time.time()}
        _write_events(progress, line)
        progress.states()
    left = progress.time_left(runs, [])
    assert left == pytest.approx(600 * (24 * 2 - 1))
    now[0] += 300.0  # in the middle of the next
    assert progress.time_left(runs, []) == pytest.approx(left)
    assert "0.1 epochs/min, ETA 7:50:00" in progress.line()


@pytest.mark.parametrize(("driver", "likely"), [("absent", PROCESSOR), (".", BUILT_IN)])
def test_the_one_machine_that_was_measured_is_taken(study, tmp_path, monkeypatch, driver, likely):  # noqa: F811
    monkeypatch.setattr(eta, "DRIVERS", (Path(driver),))
    assert known_machine() is likely
    folder = tmp_path / "data/machines"
    folder.mkdir(parents=True)
    mine = Machine("mine", 1.0, 1.0, 1.0)
    (folder / "mine.json").write_text(mine.text())
    assert known_machine() == mine
    (folder / "other.json").write_text(Machine("other", 2.0, 1.0, 1.0).text())
    assert known_machine() is likely
    (folder / "other.json").write_text("{")
    assert known_machine() is likely


def test_results_correct_the_progress(study):  # noqa: F811
    runs = list(study.runs())
    progress = Progress(study, runs)
    before = progress._times.of(runs[0].cell.path)
    _write_result(progress, runs[0])
    progress.states()
    assert progress._times.of(runs[0].cell.path) != before
