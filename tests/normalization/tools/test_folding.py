"""Folding into the layer before, found by tracing; test time follows every change."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from afn import AFN1d, AFN2d, convert, fold, set_test_statistics
from afn.backbones.resnet import resnet8
from afn.normalization import create, factory


def settled(model, *shape, steps=3):
    """The model after a few training passes and random affine values, in evaluation mode."""
    torch.manual_seed(1)
    model.double().train()
    for _ in range(steps):
        model(torch.randn(*shape, dtype=torch.float64) + 0.5)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return model.eval()


def check(model, *shape):
    x = torch.randn(*shape, dtype=torch.float64)
    with torch.no_grad():
        before = model(x)
        same, report = fold(model, report=True)
        assert same is model
        torch.testing.assert_close(model(x), before, rtol=1e-9, atol=1e-9)
    return report


@pytest.mark.parametrize("name", ["batch", "afn", "torch.nn:BatchNorm2d"])
def test_resnet_folds_whole(name):
    model = resnet8(factory(name), in_channels=3, num_classes=10, image_size=8)
    report = check(settled(model, 8, 3, 8, 8), 8, 3, 8, 8)
    assert len(report.folded) == 9
    assert ("conv1", "norm1") in report.folded
    assert not report.left
    assert "folded 9" in str(report)
    assert isinstance(model.norm1, nn.Identity)


def test_kinds_of_layers_before():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, groups=1),
        AFN2d(8),
        nn.ConvTranspose2d(8, 6, 2, groups=2, bias=False),
        nn.BatchNorm2d(6),
        nn.Conv2d(6, 6, 1, groups=3, bias=False),
        AFN2d(6),
        nn.Flatten(),
        nn.Linear(6 * 5 * 5, 12),
        AFN1d(12),
    )
    assert len(check(settled(model, 8, 3, 6, 6), 8, 3, 6, 6).folded) == 4


class Awkward(nn.Module):
    """Everything that must not be folded."""

    def __init__(self):
        super().__init__()
        self.pre = AFN2d(3)
        self.conv = nn.Conv2d(3, 8, 1)
        self.after_relu = AFN2d(8)
        self.read_twice = nn.Conv2d(8, 8, 1)
        self.one_reader = AFN2d(8)
        self.called_twice = nn.Conv2d(8, 8, 1)
        self.norm_a = AFN2d(8)
        self.conv_b = nn.Conv2d(8, 8, 1)
        self.mixed = create("switchable", 8)
        self.conv_c = nn.Conv2d(8, 8, 1)
        self.no_running = AFN2d(8, statistics_over="instance")

    def forward(self, x):
        x = torch.relu(self.conv(self.pre(x)))
        x = self.after_relu(x)
        y = self.read_twice(x)
        x = self.one_reader(y) + y
        x = self.norm_a(self.called_twice(x)) + self.called_twice(x)
        return self.no_running(self.conv_c(self.mixed(self.conv_b(x))))


def test_what_cannot_be_folded_is_named_and_left():
    report = check(settled(Awkward(), 4, 3, 4, 4), 4, 3, 4, 4)
    assert not report.folded
    reasons = {
        "pre": "does not follow",
        "after_relu": "does not follow",
        "one_reader": "also used elsewhere",
        "norm_a": "more than once",
        "mixed": "each sample",
        "no_running": "no running statistics",
    }
    assert report.left.keys() == reasons.keys()
    for name, words in reasons.items():
        assert words in report.left[name], name
        assert f"left {name}" in str(report)


def test_refusals():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), AFN2d(8))
    with pytest.raises(ValueError, match=r"eval\(\)"):
        fold(model)
    model.eval()
    set_test_statistics(model, "batch")
    assert "statistics of the batch" in fold(model, report=True)[1].left["1"]

    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match="cannot trace"):
        fold(Branching().eval())


def test_torchvision_model():
    from torchvision import models

    model = models.resnet18(weights=None, num_classes=5)
    model, report = convert(model, to="afn", report=True)
    assert len(report.replaced) == 20
    assert not any(type(m) is nn.BatchNorm2d for m in model.modules())
    model.train()(torch.randn(2, 3, 64, 64)).sum().backward()
    model = model.eval().double()
    assert len(check(model, 2, 3, 64, 64).folded) == 20


def test_test_time_follows_every_change():
    layer = AFN2d(8)
    x = torch.randn(4, 8, 3, 3)
    layer(x)
    layer.eval()

    def fresh():
        other = AFN2d(8).eval()
        other.load_state_dict(layer.state_dict())
        return other(x)

    def agree():
        with torch.no_grad():
            return torch.equal(layer(x), fresh())

    assert agree()
    with torch.no_grad():
        layer.flat.mul_(1.1)
    assert agree()
    layer.running_mean.add_(1.0)
    assert agree()
    layer.load_state_dict(AFN2d(8).state_dict())
    assert agree()
    layer.train()(x)
    layer.eval()
    assert agree()
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.flat.add_(0.1)
        assert not torch.equal(twin(x), layer(x))
        grown = layer(x)
    torch.testing.assert_close(layer(x), grown, rtol=1e-5, atol=1e-6)
    with torch.inference_mode():
        assert torch.equal(layer(x), grown)


@pytest.mark.parametrize(
    ("name", "options", "added"),
    [
        ("resnet18", {}, 14242642 - 11173962),
        ("resnet18", {"shared_rescale_encoder": True}, 14133542 - 11173962),
        ("resnet50", {"shared_rescale_encoder": True}, 71245178 - 23520842),
    ],
)
def test_converted_networks_have_the_papers_counts(name, options, added):
    """Parameters of the paper's networks with AFN, less those with BatchNorm."""
    from torchvision import models

    with torch.device("meta"):
        model = getattr(models, name)()
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    small = nn.ModuleList(nn.BatchNorm2d(m.num_features) for m in norms)
    _, report = convert(small, to="afn", report=True, **options)
    assert report.added == added
