"""The loop as most people write it by hand: a reference of `benchmarks.pipeline`.

One process trains and tests one network: ``python -m benchmarks.handwritten NORM SEED MANIFEST``.
It has a DataLoader, torch's Adam and the layers as the equations say; the same network, data,
epochs, batch size, schedule and tests as the pipeline.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from afn.backbones.resnet import resnet8
from benchmarks.literal import LiteralAFN

NORMS = {
    "batch": nn.BatchNorm2d,
    "group": partial(nn.GroupNorm, 8),
    "asr": partial(LiteralAFN, statistics_over="instance", scaled=False),
    "afn": LiteralAFN,
}
EPOCHS, BATCH = 12, 64


def dataset(folder: Path, manifest: dict, images: str, labels: str) -> TensorDataset:
    def array(key: str) -> np.ndarray:
        return np.load(folder / manifest["arrays"][key]["file"])

    pixels = torch.from_numpy(array(images)).permute(0, 3, 1, 2).float() / 255
    pixels = (pixels - manifest["mean"][0]) / manifest["std"][0]
    return TensorDataset(pixels, torch.from_numpy(array(labels)))


@torch.no_grad()
def accuracy(model: nn.Module, data: TensorDataset, size: int) -> float:
    hits = 0
    for images, labels in DataLoader(data, batch_size=size):
        hits += (model(images).argmax(1) == labels).sum().item()
    return hits / len(data)


def main(norm: str, seed: int, path: Path) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    manifest = json.loads(path.read_text())
    read = partial(dataset, path.parent, manifest)
    model = resnet8(NORMS[norm], in_channels=1, num_classes=10, image_size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(read("train_images", "train_labels"), batch_size=BATCH, shuffle=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        schedule.step()
    results = {}
    for statistics in ("running", "batch") if norm in ("batch", "afn") else ("any",):
        # The usual way to test with the statistics of the batch.
        model.train(statistics == "batch")
        for test in manifest["tests"]:
            data = read(test["images"], test["labels"])
            key = f"{statistics}/{test['condition']}/{test['severity']}"
            results[key] = accuracy(model, data, 120)
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
