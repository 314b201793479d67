"""The heads against one another; which one is used is a choice that can be read."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from afn.normalization import head_c, kernels, native
from afn.normalization.affine import input_gradient
from afn.normalization.head import Fusion, Layout, TorchHead
from afn.normalization.head_numpy import NumpyHead

compiled = pytest.mark.skipif(native.KERNELS is None, reason="the C kernels are not compiled here")
COUNT = 12


def run(kind, layout, fusion, mask, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    c = layout.channels
    mean, g_a, g_b = torch.randn(3, c, generator=generator, dtype=dtype)
    var = torch.rand(c, generator=generator, dtype=dtype) + 0.1
    flat = torch.randn(layout.size(), generator=generator, dtype=dtype)
    if mask:
        mask = torch.bernoulli(torch.full((2, 1, c), 0.5, dtype=dtype), generator=generator) * 2
    head = kind(layout, fusion)
    a, b, saved = head.forward(mean, var, COUNT, mask if mask is not False else None, flat)
    c1, c2, (grad,) = head.backward(saved, g_a, g_b, COUNT)
    return [t.reshape(-1) for t in (a, b, c1, c2, grad)]


@compiled
@settings(max_examples=60, deadline=None)
@given(
    c=st.sampled_from([1, 2, 5, 16, 37, 80]),
    stan=st.sampled_from([0, 1, 3, 33]),
    rescale=st.sampled_from([0, 1, 4]),
    shared=st.booleans(),
    frozen=st.sampled_from([None, 0.3, 1.0]),
    scaled=st.booleans(),
    released=st.booleans(),
    mask=st.booleans(),
)
def test_c_head_equals_the_others(c, stan, rescale, shared, frozen, scaled, released, mask):
    layout = Layout(c, stan, rescale, shared, frozen is None, scaled)
    fusion = Fusion(frozen, 1e-5, released)
    mask = mask and stan > 0
    found = run(head_c.CHead, layout, fusion, mask)
    for reference in (NumpyHead, TorchHead):
        for one, other in zip(found, run(reference, layout, fusion, mask), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


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
