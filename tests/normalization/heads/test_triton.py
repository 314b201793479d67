"""The Triton heads: right by the interpreter on any machine, compiled for a GPU, asked for by name.

What the kernels do on a GPU, races above all, only the tests marked ``gpu`` see.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from afn.normalization import create
from afn.normalization.heads.head import TorchHead
from afn.normalization.heads.triton_head import TritonHead, serves
from afn.normalization.kernels import native
from tests.normalization.heads.triton_cases import GROUPS

pytest.importorskip("triton", reason="kernels: torch came without triton")
LONG = pytest.mark.long


def run(module: str, *arguments: str, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"} | variables
    command = [sys.executable, "-m", f"tests.normalization.heads.{module}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@LONG
@pytest.mark.parametrize("group", GROUPS)
def test_the_interpreter_agrees_with_torch_in_float64(group):
    assert run("triton_cases", group, TRITON_INTERPRET="1").startswith("agree: ")


@pytest.mark.gpu
@pytest.mark.parametrize("group", GROUPS)
def test_a_gpu_agrees_with_torch_in_float64(group):
    assert run("triton_cases", group).startswith("agree: ")


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["afn", "asr", "afn_released", "switchable", "batch_instance"])
def test_the_same_input_gives_the_same_bits_on_a_gpu(name, monkeypatch):
    """A race would show here, sooner or later."""
    monkeypatch.setattr(native, "HEAD", "triton")
    layer = create(name, 96).cuda()
    x = torch.randn(64, 96, 8, 8, device="cuda", requires_grad=True)
    found = []
    for _ in range(50):
        torch.manual_seed(0)
        y = layer(x)
        found.append([y, *torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])])
    for again in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(again, found[0], strict=True))


@LONG
def test_every_kernel_compiles_for_an_h100_without_one():
    lines = run("compile_triton").splitlines()
    assert len(lines) == 11
    assert all(int(line.split()[1]) >= 2 for line in lines)


def test_it_is_used_where_it_is_asked_for_and_serves(monkeypatch):
    assert native.HEAD != "triton"
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(native, "HEAD", "triton")
    assert native.choose("triton", False) == "triton"
    assert native.head_on("cuda") == "triton"
    assert native.head_on("cpu") == native.head_on("meta") == "torch"
    x = torch.randn(4, 16, 5, 5)
    layer = create("afn", 16)
    assert type(layer.head) is TritonHead
    assert not serves(x.mean((0, 2, 3)), layer.flat)
    # On a CPU without the interpreter the head is torch's, to the bit.
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    plain = TorchHead(layer.layout, layer.fusion).forward(mean, var, 100, None, layer.flat)
    assert all(map(torch.equal, layer.head.forward(mean, var, 100, None, layer.flat)[:2], plain))
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert native.head_on("cpu") == "triton"
    assert native.head_on("meta") == "torch"


def test_without_triton_it_is_refused(monkeypatch):
    monkeypatch.setattr(native.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="there is no package triton"):
        native.choose("triton", True)
