"""The benchmarks run, and what the layers keep for the backward pass."""

from __future__ import annotations

import re

import pytest
import torch

from afn.normalization import create
from afn.normalization.kernels import native
from benchmarks import layers


@pytest.mark.seconds
def test_tables_are_printed(capsys, monkeypatch):
    monkeypatch.setattr(layers, "SHAPES", [(4, 8, 4, 4)])
    monkeypatch.setattr(layers, "STEPS", {"ResNet-8": ("resnet8", 8, 1, 4)})
    before = native.HEAD
    layers.main(["--rounds", "2", "--layers", "afn", "literal"])
    printed = capsys.readouterr().out
    # a median with its quartiles for each arm of each of the six tables
    heads = 4 * (1 + (native.KERNELS is not None))
    found = re.findall(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]", printed)
    assert len(found) == 2 + 2 + 2 + heads + 1 + 1
    assert before == native.HEAD
    assert "ResNet-8" in printed
    assert re.search(r"afn +1\.\d\d", printed)


def test_median_and_interleaving():
    assert layers.median([3.0, 1.0, 2.0]) == 2.0
    assert layers.median([4.0, 1.0, 2.0, 3.0]) == 2.5
    calls = []
    arms = {name: (lambda name=name: calls.append(name)) for name in "abc"}
    seconds = layers.interleave(arms, rounds=4, share=0.0)
    assert all(len(values) == 4 for values in seconds.values())
    assert calls[6:] == list("abcbcacababc")  # two warm-ups; the start moves


@pytest.mark.parametrize("name", ["afn", "asr", "batch_instance", "switchable"])
def test_nothing_of_its_size_is_saved_beyond_x(name):
    layer = create(name, 16)
    x = torch.randn(32, 16, 8, 8).requires_grad_()
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        y = layer(x)
    large = [t for t in saved if t.numel() >= x.numel()]
    assert len(large) == 1
    assert large[0].data_ptr() == x.data_ptr()
    node = y.grad_fn
    held = [v for v in (*node.vectors, *node.inner) if hasattr(v, "nbytes")]
    assert held
    assert sum(v.nbytes for v in held) < x.nbytes
