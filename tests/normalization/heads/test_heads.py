"""The heads against one another; which one is used is a choice that can be read."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from afn.normalization.heads import c_head as head_c
from afn.normalization.heads.head import Fusion, Layout, TorchHead
from afn.normalization.heads.numpy_head import NumpyHead
from afn.normalization.kernels import compiled as kernels
from afn.normalization.kernels import native
from afn.normalization.passes.affine import input_gradient

compiled = pytest.mark.skipif(native.KERNELS is None, reason="the C kernels are not compiled here")
COUNT = 12


def run(kind, layout, fusion, mask, rows=1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    c = layout.channels
    mean, g_a, g_b = torch.randn(3, rows, c, generator=generator, dtype=dtype)
    var = torch.rand(rows, c, generator=generator, dtype=dtype) + 0.1
    flat = torch.randn(layout.size(), generator=generator, dtype=dtype)
    if mask:
        mask = torch.bernoulli(torch.full((2, rows, c), 0.5, dtype=dtype), generator=generator) * 2
    head = kind(layout, fusion)
    a, b, saved = head.forward(mean, var, COUNT, mask if mask is not False else None, flat)
    c1, c2, (grad,) = head.backward(saved, g_a, g_b, COUNT)
    return [t.reshape(-1) for t in (a, b, c1, c2, grad)]


@compiled
@settings(max_examples=120, deadline=None)
@given(
    c=st.sampled_from([1, 2, 5, 16, 37, 80]),
    stan=st.sampled_from([0, 1, 3, 33]),
    rescale=st.sampled_from([0, 1, 4]),
    shared=st.booleans(),
    frozen=st.sampled_from([None, 0.3, 1.0]),
    scaled=st.booleans(),
    released=st.booleans(),
    mask=st.booleans(),
    rows=st.sampled_from([1, 2, 7, 20]),
)
def test_c_head_equals_the_others(c, stan, rescale, shared, frozen, scaled, released, mask, rows):
    layout = Layout(c, stan, rescale, shared, frozen is None, scaled)
    fusion = Fusion(frozen, 1e-5, released)
    mask = mask and stan > 0
    found = run(head_c.CHead, layout, fusion, mask, rows)
    for reference in (NumpyHead, TorchHead):
        for one, other in zip(found, run(reference, layout, fusion, mask, rows), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounded_functions_of_the_c_head_over_their_whole_range(dtype):
    """tanh and sigmoid of many rows are polynomials of the kernels' own."""
    z = torch.cat([torch.linspace(-120, 120, 4001), torch.tensor([0.0, 1e-30, -1e-6, 1e38, -1e38])])
    z = torch.cat([z, torch.tensor([torch.nan, torch.inf])]).to(dtype)
    layout = Layout(1, 0, 1, False, False, True)
    head = head_c.CHead(layout, Fusion(0.0, 1e-5))
    flat = torch.zeros(layout.size(), dtype=dtype)
    where = layout.slots()
    for name in ("beta_encoder.weight", "gamma_encoder.weight", "gamma_bias", "lambda_beta"):
        flat[where[name][0]] = 1
    for sign in (1, -1):
        for name in ("beta_decoder.weight", "gamma_decoder.weight"):
            flat[where[name][0]] = sign
        mean, var = z.abs()[:, None], z.abs()[:, None].square().clamp(max=1e30)
        *_, kept = head.forward(mean, var, COUNT, None, flat)[2][:4]
        act = kept[6 * len(z) : 8 * len(z)].view(2, -1)
        sigma = torch.sqrt(var[:, 0] + torch.tensor(1e-5, dtype=dtype))
        expected = torch.stack([torch.tanh(sign * z.abs()), torch.sigmoid(sign * sigma)])
        near = 4 * torch.finfo(dtype).eps
        torch.testing.assert_close(act, expected, rtol=near, atol=near, equal_nan=True)


@compiled
@pytest.mark.parametrize("c", [3, 16, 70])
def test_one_pass_input_gradient_equals_torchs(c, monkeypatch):
    monkeypatch.setattr(native, "HEAD", "c")
    dy, x = torch.randn(2, 4, c, 5, 6).double().unbind()
    dy, x = (t.contiguous(memory_format=torch.channels_last) for t in (dy, x))
    vectors = torch.randn(4, c).double().unbind()
    found = kernels.input_gradient(dy, x, *vectors)
    torch.testing.assert_close(found, input_gradient(dy, x, *vectors), rtol=1e-12, atol=1e-12)
    assert found.stride() == x.stride()
    assert kernels.input_gradient(dy.contiguous(), x.contiguous(), *vectors) is None


@compiled
def test_c_head_is_copied_and_pickled(monkeypatch):
    monkeypatch.setattr(native, "HEAD", "c")
    head = head_c.make_head(Layout(4, 2, 1, False, True, True), Fusion(None, 1e-5))
    assert type(copy.deepcopy(head)) is type(pickle.loads(pickle.dumps(head))) is head_c.CHead


def test_choice_of_the_head():
    assert native.choose("", True) == "c"
    assert native.choose("", False) == "numpy"
    assert native.choose("torch", True) == "torch"
    with pytest.raises(ImportError, match="not compiled"):
        native.choose("c", False)
    with pytest.raises(ImportError, match="valid: c, numpy, torch"):
        native.choose("fortran", True)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_the_environment_forces_a_head(name):
    code = "from afn import AFN2d; print(type(AFN2d(4).head).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"AFN_HEAD": name}, capture_output=True, text=True
    )
    assert done.stdout.strip().lower() == f"{name}head", done.stderr
