"""Every norm in every backbone: names, shapes, map sizes, one training step."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest
import torch
from torch import nn

from afn.backbones import REGISTRY
from afn.normalization import REGISTRY as NORMS
from afn.normalization import factory
from afn.study.parts.settings import resolve

SMALL = ("convnet_small", "resnet8", "vgg8")
LEAST = {
    **dict.fromkeys(REGISTRY, 8),
    **dict.fromkeys(("convnet", "resnet18", "resnet34", "resnet50"), 16),
    **dict.fromkeys(("vgg13_bn", "vgg16_bn", "vgg19_bn"), 32),
    "resnet18_imagenet": 33,
}
"""Smallest image of each network."""


def narrow(name):
    """Options that make a network quick to build and run."""
    small = {"width": 4} if name not in ("resnet18_imagenet", *SMALL) else {}
    return {**small, "hidden": 8} if name == "convnet" else small


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
@pytest.mark.parametrize("name", SMALL)
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


NORM_LAYERS = {
    "convnet_small": 2,
    "convnet": 2,
    "resnet8": 9,
    "vgg8": 6,
    "resnet18_imagenet": 20,
    "resnet18": 20,
    "resnet34": 36,
    "resnet50": 53,
    "resnet32": 33,
    "resnet56": 57,
    "resnet110": 111,
    "vgg13_bn": 10,
    "vgg16_bn": 13,
    "vgg19_bn": 16,
    "wrn_16_2": 13,
    "wrn_16_4": 13,
    "wrn_28_10": 25,
    "wrn_40_2": 37,
    "wrn_40_4": 37,
    "wrn_40_10": 37,
}


@pytest.mark.parametrize("name", REGISTRY)
def test_norms_sit_at_the_same_names(name):
    """Everything but the norms has equal names, shapes and order, whatever the norm."""

    def outside(norm):
        model = build(name, norm, LEAST[name], **narrow(name))
        kinds = (type(factory(norm)(16)),)
        norms = [n for n, m in model.named_modules() if isinstance(m, kinds)]
        rest = [
            (n, tuple(p.shape))
            for n, p in model.named_parameters()
            if n.rpartition(".")[0] not in norms
        ]
        return norms, rest

    reference = outside("batch")
    assert len(reference[0]) == NORM_LAYERS[name]
    for norm in NORMS if name in SMALL else ("afn", "afn_released", "switchable"):
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


@pytest.mark.parametrize(("more", "in_channels"), [(0, 1), (24, 3), (4, 3)])
@pytest.mark.parametrize("name", REGISTRY)
def test_shapes(name, more, in_channels):
    Spy.seen = []
    image_size = LEAST[name] + more
    model = build(name, Spy, image_size, in_channels, **narrow(name))
    x = torch.randn(2, in_channels, image_size, image_size)
    features = model.features(x)
    assert features.shape[0] == 2
    assert features.dim() == 2
    assert torch.equal(model.head(features), model(x))
    maps = model.maps(x)
    assert maps.dim() == 4
    assert torch.equal(model.embed(maps), features)
    assert model(x).shape == (2, 10)
    assert Spy.seen
    assert all(min(size) >= 2 for size in Spy.seen)


@pytest.mark.parametrize("name", REGISTRY)
def test_options_and_limits(name):
    if name != "resnet18_imagenet":
        hidden = {"hidden": 8} if name == "convnet" else {}
        count = [size_of(build(name, Spy, LEAST[name], width=w, **hidden)) for w in (4, 8)]
        assert count[1] > 1.4 * count[0]
    with pytest.raises(ValueError, match=f"at least {LEAST[name]}|images of {LEAST[name]},"):
        build(name, image_size=LEAST[name] - 1)


def size_of(model):
    return sum(p.numel() for p in model.parameters())


def published_counts():
    file = Path(__file__).with_name("parameter_counts.csv")
    with file.open() as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("row", published_counts(), ids=lambda row: f"{row['parameters']}")
def test_published_parameter_counts(row):
    """Parameters and norm layers of every network of the paper, as counted from its code."""
    module, _, function = REGISTRY[row["backbone"]].partition(":")
    options = resolve("norm", row["norm"], "a row")
    norm = options.pop("name")
    made = []

    def counted(num_features):
        made.append(num_features)
        return factory(norm, **options)(num_features)

    cifar = {"resnet32": 31, "resnet56": 55, "resnet110": 109}.get(row["backbone"])
    padded = {"shortcut": "padding"} if cifar == int(row["norm_layers"]) else {}
    model = getattr(importlib.import_module(module), function)(
        counted, in_channels=3, num_classes=int(row["classes"]), image_size=64, **padded
    )
    assert len(made) == int(row["norm_layers"])
    assert size_of(model) == int(row["parameters"])


def test_padding_shortcut_is_option_a():
    model = build("resnet32", shortcut="padding")
    shortcut = model.stages[1][0].shortcut
    x = torch.randn(2, 16, 8, 8)
    y = shortcut(x)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert not y[:, :8].any()
    assert not y[:, 24:].any()
    assert model(torch.randn(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize("parameters", [40_000, 55_555, 700, 62_346])
def test_width_for_a_number_of_parameters(parameters):
    found = size_of(build("resnet18", image_size=16, width=6, parameters=parameters))
    sizes = [size_of(build("resnet18", image_size=16, width=w)) for w in range(1, 12)]
    assert abs(found - parameters) == min(abs(size - parameters) for size in sizes)


@pytest.mark.parametrize("name", ["resnet18", "wrn_16_4"])
@pytest.mark.seconds
def test_batchnorm_of_afns_size(name):
    """BatchNorm's network can be brought to AFN's size; AFN's own keeps its width."""
    usual, narrow = build(name, "afn", 32, 3), build(name, "batch", 32, 3)
    wide = build(name, "batch", 32, 3, parameters=size_of(usual))
    assert abs(size_of(wide) / size_of(usual) - 1) < 0.01
    assert wide.head.in_features > narrow.head.in_features
    own = build(name, "afn", 32, 3, parameters=size_of(usual))
    assert size_of(own) == size_of(usual)
    assert own.head.in_features == usual.head.in_features


@pytest.mark.parametrize("name", ["resnet8", "resnet50", "resnet110", "wrn_16_4", "vgg13_bn"])
@pytest.mark.seconds
def test_narrow_networks_learn(name):
    size = LEAST[name]
    model = build(name, "batch", size, **narrow(name))
    x, y = torch.randn(20, 1, size, size), torch.arange(20) % 10
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(12):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.grad is not None for p in model.parameters())


def test_convnet_is_the_literatures():
    model = build("convnet", image_size=32, in_channels=3)
    assert model.conv1.weight.shape == (64, 3, 5, 5)
    assert model.conv2.weight.shape == (128, 64, 5, 5)
    assert model.fc.weight.shape == (1024, 128 * 5 * 5)
    assert model.fc2.weight.shape == (1024, 1024)
    assert model.head.weight.shape == (10, 1024)


def test_convnet_small_is_the_released_codes():
    model = build("convnet_small", image_size=32, in_channels=3)
    assert model.conv1.weight.shape == (16, 3, 3, 3)
    assert model.conv2.weight.shape == (32, 16, 3, 3)
    assert model.fc.weight.shape == (128, 32 * 8 * 8)
    assert model.head.weight.shape == (10, 128)
