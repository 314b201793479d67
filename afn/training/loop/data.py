"""The training images as tensors on the device, and the one way in which pixels become inputs."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from afn.tasks.data.reader import TaskData


class Inputs:
    """Turns uint8 images (B, H, W, C) into normalised float inputs (B, C, H, W).

    Test images are normalised with the mean and standard deviation of the training images.

    Parameters
    ----------
    mean, std : sequence of float
        Per channel, on [0, 1].
    channels_last : bool
        Memory format of the result.
    """

    def __init__(self, mean, std, device: torch.device, *, channels_last: bool) -> None:
        mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
        self.device = device
        self.channels_last = channels_last
        self.scale = torch.tensor(1 / (255 * std), dtype=torch.float32, device=device)
        self.shift = torch.tensor(-mean / std, dtype=torch.float32, device=device)

    def __call__(self, images: Tensor) -> Tensor:
        values = torch.addcmul(self.shift, images.to(torch.float32), self.scale)
        values = values.permute(0, 3, 1, 2)
        return values if self.channels_last else values.contiguous()

    def from_numpy(self, images: np.ndarray) -> Tensor:
        """The same for an array, which is moved to the device first."""
        return self(sent(torch.from_numpy(images), self.device))


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Values of the host on a device; from pinned memory, so that the host does not wait for it."""
    values = values.pin_memory() if device.type == "cuda" else values
    return values.to(device, non_blocking=True)


def home_of(size: int, device: torch.device) -> torch.device:
    """Where training images of so many bytes stay: on the device of the training if half of the
    memory that is free there holds them, else on the host."""
    if device.type == "cuda" and 2 * size > torch.cuda.mem_get_info(device)[0]:
        return torch.device("cpu")
    return device


class TrainingSet:
    """All training images (N, H, W, C) as uint8 and their labels (N,), in memory.

    Parameters
    ----------
    data : TaskData
    device : torch.device
        Where batches are needed.
    home : torch.device, optional
        Where the images stay; `home_of` decides. It changes no bit of a batch.
    """

    def __init__(
        self, data: TaskData, device: torch.device, home: torch.device | None = None
    ) -> None:
        # A copy, because the arrays are read-only maps of files.
        images = torch.from_numpy(np.array(data.train_images))
        self.device, self.home = device, home or home_of(images.nbytes, device)
        self.images = images.to(self.home)
        self.labels = torch.from_numpy(np.array(data.train_labels)).to(self.home)

    def batch(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Images and labels of some rows, which lie at home, on the device of the training."""
        return self._there(self.images[rows]), self._there(self.labels[rows])

    def _there(self, chosen: Tensor) -> Tensor:
        return chosen if self.home == self.device else sent(chosen, self.device)

    def extended(self, images: Tensor, labels: Tensor) -> TrainingSet:
        """A new set with further images (M, H, W, C), of any type that holds 0..255, at its end."""
        new = copy.copy(self)
        new.images = torch.cat([self.images.to(images.dtype), images.to(self.home)])
        new.labels = torch.cat([self.labels, labels.to(self.home)])
        return new

    def __len__(self) -> int:
        return len(self.labels)
