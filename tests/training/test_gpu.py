"""Training on a GPU: the same bits again and after an interruption, its device leased and named."""

from __future__ import annotations

import gc

import pytest
import torch

from afn.training.job.failures import explain
from benchmarks import whole_step
from tests.training.conftest import make_spec

pytestmark = pytest.mark.gpu
RECIPES = [
    {"norm": "afn"},
    {"norm": "afn", "amp": True},
    {"norm": "asr"},
    {"norm": "batch", "augmentation": "crop_flip"},
    {"norm": "batch_instance", "name": "rsc"},
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_the_same_bits_twice_and_after_an_interruption(lab, other_lab, recipe):
    spec = make_spec(**{"epochs": 3, "deterministic": True, **recipe})
    first = lab.start(spec, device="cuda")
    assert first.wait() == 0, first.stderr.read()
    assert lab.result()["device"] == "cuda"
    stopped = other_lab.start(spec, device="cuda", checkpoint_seconds=0, time_limit=0.001)
    assert stopped.wait() == 75, stopped.stderr.read()
    again = other_lab.start(spec, device="cuda", checkpoint_seconds=0)
    assert again.wait() == 0, again.stderr.read()
    assert other_lab.bits() == lab.bits()
    assert any(event == "resume" for _, event, _ in other_lab.events())
    versions = lab.result()["versions"]
    assert torch.cuda.get_device_name() == versions["processor"]
    assert versions["head"] == "torch"


def test_a_gpu_learns_what_a_cpu_learns(lab, other_lab):
    spec = make_spec(norm="afn", epochs=6)
    accuracies = []
    for place, device in ((lab, "cuda"), (other_lab, "cpu")):
        process = place.start(spec, device=device)
        assert process.wait() == 0, process.stderr.read()
        rows = [r for r in place.result()["evaluations"] if r["condition"] == "clean"]
        accuracies.append([r["accuracy"] for r in rows])
    for mine, wanted in zip(*accuracies, strict=True):
        assert abs(mine - wanted) < 0.03


@pytest.mark.parametrize("norm", ["batch", "afn"])
def test_seeds_at_a_time_have_the_bits_of_seeds_in_turn(lab, other_lab, norm):
    spec = make_spec(norm=norm, epochs=4, augmentation="shift")
    for place, at_once in ((lab, 4), (other_lab, 1)):
        process = place.start(spec, (0, 1, 2, 3), device="cuda", at_once=at_once)
        assert process.wait() == 0, process.stderr.read()
    assert [lab.bits(seed) for seed in range(4)] == [other_lab.bits(seed) for seed in range(4)]


RECORDED = [
    {"norm": "batch", "augmentation": "crop_flip", "optimizer": "sgd", "clip_norm": 1.0},
    {"norm": "afn", "amp": True},
    {"norm": "afn_released", "augmentation": "shift"},  # draws dropout masks on the device
    {"norm": "asr", "optimizer": "adamw", "backbone": "resnet8"},
    {"norm": "batch_instance"},
]


def trained(place, spec, seeds=(0,), code=0, **changed) -> None:
    process = place.start(spec, seeds, device="cuda", **changed)
    errors = process.communicate()[1]
    assert process.returncode == code, errors


@pytest.mark.parametrize("recipe", RECORDED, ids=str)
def test_recorded_steps_have_the_bits_of_eager_ones(lab, other_lab, monkeypatch, recipe):
    # A rate that single precision holds: it is the same number on the device and on the host.
    spec = make_spec(**{"epochs": 3, "schedule": "constant", "lr": 2.0**-9, **recipe})
    trained(other_lab, spec)
    monkeypatch.setenv("AFN_CUDA_GRAPHS", "1")
    trained(lab, spec)
    assert lab.result()["versions"]["step"] == "recorded"
    assert "step" not in other_lab.result()["versions"]
    assert lab.result()["files"] == other_lab.result()["files"]
    assert lab.result()["evaluations"] == other_lab.result()["evaluations"]


@pytest.mark.parametrize("recipe", RECORDED[1:3], ids=str)
def test_recorded_steps_go_on_after_an_interruption(lab, other_lab, monkeypatch, recipe):
    monkeypatch.setenv("AFN_CUDA_GRAPHS", "1")
    spec = make_spec(epochs=3, **recipe)
    trained(lab, spec)
    trained(other_lab, spec, code=75, checkpoint_seconds=0, time_limit=0.001)
    trained(other_lab, spec, checkpoint_seconds=0)
    assert lab.result()["versions"]["step"] == "recorded"
    assert other_lab.bits() == lab.bits()


@pytest.mark.parametrize("norm", ["afn", "afn_released"])
def test_recorded_seeds_at_a_time_have_the_bits_of_seeds_in_turn(lab, other_lab, monkeypatch, norm):
    monkeypatch.setenv("AFN_CUDA_GRAPHS", "1")
    spec = make_spec(norm=norm, epochs=4, augmentation="shift")
    for place, at_once in ((lab, 4), (other_lab, 1)):
        trained(place, spec, (0, 1, 2, 3), at_once=at_once)
    assert lab.result()["versions"]["step"] == "recorded"
    assert [lab.bits(seed) for seed in range(4)] == [other_lab.bits(seed) for seed in range(4)]


def test_networks_are_made_recorded_and_freed_in_one_process():
    def weights() -> list[torch.Tensor]:
        take = whole_step.step("resnet8", "afn", "cuda", recording=True)
        for _ in range(10):
            take()
        assert not take.lines
        return [parameter.detach().clone() for parameter in take.model.parameters()]

    first, *others = [weights() for _ in range(4)]
    gc.collect()
    torch.cuda.empty_cache()
    for other in [*others, weights()]:
        for mine, wanted in zip(other, first, strict=True):
            torch.testing.assert_close(mine, wanted, rtol=1e-3, atol=1e-4)


def test_a_layer_that_waits_for_the_device_is_taken_eagerly(monkeypatch):
    build, waits = whole_step.network, torch.nn.BatchNorm2d

    class Waiting(waits):
        def forward(self, x):
            return super().forward(x) if x.detach().abs().max().item() >= 0 else x

    def network(*given):
        model = build(*given)
        for module in model.modules():
            if isinstance(module, waits):
                module.__class__ = Waiting
        return model

    monkeypatch.setattr(whole_step, "network", network)
    take = whole_step.step("resnet8", "batch", "cuda", recording=True)
    take()
    assert take.lines == ["steps are not recorded: it looks at a value on the device"]
    assert take.step.how == "eager"
    monkeypatch.undo()
    other = whole_step.step("resnet8", "afn_released", "cuda", recording=True)
    other()  # and the process goes on recording
    assert not other.lines


def test_a_leased_device_is_the_one_that_is_used(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("AFN_DEVICES", "0")
    monkeypatch.setenv("AFN_DEVICE_LEASES", str(tmp_path / "leases"))
    process = lab.start(make_spec(epochs=1))
    assert process.wait() == 0, process.stderr.read()
    assert lab.result()["device"] == "cuda"


def test_too_little_memory_of_the_device_is_explained():
    with pytest.raises(torch.cuda.OutOfMemoryError) as caught:
        torch.empty(2**50, dtype=torch.uint8, device="cuda")
    assert "the memory does not suffice" in explain(caught.value, [])
