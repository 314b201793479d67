"""What moves in a training and is named by its recipe: optimiser, schedule, augmentation.

In: the settings of a recipe. Out: the three objects that the loop calls. None of them is imported
by name, so that the loop is the same code whatever a recipe names.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import nn

from afn.training import augmentations, optimizers, schedules
from afn.training.named import make
from afn.training.optimizers.base import parameter_groups
from afn.training.schedules.warm_up import WarmUp


def optimizer_of(recipe: SimpleNamespace, model: nn.Module) -> Any:
    """The optimiser of a recipe over the trainable parameters of ``model``."""
    groups = parameter_groups(model, recipe.weight_decay, recipe.weight_decay_on)
    return make(optimizers.REGISTRY, recipe.optimizer, "optimizer", vars(recipe), groups)


def schedule_of(recipe: SimpleNamespace) -> Any:
    """The schedule of a recipe, behind its warm-up."""
    given = (recipe.lr, recipe.epochs)
    schedule = make(schedules.REGISTRY, recipe.schedule, "schedule", vars(recipe), *given)
    return WarmUp(schedule, recipe.warmup_epochs) if recipe.warmup_epochs else schedule


def augmentation_of(recipe: SimpleNamespace, size: int) -> Any:
    """The augmentation of a recipe, for images of ``size`` pixels."""
    return make(augmentations.REGISTRY, recipe.augmentation, "augmentation", vars(recipe), size)
