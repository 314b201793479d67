"""How much work the backbones are: ``python -m afn.backbones.flops`` writes ``flops.json``.

The file is committed, so that a plan can tell what a study will cost without importing torch. It
holds, for every backbone with its default options, BatchNorm, 3 channels and 10 classes, its
parameters and the multiply-adds of one forward pass of one image through its convolutions (which
grow with the area of the image) and its linear layers. Norms, activations and pools are not
counted.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import torch
from torch import nn

from afn.backbones import REGISTRY

FILE = Path(__file__).with_name("flops.json")
SIZES = {"resnet18_imagenet": 224}
"""Side of the image that is counted, where it is not 32."""


def multiply_adds(model: nn.Module, image: torch.Tensor) -> tuple[int, int]:
    """Multiply-adds of one pass of ``image`` (1, C, H, W): in convolutions, in linear layers."""
    counts = [0, 0]

    def count(layer: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        # Every weight of a convolution meets every position of its output once.
        positions = output.shape[2] * output.shape[3] if output.dim() == 4 else 1
        counts[isinstance(layer, nn.Linear)] += layer.weight.numel() * positions

    kinds = (nn.Conv2d, nn.Linear)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model.eval()(image)
    for hook in hooks:
        hook.remove()
    return counts[0], counts[1]


def table() -> dict[str, dict[str, int]]:
    """Backbone -> side of the image, parameters, multiply-adds of both kinds."""
    found = {}
    for name, target in sorted(REGISTRY.items()):
        module, _, function = target.partition(":")
        size = SIZES.get(name, 32)
        with torch.device("meta"):
            model = getattr(importlib.import_module(module), function)(
                nn.BatchNorm2d, in_channels=3, num_classes=10, image_size=size
            )
            convolutions, linear = multiply_adds(model, torch.empty(1, 3, size, size))
        found[name] = {
            "image_size": size,
            "parameters": sum(p.numel() for p in model.parameters()),
            "convolutions": convolutions,
            "linear": linear,
        }
    return found


def text() -> str:
    """The content of the file."""
    return json.dumps(table(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
