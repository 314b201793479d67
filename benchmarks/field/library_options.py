"""Options out of range are refused, and parameter groups obey the layers' rules."""

from __future__ import annotations

import inspect
import math
import typing
import warnings

import torch
from annotated_types import Ge, Gt, Interval, Le, Lt
from torch import nn

from afn import AFN1d, convert, parameter_groups
from afn.normalization import REGISTRY, create
from afn.normalization.registry import resolve
from benchmarks.field import case
from benchmarks.field.library_models import refused


def outside(hint: object) -> list:
    """Values that an annotation excludes, from its type and limits."""
    found = ["1", None, math.nan, math.inf]
    base, limits = hint, ()
    if typing.get_origin(hint) is typing.Annotated:
        base, *limits = typing.get_args(hint)
    if typing.get_origin(base) is typing.Literal:
        return ["of", None, True]
    if base is bool:
        return ["off", None, 1]
    if type(None) in typing.get_args(base):
        found.remove(None)
    if base is int:
        found += [1.5, True]
    flat = [one for limit in limits for one in (limit if isinstance(limit, Interval) else [limit])]
    for limit in flat:
        if isinstance(limit, Gt):
            found += [limit.gt, limit.gt - 1]
        elif isinstance(limit, Ge):
            found.append(limit.ge - 1)
        elif isinstance(limit, Lt):
            found += [limit.lt, limit.lt + 1]
        elif isinstance(limit, Le):
            found.append(limit.le + 1)
    return found


def options(name: str) -> dict[str, object]:
    """Option -> annotation."""
    init = resolve(name).__init__
    hints = typing.get_type_hints(init, include_extras=True)
    keywords = inspect.signature(init).parameters.values()
    return {p.name: hints[p.name] for p in keywords if p.kind is p.KEYWORD_ONLY}


EVERY = [(name, option) for name in REGISTRY for option in options(name)]


@case(*EVERY)
def out_of_range(which):
    """A value outside what the signature says is refused with the option's name."""
    name, option = which
    for value in outside(options(name)[option]):
        refused(lambda value=value: create(name, 16, **{option: value}), option)
        cls = resolve(name)
        refused(lambda value=value, cls=cls: cls(16, **{option: value}), cls.__name__)


@case(*REGISTRY)
def channels(name):
    """A number of channels that is none is refused."""
    for value in (0, -4, 2.0, "8", True):
        refused(lambda value=value: create(name, value), "num_features")


@case("batch", "layer", "instance", "group", "afn", "switchable")
def negative_eps(name):
    """eps = -1 is refused by every constructor, by conversion, and in one dimension."""
    refused(lambda: create(name, 16, eps=-1), "eps", "above 0")
    refused(lambda: convert(nn.Sequential(nn.BatchNorm2d(16)), name, eps=-1), "eps")
    refused(lambda: AFN1d(16, eps=-1), "eps")


@case("afn", "asr")
def large_lambda(name):
    """lambda_init = 88 is refused; 20 gives what the equations say, with a warning."""
    refused(lambda: create(name, 16, lambda_init=88), "lambda_init", "at most 20")
    for value, told in ((20, True), (6, True), (5, False), (0, False), (-100, False)):
        for residual, matters in (("learned", True), ("fixed", True), ("off", False)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                layer = create(name, 16, lambda_init=value, residual=residual)
            assert bool(caught) == (told and matters), (value, residual)
            torch.manual_seed(0)
            assert layer(torch.randn(4, 16, 3, 3)).isfinite().all()


@case("weights", "all")
def groups(decay_on):
    """parameter_groups: every parameter once; flat whole; the gate without decay, ten times lr."""
    norms = (create("afn", 8), create("batch_instance", 8))
    model = nn.Sequential(nn.Conv2d(3, 8, 3), norms[0], nn.Conv2d(8, 8, 3), norms[1])
    model[2].bias.requires_grad_(False)
    found = parameter_groups(model, lr=0.1, weight_decay=0.01, decay_on=decay_on)
    of = {id(p): (g["lr"], g["weight_decay"]) for g in found for p in g["params"]}
    assert len(of) == sum(len(g["params"]) for g in found)
    assert of.keys() == {id(p) for p in model.parameters() if p.requires_grad}
    assert of[id(norms[1].gate)] == (1.0, 0.0)
    assert of[id(model[0].weight)] == (0.1, 0.01)
    assert of[id(norms[0].flat)] == (0.1, 0.01 if decay_on == "all" else 0.0)
    optimizer = torch.optim.AdamW(found)
    model(torch.randn(4, 3, 8, 8)).sum().backward()
    optimizer.step()
    refused(lambda: parameter_groups(model, lr=0.1, decay_on="some"), "decay_on")
