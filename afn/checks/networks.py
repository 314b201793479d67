"""The checks of a backbone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from afn.checks import Broken, require
from afn.normalization import factory
from afn.study.parts.catalogue import Entry

CLASSES = 5


class Spy(nn.Module):
    """A norm that does nothing but look at what it gets."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features
        self.sizes: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] != self.num_features:
            raise Broken(f"norm({self.num_features}) is given {x.shape[1]} channels")
        self.sizes.append(min(x.shape[2:]))
        return x


def check_backbone(
    found: Entry, target: Callable[..., Any], image_size: int = 40, **options: Any
) -> None:
    """The two parts of its answer, its norms, the limit of its size, and a step of training."""
    given = {"in_channels": 1, "num_classes": CLASSES, "image_size": image_size, **options}
    torch.manual_seed(0)
    model = target(Spy, **given)
    x = torch.randn(4, 1, image_size, image_size)
    maps, features, answer = model.maps(x), model.features(x), model(x)
    require(maps.dim() == 4 and len(maps) == 4, f"maps are (N, D, h, w), not {tuple(maps.shape)}")
    require(features.dim() == 2, f"features are (N, D), not {tuple(features.shape)}")
    require(torch.equal(model.embed(maps), features), "features(x) is not embed(maps(x))")
    require(torch.equal(model.head(features), answer), "its answer is not head(features(x))")
    require(answer.shape == (4, CLASSES), f"gives {tuple(answer.shape)} for {CLASSES} classes")
    spies = [module for module in model.modules() if isinstance(module, Spy)]
    require(spies and all(spy.sizes for spy in spies), "it uses none, or not all, of its norms")
    require(min(min(spy.sizes) for spy in spies) >= 2, "a norm is given maps of one pixel")
    names = [_outside(target(factory(norm), **given)) for norm in ("batch", "afn")]
    require(names[0] == names[1], "what is no norm has other names or shapes with another norm")
    try:
        target(Spy, **{**given, "image_size": 1})
    except ValueError as error:
        require(
            "at least" in str(error) or "images of" in str(error), f"size 1 is told as: {error}"
        )
    else:
        raise Broken("images of one pixel are taken: raise ValueError with 'at least <pixels>'")
    model = target(factory("batch"), **given)
    loss = nn.functional.cross_entropy(model(x), torch.arange(4) % CLASSES)
    loss.backward()
    lost = [name for name, p in model.named_parameters() if p.grad is None]
    require(not lost, f"parameters without a gradient: {', '.join(lost)}")


def _outside(model: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of all parameters outside the norms."""
    kinds = tuple(type(factory(norm)(8)) for norm in ("batch", "afn"))
    norms = {name for name, module in model.named_modules() if isinstance(module, kinds)}
    return [
        (name, tuple(p.shape))
        for name, p in model.named_parameters()
        if name.rpartition(".")[0] not in norms
    ]
