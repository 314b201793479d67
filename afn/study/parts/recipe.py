"""What every training recipe can set; an algorithm (plain, ...) may add options of its own.

Read by the catalogue (names, types, limits, defaults); the values reach training in the
specification of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval


@dataclass(frozen=True)
class Option:
    """One setting of a part: its type with limits, its default, and a line of help."""

    annotation: Any
    default: object
    help: str = ""
    kind: str = ""
    """What a value names, of `catalogue.KINDS`: an entry of a registry, or "module:Class"."""


MOST_EPOCHS = 1_000_000

COMMON: dict[str, Option] = {
    "epochs": Option(
        Annotated[int, Interval(ge=1, le=MOST_EPOCHS)], 12, "passes over the training set"
    ),
    "optimizer": Option(str, "adam", "adam, adamw, sgd, or module:Class", "optimizer"),
    "lr": Option(Annotated[float, Interval(gt=0, le=1000)], 1e-3, "learning rate at the start"),
    "momentum": Option(Annotated[float, Interval(ge=0, lt=1)], 0.9, "of SGD (Nesterov)"),
    "weight_decay": Option(
        Annotated[float, Interval(ge=0, le=1000)],
        0.0,
        "adam, sgd: added to the gradient (an L2 penalty; Adam then scales it); "
        "adamw: decoupled, weights shrink by lr times it at each step",
    ),
    "weight_decay_on": Option(
        Literal["all", "weights"],
        "all",
        "weights: of convolutions and linear layers only; biases and norms are spared",
    ),
    "clip_norm": Option(Annotated[float, Ge(0)], 0.0, "largest norm of the gradient; 0: any"),
    "batch_size": Option(
        Annotated[int, Interval(ge=2, le=1_000_000)], 64, "training images per step"
    ),
    "schedule": Option(str, "cosine", "constant, cosine, step, alrs, or module:Class", "schedule"),
    "warmup_epochs": Option(
        Annotated[int, Interval(ge=0, le=MOST_EPOCHS)], 0, "epochs of a rising rate at the start"
    ),
    "alrs_threshold": Option(Annotated[float, Ge(0)], 0.01, "ALRS: T"),
    "alrs_ratio": Option(Annotated[float, Ge(0)], 0.01, "ALRS: R"),
    "alrs_decay": Option(Annotated[float, Interval(gt=0, le=1)], 0.97, "ALRS: d"),
    "step_size": Option(
        Annotated[int, Interval(ge=1, le=MOST_EPOCHS)], 30, "step schedule: epochs between decays"
    ),
    "step_gamma": Option(Annotated[float, Interval(gt=0, le=1)], 0.1, "step schedule: factor"),
    "augmentation": Option(
        str, "none", "none, shift, crop_flip, released, or module:Class", "augmentation"
    ),
    "label_smoothing": Option(Annotated[float, Interval(ge=0, lt=1)], 0.0),
    "selection": Option(Literal["last", "validation"], "last", "which epoch is tested"),
    "amp": Option(bool, False, "bfloat16 autocast"),
    "channels_last": Option(bool, True, "memory format"),
    "deterministic": Option(bool, True, "the same bits on a GPU, too"),
}
