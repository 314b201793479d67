"""What the cases of the library share: small models that have learned something; comparisons."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from afn.normalization import create

SMALL = {"lambda_init": -20, "rescale_lambda_init": -20}
"""Options with which a converted AFN layer is BatchNorm up to rounding."""


def images(n: int = 4, seed: int = 0, channels: int = 3, size: int = 8) -> Tensor:
    """(n, channels, size, size), away from mean 0 and variance 1."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, channels, size, size, generator=generator) * 2 + 1


def settled(model: nn.Module, *shape: int) -> nn.Module:
    """The model with random affine values after some training batches, in evaluation mode."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.train()
        for _ in range(3):
            model(torch.randn(*(shape or (16, 3, 8, 8))) * 2 + 1)
    return model.eval()


def small(name: str = "afn", **options: object) -> nn.Module:
    """A convolution and a norm."""
    torch.manual_seed(0)
    return settled(nn.Sequential(nn.Conv2d(3, 8, 3), create(name, 8, **options)))


@torch.no_grad()
def same(model: nn.Module, expected: Tensor, x: Tensor, tolerance: float = 1e-5) -> None:
    """Assert that a model gives what is expected, relative to the largest value."""
    found = model(x)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    assert found.isfinite().all(), "outputs are not finite"
    largest = float((found - expected).abs().max())
    assert largest <= tolerance * max(1.0, float(expected.abs().max())), f"off by {largest:.3g}"


@torch.no_grad()
def fresh(model: nn.Module, x: Tensor) -> Tensor:
    """What a model gives that holds the same values and has never been called."""
    other = copy.deepcopy(model)
    for own, given in zip(other.parameters(), model.parameters(), strict=True):
        own.copy_(given)
    return other.eval()(x)


def refused(work, *words: str) -> None:
    """Assert that a call is refused by one ValueError or NotImplementedError with these words."""
    try:
        work()
    except (ValueError, NotImplementedError) as error:
        text = str(error)
        assert "\n" not in text, f"more than a sentence: {text}"
        assert all(word in text for word in words), f"does not say {words}: {text}"
    else:
        raise AssertionError("was not refused")
