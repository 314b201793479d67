"""Replayed heads: what is read and written, with a recorder that needs no GPU."""

from __future__ import annotations

import copy

import pytest
import torch

from afn.normalization import create, set_test_statistics
from afn.normalization import test_statistics_of as statistics_of
from afn.normalization.heads import graphs


class Again:
    """A graph that does its work again and writes the result where the first one lies."""

    def __init__(self, work) -> None:
        self.work, self.made, self.replays = work, work(), 0

    def replay(self) -> None:
        self.replays += 1
        (old_rows, old_grads), (rows, grads) = (
            (made, ()) if isinstance(made, torch.Tensor) else made
            for made in (self.made, self.work())
        )
        for old, new in zip((old_rows, *old_grads), (rows, *grads), strict=True):
            old.copy_(new)


@pytest.fixture
def recorded(monkeypatch) -> list[Again]:
    """Heads are recorded on the CPU, too; the graphs that were made."""
    made: list[Again] = []

    def record(work):
        made.append(Again(work))
        return made[-1], made[-1].made

    monkeypatch.setattr(graphs, "possible", lambda mean: True)
    monkeypatch.setattr(graphs, "record", record)
    return made


def gradients(layer, *inputs) -> list[torch.Tensor]:
    """Pass all inputs forward, then backward in the same order; gradients of all, and outputs."""
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    outputs = [layer(x) for x in inputs]
    for number, y in enumerate(outputs):
        y.square().mul(number + 1).sum().backward()
    found = [*outputs, *(x.grad for x in inputs), *(p.grad for p in layer.parameters())]
    layer.zero_grad()
    return found


@pytest.mark.parametrize("name", ["afn", "asr", "afn_released", "switchable", "batch_instance"])
def test_replayed_heads_give_the_same_bits(name, recorded, monkeypatch):
    torch.manual_seed(0)
    layer = create(name, 8)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    twin = copy.deepcopy(layer)
    # Two passes before any backward, then another batch size, then the first again.
    batches = [[torch.randn(n, 8, 4, 4) for _ in range(2)] for n in (6, 5, 6)]
    monkeypatch.setattr(graphs, "possible", lambda mean: False)
    torch.manual_seed(1)
    expected = [gradients(twin, *batch) for batch in batches]
    assert not recorded
    monkeypatch.setattr(graphs, "possible", lambda mean: True)
    torch.manual_seed(1)
    for batch, wanted in zip(batches, expected, strict=True):
        for mine, theirs in zip(gradients(layer, *batch), wanted, strict=True):
            assert torch.equal(mine, theirs)
    assert len(recorded) == 4  # forward and backward, for two batch sizes
    assert sum(graph.replays for graph in recorded) == 12


def test_recordings_are_bounded_and_go_with_their_head(recorded):
    layer = create("afn", 4)
    for n in range(2, 2 + graphs.MOST + 3):
        layer(torch.randn(n, 4, 3, 3)).sum().backward()
    assert len(recorded) == 2 * graphs.MOST
    before = len(graphs._recorded)
    del layer
    assert len(graphs._recorded) == before - 1


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", ["afn", "asr", "afn_released", "switchable", "batch_instance"])
def test_nothing_is_recorded_at_test_time(name, mode, recorded):
    layer, x = create(name, 4).eval(), torch.randn(2, 4, 3, 3)
    for statistics in statistics_of(name) or [None]:
        if statistics:
            set_test_statistics(layer, statistics)
        with mode():
            layer(x)
    assert not recorded
    layer.train()(x).sum().backward()  # and nothing of it is in the way of training
    assert len(recorded) == 2
