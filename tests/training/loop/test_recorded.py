"""Recorded steps, with a recorder that needs no GPU: the bits of eager steps, and nothing moved by
the recording itself; what cannot be recorded is told and taken eagerly."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from afn.normalization.kernels import native
from afn.tasks import load
from afn.training.algorithms.ada import ADA
from afn.training.algorithms.plain import Plain
from afn.training.loop import recorded
from afn.training.loop.engine import Training
from afn.training.loop.snapshot import Snapshot, same
from afn.training.optimizers.adam import Adam
from tests.training.loop.tape import TapeRecorder
from tests.training.loop.test_engine import Watching, check_equal
from tests.training.loop.test_engine import training as whole
from tests.training.loop.test_epoch import cut


def differences(before: Snapshot) -> list[str]:
    """Which tensors and generators are no longer what they were, to the bit; NaN equals NaN."""
    pairs = enumerate(zip(before.tensors, before.values, strict=True))
    found = [f"tensor {number}" for number, (now, then) in pairs if not same(now, then)]
    streams = zip(before.replayed, before.states, strict=True)
    alike = all(torch.equal(generator.get_state(), state) for generator, state in streams)
    return found if alike else [*found, "a random stream"]


EXACT = {"schedule": "constant", "lr": 2.0**-9}
"""A rate that single precision holds: the same number on the device and on the host."""


@pytest.fixture(scope="module")
def data(digits):
    return load(digits)


@pytest.fixture(autouse=True)
def _operations(monkeypatch):
    """Heads are operations of torch, as on a GPU."""
    monkeypatch.setattr(native, "HEAD", "torch")


IMAGES = 3 * 64 + 21


def training(data, *given, **recipe) -> Training:
    """A training on few images: three whole batches and a smaller one."""
    found = whole(data, *given, **recipe)
    found.data = copy.copy(found.data)
    found.data.images, found.data.labels = found.data.images[:IMAGES], found.data.labels[:IMAGES]
    if isinstance(found.algorithm, ADA):
        found.algorithm.originals = found.data
    return found


def both(data, change=lambda training: training, **recipe) -> tuple[Training, Training]:
    """The same training, recorded and eager, one after the other; ``change`` may change both."""
    recipe = {"epochs": 2, **recipe}
    found = change(training(data, recorder=TapeRecorder(), **recipe))
    found.run()
    expected = change(training(data, **recipe))
    expected.run()
    check_equal(found, expected)
    return found, expected


def kept_rates(eager: Training) -> Training:
    """The training with rates in single precision."""
    eager.optimizer.keep_rates()
    begins = eager.step.epoch_begins

    def epoch_begins(lr: float) -> None:
        begins(lr)
        eager.optimizer.set_rates(lr)

    eager.step.epoch_begins = epoch_begins
    return eager


RECIPES = [
    {},
    {"norm": "afn", "augmentation": "crop_flip", "optimizer": "sgd", "clip_norm": 0.5},
    {"norm": "afn_released", "augmentation": "released", "label_smoothing": 0.1},
    {"norm": "asr", "optimizer": "adamw", "weight_decay": 0.01, "amp": True},
    {"norm": "instance", "optimizer": "sgd", "momentum": 0.0, "batch_size": 53},
    {"norm": "group", "selection": "validation", "validating": True, "deterministic": False},
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_replays_have_the_bits_of_eager_steps(data, recipe):
    found, expected = both(data, **recipe, **EXACT)
    (tape,) = found.step.recorder.tapes
    whole, rest = divmod(IMAGES, found.recipe.batch_size)
    assert tape.replays == 2 * whole + 2  # and two that were compared
    assert (found.step.how, expected.step.how) == ("recorded", "eager")
    told = [f"a batch of {rest} images is not recorded, those of {found.recipe.batch_size} are"]
    assert found.step.recorder.lines == (told if rest > 1 else [])


def test_a_rate_that_changes_reaches_the_replays(data):
    recipe = {"schedule": "cosine", "lr": 0.003, "warmup_epochs": 1, "epochs": 3}
    found = training(data, recorder=TapeRecorder(), **recipe)
    found.run()
    expected = kept_rates(training(data, **recipe))
    expected.run()
    check_equal(found, expected)
    assert len(found.step.recorder.tapes) == 1
    # In doubles on the host it is another number, in the last bits.
    other = training(data, **recipe)
    other.run()
    assert other.history != found.history
    for mine, theirs in zip(found.history, other.history, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-3)


def test_rates_of_groups_are_scaled(data, monkeypatch):
    from afn.normalization.bases import mixed
    from afn.normalization.methods import batch_instance

    for module in (mixed, batch_instance):
        if hasattr(module, "by_numpy"):
            monkeypatch.setattr(module, "by_numpy", lambda *given: False)
    found, _ = both(data, norm="batch_instance", optimizer="sgd", **EXACT)
    assert len(found.optimizer.groups) == 2
    gates = [module.gate for module in found.model.modules() if hasattr(module, "gate")]
    assert all(bool(gate.max() <= 1) for gate in gates)  # the hook after a step is replayed, too


def test_recording_moves_nothing(data):
    found = training(data, "afn_released", recorder=TapeRecorder(), **EXACT)
    before, python = copy.deepcopy(found.state_dict()), random.getstate()
    numpy = np.random.get_state()[1].copy()  # noqa: NPY002
    found.step.epoch_begins(2.0**-9)
    found.step.prepare(found.data.images[:64], found.data.labels[:64])
    assert len(found.step.recorder.tapes) == 1
    after = found.state_dict()
    for name in ("model", "optimizer"):
        pairs = zip(tensors(before[name]), tensors(after[name]), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    for name in ("order", "moves", "torch"):
        assert torch.equal(before[name], after[name])
    assert random.getstate() == python
    assert np.array_equal(np.random.get_state()[1], numpy)  # noqa: NPY002
    assert all(parameter.grad is None for parameter in found.model.parameters())


def tensors(state):
    from afn.training.loop.snapshot import tensors_in

    return list(tensors_in(state))


def test_a_snapshot_sees_what_has_moved(data):
    found = training(data, "afn_released")
    before = Snapshot(found, [torch.default_generator])
    assert differences(before) == []
    found.step.epoch_begins(0.01)
    found.step.take(found.data.images[:64], found.data.labels[:64])
    assert len(differences(before)) > 10
    before.restore()
    assert differences(before) == []
    # Memory stays where it is.
    assert recorded.addresses(found) == [t.data_ptr() for t in before.tensors]


@pytest.mark.parametrize("step", [1, 3, 4, 6])
def test_continued_within_an_epoch_is_the_same_to_the_bit(data, tmp_path, step):
    """Before a whole batch, before the smaller one, between epochs, and in the second epoch."""
    recipe = {"norm": "afn_released", "augmentation": "shift", "epochs": 2}
    quiet = training(data, recorder=TapeRecorder(), **recipe)
    quiet.run()
    state = cut(training(data, recorder=TapeRecorder(), **recipe), step, tmp_path)
    second = training(data, recorder=TapeRecorder(), **recipe)
    torch.manual_seed(12345)
    second.load_state_dict(state)
    second.run()
    check_equal(second, quiet)
    assert second.step.how == quiet.step.how == "recorded"


def test_loading_and_stepping_leave_everything_where_it_is(data):
    found = training(data, "afn", recorder=TapeRecorder(), epochs=3, selection="validation")
    found.run(until=1)
    saved, lies = copy.deepcopy(found.state_dict()), recorded.addresses(found)
    found.run(until=2)
    rows = copy.deepcopy(found.history)
    assert recorded.addresses(found) == lies
    found.load_state_dict(saved)
    found.optimizer.zero_grad()
    assert recorded.addresses(found) == lies
    found.run(until=2)
    assert found.history == rows
    found.best = {"epoch": 1, "accuracy": 1.0, "model": saved["model"]}
    assert found.select() == 1
    assert recorded.addresses(found) == lies
    assert len(found.step.recorder.tapes) == 1


def test_a_tensor_that_is_replaced_is_recorded_anew(data):
    def change(one: Training) -> Training:
        one.run(until=1)
        layer = next(m for m in one.model.modules() if isinstance(m, nn.BatchNorm2d))
        layer.running_mean = layer.running_mean.clone()
        return one

    found, _ = both(data, change, **EXACT)
    assert len(found.step.recorder.tapes) == 2


class Unsaid(Plain):
    """Another loss, of which nobody says that it may be recorded."""

    def loss(self, model, images, labels, label_smoothing):
        loss, logits = super().loss(model, images, labels, label_smoothing)
        return 2 * loss, logits


class UnsaidAdam(Adam):
    def update(self, *given):
        super().update(*given)


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ({"name": "rsc"}, "the algorithm RSC"),
        ({"name": "ada", "phases": 1, "phase_steps": 3, "ascent_steps": 1}, "the algorithm ADA"),
        ({"algorithm": Unsaid()}, "the algorithm Unsaid"),
        ({"algorithm": Watching()}, "the algorithm Watching"),
        ({"optimizer": f"{__name__}:UnsaidAdam"}, "the optimiser UnsaidAdam"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_what_is_not_said_to_be_recordable_is_taken_eagerly(data, recipe, reason):
    found, _ = both(data, **recipe)
    assert found.step.how == "eager"
    assert not found.step.recorder.tapes
    (line,) = found.step.recorder.lines
    assert line == f"steps are not recorded: {reason} is not said to be recordable"


class Restless(nn.Module):
    """Does nothing to its input, in one of several ways that no recording may have."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.count = how, 0

    def forward(self, x):
        if self.how == "value" and x.detach().abs().max().item() < 0:
            return -x
        if self.how == "count":
            self.count += 1
        if self.how == "python":
            return x + 0 * random.random()
        if self.how == "numpy":
            return x + 0 * np.random.rand()  # noqa: NPY002
        if self.how == "outside":  # nothing that torch sees
            x.detach().numpy()[...] *= 0.5
        return x


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("value", "it looks at a value on the device"),
        ("count", "body.2.count changes on the host"),
        ("python", "it draws from Python's generator"),
        ("numpy", "it draws from NumPy's generator"),
        ("outside", "a replay has other bits"),
    ],
)
def test_a_layer_that_cannot_be_recorded_is_told_and_taken_eagerly(data, how, reason):
    def change(one: Training) -> Training:
        layers = one.model.named_modules()
        name, layer = next((n, m) for n, m in layers if isinstance(m, nn.BatchNorm2d))
        parent, _, last = name.rpartition(".")
        setattr(one.model.get_submodule(parent), last, nn.Sequential(layer, Restless(how)))
        return one

    found, _ = both(data, change)
    assert found.step.how == "eager"
    (line,) = found.step.recorder.lines
    assert line.startswith("steps are not recorded: ")
    assert reason.rpartition(".")[2] in line


def test_draws_of_the_host_are_no_input_of_a_recording(data, monkeypatch):
    # On a GPU a mask that is drawn on the CPU would be a constant.
    monkeypatch.setattr(TapeRecorder, "replayed", [])
    found, _ = both(data, norm="afn_released")
    told = "steps are not recorded: it draws from torch's generator of the host"
    assert found.step.recorder.lines == [told]


def test_other_bits_are_noticed(data, monkeypatch):
    monkeypatch.setattr(native, "HEAD", "c" if native.KERNELS is not None else "numpy")
    found, _ = both(data, norm="afn")
    assert found.step.recorder.lines == ["steps are not recorded: a replay has other bits"]


def test_another_loss_is_noticed_where_bits_are_not_asked_for(data, monkeypatch):
    found = training(data, recorder=TapeRecorder(), deterministic=False)
    replay = found.step.recorder.record

    def wrong(work):
        made = replay(work)
        again = made.replay

        def twice():
            again()
            made.outputs[0].mul_(1.1)

        made.replay = twice
        return made

    found.step.recorder.record = wrong
    found.run(until=1)
    assert found.step.recorder.lines == ["steps are not recorded: a replay has another loss"]


def test_the_class_of_the_method_says_it():
    class Again(Plain):
        pass

    class Said(Unsaid):
        recordable = True

        def loss(self, *given):
            return F.cross_entropy(*given), None

    assert recorded.declares(Plain(), "loss")
    assert recorded.declares(Again(), "loss")
    assert recorded.declares(Said(), "loss")
    assert not recorded.declares(Unsaid(), "loss")
    assert not recorded.declares(object(), "loss")
