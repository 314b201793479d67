"""How much work the backbones are: ``python -m afn.backbones.flops`` writes ``flops.json``.

The file is committed, so that a plan can tell what a study will cost without importing torch. It
holds, for every backbone with its default options, BatchNorm, 3 channels and 10 classes, its
parameters and the multiply-adds of one forward pass of one image through its convolutions (which
grow with the area of the image) and its linear layers. Of a training step without its norms it
holds the operations that are launched and the values that they read and write for each image; of
the norms how many there are, and the values of one image that they normalise. What a norm costs
stands in its class (``plan_cost``, see `afn.study.plan.work`).
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from afn.backbones import REGISTRY

FILE = Path(__file__).with_name("flops.json")
SIZES = {"resnet18_imagenet": 224}
"""Side of the image that is counted, where it is not 32."""
FREE = ("empty", "detach", "_unsafe_view")
"""Operations that launch nothing, beside views."""


def multiply_adds(model: nn.Module, image: torch.Tensor) -> tuple[int, int]:
    """Multiply-adds of one pass of ``image`` (1, C, H, W): in convolutions, in linear layers."""
    counts = [0, 0]

    def count(layer: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        # Every weight of a convolution meets every position of its output once.
        positions = output.shape[2] * output.shape[3] if output.dim() == 4 else 1
        counts[isinstance(layer, nn.Linear)] += layer.weight.numel() * positions  # type: ignore[operator]

    kinds = (nn.Conv2d, nn.Linear)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model.eval()(image)
    for hook in hooks:
        hook.remove()
    return counts[0], counts[1]


class Launches(TorchDispatchMode):
    """Counts what is launched inside it: operations that are no views, and the values that they
    read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.launched = self.moved = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        made = function(*arguments, **(named or {}))
        if not function.is_view and not any(free in str(function) for free in FREE):
            self.launched += 1
            leaves = tree_leaves((arguments, named, made))
            self.moved += sum(t.numel() for t in leaves if isinstance(t, torch.Tensor))
        return made


def training_step(model: nn.Module, images: torch.Tensor) -> Launches:
    """Count a forward and a backward pass of ``images`` (N, C, H, W)."""
    model.train().zero_grad()
    with Launches() as counted:
        model(images).sum().backward()
    return counted


def normalized(model: nn.Module, image: torch.Tensor) -> tuple[int, int]:
    """BatchNorm layers that one pass of ``image`` (1, C, H, W) meets, and the values in them."""
    met = []
    hooks = [
        m.register_forward_hook(lambda layer, inputs, output: met.append(output.numel()))
        for m in model.modules()
        if isinstance(m, nn.BatchNorm2d)
    ]
    with torch.no_grad():
        model.eval()(image)
    for hook in hooks:
        hook.remove()
    return len(met), sum(met)


def table() -> dict[str, dict[str, int]]:
    """Backbone -> the counts that the file holds."""
    found = {}
    for name, target in sorted(REGISTRY.items()):
        module, _, function = target.partition(":")
        size = SIZES.get(name, 32)
        make = getattr(importlib.import_module(module), function)
        shape = {"in_channels": 3, "num_classes": 10, "image_size": size}
        with torch.device("meta"):
            one, two = torch.empty(1, 3, size, size), torch.empty(2, 3, size, size)
            model = make(nn.BatchNorm2d, **shape)
            convolutions, linear = multiply_adds(model, one)
            norms, values = normalized(model, one)
            bare = make(lambda channels: nn.Identity(), **shape)
            step = training_step(bare, one)
            # The weights are read once, whatever the batch: what a second image adds is an image's.
            moved = training_step(bare, two).moved - step.moved
        found[name] = {
            "image_size": size,
            "parameters": sum(p.numel() for p in model.parameters()),
            "convolutions": convolutions,
            "linear": linear,
            "launches": step.launched,
            "moved": moved,
            "norms": norms,
            "normalized": values,
        }
    return found


def text() -> str:
    """The content of the file."""
    return json.dumps(table(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
