"""The training loop: same batches under every method, resumable after any epoch, honest history."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from afn.tasks import load
from afn.training.loop import testing
from afn.training.loop.data import Inputs, TrainingSet, home_of
from afn.training.loop.engine import Training
from afn.training.loop.recipe import Recipe
from afn.training.networks import build
from tests.training.conftest import make_spec

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(digits):
    return load(digits)


def training(
    data, norm="batch", seed=0, algorithm=None, validating=False, recorder=None, **recipe
) -> Training:
    options = recipe.pop("norm_options", {})
    spec = make_spec(norm, norm_options=options, **{"epochs": 4, **recipe})
    inputs = Inputs(data.mean, data.std, CPU, channels_last=True)

    def validate(model):
        protocol = {"statistics": "batch", "batch_size": 90}
        scores = testing.evaluate(model, [data.validation], protocol, inputs, 1024)[0]
        row = scores.row(data.validation, "p")
        return row["loss"], row["accuracy"]

    return Training(
        build.network(spec, data, seed).to(memory_format=torch.channels_last),
        algorithm or build.algorithm(spec["recipe"]),
        Recipe.of(spec["recipe"]),
        TrainingSet(data, CPU),
        inputs,
        seed,
        CPU,
        validate if validating else None,
        recorder,
    )


class Watching:
    """Plain, with a record of the batches."""

    def __init__(self):
        self.batches = []

    def loss(self, model, images, labels, label_smoothing):
        self.batches.append((images.clone(), labels.clone()))
        logits = model(images)
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing), logits


def batches(data, norm, seed=0, **recipe):
    watching = Watching()
    training(data, norm, seed, watching, **{"epochs": 2, "augmentation": "shift", **recipe}).run()
    return watching.batches


def test_every_method_sees_the_same_batches(data):
    # afn_released draws dropout masks at every step, batch draws nothing.
    expected = batches(data, "batch")
    assert [len(y) for _, y in expected] == 2 * ([64] * 16 + [53])
    for norm, recipe in (("afn_released", {}), ("afn", {"lr": 0.1, "optimizer": "sgd"})):
        for (x, y), (u, v) in zip(expected, batches(data, norm, **recipe), strict=True):
            assert torch.equal(x, u)
            assert torch.equal(y, v)
    assert not torch.equal(expected[0][1], batches(data, "batch", seed=1)[0][1])


def test_an_epoch_shows_every_image_once_and_the_next_in_another_order(data):
    found = batches(data, "batch", augmentation="none")
    epochs = [torch.cat([x for x, _ in found[i : i + 17]]) for i in (0, 17)]
    expected = Inputs(data.mean, data.std, CPU, channels_last=True).from_numpy(
        np.array(data.train_images)
    )
    for images in epochs:
        found = {image.numpy().tobytes() for image in images}
        assert found == {image.numpy().tobytes() for image in expected}
    assert not torch.equal(*epochs)


RECIPES = [
    {},
    {"optimizer": "sgd", "weight_decay": 1e-3, "schedule": "alrs", "alrs_threshold": 1.0},
    {"augmentation": "shift", "norm": "afn", "norm_options": {"residual": "fixed"}},
    {"augmentation": "crop_flip", "norm": "afn_released", "label_smoothing": 0.1},
    {"norm": "batch_instance", "schedule": "step", "step_size": 1, "amp": True},
    {"weight_decay": 0.01, "weight_decay_on": "weights", "clip_norm": 0.5, "warmup_epochs": 2},
    {"name": "rsc", "backbone": "resnet8", "version": "map", "epochs": 4},
    {"name": "ada", "phase_steps": 20, "phases": 2, "ascent_steps": 2, "norm": "afn"},
    {"norm": "switchable", "selection": "validation", "validating": True, "lr": 0.01},
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_continued_in_another_object_is_the_same_to_the_bit(data, recipe):
    after = 2
    quiet = training(data, **recipe)
    quiet.run()

    first = training(data, **recipe)
    saved = {}

    def stop(t):
        if t.epoch == after:
            saved["state"] = copy.deepcopy(t.state_dict())

    first.run(stop)
    second = training(data, seed=0, **recipe)
    torch.manual_seed(12345)  # whatever the process did before
    second.load_state_dict(saved["state"])
    assert second.epoch == after
    second.run()
    check_equal(second, quiet)


def check_equal(found: Training, expected: Training) -> None:
    """The same to the bit: history, chosen epoch, network and what would be drawn next."""
    assert found.history == expected.history
    assert len(found.epoch_seconds) == len(expected.epoch_seconds)
    assert found.select() == expected.select()
    wanted = expected.model.state_dict()
    for key, value in found.model.state_dict().items():
        assert torch.equal(value, wanted[key]), key
    for name in ("order", "moves"):
        assert torch.equal(getattr(found, name).get_state(), getattr(expected, name).get_state())


def test_every_piece_of_the_state_is_needed(data):
    recipe = {
        "norm": "afn_released",
        "augmentation": "shift",
        "schedule": "alrs",
        "alrs_threshold": 1.0,
        "alrs_ratio": 1.0,
        "alrs_decay": 0.5,
    }
    quiet = training(data, **recipe)
    saved = {}
    quiet.run(lambda t: saved.setdefault("state", copy.deepcopy(t.state_dict())))
    for piece in ("model", "optimizer", "schedule", "order", "moves", "torch"):
        other = training(data, **recipe)
        fresh = copy.deepcopy(other.state_dict())
        other.load_state_dict({**copy.deepcopy(saved["state"]), piece: fresh[piece]})
        other.run()
        assert other.history[1:] != quiet.history[1:], f"{piece} could be left out"


def test_history_is_what_happened(data):
    found = training(data, "afn", epochs=3, lr=2e-3)
    before = copy.deepcopy(found.model)
    found.run()
    assert [row["epoch"] for row in found.history] == [1, 2, 3]
    assert [row["lr"] for row in found.history] == [
        0.5 * 2e-3 * (1 + math.cos(math.pi * e / 3)) for e in range(3)
    ]
    assert found.history[0]["loss"] > found.history[1]["loss"] > found.history[2]["loss"] > 0
    assert 0.2 < found.history[0]["accuracy"] < found.history[2]["accuracy"] <= 1
    layers = [path for path, m in before.named_modules() if hasattr(m, "scalars")]
    assert len(layers) >= 2
    assert set(found.history[0]) == {"epoch", "loss", "accuracy", "lr", "grad_norm"} | {
        f"lambda_{name}:{path}" for path in layers for name in ("mu", "sigma", "gamma", "beta")
    }
    assert len(found.epoch_seconds) == 3
    assert 0 < found.step_ms < 1000
    assert found.seconds > 0


def test_gradient_norm_and_loss_are_means_over_the_epoch(data):
    class Literal(Watching):
        losses: list = []  # noqa: RUF012
        norms: list = []  # noqa: RUF012

        def loss(self, model, images, labels, label_smoothing):
            copied = copy.deepcopy(model)
            loss = F.cross_entropy(copied(images), labels)
            loss.backward()
            norm = torch.nn.utils.get_total_norm([p.grad for p in copied.parameters()])
            self.losses.append(loss.item() * len(labels))
            self.norms.append(norm.item())
            return super().loss(model, images, labels, label_smoothing)

    literal = Literal()
    found = training(data, algorithm=literal, epochs=1)
    found.run()
    assert found.history[0]["loss"] == pytest.approx(sum(literal.losses) / 1077, rel=1e-5)
    assert found.history[0]["grad_norm"] == pytest.approx(np.mean(literal.norms), rel=1e-5)


@pytest.mark.parametrize("largest", [0.3, 1e9])
def test_clipping_is_torchs(data, largest):
    class Clipped(Watching):
        """Plain training whose gradients torch itself would clip, at every step."""

        def begin(self, training):
            self.found, self.expected, inner = [], [], training.optimizer.step

            def step(lr):
                self.found.append(torch.cat([p.grad.flatten() for p in self.parameters()]))
                inner(lr)

            training.optimizer.step = step
            self.model = training.model

        def parameters(self):
            return list(self.model.parameters())

        def loss(self, model, images, labels, label_smoothing):
            copied = copy.deepcopy(model)
            F.cross_entropy(copied(images), labels).backward()
            torch.nn.utils.clip_grad_norm_(copied.parameters(), largest)
            self.expected.append(torch.cat([p.grad.flatten() for p in copied.parameters()]))
            return super().loss(model, images, labels, label_smoothing)

    clipped = Clipped()
    training(data, algorithm=clipped, epochs=1, clip_norm=largest).run()
    for found, expected in zip(clipped.found, clipped.expected, strict=True):
        assert torch.allclose(found, expected, rtol=1e-5, atol=1e-8)
    longest = max(float(gradient.norm()) for gradient in clipped.found)
    assert longest < 0.3001 if largest < 1 else longest > 0.3001


def test_the_norms_hooks_are_called(data):
    found = training(data, "batch_instance", epochs=2, lr=0.05, optimizer="sgd")
    gates = [m for m in found.model.modules() if hasattr(m, "after_step")]
    assert len(found.after_step) == len(gates) >= 2
    found.run()
    for gate in (m.gate for m in gates):
        assert gate.min() >= 0
        assert gate.max() <= 1
        assert not torch.equal(gate, torch.ones_like(gate))
    assert {g.lr_scale for g in found.optimizer.groups} == {1.0, 10.0}


@pytest.mark.parametrize("where", ["loss", "weights"])
def test_divergence_ends_the_training_and_names_the_epoch(data, where):
    class Breaking(Watching):
        def loss(self, model, images, labels, label_smoothing):
            loss, logits = super().loss(model, images, labels, label_smoothing)
            if len(self.batches) == 17 + 3:  # the third step of the second epoch
                if where == "loss":
                    return loss * math.inf, logits
                with torch.no_grad():
                    # A weight that the loss does not see.
                    model.unused[0] = math.nan
            return loss, logits

    found = training(data, algorithm=Breaking())
    found.model.unused = nn.Parameter(torch.zeros(2))
    found.run()
    assert found.epoch == 2
    assert len(found.history) == 2
    assert "epoch 2" in found.reason
    assert where.rstrip("s") in found.reason


def test_a_last_batch_of_one_image_is_left_out(data):
    watching = Watching()
    found = training(data, algorithm=watching, epochs=1, batch_size=269)
    found.run()  # 1077 = 4 * 269 + 1
    assert [len(y) for _, y in watching.batches] == [269] * 4
    assert len(found.history) == 1


def test_amp_computes_in_bfloat16(data):
    seen = []

    class Looking(Watching):
        def loss(self, model, images, labels, label_smoothing):
            loss, logits = super().loss(model, images, labels, label_smoothing)
            seen.append(logits.dtype)
            return loss, logits

    training(data, algorithm=Looking(), epochs=1, amp=True).run()
    assert set(seen) == {torch.bfloat16}


SHIFT = {"augmentation": "shift"}
GROWING = {"name": "ada", "phase_steps": 9, "ascent_steps": 1}


@pytest.mark.parametrize("recipe", [SHIFT, GROWING])
def test_images_of_the_host_are_the_same_batches(data, recipe):
    """The host and the device of a training are the same here, under two names."""
    recipe = {"epochs": 2, **recipe}
    expected = training(data, **recipe)
    expected.run()
    found = training(data, **recipe)
    assert found.data.home == CPU
    found.data.home = torch.device("cpu", 0)
    chosen = found.data.batch(torch.tensor([3, 1]))
    assert torch.equal(chosen[0], found.data.images[[3, 1]])
    found.run()
    assert found.history == expected.history


def test_images_stay_on_a_device_whose_free_memory_is_twice_theirs(monkeypatch):
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9999))
    assert home_of(500, cuda) == cuda
    assert home_of(501, cuda) == CPU
    assert home_of(10**12, CPU) == CPU
