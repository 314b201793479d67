"""Passes over x with statistics per sample: the compiled kernels against torch's operations."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from afn.normalization import create
from afn.normalization.passes import samples
from benchmarks.layers import product
from tests.drawing import examples
from tests.normalization.conftest import using

pytestmark = pytest.mark.kernels


def passes(x, dy, vectors):
    """Everything that a layer asks of `samples`."""
    mean, var, centred = samples.moments(x)
    y = samples.apply(x, mean, vectors[0], vectors[1], centred)
    dx = samples.input_gradient(dy, x, mean, *vectors[:3])
    return mean, var, y, *samples.sums(dy, x, mean), dx


@settings(max_examples=examples(80))
@given(
    n=st.integers(1, 4),
    c=st.sampled_from([1, 3, 8, 16, 17, 40, 64, 83, 130]),
    h=st.integers(1, 7),
    w=st.integers(2, 7),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_kernels_are_torchs_operations(n, c, h, w, layout, dtype):
    torch.manual_seed(n + c + h + w)
    x, dy = (3 + torch.randn(2, n, c, h, w, dtype=dtype)).unbind()
    x, dy = x.contiguous(memory_format=layout), dy.contiguous(memory_format=layout)
    vectors = torch.randn(3, n, c, dtype=dtype).unbind()
    with using("c"):
        found = passes(x, dy, vectors)
        assert samples.moments(x)[2] is None, "the kernels did not serve"
    with using("numpy"):
        expected = passes(x, dy, vectors)
    near = 1e-12 if dtype == torch.float64 else 2e-4
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=near, atol=near)
    assert found[2].stride() == found[5].stride() == x.stride()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "sizes", [(1, 1, 1), (8, 32, 256), (9, 33, 257), (70, 5, 600), (3, 300, 2)]
)
def test_products(sizes, dtype):
    m, n, k = sizes
    torch.manual_seed(0)
    with using("c"):
        multiply = product(dtype)
    for a in (torch.randn(m, k, dtype=dtype), torch.randn(k, m, dtype=dtype).t()):
        for b in (torch.randn(k, n, dtype=dtype), torch.randn(n, k, dtype=dtype).t()):
            near = 1e-12 if dtype == torch.float64 else 1e-4
            torch.testing.assert_close(multiply(a, b), a @ b, rtol=near, atol=near)


@pytest.mark.parametrize("name", ["asr", "switchable", "batch_instance"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_of_any_layout(name, layout):
    """dy comes as the layer behind leaves it: expanded, transposed, in the other layout."""
    torch.manual_seed(0)
    x = torch.randn(3, 20, 4, 5).double().contiguous(memory_format=layout)
    slopes = [
        torch.randn(3, 20, 1, 1).double().expand(3, 20, 4, 5),
        torch.randn(3, 20, 5, 4).double().transpose(2, 3),
        torch.randn(3, 20, 4, 5).double().contiguous(memory_format=torch.channels_last),
        torch.randn(3, 40, 4, 5).double()[:, ::2],
    ]
    for dy in slopes:
        found = []
        for head in ("c", "torch"):
            with using(head):
                torch.manual_seed(1)
                layer, z = create(name, 20).double(), x.clone().requires_grad_()
                layer(z).backward(dy)
                found.append([z.grad, *(p.grad for p in layer.parameters())])
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_constant_maps_and_nan(layout):
    x = torch.full((2, 20, 5, 5), 0.1).contiguous(memory_format=layout)
    x[1, 3, 2, 2] = torch.nan
    with using("c"):
        mean, var, _ = samples.moments(x)
    bad = torch.zeros(2, 20, dtype=torch.bool)
    bad[1, 3] = True
    assert torch.equal(mean.isnan(), bad)
    assert torch.equal(var.isnan(), bad)
    assert var[~bad].max() < 1e-12
    torch.testing.assert_close(mean[~bad], torch.full((39,), 0.1))


def test_what_the_kernels_leave_to_torch():
    x = torch.randn(2, 8, 4, 4)
    with using("c"):
        assert samples.moments(x)[2] is None
        for other in (x.bfloat16(), x.half(), x.transpose(2, 3), x[:, ::2], x.to("meta")):
            assert samples.moments(other)[2] is not None
