"""The checks of a normalisation layer."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from afn.checks import require
from afn.normalization import set_test_statistics
from afn.study.parts.catalogue import Entry

CHANNELS = 8


def maps(n: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, CHANNELS, 5, 5, generator=generator) * 2 + 1


def check_norm(found: Entry, target: type[nn.Module], **options: Any) -> None:
    """Shapes, gradients, state, and what its ``statistics`` promise of tests."""
    torch.manual_seed(0)
    layer = target(CHANNELS, **options)
    require(isinstance(layer, nn.Module), "a norm is an nn.Module")
    statistics = found.statistics
    require(
        set(statistics) <= {"running", "batch"}, f"statistics = {statistics}: of running, batch"
    )
    x = maps().requires_grad_()
    y = layer(x)
    require(y.shape == x.shape and y.dtype == x.dtype, f"gives {tuple(y.shape)} {y.dtype}")
    y.square().sum().backward()
    require(
        x.grad is not None and torch.isfinite(x.grad).all(),
        "the gradient of its input is not finite",
    )
    lost = [name for name, p in layer.named_parameters() if p.requires_grad and p.grad is None]
    require(not lost, f"parameters without a gradient: {', '.join(lost)}")
    other = target(CHANNELS, **options)
    other.load_state_dict(layer.state_dict())
    twin = copy.deepcopy(layer)
    if statistics:
        for one in (layer, other, twin):
            set_test_statistics(one, statistics[0])
    for one in (layer, other, twin):
        one.eval()
    with torch.no_grad():
        before = copy.deepcopy(layer.state_dict())
        y, z = layer(maps(seed=1)), other(maps(seed=1))
        require(torch.equal(y, z), "its state_dict does not hold all that it computes with")
        require(torch.equal(y, twin(maps(seed=1))), "a copy computes something else")
        after = layer.state_dict()
        require(all(torch.equal(before[k], after[k]) for k in before), "testing changes its state")
        if statistics[:1] != ("batch",):
            alone = torch.cat([layer(image[None]) for image in maps(seed=1)])
            kept = torch.allclose(alone, y, rtol=1e-4, atol=1e-5)
            require(kept, "its output for an image depends on the others of the test batch")
        if not statistics:
            trained = copy.deepcopy(layer).train()(maps(seed=1))
            require(torch.allclose(trained, y, rtol=1e-4, atol=1e-5), "statistics = (), but not so")
        if set(statistics) == {"running", "batch"}:
            set_test_statistics(layer, "batch")
            require(not torch.equal(layer(maps(seed=1) * 3 + 9), y), "batch statistics do nothing")
