"""From a specification (plain JSON) to a network and a training algorithm."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from afn import backbones, normalization, training
from afn.common.seeds import stream
from afn.tasks.data.reader import TaskData
from afn.training.named import find, make
from afn.training.networks.initialization import initialize
from afn.training.networks.pretrained import converted


def split(part: dict) -> tuple[str, dict]:
    """A part of a specification as its name and its options."""
    return part["name"], {key: value for key, value in part.items() if key != "name"}


def network(spec: dict, data: TaskData, seed: int) -> nn.Module:
    """Build the network of a specification with the weights of ``seed``.

    A backbone with an option ``weights`` that is not "none" starts from trained ones instead.
    """
    norm, norm_options = split(spec["norm"])
    backbone, options = split(spec["backbone"])
    found = find(backbones.REGISTRY, backbone, "backbone")

    def construct(factory: Callable[[int], nn.Module]) -> nn.Module:
        # What a constructor draws beyond reset_parameters() must not depend on the runs before.
        torch.manual_seed(stream(seed, "construction"))
        return found(
            factory,
            in_channels=data.in_channels,
            num_classes=data.num_classes,
            image_size=data.image_size,
            **options,
        )

    if options.get("weights", "none") != "none":
        return converted(construct, seed, norm, norm_options)
    model = construct(normalization.factory(norm, **norm_options))
    initialize(model, seed)
    return model


def algorithm(recipe: dict):
    """Build the training algorithm of a recipe with those of its settings that it takes."""
    return make(training.REGISTRY, recipe["name"], "recipe", recipe)
