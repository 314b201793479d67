"""A recipe as a value, and what moves in a training and is named by it.

In: the settings of a recipe, as a specification has them. Out: `Recipe`, and the optimiser, the
schedule and the augmentation that the loop calls. None of them is imported by name, so that the
loop is the same code whatever a recipe names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torch import nn

from afn.common.errors import StudyError
from afn.training import augmentations, optimizers, schedules
from afn.training.named import make
from afn.training.optimizers.base import parameter_groups
from afn.training.schedules.warm_up import WarmUp


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the training itself reads of a recipe, by name and type.

    Attributes
    ----------
    settings : Mapping
        All settings, those that only an optimiser, a schedule, an augmentation or an algorithm
        reads among them.
    """

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    weight_decay_on: str
    clip_norm: float
    schedule: str
    warmup_epochs: int
    augmentation: str
    label_smoothing: float
    selection: str
    amp: bool
    channels_last: bool
    deterministic: bool
    settings: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Recipe:
        """The recipe of a specification.

        Raises
        ------
        StudyError
            Where a setting is missing.
        """
        names = [f.name for f in fields(cls) if f.name != "settings"]
        if missing := [name for name in names if name not in settings]:
            raise StudyError(f"the recipe lacks {', '.join(missing)}")
        return cls(settings=dict(settings), **{name: settings[name] for name in names})


def optimizer_of(recipe: Recipe, model: nn.Module) -> Any:
    """The optimiser of a recipe over the trainable parameters of ``model``."""
    groups = parameter_groups(model, recipe.weight_decay, recipe.weight_decay_on)
    return make(optimizers.REGISTRY, recipe.optimizer, "optimizer", recipe.settings, groups)


def schedule_of(recipe: Recipe) -> Any:
    """The schedule of a recipe, behind its warm-up."""
    given = (recipe.lr, recipe.epochs)
    schedule = make(schedules.REGISTRY, recipe.schedule, "schedule", recipe.settings, *given)
    return WarmUp(schedule, recipe.warmup_epochs) if recipe.warmup_epochs else schedule


def augmentation_of(recipe: Recipe, size: int) -> Any:
    """The augmentation of a recipe, for images of ``size`` pixels."""
    named = recipe.augmentation
    return make(augmentations.REGISTRY, named, "augmentation", recipe.settings, size)
