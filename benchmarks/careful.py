"""The careful loop, for `benchmarks.pipeline`: as fast as one writes it who thinks about speed.

One process trains and tests one norm with several seeds: ``python -m benchmarks.careful NORM
MANIFEST SEED...``. Torch is imported once, images lie in memory as one tensor that is indexed a
batch at a time, the optimiser is fused, the layers are this library's, a test set goes through in
as few pieces as its protocol allows. The same networks, data, epochs, batches, schedule and tests
as `benchmarks.handwritten` and the pipeline; no checkpoint, no record, nothing that could go on
after a kill.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from afn.backbones.resnet import resnet8
from afn.normalization import factory
from benchmarks.handwritten import BATCH, EPOCHS, dataset

TEST_BATCH = 120
STATISTICS = {"batch": ("running", "batch"), "afn": ("running", "batch")}
"""What a norm is tested with; the others look at no batch."""


def train(norm: str, seed: int, images: Tensor, labels: Tensor) -> nn.Module:
    """Train one network."""
    torch.manual_seed(seed)
    model = resnet8(factory(norm), in_channels=1, num_classes=10, image_size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    model.train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        schedule.step()
    return model


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor, size: int) -> float:
    """Accuracy, so many images at a time."""
    pieces = zip(images.split(size), labels.split(size), strict=True)
    return sum((model(x).argmax(1) == y).sum().item() for x, y in pieces) / len(images)


def tests(norm: str, model: nn.Module, sets: dict[str, TensorDataset]) -> dict[str, float]:
    """Accuracy on every test set, with running statistics and with those of the batch."""
    found = {}
    for statistics in STATISTICS.get(norm, ("any",)):
        model.train(statistics == "batch")
        size = TEST_BATCH if statistics == "batch" else 10**6
        for name, data in sets.items():
            found[f"{statistics}/{name}"] = accuracy(model, *data.tensors, size)
    return found


def main(norm: str, path: Path, seeds: list[int]) -> None:
    torch.set_num_threads(1)
    manifest = json.loads(path.read_text())
    read = partial(dataset, path.parent, manifest)
    images, labels = read("train_images", "train_labels").tensors
    sets = {
        f"{test['condition']}/{test['severity']}": read(test["images"], test["labels"])
        for test in manifest["tests"]
    }
    for seed in seeds:
        model = train(norm, seed, images, labels)
        print(json.dumps({"seed": seed, **tests(norm, model, sets)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(seed) for seed in sys.argv[3:]])
