"""Every norm on a GPU: the numbers of the CPU in float64, in both layouts, and under autocast."""

from __future__ import annotations

import copy

import pytest
import torch

from afn.normalization import REGISTRY, create, set_test_statistics
from afn.normalization import test_statistics_of as statistics_of

pytestmark = pytest.mark.gpu
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def trained(name: str, channels: int = 16):
    """A layer in float64 on the CPU, moved off its starting point, with statistics of some data."""
    torch.manual_seed(0)
    options = {"encoder_dropout": 0.0} if name == "afn_released" else {}  # masks would differ
    layer = create(name, channels, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    layer(torch.randn(12, channels, 6, 6, dtype=torch.float64) * 2 + 1)
    return layer


def gradients(layer, x, dy) -> list[torch.Tensor]:
    """The output, the input's gradient and those of the parameters, as float64 on the CPU."""
    x = x.detach().requires_grad_()
    y = layer(x)
    made = torch.autograd.grad(y, [x, *layer.parameters()], dy.to(y.dtype), allow_unused=True)
    return [t.detach().double().cpu() for t in (y, *made) if t is not None]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("name", REGISTRY)
def test_training_on_a_gpu_is_that_of_the_cpu(name, layout):
    reference = trained(name).train()
    layer = copy.deepcopy(reference).float().cuda()
    x = torch.randn(32, 16, 6, 6, dtype=torch.float64) * 2 + 1
    dy = torch.randn_like(x)
    expected = gradients(reference, x, dy)
    there = (t.float().cuda().to(memory_format=layout) for t in (x, dy))
    for mine, wanted in zip(gradients(layer, *there), expected, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=2e-3, atol=2e-4 * wanted.abs().max().item())
    for (key, mine), wanted in zip(layer.named_buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(
            mine.double().cpu(), wanted.double(), rtol=1e-4, atol=1e-4, msg=key
        )


@pytest.mark.parametrize("name", [name for name in REGISTRY if statistics_of(name)])
def test_test_time_on_a_gpu_is_that_of_the_cpu(name):
    reference = trained(name).eval()
    layer = copy.deepcopy(reference).float().cuda()
    x = torch.randn(24, 16, 6, 6, dtype=torch.float64) * 2 + 1
    for statistics in statistics_of(name):
        size = {"group_size": 8} if statistics == "batch" else {}
        outputs = []
        for one, images in ((reference, x), (layer, x.float().cuda())):
            set_test_statistics(one, statistics, **size)
            with torch.no_grad():
                outputs.append(one(images).double().cpu())
        torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", REGISTRY)
def test_bfloat16_on_a_gpu_is_near(name):
    layer = trained(name).float().cuda().train()
    x = torch.randn(32, 16, 6, 6, device="cuda")
    with torch.no_grad():
        wanted = layer(x)
        with torch.autocast("cuda", torch.bfloat16):
            near = layer(x.to(torch.bfloat16))
    assert bool(torch.isfinite(near).all())
    assert float((near.float() - wanted).norm() / wanted.norm()) < 0.02


def test_a_converted_network_compiles_on_a_gpu():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), create("afn", 16)).cuda().train()
    x = torch.randn(8, 3, 8, 8, device="cuda")
    torch.testing.assert_close(torch.compile(model)(x), model(x), rtol=1e-3, atol=1e-3)
