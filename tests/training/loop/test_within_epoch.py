"""Jobs that are stopped or killed inside an epoch: nothing is lost, and the bits are the same."""

from __future__ import annotations

import signal
import time

import pytest

from afn.training.job import checkpoint, interruption
from afn.training.job.interruption import Interrupted, Interruption, Pace
from tests.training.conftest import RUNNING, make_spec
from tests.training.job.test_faults import LONG, checkpoints, wait_until
from tests.training.job.test_stopping import SPECS

SHORT = make_spec(epochs=2, protocols=RUNNING, augmentation="shift")
HOURS = make_spec(epochs=1, protocols=RUNNING, augmentation="shift", batch_size=2)
"""539 steps in its only epoch: more than a second."""


def position(lab) -> int:
    """How many images of its epoch a run had seen when it was saved."""
    files = {path.name: path for path in checkpoints(lab)}
    # A process that was killed while it saved may have left the one before only.
    newest = files.get(checkpoint.CURRENT) or files[checkpoint.PREVIOUS]
    return checkpoint.read(newest)["state"]["under_way"]["position"]


def same_as_undisturbed(lab, other_lab, spec) -> None:
    lab.run(spec)
    other_lab.run(spec)
    assert lab.bits() == other_lab.bits()
    assert lab.epochs() == other_lab.epochs()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_long_epoch_that_is_ended_by_others(lab, other_lab, how):
    often = {} if how == signal.SIGTERM else {"within_epoch_seconds": 0, "checkpoint_seconds": 0}
    process = lab.start(HOURS, **often)
    if often:
        wait_until(lambda: len(checkpoints(lab)) == 2)
    else:
        wait_until(lambda: lab.events())
        time.sleep(0.2)
    process.send_signal(how)
    errors = process.communicate(timeout=60)[1]
    if how == signal.SIGTERM:
        assert process.returncode == 75, errors
        assert "is saved in epoch 1" in errors
    assert lab.epochs() == 0, "the end came too late to test anything"
    assert position(lab) > 0
    same_as_undisturbed(lab, other_lab, HOURS)
    assert ("seed0", "resume", 0) in lab.events()


def test_each_call_of_a_job_without_time_comes_further(lab, other_lab, monkeypatch):
    monkeypatch.setattr(interruption, "LONG_EPOCH_SECONDS", 0.0)
    seen = []
    for _ in range(3):
        with pytest.raises(Interrupted, match="is saved in epoch 1"):
            lab.run(SHORT, interruption=Interruption(time.time() - 100))
        seen.append(position(lab))
    assert seen == [64, 128, 192]
    same_as_undisturbed(lab, other_lab, SHORT)


class After(Interruption):
    """Asks a job to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def reason_within_epoch(self, pace) -> str:
        self.left -= 1
        return "" if self.left else "enough"


@pytest.mark.parametrize("name", SPECS)
def test_interrupted_in_the_epoch_before_an_intended_stop(lab, other_lab, name):
    spec = make_spec(epochs=3, protocols=RUNNING, **SPECS[name])
    with pytest.raises(Interrupted, match=r"enough; .* is saved in epoch 2"):
        lab.run(spec, until=2, interruption=After(17 + 5))
    assert position(lab) == 5 * 64
    result = lab.run(spec, until=2)
    assert (result["status"], result["epochs"]) == ("stopped", 2)
    lab.run(spec)
    assert [epoch for _, event, epoch in lab.events() if event == "resume"] == [1, 2]
    other_lab.run(spec)
    assert lab.bits() == other_lab.bits()
    assert lab.epochs() == other_lab.epochs() == 3


def test_a_short_epoch_is_not_cut_by_the_end_of_the_time(lab):
    with pytest.raises(Interrupted, match="is saved after epoch 1"):
        lab.run(SHORT, interruption=Interruption(time.time() - 100))
    assert lab.epochs() == 1


def test_a_long_epoch_is_begun_though_it_does_not_fit(monkeypatch):
    pace = Pace()
    pace.epoch, pace.checkpoint = 3600.0, 1.0
    stop = Interruption(time.time() + 60)
    assert stop.reason(pace.round) == ""
    assert stop.reason_within_epoch(pace) == ""
    later = time.monotonic() + 58
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert "the job's time ends in" in stop.reason_within_epoch(pace)


def test_checkpoints_inside_an_epoch_keep_their_distance(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(checkpoint, "save", lambda *given: None)

    class Training:
        epoch, reason = 1, ""

        class recipe:
            epochs = 9

        def state_dict(self):
            return {}

    def saved(within: float, every: float = 10.0) -> list[int]:
        clock[0] = 0.0
        saver = checkpoint.Saver(tmp_path, {}, every, within)
        found = []
        for second in range(1, 700):
            clock[0] = float(second)
            if saver.within_epoch(Training()):
                found.append(second)
        return found

    assert saved(300.0) == [300, 600]
    assert saved(1.0)[:3] == [10, 20, 30]
    # One at the end of an epoch counts for both.
    clock[0] = 0.0
    saver = checkpoint.Saver(tmp_path, {}, 10.0, 300.0)
    clock[0] = 299.0
    assert saver.after_epoch(Training())
    clock[0] = 301.0
    assert not saver.within_epoch(Training())


@pytest.mark.parametrize("layout", [None, 1, 3])
def test_a_checkpoint_of_another_layout_is_refused(lab, layout, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(interruption, "LONG_EPOCH_SECONDS", 0.0)
        patch.setattr(checkpoint, "LAYOUT", layout)
        with pytest.raises(Interrupted):
            lab.run(SHORT, interruption=Interruption(time.time() - 100))
    lab.run(SHORT)
    assert [event for _, event, _ in lab.events()].count("start") == 2
    assert lab.epochs() == 2


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_is_set_changes_nothing(lab, other_lab, jump, monkeypatch):
    """Between the epochs of a job, between its calls; and files from the future."""
    true, shift = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: true() + shift[0])
    stop = Interruption(time.time() + 3600)
    before = stop.end
    step = Interruption.reason_within_epoch

    def jumping(self, pace):
        shift[0] = jump
        return step(self, pace)

    monkeypatch.setattr(Interruption, "reason_within_epoch", jumping)
    lab.run(SHORT, interruption=stop)
    assert stop.end == before
    assert lab.epochs() == 2
    # A second job finds what the first one left, whatever either takes for the time.
    shift[0] = -jump
    lab.output().unlink()
    lab.run(SHORT)
    assert lab.epochs() == 2
    shift[0] = 0.0
    other_lab.run(SHORT)
    assert lab.bits() == other_lab.bits()


def test_the_lease_and_the_checkpoints_have_no_time(lab, monkeypatch):
    import os

    monkeypatch.setattr(interruption, "LONG_EPOCH_SECONDS", 0.0)
    with pytest.raises(Interrupted):
        lab.run(SHORT, interruption=Interruption(time.time() - 100))
    for k, file in enumerate((lab.folder / "store").rglob("*")):
        os.utime(file, (time.time() + (-1) ** k * 10**6,) * 2)
    lab.run(SHORT)
    assert ("seed0", "resume", 0) in lab.events()
    assert lab.epochs() == 2


def test_the_killed_one_is_named_in_the_log_of_the_next(lab, capsys):
    process = lab.start(LONG, checkpoint_seconds=0)
    wait_until(lambda: lab.epochs() >= 1)
    process.kill()
    process.communicate()
    lab.run({**LONG, "recipe": {**LONG["recipe"], "epochs": 1}})
    log = capsys.readouterr().err
    assert f"process {process.pid} on" in log
    assert "was killed" in log
    lab.run(LONG | {"recipe": {**LONG["recipe"], "epochs": 1}})
    assert "killed" not in capsys.readouterr().err
