"""What each kind of part is, as types: for editors, type checkers and readers.

A class need not inherit from these; it keeps to one if it has its members. Options are keyword-only
arguments with a default of the class or function, and are not written here. docs/extending.md says
where each stands in a study file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from afn.tasks.base import Prepared

NormFactory = Callable[[int], "nn.Module"]
"""What a backbone gets: a layer for so many channels."""


class Norm(Protocol):
    """A normalisation layer, made as ``Norm(num_features, **options)``; an ``nn.Module``."""

    statistics: ClassVar[tuple[str, ...]]
    """What it can be tested with, of ("running", "batch"); () if no batch matters to it."""

    def __init__(self, num_features: int) -> None: ...

    def __call__(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) in, the same shape and type out."""
        ...


class Network(Protocol):
    """What a backbone returns; an ``nn.Module`` whose answer is ``head(embed(maps(x)))``."""

    head: nn.Module

    def maps(self, x: Tensor) -> Tensor:
        """The last maps (N, D, h, w) of images (N, in_channels, image_size, image_size)."""
        ...

    def embed(self, maps: Tensor) -> Tensor:
        """Features (N, D) of maps."""
        ...

    def features(self, x: Tensor) -> Tensor:
        """``embed(maps(x))``."""
        ...


class Backbone(Protocol):
    """A function that builds a network with nothing but ``norm(channels)`` for its norms.

    Raises ValueError for images that are too small, with the words "at least <pixels>".
    """

    def __call__(
        self, norm: NormFactory, *, in_channels: int, num_classes: int, image_size: int
    ) -> Network: ...


class Task(Protocol):
    """What is learned and on what it is tested; its literals are read from the source."""

    num_classes: int
    in_channels: int
    image_size: int
    class_names: Sequence[str]
    conditions: Sequence[str]
    severities: Sequence[int]
    domains: Sequence[str]

    def prepare(self, data_dir: Path | None) -> Prepared:
        """The arrays, the same bits every time."""
        ...


class Condition(Protocol):
    """A shifted version of images (N, H, W, C) in [0, 1], at a severity from 1 to 5."""

    def __call__(self, images: np.ndarray, severity: int, seed: int) -> np.ndarray: ...


class Algorithm(Protocol):
    """How a loss is made of a batch: what ``recipe.name`` names."""

    def loss(
        self, model: Any, images: Tensor, labels: Tensor, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """The loss (a scalar) and the logits (B, classes) that the accuracy is taken from."""
        ...


class Optimizer(Protocol):
    """How weights move; made with the groups of `afn.training.optimizers.base`."""

    def step(self, lr: float) -> None: ...
    def zero_grad(self) -> None: ...
    def gradients(self) -> list[Tensor]: ...
    def state_dict(self) -> Any: ...
    def load_state_dict(self, state: Any) -> None: ...


class Schedule(Protocol):
    """The learning rate of an epoch, counted from 1; made with the first rate and the epochs."""

    def lr(self, epoch: int) -> float: ...
    def observe(self, loss: float) -> None: ...
    def state_dict(self) -> Mapping[str, Any]: ...
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class Augmentation(Protocol):
    """What happens to training images (N, H, W, C), uint8; made with their size."""

    def draw(self, n: int, generator: torch.Generator, device: torch.device) -> Any:
        """What happens to each of n images of an epoch: None, or something indexed by image."""
        ...

    def apply(self, images: Tensor, draws: Any) -> Tensor: ...
