"""Stops within an epoch: another process goes on to the same bits, in the same epoch."""

from __future__ import annotations

import copy
import time

import pytest
import torch

from afn.tasks import load
from afn.training.job import checkpoint
from afn.training.loop.engine import Training
from tests.training.loop.test_engine import RECIPES, check_equal, training


@pytest.fixture(scope="module")
def data(digits):
    return load(digits)


class Stop(Exception):
    """Ends a training between two steps."""


def cut(training: Training, steps: int, folder) -> dict:
    """Train some steps, then save; returns the state as another process would read it."""
    left = iter(range(steps - 1))

    def within_epoch(training):
        if next(left, None) is None:
            checkpoint.save(folder, {}, training.state_dict())
            raise Stop

    with pytest.raises(Stop):
        training.run(within_epoch=within_epoch)
    return checkpoint.load(folder, {})


@pytest.mark.parametrize("recipe", [*RECIPES, {"augmentation": "released", "norm": "afn"}])
def test_continued_within_an_epoch_is_the_same_to_the_bit(data, tmp_path, recipe):
    recipe = {**recipe, "epochs": 2}
    quiet = training(data, **recipe)
    quiet.run()
    # In the second epoch of 17 steps; where the set grows at step 20, just behind that.
    state = cut(training(data, **recipe), 21, tmp_path)
    assert state["under_way"]["position"] == 4 * 64
    second = training(data, **recipe)
    torch.manual_seed(12345)
    second.load_state_dict(state)
    assert (second.epoch, len(second.history)) == (1, 1)
    # And once more, in the same epoch.
    state = cut(second, 5, tmp_path)
    third = training(data, **recipe)
    third.load_state_dict(state)
    assert third.under_way.position == 9 * 64
    third.run()
    check_equal(third, quiet)


def test_continued_behind_the_last_step_of_an_epoch(data, tmp_path):
    quiet = training(data, epochs=2)
    quiet.run()
    second = training(data, epochs=2)
    second.load_state_dict(cut(training(data, epochs=2), 34, tmp_path))
    assert second.under_way.position == len(data.train_labels)
    second.run()
    check_equal(second, quiet)


def test_every_piece_of_the_place_within_an_epoch_is_needed(data, tmp_path):
    recipe = {"augmentation": "shift", "epochs": 2}
    quiet = training(data, **recipe)
    quiet.run()
    state = cut(training(data, **recipe), 21, tmp_path)
    place = state["under_way"]
    fresh = training(data, **recipe)
    changes = {
        "n": place["n"] - 64,
        "order": fresh.order.get_state(),
        "moves": fresh.moves.get_state(),
        "position": 0,
        **{name: place[name][:-1] for name in ("hits",)},
        **{name: place[name] * 2 for name in ("losses", "norms")},
        "counts": [*place["counts"][:-1], 1],
    }
    assert changes.keys() == place.keys() - {"seconds"}
    for name, value in changes.items():
        other = training(data, **recipe)
        other.load_state_dict({**copy.deepcopy(state), "under_way": {**place, name: value}})
        other.run()
        assert other.history != quiet.history, f"{name} could be left out"


def test_the_seconds_of_an_epoch_go_on_and_a_checkpoint_takes_none(data, tmp_path, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    quiet = training(data, epochs=1)
    quiet.run()
    state = cut(training(data, epochs=1), 5, tmp_path)
    second = training(data, epochs=1)
    for _ in range(1000):
        next(clock)
    second.load_state_dict(state)
    second.run(within_epoch=lambda training: [next(clock) for _ in range(100)])
    # A tick or two at the seam; not the thousand between the processes, nor those of the hook.
    assert second.seconds == pytest.approx(quiet.seconds, abs=4)
    assert second.epoch_seconds == pytest.approx(quiet.epoch_seconds, abs=4 / 17)


def test_an_epoch_needs_no_one_to_call(data):
    found, expected = training(data, epochs=1), training(data, epochs=1)
    found.epoch = 1
    row = found.train_epoch()
    expected.run()
    assert row == {key: expected.history[0][key] for key in row}
