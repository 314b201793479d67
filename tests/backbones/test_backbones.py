"""Every norm in every backbone: names, shapes, map sizes, one training step."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import nn

from afn.backbones import REGISTRY
from afn.normalization import REGISTRY as NORMS
from afn.normalization import factory


def build(name, norm="batch", image_size=8, in_channels=1, **options):
    module, _, function = REGISTRY[name].partition(":")
    torch.manual_seed(0)
    return getattr(importlib.import_module(module), function)(
        factory(norm) if isinstance(norm, str) else norm,
        in_channels=in_channels,
        num_classes=10,
        image_size=image_size,
        **options,
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", REGISTRY)
def test_trains_a_step(name, norm):
    model = build(name, norm)
    x = torch.randn(16, 1, 8, 8).to(memory_format=torch.channels_last)
    y = torch.arange(16) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", REGISTRY)
def test_norms_sit_at_the_same_names(name):
    """Everything but the norms has equal names, shapes and order, whatever the norm."""

    def outside(norm):
        model = build(name, norm)
        kinds = (type(factory(norm)(16)),)
        norms = [n for n, m in model.named_modules() if isinstance(m, kinds)]
        rest = [
            (n, tuple(p.shape))
            for n, p in model.named_parameters()
            if n.rpartition(".")[0] not in norms
        ]
        return norms, rest

    reference = outside("batch")
    assert len(reference[0]) == {"convnet_small": 2, "resnet8": 9, "vgg8": 6}[name]
    for norm in NORMS:
        assert outside(norm) == reference


class Spy(nn.Module):
    seen: list = []  # noqa: RUF012

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, x):
        assert x.shape[1] == self.num_features
        Spy.seen.append(tuple(x.shape[2:]))
        return x


@pytest.mark.parametrize(("image_size", "in_channels"), [(8, 1), (32, 3), (12, 3)])
@pytest.mark.parametrize("name", REGISTRY)
def test_shapes(name, image_size, in_channels):
    Spy.seen = []
    model = build(name, Spy, image_size, in_channels)
    x = torch.randn(2, in_channels, image_size, image_size)
    features = model.features(x)
    assert features.shape[0] == 2
    assert features.dim() == 2
    assert torch.equal(model.head(features), model(x))
    assert model(x).shape == (2, 10)
    assert Spy.seen
    assert all(min(size) >= 2 for size in Spy.seen)


@pytest.mark.parametrize("name", REGISTRY)
def test_options_and_limits(name):
    count = [sum(p.numel() for p in build(name, width=w).parameters()) for w in (8, 16)]
    assert count[1] > 2 * count[0]
    with pytest.raises(ValueError, match="4"):
        build(name, image_size=4)


def test_convnet_small_is_the_released_codes():
    model = build("convnet_small", image_size=32, in_channels=3)
    assert model.conv1.weight.shape == (16, 3, 3, 3)
    assert model.conv2.weight.shape == (32, 16, 3, 3)
    assert model.fc.weight.shape == (128, 32 * 8 * 8)
    assert model.head.weight.shape == (10, 128)
