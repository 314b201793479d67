"""The benchmark of whole steps: what it prints, and that a call which ends early goes on."""

from __future__ import annotations

import json
import re

import pytest
import torch

from afn.training.loop.step import TrainingStep
from benchmarks import gpu, whole_step


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(whole_step, "NETWORKS", ["resnet8"])
    monkeypatch.setattr(whole_step, "NORMS", ["batch", "afn"])
    monkeypatch.setattr(whole_step, "SIZE", 8)
    monkeypatch.setattr(whole_step, "BATCH", 8)


@pytest.mark.seconds
def test_what_is_measured_is_kept_and_gone_on_with(small, tmp_path, monkeypatch, capsys):
    assert not whole_step.run(tmp_path / "made", 2, minutes=0.0, device="cpu")
    assert "the same command goes on" in capsys.readouterr().out
    # The first is measured, whatever the minutes: every call comes further.
    assert [p.name for p in (tmp_path / "made").iterdir()] == ["resnet8-batch.json"]
    assert whole_step.run(tmp_path / "made", 2, minutes=8, device="cpu")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["resnet8", norm, "eager"] for norm in ("batch", "afn")
    ]
    assert all(re.search(r"eager \d+\.\d\d ms, [\d,]+ images/s, x1\.00", line) for line in lines)
    monkeypatch.setattr(whole_step, "measured", None)
    assert whole_step.run(tmp_path / "made", 2, minutes=8, device="cpu")
    assert capsys.readouterr().out.splitlines() == lines


def test_ratios_are_to_eager_in_the_same_round():
    seconds = {"eager": [0.02, 0.04, 0.03], "graph": [0.01, 0.01, 0.03]}
    made = {"backbone": "resnet18", "norm": "afn", "batch": 128, "seconds": seconds}
    assert whole_step.line(json.loads(json.dumps(made))) == (
        "resnet18  afn     eager 30.00 ms, 4,267 images/s, x1.00; "
        "graph 10.00 ms, 12,800 images/s, x0.50"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="gpu: there is one here")
def test_without_a_gpu_it_says_so(capsys):
    assert gpu.main(["--only", "ways"]) == 1
    assert "torch sees no CUDA device here" in capsys.readouterr().out


def test_a_step_that_is_not_recorded_says_so():
    seconds = {"eager": [0.02], "graph": [0.02]}
    made = {"backbone": "resnet8", "norm": "afn", "batch": 128, "seconds": seconds}
    line = whole_step.line(made | {"refused": {"graph": ["steps are not recorded: it waits"]}})
    assert line.endswith("; graph: steps are not recorded: it waits")


@pytest.mark.parametrize("norm", ["batch", "afn"])
def test_what_is_timed_is_the_step_of_a_training(small, norm):
    take = whole_step.step("resnet8", norm, "cpu", recording=False)
    before = [parameter.detach().clone() for parameter in take.model.parameters()]
    take()
    assert type(take.step) is TrainingStep
    pairs = zip(before, take.model.parameters(), strict=True)
    assert not any(torch.equal(one, other) for one, other in pairs)


@pytest.mark.gpu
@pytest.mark.parametrize("norm", ["batch", "afn", "asr"])
@pytest.mark.parametrize("head", ["torch", "triton"])
def test_a_recorded_step_trains_as_an_eager_one(small, norm, head):
    """Two networks in one process; bits are compared when a step is recorded."""
    with whole_step.heads(head):
        eager, replayed = (
            whole_step.step("resnet8", norm, "cuda", recording=recording)
            for recording in (False, True)
        )
        for _ in range(5):
            eager()
            replayed()
    torch.cuda.synchronize()
    assert not replayed.lines
    assert replayed.step.how == "recorded"
    for mine, other in zip(eager.model.parameters(), replayed.model.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)
