"""Training on a GPU: the same bits again and after an interruption, its device leased and named."""

from __future__ import annotations

import pytest
import torch

from afn.training.job.failures import explain
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
