"""Checkpoints that survive a kill at any moment and a flipped bit anywhere.

A file is the sha256 of its content, then the content. It is written beside its name, forced to the
disk and renamed; the one before it is kept under ``checkpoint.previous.pt`` until the next. A file
that is damaged, of another layout, or stamped for another run, is passed over for the older one.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import time
from pathlib import Path

import torch

from afn.common import files

CURRENT, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"
LAYOUT = 2
"""Of the state; a file of another one is as good as none. 2 has a place inside an epoch."""


def save(folder: Path, stamp: dict, state: dict) -> None:
    """Write ``state`` under ``stamp`` as the current checkpoint; the current becomes the previous.

    Parameters
    ----------
    folder : Path
        The private store of a run.
    stamp : dict
        What the state is valid for; plain values.
    state : dict
        Tensors and plain values.
    """
    buffer = io.BytesIO()
    torch.save({"layout": LAYOUT, "stamp": stamp, "state": state}, buffer)
    content = buffer.getbuffer()
    current = folder / CURRENT
    if current.exists():
        os.replace(current, folder / PREVIOUS)
    files.write(current, hashlib.sha256(content).digest(), content)  # type: ignore[arg-type]


def load(folder: Path, stamp: dict) -> dict | None:
    """Return the newest intact state that was saved under ``stamp``; None if there is none."""
    for name in (CURRENT, PREVIOUS):
        content = read(folder / name)
        if content is None or content.get("layout") != LAYOUT:
            continue
        if content.get("stamp") == stamp and isinstance(content.get("state"), dict):
            return content["state"]
    return None


def read(path: Path) -> dict | None:
    """The content of a checkpoint file; None if it is missing or damaged."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    digest, content = raw[:32], raw[32:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError):
        return None  # intact, but of another torch
    return found if isinstance(found, dict) else None  # intact, but none of ours


def remove(folder: Path) -> None:
    """Delete the checkpoints of a run that needs them no more."""
    for name in (CURRENT, PREVIOUS):
        (folder / name).unlink(missing_ok=True)


class Saver:
    """Saves a training from time to time, and at once where it has to stop.

    Parameters
    ----------
    folder, stamp : Path, dict
        See `save`.
    every : float
        Seconds between two checkpoints at the ends of epochs, and the least between any two; 0
        saves after every epoch.
    within : float
        Seconds after which one is made inside an epoch, where no end of an epoch came before.
    """

    def __init__(self, folder: Path, stamp: dict, every: float, within: float) -> None:
        self.folder, self.stamp = folder, stamp
        self.every, self.within = every, max(every, within)
        self.last = time.monotonic()

    def after_epoch(self, training, *, now: bool = False) -> bool:
        """Save if it is time (or ``now``) and anything is left to train; say whether."""
        if training.epoch >= training.recipe.epochs or training.reason:
            return False
        return self._save(training, now or time.monotonic() - self.last >= self.every)

    def within_epoch(self, training, *, now: bool = False) -> bool:
        """Save inside an epoch if it is time, or ``now``; say whether."""
        return self._save(training, now or time.monotonic() - self.last >= self.within)

    def _save(self, training, due: bool) -> bool:
        if due:
            save(self.folder, self.stamp, training.state_dict())
            self.last = time.monotonic()
        return due
