"""The training loop, to be read from top to bottom.

A `Training` holds everything that moves while a network is trained, so that a checkpoint of it and
nothing else continues a run to the same bits: the network, the optimiser, the schedule, the random
streams, the history, and in the middle of an epoch the place where it is. The device is looked at
once per epoch, never per step.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from afn.common.seeds import stream
from afn.training.algorithms.base import adapted
from afn.training.loop.data import Inputs, TrainingSet
from afn.training.loop.epoch import Epoch
from afn.training.loop.hooks import hooks_after_step, scalars
from afn.training.loop.recipe import Recipe, augmentation_of, optimizer_of, schedule_of
from afn.training.loop.recorded import step_of
from afn.training.loop.recorder import Recorder

Validate = Callable[[nn.Module], tuple[float | None, float]]


class Training:
    """One training of one network.

    Parameters
    ----------
    model : nn.Module
        The network with its initial weights, on ``device``.
    algorithm
        Makes the loss: an `afn.training.algorithms.base.Algorithm`, or what has its ``loss``.
    recipe : Recipe
    data : TrainingSet
    inputs : Inputs
    seed : int
        Of the run; the streams "order", "augmentation" and "dropout" are made from it.
    device : torch.device
    validate : callable, optional
        ``validate(model) -> (loss, accuracy)`` after each epoch; the best epoch is kept.
    recorder : Recorder, optional
        Records its steps; without one they are taken operation by operation.

    Attributes
    ----------
    epoch : int
        Epochs trained so far, the one under way included.
    under_way : Epoch or None
        The epoch that is being trained; None between two.
    history : list of dict
        One row per epoch.
    reason : str
        Why the training diverged; empty while it has not.
    seconds : float
        Time spent in training, over all pieces of an interrupted run.
    """

    def __init__(
        self,
        model: nn.Module,
        algorithm: Any,
        recipe: Recipe,
        data: TrainingSet,
        inputs: Inputs,
        seed: int,
        device: torch.device,
        validate: Validate | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.model, self.algorithm, self.recipe = model, adapted(algorithm), recipe
        self.data, self.inputs, self.device = data, inputs, device
        self.validate = validate
        self.optimizer = optimizer_of(recipe, model)
        self.schedule = schedule_of(recipe)
        self.augmentation = augmentation_of(recipe, data.images.shape[1])
        # Order and augmentation have generators of their own: a method that draws dropout
        # masks sees the same batches as one that draws nothing.
        self.order = torch.Generator().manual_seed(stream(seed, "order"))
        self.moves = torch.Generator().manual_seed(stream(seed, "augmentation"))
        self.epochs_draws = (self.order, self.moves, self.augmentation, device, data.home)
        seed_globally(stream(seed, "dropout"))
        self.after_step = hooks_after_step(model)
        self.epoch = 0
        self.under_way: Epoch | None = None
        self.history: list[dict] = []
        self.reason = ""
        self.best: dict | None = None
        self.seconds = 0.0
        self.started = time.perf_counter()
        self.epoch_seconds: list[float] = []
        self.algorithm.begin(self)
        self.step = step_of(self, recorder)

    def run(
        self,
        after_epoch: Callable[[Training], None] = lambda training: None,
        *,
        within_epoch: Callable[[Training], None] = lambda training: None,
        until: int | None = None,
    ) -> None:
        """Train the epochs that are left, or those to ``until``.

        ``after_epoch`` may save, report, or raise to stop. So may ``within_epoch``, which is called
        after every step, and therefore looks at the device only to save.
        """
        while self.epoch < (until or self.recipe.epochs) and not self.reason:
            spent = 0.0 if self.under_way is None else self.under_way.seconds
            self.started = time.perf_counter() - spent
            self.epoch += 1
            row = self.train_epoch(within_epoch)
            self.reason = self.find_divergence(row)
            if self.validate is not None and not self.reason:
                row["val_loss"], row["val_accuracy"] = self.validate(self.model)
                self.keep_best(row["val_accuracy"])
            row.update(scalars(self.model))
            self.schedule.observe(row["loss"])
            self.history.append(row)
            self.seconds += time.perf_counter() - self.started
            after_epoch(self)

    def train_epoch(self, within_epoch: Callable[[Training], None] = lambda training: None) -> dict:
        """One pass over the training set, or what is left of it; returns the history's row.

        ``within_epoch`` as in `run`.
        """
        lr = self.schedule.lr(self.epoch)
        self.step.epoch_begins(lr)
        if self.under_way is None:
            self.under_way = Epoch(len(self.data), *self.epochs_draws)
        epoch = self.under_way
        self.model.train()
        while epoch.position < epoch.n:
            rows, moves = epoch.batch(self.recipe.batch_size)
            if len(rows) == 1 and epoch.n > 1:
                break  # a last batch of one image has no batch statistics worth the name
            images, labels = self.data.batch(rows)
            epoch.add(self.step.take(self.augmentation.apply(images, moves), labels), len(rows))
            self.algorithm.after_step()
            before = time.perf_counter()
            within_epoch(self)
            self.started += time.perf_counter() - before  # a checkpoint is no training
        # The only look at the device: until here the steps were merely queued.
        found = epoch.row()
        self.epoch_seconds.append((time.perf_counter() - self.started) / len(epoch.counts))
        self.under_way = None
        return {
            "epoch": self.epoch,
            "loss": found["loss"],
            "accuracy": found["accuracy"],
            "lr": lr,
            "grad_norm": found["grad_norm"],
        }

    def find_divergence(self, row: dict) -> str:
        """Say what is not finite after an epoch, or nothing."""
        if not math.isfinite(row["loss"]):
            return f"the training loss is not finite in epoch {self.epoch}"
        with torch.no_grad():
            sums = torch.stack([p.detach().double().sum() for p in self.model.parameters()])
        if not bool(torch.isfinite(sums).all()):
            return f"a weight is not finite after epoch {self.epoch}"
        return ""

    def keep_best(self, accuracy: float) -> None:
        """Keep the network if it is better on the validation split than all before it."""
        if self.best is None or accuracy > self.best["accuracy"]:
            state = {key: value.clone() for key, value in self.model.state_dict().items()}
            self.best = {"epoch": self.epoch, "accuracy": accuracy, "model": state}

    def select(self) -> int:
        """Put the network in the state that is to be tested; returns the epoch of it."""
        if self.best is None:
            return self.epoch
        self.model.load_state_dict(self.best["model"])
        return self.best["epoch"]

    @property
    def step_ms(self) -> float:
        """Time per training step: median over epochs, without the first where there are more."""
        return 1000 * statistics.median(self.epoch_seconds[1:] or self.epoch_seconds)

    def state_dict(self) -> dict:
        """Everything that the rest of the training depends on, as tensors and plain values."""
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002 (a user's layer may draw from it)
        cuda = torch.cuda.get_rng_state_all() if self.device.type == "cuda" else []
        spent = time.perf_counter() - self.started
        return {
            "epoch": self.epoch,
            "under_way": None if self.under_way is None else self.under_way.state_dict(spent),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "order": self.order.get_state(),
            "moves": self.moves.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": cuda,
            "numpy": (kind, keys.tolist(), *rest),  # type: ignore[attr-defined]
            "python": random.getstate(),
            "history": self.history,
            "best": self.best,
            "algorithm": self.algorithm.state_dict(),
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
            "step": self.step.how,
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue from what `state_dict` returned in this or another process."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.order.set_state(state["order"])
        self.moves.set_state(state["moves"])
        torch.set_rng_state(state["torch"])
        if state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])
        kind, keys, *rest = state["numpy"]
        np.random.set_state((kind, np.array(keys, np.uint32), *rest))  # noqa: NPY002
        random.setstate(state["python"])
        if state["algorithm"]:
            self.algorithm.load_state_dict(state["algorithm"])
        for name in ("epoch", "history", "best", "seconds", "epoch_seconds"):
            setattr(self, name, state[name])
        self.step.how = state["step"]
        self.under_way = None
        if state["under_way"] is not None:
            self.epoch -= 1  # it is counted once more when the loop comes to it
            self.under_way = Epoch.load(state["under_way"], *self.epochs_draws)


def seed_globally(seed: int) -> None:
    """Seed what a layer may draw from in training: the generators of torch, NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
