"""Weights per parameter name: what two networks share starts equal, and the laws are torch's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from afn.normalization import REGISTRY as NORMS
from afn.tasks import load
from afn.training.networks import build
from afn.training.networks.initialization import initialize, logical_parameters
from tests.training.conftest import make_spec


class Packed(nn.Module):
    """Two logical tensors in one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Parameter(torch.zeros(10))

    def logical_parameters(self):
        return {"encoder": self.flat[:6].view(2, 3), "decoder": self.flat[6:]}

    def reset_parameters(self):
        self.flat.data.normal_()


class Unpacked(nn.Module):
    """The same two tensors as parameters of their own, and a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Parameter(torch.zeros(2, 3))
        self.decoder = nn.Parameter(torch.zeros(4))
        self.scale = nn.Parameter(torch.full((4,), 7.0))

    def reset_parameters(self):
        flat = torch.randn(10)
        self.encoder.data.copy_(flat[:6].view(2, 3))
        self.decoder.data.copy_(flat[6:])
        self.scale.data.fill_(7.0)


def named(model):
    return {
        f"{path}.{name}": tensor.detach().clone()
        for path, module in model.named_modules()
        for name, tensor in logical_parameters(module).items()
    }


@pytest.mark.parametrize("backbone", ["convnet_small", "resnet8", "vgg8"])
def test_every_norm_starts_from_the_same_convolutions(digits, backbone):
    data = load(digits)
    first = named(build.network(make_spec("batch", backbone), data, seed=3))
    weights = {name for name, value in first.items() if value.dim() > 1}
    assert len(weights) >= 4
    for norm in NORMS:
        other = named(build.network(make_spec(norm, backbone), data, seed=3))
        assert weights <= set(other)
        assert all(torch.equal(first[name], other[name]) for name in weights), norm


def test_seeds_differ_and_repeat(digits):
    data = load(digits)
    spec = make_spec("afn")
    first, again, other = (named(build.network(spec, data, seed)) for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = [name for name, value in first.items() if value.unique().numel() > 2]
    assert len(drawn) > 10
    assert not any(torch.equal(first[name], other[name]) for name in drawn)


def test_packed_storage_starts_as_unpacked():
    packed, unpacked = nn.Sequential(Packed()), nn.Sequential(Unpacked())
    initialize(packed, 5)
    initialize(unpacked, 5)
    assert torch.equal(packed[0].logical_parameters()["encoder"], unpacked[0].encoder)
    # Both draw all ten numbers per parameter, so the decoders agree too.
    assert torch.equal(packed[0].logical_parameters()["decoder"], unpacked[0].decoder)
    assert torch.equal(unpacked[0].scale, torch.full((4,), 7.0))
    assert packed[0].flat.unique().numel() == 10


def test_a_parameter_depends_on_its_own_name_only():
    alone, beside = nn.Sequential(), nn.Sequential()
    alone.add_module("conv", nn.Conv2d(3, 4, 3))
    beside.add_module("early", nn.Linear(5, 5))
    beside.add_module("conv", nn.Conv2d(3, 4, 3))
    beside.add_module("twin", nn.Conv2d(3, 4, 3))
    initialize(alone, 0)
    torch.manual_seed(99)
    initialize(beside, 0)
    assert torch.equal(alone.conv.weight, beside.conv.weight)
    assert torch.equal(alone.conv.bias, beside.conv.bias)
    assert not torch.equal(beside.conv.weight, beside.twin.weight)


def test_the_law_is_torchs():
    layer = nn.Sequential(nn.Linear(100, 200))
    initialize(layer, 0)
    bound = 1 / 100**0.5
    weight = layer[0].weight
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    assert layer[0].bias.abs().max() <= bound
    assert weight.requires_grad


def test_a_module_without_reset_keeps_its_values():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.full((3,), 2.0))

    model = nn.Sequential(Plain())
    initialize(model, 0)
    assert torch.equal(model[0].scale, torch.full((3,), 2.0))
