"""Layers at test time follow their tensors, however these were written."""

from __future__ import annotations

import copy
import warnings

import torch
from torch.optim import swa_utils

from afn import fold, update_statistics
from benchmarks.field import case
from benchmarks.field.library_models import fresh, images, same, small

NAMES = ("afn", "batch", "switchable", "batch_instance", "asr")


def _data_copy(layer):
    for p in layer.parameters():
        p.data.copy_(0.7 * p.data)


def _data_add(layer):
    for p in layer.parameters():
        p.data.add_(0.1)


def _numpy(layer):
    for p in layer.parameters():
        p.detach().numpy()[...] *= 0.8


def _other_memory(layer):
    for p in layer.parameters():
        p.data = p.data * 0.9


def _statistics_data(layer):
    for buffer in layer.buffers():
        buffer.data.add_(1)


def _statistics_numpy(layer):
    for buffer in layer.buffers():
        if buffer.dim():
            buffer.numpy()[...] += 0.5


def _inference(layer):
    with torch.inference_mode():
        for p in layer.parameters():
            p.mul_(1.2)


def _storage(layer):
    for p in layer.parameters():
        torch.empty(0).set_(p.untyped_storage()).mul_(0.6)


def _names(layer):
    by_name = getattr(layer, "logical_parameters", lambda: dict(layer.named_parameters()))
    for view in by_name().values():
        view.data.mul_(0.9)


WRITES = {
    "data.copy_": _data_copy,
    "data.add_": _data_add,
    "numpy": _numpy,
    "data = new": _other_memory,
    "running.data": _statistics_data,
    "running.numpy": _statistics_numpy,
    "inference": _inference,
    "storage": _storage,
    "logical names": _names,
}


@case(*((name, write) for name in NAMES for write in WRITES))
def a_write_is_seen(which):
    """A layer in evaluation mode gives what a new layer with the same values gives."""
    name, write = which
    model, x = small(name), images()
    with torch.no_grad():
        model(x)  # a first call, after which something could have been kept
        before = model(x)
    WRITES[write](model[1])
    same(model, fresh(model, x), x, 0)
    if name != "asr" or "running" not in write:  # ASRNorm has no running statistics
        with torch.no_grad():
            assert not torch.equal(model(x), before), "the write changed nothing"


@case(*WRITES)
def a_fold_bakes_the_present_values(write):
    """fold after a write gives the outputs of the values that were written."""
    model, x = small("afn"), images()
    with torch.no_grad():
        model(x)
    WRITES[write](model[1])
    expected = fresh(model, x)
    same(fold(model), expected, x)


@case("afn", "batch", "batch_instance")
def swap_of_averaged_weights(name):
    """Swapping averaged weights in for validation and out again changes outputs both times."""
    model, x = small(name), images()
    average = copy.deepcopy(model)
    with torch.no_grad():
        for p in average.parameters():
            p.mul_(0.7)
        own = model(x)
        kept = [p.detach().clone() for p in model.parameters()]
        for p, q in zip(model.parameters(), average.parameters(), strict=True):
            p.data.copy_(q.data)
        same(model, average(x), x, 0)
        for p, q in zip(model.parameters(), kept, strict=True):
            p.data.copy_(q)
    same(model, own, x, 0)


@case("afn", "asr", "switchable")
def averaged_model(name):
    """AveragedModel holds the mean of the weights, and evaluates with it."""
    model, x = small(name), images()
    averaged = swa_utils.AveragedModel(model)
    seen = []
    for factor in (1.0, 1.2, 0.8):
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(factor)
        averaged.update_parameters(model)
        seen.append([p.detach().clone() for p in model.parameters()])
    for own, values in zip(averaged.parameters(), zip(*seen, strict=True), strict=True):
        torch.testing.assert_close(own.detach(), torch.stack(values).mean(0))
    other = copy.deepcopy(model)
    with torch.no_grad():
        for own, value in zip(other.parameters(), averaged.parameters(), strict=True):
            own.copy_(value)
    averaged.eval()
    with torch.no_grad():
        same(averaged, other(x), x)


@case("afn", "batch", "switchable", "batch_instance", "torch.nn:BatchNorm2d")
def statistics_after_an_average(name):
    """update_statistics gives the mean over batches, and changes neither modes nor momenta."""
    model = small(name)
    model[0].requires_grad_(False)
    batches = [images(6, seed) for seed in range(4)]
    names = update_statistics(model, [(batch, None) for batch in batches])
    assert names == ["1"], names
    assert not any(m.training for m in model.modules())
    assert model[1].momentum == 0.1
    with torch.no_grad():
        features = torch.stack([model[0](batch) for batch in batches])
    mean = features.mean((1, 3, 4)).mean(0)
    var = features.transpose(1, 2).flatten(2).var(2).mean(0)  # over (batches, C, values)
    torch.testing.assert_close(model[1].running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model[1].running_var, var, rtol=1e-4, atol=1e-5)


@case()
def torchs_update_bn_says_what_it_passes_by():
    """swa_utils.update_bn warns where a layer keeps the statistics of other weights."""
    for name, told in (("afn", True), ("switchable", True), ("batch", False), ("asr", False)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            swa_utils.update_bn([images()], torch.nn.Sequential(small(name), torch.nn.ReLU()))
            small(name).train().named_modules()
            list(small(name).modules())
        words = [str(w.message) for w in caught if "update_statistics" in str(w.message)]
        assert len(words) == told, (name, words)
