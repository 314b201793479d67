"""Tiny files in the formats of the published data sets, written by the tests."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from PIL import Image


def pixels(count: int, size: int = 32, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Random uint8 images (count, size, size, channels)."""
    random = np.random.RandomState(seed)
    return random.randint(0, 256, (count, size, size, channels)).astype(np.uint8)


def cifar(folder: Path, kind: str, per_file: int, monkeypatch) -> dict[str, tuple]:
    """Python pickles of CIFAR-10 or -100; torchvision's checksums are taken out."""
    from torchvision import datasets

    reader = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[kind]
    ten = kind == "cifar10"
    base = folder / reader.base_folder
    base.mkdir(parents=True)
    written: dict[str, list] = {"train": [], "test": []}
    for split, files in (("train", reader.train_list), ("test", reader.test_list)):
        for number, (name, _) in enumerate(files):
            images = pixels(per_file, seed=number + 10 * (split == "test"))
            labels = [(7 * i + number) % (10 if ten else 100) for i in range(per_file)]
            flat = images.transpose(0, 3, 1, 2).reshape(per_file, -1)
            content = {"data": flat, "labels" if ten else "fine_labels": labels}
            (base / name).write_bytes(pickle.dumps(content))
            written[split].append((images, labels))
    key = "label_names" if ten else "fine_label_names"
    meta = pickle.dumps({key: [f"class {i}" for i in range(10 if ten else 100)]})
    (base / reader.meta["filename"]).write_bytes(meta)
    monkeypatch.setattr(reader, "train_list", [[n, None] for n, _ in reader.train_list])
    monkeypatch.setattr(reader, "test_list", [[n, None] for n, _ in reader.test_list])
    monkeypatch.setattr(reader, "meta", {**reader.meta, "md5": None})
    return {
        split: (np.concatenate([i for i, _ in parts]), np.concatenate([y for _, y in parts]))
        for split, parts in written.items()
    }


def npz(folder: Path, counts: dict[str, int], classes: int = 10, size: int = 32) -> None:
    """``<part>.npz`` with images and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (part, count) in enumerate(counts.items()):
        images = pixels(count, size, seed=seed)
        np.savez(folder / f"{part}.npz", images=images, labels=np.arange(count) % classes)


def mat(path: Path, images: np.ndarray, labels: list[int]) -> None:
    """SVHN's format: X (H, W, C, N), y (N, 1)."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]})


def idx(path: Path, array: np.ndarray) -> None:
    """MNIST's format: big-endian sizes, then bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def picture(path: Path, value: int | tuple, size: int = 20) -> None:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB" if isinstance(value, tuple) else "L", (size, size), value).save(path)
