"""Adversarial data augmentation. Paper: Volpi et al., NeurIPS 2018, arXiv 1805.12018.

Now and then every original image is moved to where the network errs more while its features stay
close, and the moved images join the training set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional as F

from afn.common.errors import StudyError
from afn.normalization import set_test_statistics
from afn.training.algorithms.base import Algorithm

if TYPE_CHECKING:
    from afn.training.loop.data import TrainingSet
    from afn.training.loop.engine import Training


class ADA(Algorithm):
    """The training algorithm of the name ``ada``: plain training on a set that grows.

    After every ``phase_steps`` training steps of the first ``phases`` phases each original image x
    is moved by ``ascent_steps`` steps of gradient ascent, in normalised pixels, on
    CE(x', y) - gamma * ||z(x') - z(x)||^2, where z are the features. The moved images join the set
    with the next epoch. The network is in evaluation mode meanwhile, its norms use the statistics
    of the batch that is moved, and no buffer changes: the same for every method. Moved images are
    kept in half precision (an eighth of a grey level at most), so they must be augmented by moves
    only.

    Parameters
    ----------
    phases : int
        How often the set grows (k).
    phase_steps : int
        Training steps between two growths.
    ascent_steps : int
        Steps of gradient ascent.
    ascent_lr : float
        Their size.
    gamma : float
        Price of distance between the features.
    """

    def __init__(
        self,
        *,
        phases: Annotated[int, Ge(0)] = 6,
        phase_steps: Annotated[int, Ge(1)] = 100,
        ascent_steps: Annotated[int, Ge(1)] = 15,
        ascent_lr: Annotated[float, Gt(0)] = 1.0,
        gamma: Annotated[float, Ge(0)] = 1.0,
    ) -> None:
        self.phases, self.phase_steps = phases, phase_steps
        self.ascent_steps, self.ascent_lr, self.gamma = ascent_steps, ascent_lr, gamma
        self.steps = 0
        self.moved: list[Tensor] = []

    def begin(self, training: Training) -> None:
        """Remember the original images."""
        if not getattr(training.augmentation, "any_values", False):
            named = training.recipe.augmentation
            raise StudyError(f"recipe ada needs augmentation none, shift or crop_flip, not {named}")
        self.training, self.originals = training, training.data

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy and logits, as with ``plain``."""
        logits = model(images)
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing), logits

    def after_step(self) -> None:
        """Count a training step; move all original images at the end of a phase."""
        self.steps += 1
        if self.steps % self.phase_steps == 0 and len(self.moved) < self.phases:
            self.moved.append(self.move_all())
            self.training.data = self.grown()

    def move_all(self) -> Tensor:
        """Every original image, moved (N, H, W, C); half precision, grey levels 0..255."""
        model, inputs = self.training.model, self.training.inputs
        model.eval()
        set_test_statistics(model, "batch")
        pieces = []
        for start in range(0, len(self.originals), self.training.recipe.batch_size):
            rows = slice(start, start + self.training.recipe.batch_size)
            images, labels = self.originals.batch(rows)
            moved = self.move(model, inputs(images), labels)
            pixels = (moved.permute(0, 2, 3, 1) - inputs.shift) / inputs.scale
            pieces.append(pixels.half())
        model.train()
        return torch.cat(pieces)

    def move(self, model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
        """Move one normalised batch x (B, C, H, W) uphill; returns the moved batch."""
        with torch.no_grad():
            anchor = model.features(x)  # type: ignore[operator]
        for _ in range(self.ascent_steps):
            x = x.detach().requires_grad_()
            z = model.features(x)  # type: ignore[operator]
            # Sums over the batch: the steps of one image do not depend on how many there are.
            gain = F.cross_entropy(model.head(z), labels, reduction="sum")  # type: ignore[operator]
            gain = gain - self.gamma * (z - anchor).square().sum()
            (slope,) = torch.autograd.grad(gain, x)
            x = x + self.ascent_lr * slope
        return x.detach()

    def grown(self) -> TrainingSet:
        """The original training set with all moved images behind it."""
        if not self.moved:
            return self.originals
        labels = self.originals.labels.repeat(len(self.moved))
        return self.originals.extended(torch.cat(self.moved), labels)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "moved": self.moved}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        self.moved = [images.to(self.originals.device) for images in state["moved"]]
        self.training.data = self.grown()
