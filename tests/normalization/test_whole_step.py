"""The benchmark of whole steps: what it prints, and that a call which ends early goes on."""

from __future__ import annotations

import json
import re

import pytest
import torch

from afn.training.loop.step import TrainingStep
from benchmarks import gpu, several, whole_step


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


def test_the_share_of_the_limit_counts_the_operations_of_a_step(small):
    """ResNet-8 on one channel more than digits: convolutions and the last layer, three times."""
    model = whole_step.network("resnet8", "batch", "cpu")
    shapes, hooks = [], []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            hooks.append(layer.register_forward_hook(lambda m, _, y: shapes.append((m, y.shape))))
    model(torch.zeros(8, 3, 8, 8))
    for hook in hooks:
        hook.remove()
    expected = sum(2 * shape.numel() * layer.weight[0].numel() for layer, shape in shapes)
    assert whole_step.operations(model, "cpu") == 3 * expected
    found = {"work": 4e9, "limit": 1e12}
    assert whole_step.share(found, 0.02) == ", 20.0 % of the limit"
    assert whole_step.share({}, 0.02) == ""


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


@pytest.fixture
def two(small, monkeypatch):
    monkeypatch.setattr(several, "NETWORKS", ["resnet8"])
    monkeypatch.setattr(several, "COUNTS", [1, 2])
    monkeypatch.setattr(several, "STEPS", 2)


@pytest.mark.seconds
def test_several_networks_take_turns_and_are_gone_on_with(two, tmp_path, capsys):
    assert not several.run(tmp_path, 2, minutes=0.0, device="cpu")
    assert several.run(tmp_path, 2, minutes=8, device="cpu")
    lines = capsys.readouterr().out.splitlines()[-2:]
    for norm, line in zip(("batch", "afn"), lines, strict=True):
        assert line.split()[:2] == ["resnet8", norm]
        assert re.search(r"1 eager [\d,]+ images/s \(x1\.00\); 2 eager [\d,]+ images/s \(x", line)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"several-resnet8-{norm}.json" for norm in ("afn", "batch")
    ]


def test_each_of_several_networks_takes_its_own_steps(two):
    """Two networks that take turns end where two that were trained one after the other do."""
    together = several.Trainings("resnet8", "afn", "cpu", 2, recording=False)
    together.round(2)
    alone = whole_step.step("resnet8", "afn", "cpu", recording=False)
    for _ in range(several.STEPS):
        alone()
    for take in together.takes:
        pairs = zip(take.model.parameters(), alone.model.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def test_an_error_of_one_of_several_networks_is_raised(two):
    together = several.Trainings("resnet8", "batch", "cpu", 2, recording=False)
    together.takes[1] = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        together.round(2)


@pytest.mark.gpu
@pytest.mark.parametrize("recording", [False, True])
def test_several_networks_on_a_device(two, recording):
    together = several.Trainings("resnet8", "afn", "cuda", 2, recording)
    for _ in range(3):
        together.round(2)
    assert not together.lines
    assert all(take.step.how == ("recorded" if recording else "eager") for take in together.takes)


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
