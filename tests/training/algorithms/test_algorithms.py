"""RSC and ADA against literal, slow implementations of their definitions."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from afn.backbones.resnet import resnet8
from afn.common.errors import StudyError
from afn.normalization import factory
from afn.tasks import load
from afn.training.algorithms.ada import ADA
from afn.training.algorithms.base import adapted
from afn.training.algorithms.rsc import RSC
from afn.training.loop.data import Inputs, TrainingSet
from afn.training.loop.engine import Training
from afn.training.loop.recipe import Recipe, augmentation_of
from afn.training.networks import build
from tests.training.conftest import make_recipe, make_spec, part

CPU = torch.device("cpu")


def network(norm="batch", size=16, seed=0):
    torch.manual_seed(seed)
    return resnet8(factory(norm), in_channels=1, num_classes=5, image_size=size)


def batch(n=12, size=16, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((n, 1, size, size), generator=generator)
    return x, torch.randint(0, 5, (n,), generator=generator)


def probability(head, z, label):
    return head(z[None])[0].softmax(0)[label].item()


def literal_pooled(model, images, labels, f, b):
    """The pooled version in words: sample by sample, feature by feature, with NumPy."""
    z = model.features(images)
    masks, fallen = [], []
    for features, label in zip(z, labels, strict=True):
        leaf = features.detach().clone().requires_grad_()
        model.head(leaf[None])[0, label].backward()
        g = leaf.grad.numpy()
        threshold = np.percentile(g, 100 * (1 - f))
        mask = torch.tensor([0.0 if value > threshold else 1.0 for value in g])
        masks.append(mask)
        with torch.no_grad():
            before = probability(model.head, features, label)
            fallen.append(before - probability(model.head, features * mask, label))
    threshold = np.percentile(fallen, 100 * (1 - b))
    total = 0.0
    for features, label, mask, fall in zip(z, labels, masks, fallen, strict=True):
        kept = features * mask if fall >= threshold else features
        total = total + F.cross_entropy(model.head(kept[None]), label[None])
    return total / len(labels), masks, fallen


def literal_map(model, images, labels, positions, b):
    """The original version in words, on maps (C, h, w), with sorting."""
    maps = model.maps(images)
    masks, fallen = [], []
    for z, label in zip(maps, labels, strict=True):
        leaf = z.detach().clone().requires_grad_()
        model.head(leaf.mean((1, 2))[None])[0, label].backward()
        slope = leaf.grad.mean((1, 2))
        mask = torch.ones_like(z)
        if positions:
            value = (z.detach() * slope[:, None, None]).sum(0)
            for place in value.flatten().argsort(descending=True)[: int(value.numel() / 3)]:
                mask[:, place // z.shape[2], place % z.shape[2]] = 0
        else:
            mask[slope.argsort(descending=True)[: math.ceil(len(slope) / 3.2)]] = 0
        masks.append(mask)
        with torch.no_grad():
            before = probability(model.head, z.mean((1, 2)), label)
            fallen.append(before - probability(model.head, (z * mask).mean((1, 2)), label))
    threshold = np.percentile(fallen, 100 * (1 - b))
    total = 0.0
    for z, label, mask, fall in zip(maps, labels, masks, fallen, strict=True):
        kept = z * mask if fall >= threshold else z
        total = total + F.cross_entropy(model.head(kept.mean((1, 2))[None]), label[None])
    return total / len(labels), masks, fallen


def same_gradients(model, ours, theirs):
    parameters = list(model.parameters())
    first = torch.autograd.grad(ours, parameters, retain_graph=True)
    second = torch.autograd.grad(theirs, parameters)
    for a, b in zip(first, second, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)
    assert sum(float(a.abs().sum()) for a in first) > 0


@pytest.mark.parametrize(("f", "b"), [(1 / 3, 1 / 3), (0.2, 0.5)])
def test_pooled_rsc_is_the_literal_one(f, b):
    # Running statistics, so that features of a sample do not depend on the number of passes.
    model = network().eval()
    images, labels = batch()
    loss, logits = RSC(feature_share=f, batch_share=b).loss(model, images, labels, 0.0)
    expected, masks, fallen = literal_pooled(model, images, labels, f, b)
    assert torch.allclose(loss, expected, rtol=1e-5)
    assert torch.allclose(logits, model(images))
    assert not logits.requires_grad
    same_gradients(model, loss, expected)
    assert all(0 < float(mask.sum()) < len(mask) for mask in masks)
    assert abs(float(loss.detach()) - F.cross_entropy(model(images), labels).item()) > 1e-4
    assert len(set(fallen)) == len(fallen)


@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize(("epoch", "share"), [(1, 0.3), (6, 0.4), (11, 0.5)])
def test_map_rsc_is_the_literal_one(positions, epoch, share, monkeypatch):
    model = network().eval()
    images, labels = batch(size=16)
    algorithm = RSC(version="map")
    recipe = SimpleNamespace(epochs=11)
    algorithm.begin(SimpleNamespace(model=model, epoch=epoch, recipe=recipe))
    monkeypatch.setattr(torch, "randint", lambda *_: torch.tensor(int(positions)))
    loss, _ = algorithm.loss(model, images, labels, 0.0)
    expected, masks, _ = literal_map(model, images, labels, positions, share)
    assert torch.allclose(loss, expected, rtol=1e-5)
    same_gradients(model, loss, expected)
    muted = {int((mask == 0).sum()) for mask in masks}
    assert muted == ({64 * (16 // 3)} if positions else {20 * 16})


def test_rsc_flips_its_coin_from_the_runs_own_stream():
    model = network().eval()
    images, labels = batch()
    algorithm = RSC(version="map")
    algorithm.begin(SimpleNamespace(model=model, epoch=1, recipe=SimpleNamespace(epochs=2)))

    def losses(seed):
        torch.manual_seed(seed)
        return [algorithm.loss(model, images, labels, 0.0)[0].item() for _ in range(8)]

    assert losses(0) == losses(0)
    assert len(set(losses(0))) == 2
    torch.manual_seed(0)
    state = torch.get_rng_state()
    RSC().loss(model, images, labels, 0.0)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_algorithm_from_outside_needs_only_a_loss():
    class Bare:
        def loss(self, *given):
            return given

    class Carrying(Bare):
        def __init__(self):
            self.told = []

        def begin(self, training):
            self.told.append(training)

        def state_dict(self):
            return {"told": len(self.told)}

        def load_state_dict(self, state):
            self.told = [None] * state["told"]

    bare, given = adapted(Bare()), Carrying()
    assert bare.loss(1, 2, 3, 4) == (1, 2, 3, 4)
    bare.begin(None)
    bare.after_step()
    bare.load_state_dict(bare.state_dict())
    assert bare.state_dict() == {}
    carrying = adapted(given)
    carrying.begin("training")
    assert given.told == ["training"]
    assert carrying.state_dict() == {"told": 1}
    carrying.load_state_dict({"told": 3})
    assert len(given.told) == 3
    ours = RSC()
    assert adapted(ours) is ours


def test_map_rsc_needs_maps():
    with pytest.raises(StudyError, match="maps"):
        RSC(version="map").begin(SimpleNamespace(model=nn.Linear(2, 2)))


@pytest.fixture(scope="module")
def data(digits):
    return load(digits)


def training(data, norm="batch", seed=0, **recipe):
    spec = make_spec(norm)
    spec["recipe"] = part("recipe", recipe.pop("name", "ada"), **{"epochs": 2, **recipe})
    return Training(
        build.network(spec, data, seed).to(memory_format=torch.channels_last),
        build.algorithm(spec["recipe"]),
        Recipe.of(spec["recipe"]),
        TrainingSet(data, CPU),
        Inputs(data.mean, data.std, CPU, channels_last=True),
        seed,
        CPU,
    )


def literal_ada(model, pixels, labels, inputs, size, steps, lr, gamma):
    """Move images (N, H, W, C) as the definition says; batches of ``size`` share statistics."""
    model = copy.deepcopy(model).train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.0
    result = []
    for start in range(0, len(pixels), size):
        original = inputs(pixels[start : start + size])
        target = labels[start : start + size]
        with torch.no_grad():
            anchor = model.features(original)
        x = original.clone()
        for _ in range(steps):
            x = x.detach().requires_grad_()
            z = model.features(x)
            value = 0.0
            for i in range(len(x)):
                value = value + F.cross_entropy(model.head(z[i : i + 1]), target[i : i + 1])
                value = value - gamma * ((z[i] - anchor[i]) ** 2).sum()
            value.backward()
            x = x + lr * x.grad
        grey = (x.detach().permute(0, 2, 3, 1) - inputs.shift) / inputs.scale
        result.append(grey)
    return torch.cat(result)


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_ada_moves_images_as_the_literal_ascent(data, gamma):
    options = {"ascent_steps": 3, "ascent_lr": 0.5, "gamma": gamma}
    found = training(data, **options)
    found.train_epoch()
    before = {key: value.clone() for key, value in found.model.state_dict().items()}
    moved = found.algorithm.move_all()
    assert found.model.training
    for key, value in found.model.state_dict().items():
        assert torch.equal(value, before[key]), key
    originals = found.data
    expected = literal_ada(
        found.model, originals.images, originals.labels, found.inputs, 64, 3, 0.5, gamma
    )
    assert moved.dtype == torch.float16
    assert torch.allclose(moved.float(), expected, atol=0.3)
    assert (moved.float() - originals.images.float()).abs().max() > 3


def test_ada_grows_the_set_at_the_ends_of_phases(data):
    found = training(data, epochs=4, phase_steps=20, phases=3, ascent_steps=1)
    sizes, steps = [], []

    def note(t):
        sizes.append(len(t.data))
        steps.append(t.algorithm.steps)

    n = len(found.data)
    shared, pixels = found.data, found.data.images.clone()
    found.run(note)
    # 17 steps in the first epoch; then 34 once 2 n images are there, and so on.
    assert steps[0] == math.ceil(n / 64)
    grown = [min(3, step // 20) for step in steps]
    assert sizes == [n * (1 + count) for count in grown]
    assert sizes[-1] == 4 * n
    assert torch.equal(shared.images, pixels), "the set is shared between runs"
    assert torch.equal(found.data.images[:n], shared.images.half())
    assert torch.equal(found.data.labels, shared.labels.repeat(4))


def test_ada_without_phases_is_plain(data):
    ada, plain = training(data, phases=0), training(data, name="plain")
    ada.run()
    plain.run()
    assert ada.history == plain.history


@pytest.mark.parametrize("norm", ["afn", "afn_released", "switchable", "group", "batch_instance"])
def test_ada_moves_images_under_every_kind_of_norm(data, norm):
    found = training(data, norm, phase_steps=10, phases=1, ascent_steps=1)
    found.run()
    assert not found.reason
    assert len(found.data) == 2 * len(found.algorithm.originals)


def test_ada_refuses_augmentation_that_needs_bytes():
    recipe = make_recipe(augmentation="released")
    with pytest.raises(StudyError, match="crop_flip"):
        ADA().begin(SimpleNamespace(recipe=recipe, augmentation=augmentation_of(recipe, 32)))
