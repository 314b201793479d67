"""The time that is left, where the epochs of a study's cells take different times."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from afn.study.plan.machines import BUILT_IN, PROCESSOR, Machine
from afn.study.state import eta
from afn.study.state.eta import EpochSeconds, known_machine
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
    # Two epochs of ten seconds in ten seconds since the first: two jobs' worth at a time.
    left = progress.time_left([others[0], done], [])
    assert left == pytest.approx((2 * 10 + 2 * 1) / 2)
    assert ", ETA " in progress.line()
    # By a count of epochs it would have been twice the time of two epochs.
    assert left != pytest.approx(4 / progress.rate())


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
