"""The optimisers against torch's own, and the parameter rules of the norms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from afn.common.errors import StudyError
from afn.normalization import create
from afn.training.loop.recipe import Recipe, optimizer_of
from afn.training.optimizers import adam, sgd
from afn.training.optimizers.base import parameter_groups
from afn.training.optimizers.kernels import fused_kernel
from tests.training.conftest import make_recipe


class Scaled(nn.Module):
    """A layer with a gate that wants ten times the learning rate and no decay."""

    parameter_rules = {"gate": {"lr_scale": 10.0, "weight_decay": 0.0}}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.ones(3))
        self.weight = nn.Parameter(torch.ones(3))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, x):
        return x * self.gate * self.weight * self.frozen


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), Scaled(), nn.Linear(3, 2, bias=False))


def recipe(**changed) -> Recipe:
    values = {"optimizer": "adam", "momentum": 0.9, "weight_decay": 0.1}
    values["weight_decay_on"] = "all"
    return make_recipe(**{**values, **changed})


def train(model, step, zero_grad, steps=7, skip=False):
    generator = torch.Generator().manual_seed(1)
    for number in range(steps):
        x = torch.randn(5, 4, generator=generator)
        (model[:2] if skip and number % 3 == 1 else model)(x).square().sum().backward()
        step(0.01 / (1 + number))
        zero_grad()
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("private", [True, False], ids=["by kernels", "by torch.optim"])
@pytest.mark.parametrize("skip", [False, True], ids=["every", "some without gradient"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (recipe(), lambda groups: torch.optim.Adam(groups, fused=True)),
        (recipe(optimizer="adamw"), lambda groups: torch.optim.AdamW(groups, fused=True)),
        (
            recipe(optimizer="sgd"),
            lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True, fused=True, lr=1.0),
        ),
        (
            recipe(optimizer="sgd", momentum=0.0),
            lambda groups: torch.optim.SGD(groups, lr=1.0, fused=True),
        ),
    ],
    ids=["adam", "adamw", "nesterov", "sgd"],
)
def test_equal_to_torch_to_the_bit(ours, theirs, skip, private, monkeypatch):
    asked: list[str] = []

    def missing(name: str) -> None:
        asked.append(name)

    model = network()
    optimizer = optimizer_of(ours, model)
    if not private:  # as in a torch without these functions
        for module in (adam, sgd):
            monkeypatch.setattr(module, "fused_kernel", missing)
    first = train(model, optimizer.step, optimizer.zero_grad, skip=skip)
    assert set(asked) == (set() if private else {f"_fused_{ours.optimizer}_"})

    model = network()
    gate = [model[1].gate]
    rest = [p for p in model.parameters() if p is not gate[0] and p.requires_grad]
    reference = theirs(
        [{"params": rest, "weight_decay": 0.1}, {"params": gate, "weight_decay": 0.0}]
    )

    def step(lr):
        reference.param_groups[0]["lr"], reference.param_groups[1]["lr"] = lr, lr * 10.0
        reference.step()

    second = train(model, step, lambda: reference.zero_grad(set_to_none=True), skip=skip)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], network()[0].weight)


def test_groups_follow_the_rules_and_leave_out_what_is_frozen():
    groups = parameter_groups(network(), 0.1)
    assert [(g.lr_scale, g.weight_decay, len(g.parameters)) for g in groups] == [
        (1.0, 0.1, 4),
        (10.0, 0.0, 1),
    ]


def test_weight_decay_may_spare_all_but_weights():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), create("afn", 2), nn.BatchNorm2d(2), Scaled(), nn.Linear(2, 2)
    )
    groups = parameter_groups(model, 0.1, "weights")
    decayed = [p for group in groups if group.weight_decay for p in group.parameters]
    assert {id(p) for p in decayed} == {id(model[0].weight), id(model[4].weight)}
    assert sum(len(group.parameters) for group in groups) == sum(
        p.requires_grad for p in model.parameters()
    )
    assert {group.lr_scale for group in groups} == {1.0, 10.0}


def test_a_shared_parameter_is_moved_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    (group,) = parameter_groups(model, 0.0)
    assert len(group.parameters) == 3


@pytest.mark.parametrize(
    ("rules", "message"),
    [({"gaet": {"lr_scale": 2.0}}, "no parameter 'gaet'"), ({"gate": {"lr": 2.0}}, "valid")],
)
def test_a_rule_that_names_nothing_is_an_error(rules, message):
    model = network()
    model[1].parameter_rules = rules
    with pytest.raises(ValueError, match=message):
        parameter_groups(model, 0.0)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_state_survives_a_round_trip(name):
    model = network()
    optimizer = optimizer_of(recipe(optimizer=name), model)
    train(model, optimizer.step, optimizer.zero_grad, steps=3)
    state = [{k: [t.clone() for t in v] for k, v in g.items()} for g in optimizer.state_dict()]
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    expected = train(model, optimizer.step, optimizer.zero_grad)

    other = network()
    other.load_state_dict(weights)
    continued = optimizer_of(recipe(optimizer=name), other)
    continued.load_state_dict(state)
    found = train(other, continued.step, continued.zero_grad)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))

    fresh = network()
    fresh.load_state_dict(weights)
    forgetful = optimizer_of(recipe(optimizer=name), fresh)
    lost = train(fresh, forgetful.step, forgetful.zero_grad)
    assert not all(torch.equal(a, b) for a, b in zip(expected, lost, strict=True))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_rate_may_lie_on_the_device(name):
    """As a recorded step has it: the same bits, where single precision holds the rate."""
    rates = [2.0**-k for k in range(7, 12)]

    def trained(kept: bool) -> list[torch.Tensor]:
        model = network()
        optimizer = optimizer_of(recipe(optimizer=name), model)
        if kept:
            optimizer.keep_rates()
        rate = iter(rates)

        def step(lr: float) -> None:
            optimizer.set_rates(lr_now := next(rate))
            optimizer.step(math.nan if kept else lr_now)

        return train(model, step, optimizer.zero_grad, steps=len(rates))

    assert all(map(torch.equal, trained(kept=True), trained(kept=False)))


def test_a_kernel_that_torch_lacks_is_none():
    assert fused_kernel("_fused_adam_") is torch._fused_adam_
    assert fused_kernel("_fused_lion_") is None


def test_an_unknown_optimizer_is_an_error():
    with pytest.raises(StudyError, match="unknown optimizer 'lion'; valid: adam, adamw, sgd"):
        optimizer_of(recipe(optimizer="lion"), network())


def test_decoupled_decay_shrinks_a_weight_whose_gradient_is_zero():
    parameter = nn.Parameter(torch.full((3,), 2.0))
    model = nn.ParameterList([parameter])
    for name, expected in (("adamw", 2.0 * (1 - 0.01 * 0.1)), ("adam", 2.0 - 0.01)):
        with torch.no_grad():
            parameter.fill_(2.0)
        parameter.grad = torch.zeros(3)
        optimizer_of(recipe(optimizer=name), model).step(0.01)
        # Adam sees the decay as a gradient, and makes a step of lr of any gradient.
        assert parameter.tolist() == pytest.approx([expected] * 3, abs=1e-6)
