"""Inputs that hurt: finite output and gradient, or an error that says which layer and why."""

from __future__ import annotations

import pytest
import torch

from afn.normalization import REGISTRY, create

OWN = ["afn", "asr", "afn_released", "batch_instance", "switchable"]


def step(layer, x):
    x = x.clone().requires_grad_()
    y = layer(x)
    weights = torch.linspace(-1, 1, y.numel()).view_as(y).to(y.dtype)
    (y * weights).float().sum().backward()
    return y, [x.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", [n for n in REGISTRY if n != "afn_released"])
def test_constant_channels(name, layout):
    x = torch.randn(4, 16, 3, 3)
    x[:, 3] = 5.0
    x[:, 7] = 0.0
    y, grads = step(create(name, 16), x.to(memory_format=layout))
    assert y.isfinite().all()
    assert all(g.isfinite().all() for g in grads)


def test_released_fails_on_constant_channels_as_its_code_does():
    x = torch.randn(4, 16, 3, 3)
    x[:, 3] = 5.0
    y, grads = step(create("afn_released", 16), x)
    assert y.isfinite().all()
    assert not grads[0].isfinite().all()


@pytest.mark.parametrize("residual", ["learned", "fixed", "off", "zero"])
@pytest.mark.parametrize("lambda_init", [-100.0, 20.0])
def test_extreme_lambdas(residual, lambda_init):
    layer = create("afn", 16, residual=residual, lambda_init=lambda_init)
    y, grads = step(layer, torch.randn(4, 16, 3, 3))
    assert y.isfinite().all()
    assert all(g.isfinite().all() for g in grads)


@pytest.mark.parametrize("name", OWN)
def test_one_value_per_statistic(name):
    layer = create(name, 16)
    with pytest.raises(ValueError, match=rf"{type(layer).__name__}\(16\).*more than one value"):
        layer(torch.randn(1, 16, 1, 1))
    if name in ("asr", "batch_instance", "switchable"):
        with pytest.raises(ValueError, match="more than one value"):
            layer(torch.randn(8, 16, 1, 1))
    else:
        y, grads = step(layer, torch.randn(8, 16, 1, 1))
        assert y.isfinite().all()
        assert all(g.isfinite().all() for g in grads)


@pytest.mark.parametrize("name", OWN)
def test_wrong_shape(name):
    layer = create(name, 16)
    with pytest.raises(ValueError, match=r"\(16\).*\(2, 15, 4, 4\)"):
        layer(torch.randn(2, 15, 4, 4))
    if name == "afn":
        with pytest.raises(ValueError, match="AFN1d"):
            layer(torch.randn(4, 16))


@pytest.mark.parametrize("name", OWN)
def test_nan_goes_through(name):
    """As in BatchNorm: the output says so, no error, no endless loop, no hidden value."""
    x = torch.randn(4, 16, 3, 3)
    x[0, 0, 0, 0] = float("nan")
    y, _ = step(create(name, 16), x)
    assert y[:1, :1].isnan().any()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", OWN)
def test_half_precision_input(name, dtype, layout):
    """Statistics and head in float32: a half-precision input whose squares overflow float16."""
    torch.manual_seed(0)
    layer = create(name, 16, **({"encoder_dropout": 0.0} if name == "afn_released" else {}))
    x = (300 * torch.randn(4, 16, 5, 5)).to(dtype).to(memory_format=layout)
    y, grads = step(layer, x)
    assert y.dtype == dtype
    assert grads[0].dtype == dtype
    reference, expected = step(layer.double(), x.double())
    tolerance = {torch.bfloat16: 0.05, torch.float16: 0.01}[dtype]
    torch.testing.assert_close(y.double(), reference, rtol=tolerance, atol=tolerance)
    scale = expected[0].abs().max()
    assert (grads[0].double() - expected[0]).abs().max() <= 4 * tolerance * scale


@pytest.mark.parametrize("name", OWN)
def test_autocast_and_half_model(name):
    torch.manual_seed(0)
    layer = create(name, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(torch.nn.functional.conv2d(torch.randn(2, 3, 6, 6), torch.randn(16, 3, 3, 3)))
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16
    assert all(p.grad.dtype == torch.float32 for p in layer.parameters())
    half, grads = step(create(name, 16).bfloat16(), torch.randn(4, 16, 3, 3).bfloat16())
    assert half.dtype == torch.bfloat16
    assert all(g.dtype == torch.bfloat16 and g.isfinite().all() for g in grads)
