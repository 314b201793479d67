"""torch.compile, torch.export, inference mode, pickling, and training in two processes."""

from __future__ import annotations

import copy
import io
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from afn import AFN2d, synchronize
from afn.normalization import REGISTRY, create

OWN = ["afn", "asr", "afn_released", "batch_instance", "switchable"]


def pair(name):
    torch.manual_seed(0)
    options = {"encoder_dropout": 0.0} if name == "afn_released" else {}
    layer = create(name, 8, **options).double()
    return layer, copy.deepcopy(layer)


def data(seed=0, n=6):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 8, 3, 3, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.seconds
def test_compile(name):
    """One graph, the same numbers, running statistics included."""
    layer, other = pair(name)
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
    results = []
    for module, owner in ((layer, layer), (compiled, other)):
        x = data().requires_grad_()
        y = module(x)
        y.square().mul(torch.linspace(0, 1, 3, dtype=y.dtype)).sum().backward()
        values = [y, x.grad, *(p.grad for p in owner.parameters()), *owner.buffers()]
        owner.eval()
        results.append([*values, module(data(1))])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OWN)
def test_export(name):
    layer, _ = pair(name)
    layer(data())
    layer.eval()
    program = torch.export.export(layer, (data(),))
    torch.testing.assert_close(program.module()(data(1)), layer(data(1)), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", REGISTRY)
def test_inference_mode(name, training):
    layer = create(name, 8).train(training)
    x = torch.randn(4, 8, 3, 3)
    with torch.inference_mode():
        y = copy.deepcopy(layer)(x)
    assert y.isfinite().all()
    layer(x).sum().backward()  # nothing that was made there stays


@pytest.mark.parametrize("name", REGISTRY)
def test_pickle(name):
    layer = create(name, 8)
    layer(torch.randn(4, 8, 3, 3))
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    other = torch.load(file, weights_only=False)
    layer.eval(), other.eval()
    x = torch.randn(4, 8, 3, 3)
    with torch.no_grad():
        assert torch.equal(layer(x), other(x))


def test_not_a_batchnorm():
    """convert_sync_batchnorm would silently make a plain SyncBatchNorm of any subclass."""
    model = nn.Sequential(AFN2d(4))
    assert type(nn.SyncBatchNorm.convert_sync_batchnorm(model)[0]) is AFN2d
    with pytest.raises(RuntimeError, match="init_process_group"):
        synchronize(model)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(8, 8, 3), AFN2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1), AFN2d(4, residual="fixed")
    ).double()


def train(model, parts):
    """Two steps on the joined batch, whose loss is the mean of the parts' losses."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weights = torch.linspace(-1, 1, 4, dtype=torch.float64).view(4, 1, 1)
    for step in range(2):
        optimizer.zero_grad()
        x = torch.cat([data(10 * step + part) for part in parts])
        (model(x) * weights).square().mean().backward()
        optimizer.step()
    return {k.removeprefix("module."): v for k, v in model.state_dict().items()}


def worker(rank: int, port: int, path: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", world_size=2, rank=rank)
    model = network()
    assert synchronize(model) == ["1", "4"]
    state = train(nn.parallel.DistributedDataParallel(model), [rank])
    torch.save(state, f"{path}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.seconds
def test_two_processes_are_one_with_the_joined_batch(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    mp.spawn(worker, (port, str(tmp_path)), nprocs=2)
    expected = train(network(), [0, 1])
    for rank in range(2):
        state = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert state.keys() == expected.keys()
        for name, value in state.items():
            torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-10, msg=name)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("channels", [8, 16, 33, 64, 128])
def test_bits_do_not_depend_on_where_memory_lies(name, channels):
    """A resumed or repeated run finds its tensors at other addresses and must not notice."""
    torch.manual_seed(0)
    layer = create(name, channels)
    x = torch.randn(8, channels, 4, 4)
    reference = None
    for shift in (0, 1, 3, 8):
        torch.manual_seed(1)
        twin = copy.deepcopy(layer)
        for p in twin.parameters():
            room = torch.empty(p.numel() + 16)
            room[shift : shift + p.numel()] = p.detach().flatten()
            p.data = room[shift : shift + p.numel()].view(p.shape)
        room = torch.empty(x.numel() + 16)
        moved = room[shift : shift + x.numel()].view(8, 4, 4, channels).permute(0, 3, 1, 2)
        moved.copy_(x).requires_grad_()
        y = twin(moved)
        y.square().sum().backward()
        found = [y.detach(), moved.grad, *(p.grad for p in twin.parameters()), *twin.buffers()]
        reference = reference or found
        assert all(torch.equal(a, b) for a, b in zip(found, reference, strict=True)), shift
