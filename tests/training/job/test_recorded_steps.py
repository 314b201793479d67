"""Jobs whose steps are recorded, with a recorder that needs no GPU: results say it, nothing is lost
when they are stopped, and seeds that share a process have recorders of their own."""

from __future__ import annotations

import time

import pytest

from afn.normalization.kernels import native
from afn.training.job import cell, interruption, together
from afn.training.job.interruption import Interrupted, Interruption
from afn.training.job.job import Job
from afn.training.job.together import run_together
from tests.training.conftest import RUNNING, make_spec
from tests.training.loop.tape import TapeRecorder

SPEC = make_spec(norm="afn", epochs=2, protocols=RUNNING, augmentation="shift", batch_size=256)


@pytest.fixture
def recorders(monkeypatch) -> list[TapeRecorder]:
    """Jobs record their steps; the recorders that were made."""
    made: list[TapeRecorder] = []

    def recorder_on(device, say):
        made.append(TapeRecorder())
        return made[-1]

    monkeypatch.setattr(native, "HEAD", "torch")
    for module in (cell, together):
        monkeypatch.setattr(module, "recorder_on", recorder_on)
    return made


def test_a_result_says_how_its_steps_were_taken(lab, recorders):
    result = lab.run(SPEC, seeds=(0, 1))
    assert result["versions"]["step"] == lab.result(1)["versions"]["step"] == "recorded"
    (recorder,) = recorders
    assert len(recorder.tapes) == 2
    assert recorder.lines == ["a batch of 53 images is not recorded, those of 256 are"]
    eager = lab.run({**SPEC, "recipe": {**make_spec(name="rsc", epochs=1)["recipe"]}})
    assert eager["versions"]["step"] == "eager"


def test_without_a_recorder_nothing_is_said(lab):
    assert "step" not in lab.run(SPEC)["versions"]


def test_stopped_within_an_epoch_and_continued(lab, other_lab, recorders, monkeypatch):
    monkeypatch.setattr(interruption, "LONG_EPOCH_SECONDS", 0.0)
    for _ in range(3):
        with pytest.raises(Interrupted, match="is saved in epoch 1"):
            lab.run(SPEC, interruption=Interruption(time.time() - 100))
    lab.run(SPEC)
    other_lab.run(SPEC)
    assert lab.bits() == other_lab.bits()
    assert lab.epochs() == 2


def test_a_checkpoint_of_eager_steps_is_not_continued_by_recorded_ones(lab, request, monkeypatch):
    with pytest.raises(Interrupted):
        lab.run(SPEC, interruption=Interruption(time.time() - 100))
    request.getfixturevalue("recorders")
    lab.run(SPEC)
    assert [event for _, event, _ in lab.events()].count("start") == 2


def test_seeds_at_a_time_have_recorders_of_their_own(lab, other_lab, recorders):
    run_together(Job(**lab.settings(SPEC, (0, 1))), 2)
    assert [len(recorder.tapes) for recorder in recorders] == [0, 1, 1]
    other_lab.run(SPEC, (0, 1))
    assert [lab.bits(seed) for seed in (0, 1)] == [other_lab.bits(seed) for seed in (0, 1)]
    assert lab.result()["versions"]["step"] == "recorded"
