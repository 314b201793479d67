"""The checks of what a recipe names: algorithm, optimiser, schedule, augmentation."""

from __future__ import annotations

import copy
import inspect
import math
from typing import Any

import torch
from torch import nn

from afn.backbones.convnet import convnet_small
from afn.checks import require
from afn.normalization import factory
from afn.study.parts.catalogue import Entry
from afn.study.parts.recipe import COMMON
from afn.training.optimizers.base import parameter_groups

CLASSES, SIZE, EPOCHS = 5, 8, 6


def _settings(target: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The settings of a recipe that something takes, as training gives them to it."""
    recipe = {key: option.default for key, option in COMMON.items()} | given
    parameters = inspect.signature(target).parameters.values()
    own = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    return {key: recipe[key] for key in own if key in recipe}


def _network() -> nn.Module:
    torch.manual_seed(0)
    return convnet_small(factory("batch"), in_channels=1, num_classes=CLASSES, image_size=SIZE)


def _batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(10, 1, SIZE, SIZE, generator=generator), torch.arange(10) % CLASSES


def check_recipe(found: Entry, target: type, **options: Any) -> None:
    """Its loss, the logits beside it, gradients, and what it keeps between epochs."""
    torch.manual_seed(0)
    algorithm, model = target(**_settings(target, options)), _network()
    loss, logits = algorithm.loss(model, *_batch(), 0.0)
    require(loss.dim() == 0 and torch.isfinite(loss), "loss() gives a finite scalar first")
    require(logits.shape == (10, CLASSES), f"logits are (B, classes), not {tuple(logits.shape)}")
    loss.backward()
    learned = [p for p in model.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    require(learned, "the loss moves no parameter of the network")
    kept = hasattr(algorithm, "state_dict"), hasattr(algorithm, "load_state_dict")
    require(kept[0] == kept[1], "state_dict and load_state_dict belong together")


def check_optimizer(found: Entry, target: type, **options: Any) -> None:
    """Steps, a rate of nothing, parameters without a gradient, and its state."""
    model = _network()
    optimizer = target(parameter_groups(model, 0.0), **_settings(target, options))
    x, y = _batch()

    def step(model: nn.Module, optimizer: Any, lr: float) -> float:
        optimizer.zero_grad()
        require(not optimizer.gradients(), "zero_grad() leaves gradients")
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step(lr)
        return float(loss.detach())

    losses = [step(model, optimizer, 0.003) for _ in range(15)]
    require(losses[-1] < losses[0], f"15 steps at 0.003 do not lower a loss of {losses[0]:.3f}")
    twin = copy.deepcopy(model)
    other = target(parameter_groups(twin, 0.0), **_settings(target, options))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for one in ((model, optimizer), (twin, other)):
        step(*one, 0.003)
    pairs = list(zip(model.parameters(), twin.parameters(), strict=True))
    require(all(torch.equal(a, b) for a, b in pairs), "its state is not all in its state_dict")
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.zero_grad()
    optimizer.step(0.003)
    same = all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    require(same, "parameters without a gradient are moved")


def check_schedule(found: Entry, target: type, **options: Any) -> None:
    """Rates of every epoch, and a continuation from its state."""
    made = [target(0.1, EPOCHS, **_settings(target, options)) for _ in range(2)]
    rates = []
    for epoch in range(1, EPOCHS + 1):
        rates.append(made[0].lr(epoch))
        made[0].observe(1.0 / epoch)
        if epoch == EPOCHS // 2:
            made[1].load_state_dict(dict(made[0].state_dict()))
    fine = all(isinstance(rate, float) and math.isfinite(rate) and rate >= 0 for rate in rates)
    require(fine, f"a learning rate is no finite number from 0: {rates}")
    for epoch in range(EPOCHS // 2 + 1, EPOCHS + 1):
        require(made[1].lr(epoch) == rates[epoch - 1], "it does not go on from its state_dict")
        made[1].observe(1.0 / epoch)


def check_augmentation(found: Entry, target: type, **options: Any) -> None:
    """uint8 images of the same shape, the same for the same draws; nothing in place."""
    size = 32
    augmentation = target(size, **_settings(target, options))
    images = torch.randint(0, 256, (6, size, size, 3), generator=torch.Generator().manual_seed(0))
    images = images.to(torch.uint8)
    kept, found_images = images.clone(), []
    for _ in range(2):
        generator = torch.Generator().manual_seed(3)
        draws = augmentation.draw(12, generator, torch.device("cpu"))
        moved = augmentation.apply(images, None if draws is None else draws[:6])
        require(moved.shape == images.shape and moved.dtype == torch.uint8, f"gives {moved.dtype}")
        require(torch.equal(images, kept), "the images that it is given are changed in place")
        found_images.append(moved)
    require(torch.equal(*found_images), "the same draws give other images")
