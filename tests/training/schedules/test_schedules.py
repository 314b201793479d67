"""Schedules against torch's own and against the literal words."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from afn.common.errors import StudyError
from afn.training.loop.recipe import Recipe, schedule_of
from tests.training.conftest import make_recipe


def recipe(schedule: str, **changed) -> Recipe:
    values = {
        "schedule": schedule,
        "lr": 0.1,
        "epochs": 12,
        "step_size": 3,
        "step_gamma": 0.5,
        "alrs_threshold": 0.01,
        "alrs_ratio": 0.01,
        "alrs_decay": 0.97,
        "warmup_epochs": 0,
    }
    return make_recipe(**{**values, **changed})


def rates(schedule, losses=(1.0,) * 12):
    found = []
    for epoch, loss in enumerate(losses, start=1):
        found.append(schedule.lr(epoch))
        schedule.observe(loss)
    return found


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 12)),
        ("step", lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5)),
        ("constant", lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0)),
    ],
)
def test_fixed_schedules_are_torchs(name, reference):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = reference(optimizer)
    expected = []
    for _ in range(12):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert rates(schedule_of(recipe(name))) == pytest.approx(expected, rel=1e-12)


def literal_alrs(losses, lr, threshold, ratio, decay):
    """The authors' rule, word for word; returns the rate of each epoch."""
    found, last = [], None
    for loss in losses:
        found.append(lr)
        if last is not None:
            delta = last - loss
            if delta < threshold and delta / last < ratio:
                lr *= decay
        last = loss
    return found


@given(
    losses=st.lists(st.floats(0.001, 10), min_size=1, max_size=20),
    setting=st.sampled_from([(0.01, 0.01, 0.97), (0.02, 0.02, 0.9)]),
)
def test_alrs_is_the_literal_rule(losses, setting):
    names = ("alrs_threshold", "alrs_ratio", "alrs_decay")
    ours = schedule_of(recipe("alrs", **dict(zip(names, setting, strict=True))))
    assert rates(ours, losses) == literal_alrs(losses, 0.1, *setting)


def test_alrs_by_hand():
    ours = schedule_of(recipe("alrs"))
    # falls enough; stalls; rises; falls by 0.005 of 0.2, which is 2.5 percent: no decay
    found = rates(ours, [2.0, 1.0, 0.999, 1.5, 0.2, 0.195, 0.0, 0.0, 0.0])
    expected = [0.1, 0.1, 0.1, 0.097, 0.1 * 0.97**2, 0.1 * 0.97**2, 0.1 * 0.97**2, 0.1 * 0.97**2]
    assert found[:8] == pytest.approx(expected)
    # a loss that stays at 0 has stalled
    assert found[8] == pytest.approx(0.1 * 0.97**3)


def test_alrs_never_decays_after_the_first_epoch():
    for loss in (1e-9, 1.0, 1e9):
        schedule = schedule_of(recipe("alrs"))
        schedule.observe(loss)
        assert schedule.lr(2) == 0.1


def test_alrs_state_survives_a_round_trip():
    losses = [1.0, 0.9999, 0.9998, 0.5, 0.4999]
    schedule = schedule_of(recipe("alrs"))
    rates(schedule, losses[:3])
    state = schedule.state_dict()
    expected = rates(schedule, losses[3:])
    other = schedule_of(recipe("alrs"))
    other.load_state_dict(state)
    assert rates(other, losses[3:]) == expected
    assert expected[0] < 0.1
    assert math.isfinite(state["last"])


@pytest.mark.parametrize("name", ["constant", "cosine", "step"])
def test_warm_up_scales_the_first_epochs(name):
    plain = rates(schedule_of(recipe(name)))
    warm = rates(schedule_of(recipe(name, warmup_epochs=3)))
    assert warm == pytest.approx([plain[0] / 4, plain[1] / 2, plain[2] * 3 / 4, *plain[3:]])


def test_warm_up_over_alrs_keeps_its_state():
    losses = [2.0, 1.0, 1.0, 1.0, 0.999, 0.5]
    schedule = schedule_of(recipe("alrs", warmup_epochs=1))
    found = rates(schedule, losses[:4])
    assert found == pytest.approx([0.05, 0.1, 0.1, 0.097])
    other = schedule_of(recipe("alrs", warmup_epochs=1))
    other.load_state_dict(schedule.state_dict())
    assert other.lr(5) == schedule.lr(5) == pytest.approx(0.1 * 0.97**2)


@pytest.mark.parametrize(
    ("threshold", "ratio", "decay", "expected"),
    [(0.01, 0.01, 0.97, [1, 1, 1, 0.97]), (0.02, 0.02, 0.9, [1, 1, 0.9, 0.81])],
    ids=["the AFN code", "the NICO code"],
)
def test_both_published_settings_of_alrs(threshold, ratio, decay, expected):
    settings = {"alrs_threshold": threshold, "alrs_ratio": ratio, "alrs_decay": decay}
    found = rates(schedule_of(recipe("alrs", **settings)), [1.0, 0.985, 0.984, 0.5])
    assert found == pytest.approx([0.1 * factor for factor in expected])


def test_an_unknown_schedule_is_an_error():
    with pytest.raises(StudyError, match="valid: alrs, constant, cosine, step"):
        schedule_of(recipe("linear"))
