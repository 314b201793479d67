"""Testing under any protocol: groups, ragged rests, and what it must not change."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from afn.normalization import (
    REGISTRY,
    convert,
    create,
    factory,
    set_test_statistics,
)
from afn.normalization import test_statistics_of as statistics_of

DEPENDENT = [name for name in REGISTRY if statistics_of(name)]


def network(name, **options):
    torch.manual_seed(0)
    norm = factory(name, **options)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), norm(16), nn.ReLU(), nn.Conv2d(16, 8, 3), norm(8)
    )


def batch(n=12, seed=0):
    return torch.randn(n, 3, 6, 6, generator=torch.Generator().manual_seed(seed))


def train_a_little(model, steps=3):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(steps):
        optimizer.zero_grad()
        model(batch(seed=step)).square().mean().backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("name", DEPENDENT)
def test_groups_are_the_plain_loop(name, size, layout, grad):
    model = train_a_little(network(name)).eval().to(memory_format=layout)
    x = batch().to(memory_format=layout)
    with torch.set_grad_enabled(grad):
        set_test_statistics(model, "batch")
        loop = torch.cat([model(part) for part in x.split(size)])
        set_test_statistics(model, "batch", group_size=size)
        torch.testing.assert_close(model(x), loop, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DEPENDENT)
def test_group_size_must_fit(name):
    model = network(name).eval()
    set_test_statistics(model, "batch", group_size=5)
    with pytest.raises(ValueError, match=r"groups of 5.*12"):
        model(batch())


@pytest.mark.parametrize("name", REGISTRY)
def test_testing_changes_nothing(name):
    """Training goes on bit for bit the same whether or not one has tested in between."""
    plain = train_a_little(network(name), 2)
    tested = copy.deepcopy(plain)
    state = {k: v.clone() for k, v in tested.state_dict().items()}
    outputs = {}
    for order in (("running", "batch", "groups"), ("groups", "batch", "running")):
        for protocol in order:
            if protocol == "running" and "running" not in statistics_of(name):
                continue
            if statistics_of(name):
                size = 4 if protocol == "groups" else None
                words = "running" if protocol == "running" else "batch"
                set_test_statistics(tested, words, size)
            with torch.no_grad():
                y = tested.eval()(batch(seed=9))
            assert torch.equal(outputs.setdefault(protocol, y), y), protocol
    for key, value in tested.state_dict().items():
        assert torch.equal(value, state[key]), key
    torch.manual_seed(5)
    train_a_little(plain)
    torch.manual_seed(5)
    train_a_little(tested)
    for key, value in tested.state_dict().items():
        assert torch.equal(value, plain.state_dict()[key]), key


@pytest.mark.parametrize("name", [n for n in DEPENDENT if "running" in statistics_of(n)])
def test_protocols_differ(name):
    model = train_a_little(network(name)).eval()
    set_test_statistics(model, "batch")
    by_batch = model(batch(seed=9))
    set_test_statistics(model, "running")
    assert (model(batch(seed=9)) - by_batch).abs().max() > 1e-3


def test_what_cannot_be_asked():
    model = nn.Sequential(create("afn", 4), create("afn_released", 4))
    with pytest.raises(ValueError, match=r"'1' \(AFNReleased2d\).*no running statistics"):
        set_test_statistics(model, "running")
    set_test_statistics(model, "batch", 2)
    with pytest.raises(ValueError, match="runing"):
        set_test_statistics(model, "runing")
    with pytest.raises(ValueError, match="group_size"):
        set_test_statistics(model, "batch", 0)
    with pytest.raises(ValueError, match="group_size"):
        set_test_statistics(model[:1], "running", 4)
    with pytest.raises(ValueError, match=r"'0' \(BatchNorm2d\).*cannot be switched"):
        set_test_statistics(nn.Sequential(nn.BatchNorm2d(4)), "batch")


def trained_batchnorm():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8)),
    ).double()
    for step in range(4):
        model(batch(seed=step).double())
    with torch.no_grad():
        for layer in (model[1], model[3][1]):
            layer.weight.uniform_(0.5, 2)
            layer.bias.normal_()
    return model


@pytest.mark.parametrize("mode", ["running", "train", "batch"])
def test_small_lambda_is_the_converted_batchnorm(mode):
    original = trained_batchnorm()
    model = copy.deepcopy(original)
    model, report = convert(model, to="afn", report=True, lambda_init=-20, rescale_lambda_init=-20)
    assert report.replaced == ("1", "3.1")
    assert not report.skipped
    assert report.added > 0
    assert "replaced 2 layers" in str(report)
    original.train(mode != "running")
    model.train(mode == "train")
    if mode == "batch":
        set_test_statistics(model, "batch")
    x = batch(seed=7).double()
    torch.testing.assert_close(model(x), original(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in DEPENDENT if n != "afn_released"])
def test_convert_keeps_what_the_layer_knew(name):
    original = trained_batchnorm()
    model = copy.deepcopy(original)
    assert convert(model, to=name) is model
    layer, old = model[1], original[1]
    named = {**dict(layer.named_parameters()), **getattr(layer, "logical_parameters", dict)()}
    assert torch.equal(named.get("gamma_bias", named.get("weight")), old.weight)
    assert torch.equal(named.get("beta_bias", named.get("bias")), old.bias)
    assert torch.equal(layer.running_var, old.running_var)
    assert layer.running_mean.dtype == torch.float64
    if name == "batch":
        x = batch(seed=7).double()
        assert torch.equal(model.eval()(x), original.eval()(x))


def test_convert_edges():
    shared = nn.BatchNorm2d(3)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    convert(model, to="afn", residual="fixed")
    assert model[0] is model[2]
    assert model[0].fusion.frozen == pytest.approx(0.0474, abs=1e-4)
    mixed = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.BatchNorm1d(12))
    _, report = convert(copy.deepcopy(mixed), to="batch_instance", report=True)
    assert list(report.skipped) == ["2"]
    mixed, report = convert(mixed, to="afn", report=True)
    assert report.replaced == ("0", "2")
    mixed(torch.randn(4, 3, 2, 2)).sum().backward()
    with pytest.raises(ValueError, match="no option"):
        convert(nn.Sequential(nn.BatchNorm2d(3)), to="afn", lambda_int=1)
