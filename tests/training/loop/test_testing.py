"""Testing under protocols: large passes against the plain loop, original order, no trace."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from afn.common.errors import StudyError
from afn.normalization import set_test_statistics
from afn.tasks import load
from afn.tasks.data.reader import TestData
from afn.training.loop import testing
from afn.training.loop.data import Inputs
from afn.training.networks import build
from tests.training.conftest import make_spec

CPU = torch.device("cpu")
BATCH_NORMS = ["batch", "afn", "afn_released", "switchable", "batch_instance"]


@pytest.fixture(scope="module")
def data(digits):
    return load(digits)


@pytest.fixture(scope="module")
def inputs(data):
    return Inputs(data.mean, data.std, CPU, channels_last=True)


def network(data, norm="batch"):
    """An untrained network whose running statistics have seen the training images."""
    model = build.network(make_spec(norm), data, seed=0)
    images = Inputs(data.mean, data.std, CPU, channels_last=True).from_numpy(
        np.array(data.train_images[:256])
    )
    with torch.no_grad():
        for _ in range(20):
            model(images)
    return model.eval()


def protocol(size):
    return {"statistics": "batch", "batch_size": size}


@pytest.mark.parametrize("norm", BATCH_NORMS)
@pytest.mark.parametrize("size", [1, 7, 120, 1000])
def test_groups_in_large_passes_equal_the_plain_loop(data, inputs, norm, size):
    model = network(data, norm)
    tests = data.tests[:2]
    found = testing.evaluate(model, tests, protocol(size), inputs, limit=512)
    set_test_statistics(model, "batch")
    for test, scores in zip(tests, found, strict=True):
        order = testing.fixed_order(test.condition, len(test.labels))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            with torch.no_grad():
                logits = model(inputs.from_numpy(test.images[rows]))
            losses = F.cross_entropy(logits, torch.from_numpy(test.labels[rows]), reduction="none")
            assert np.allclose(scores.losses[rows], losses.numpy(), rtol=1e-3, atol=1e-4)
            close = logits.topk(2).values.diff().abs().squeeze(1) < 1e-3
            same = scores.predicted[rows] == logits.argmax(1).numpy()
            assert (same | close.numpy()).all()


@pytest.mark.parametrize("order", ["shuffled", "sorted"])
@pytest.mark.parametrize("size", [1, 8, 32, 128, 256])
def test_a_sweep_equals_the_plain_loop(data, inputs, size, order):
    """360 images: the rest of 128 and 256 is a batch of 104, that of 32 one of 8."""
    model = network(data, "afn")
    test = data.tests[0]
    asked = protocol(size) | ({"order": order} if order == "sorted" else {})
    found = testing.evaluate(model, [test], asked, inputs, limit=512)[0]
    rows = testing.fixed_order(test.condition, len(test.labels)).tolist()
    if order == "sorted":
        rows = [row for label in range(10) for row in rows if test.labels[row] == label]
    set_test_statistics(model, "batch")
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        with torch.no_grad():
            logits = model(inputs.from_numpy(test.images[batch]))
        losses = F.cross_entropy(logits, torch.from_numpy(test.labels[batch]), reduction="none")
        assert np.allclose(found.losses[batch], losses.numpy(), rtol=1e-3, atol=1e-4)


def test_a_limited_protocol_tests_its_conditions_only(data):
    names = [(t.condition, t.severity) for t in data.tests]
    asked = testing.limited(data.tests, {"conditions": ["clean", "severity_5"]})
    assert [(t.condition, t.severity) for t in asked] == [
        (c, s) for c, s in names if c == "clean" or s == 5
    ]
    assert testing.limited(data.tests, {}) == list(data.tests)
    with pytest.raises(StudyError, match="no test set"):
        testing.limited(data.tests, {"conditions": ["severity_9"]})


def test_running_statistics_equal_one_pass_per_condition(data, inputs):
    model = network(data, "afn")
    found = testing.evaluate(model, data.tests, {"statistics": "running"}, inputs, limit=1000)
    set_test_statistics(model, "running")
    for test, scores in zip(data.tests, found, strict=True):
        with torch.no_grad():
            logits = model(inputs.from_numpy(np.array(test.images)))
        losses = F.cross_entropy(logits, torch.from_numpy(np.array(test.labels)), reduction="none")
        assert np.allclose(scores.losses, losses.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("norm", BATCH_NORMS)
def test_testing_leaves_no_trace(data, inputs, norm):
    model = network(data, norm)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    kinds = [protocol(50)] if norm == "afn_released" else [protocol(50), {"statistics": "running"}]
    first = [testing.evaluate(model, data.tests, kind, inputs, 512) for kind in kinds]
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert not model.training
    again = [testing.evaluate(model, data.tests, kind, inputs, 512) for kind in reversed(kinds)]
    for one, two in zip(first, reversed(again), strict=True):
        for a, b in zip(one, two, strict=True):
            assert np.array_equal(a.losses, b.losses)
            assert np.array_equal(a.predicted, b.predicted)


class Fetched(TorchFunctionMode):
    """Counts what is fetched from the device, which is what waits for it."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func in (torch.Tensor.cpu, torch.Tensor.item, torch.Tensor.numpy)
        return func(*args, **(kwargs or {}))


def test_answers_are_fetched_once_however_many_passes_there_are(data, inputs):
    model = network(data, "afn")
    counts = []
    for limit in (50, 512, 100_000):
        with Fetched() as fetched:
            testing.evaluate(model, data.tests[:4], {"statistics": "running"}, inputs, limit)
        counts.append(fetched.count)
    assert counts == [4, 4, 4]


@pytest.mark.gpu
def test_a_device_gives_the_answers_of_the_host(data, inputs):
    model, device = network(data, "afn"), torch.device("cuda")
    there = Inputs(data.mean, data.std, device, channels_last=True)
    expected = testing.evaluate(model, data.tests, protocol(50), inputs, 512)
    found = testing.evaluate(model.to(device), data.tests, protocol(50), there, 512)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one.losses, other.losses, rtol=1e-3, atol=1e-3)


def test_dropout_is_off(data, inputs):
    model = network(data, "afn_released")
    images = inputs.from_numpy(np.array(data.tests[0].images[:50]))
    tested, trained = [], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        tested.append(testing.evaluate(model, data.tests[:1], protocol(50), inputs, 512)[0])
        trained.append(model.train()(images))
    assert np.array_equal(tested[0].losses, tested[1].losses)
    assert not torch.equal(*trained)  # it was on, and it matters


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    size=st.integers(1, 20),
    limit=st.integers(1, 60),
)
def test_every_image_is_tested_once_and_no_batch_is_torn(lengths, size, limit):
    labels = [np.zeros(n, np.int64) for n in lengths]
    tests = [TestData("test", f"c{i}", 1, y, y) for i, y in enumerate(labels)]
    seen = [{} for _ in tests]
    for group, pieces in testing.passes(tests, protocol(size), limit):
        total = sum(len(rows) for _, rows in pieces)
        assert total <= max(limit, size)
        for t, rows in pieces:
            assert len(rows) % group == 0
            seen[t].setdefault(group, []).extend(rows.tolist())
    for test, groups in zip(tests, seen, strict=True):
        n = len(test.labels)
        full = groups.pop(size, [])
        rest = groups.pop(n % size, [])
        assert not groups
        assert len(rest) == n % size
        assert full + rest == testing.fixed_order(test.condition, n).tolist()


def test_the_order_is_fixed_per_condition():
    assert np.array_equal(testing.fixed_order("noise", 30), testing.fixed_order("noise", 30))
    assert not np.array_equal(testing.fixed_order("noise", 30), testing.fixed_order("blur", 30))
    assert sorted(testing.fixed_order("noise", 30)) == list(range(30))


def test_a_row_counts_hits_and_hides_what_is_not_finite():
    labels = np.array([0, 1, 2, 3])
    test = TestData("test", "noise", 3, labels, labels)
    scores = testing.Scores(np.array([0, 1, 0, 0]), np.array([1, 2, 3, 6], np.float32))
    assert scores.row(test, "running") == {
        "split": "test",
        "condition": "noise",
        "severity": 3,
        "protocol": "running",
        "accuracy": 0.5,
        "loss": 3.0,
        "n": 4,
    }
    broken = testing.Scores(np.zeros(4, int), np.array([1, np.inf, 0, 0], np.float32))
    assert broken.row(test, "running")["loss"] is None


def test_inputs_are_normalised_pixels(data):
    images = np.array(data.train_images)
    for channels_last in (True, False):
        inputs = Inputs(data.mean, data.std, CPU, channels_last=channels_last)
        values = inputs.from_numpy(images)
        assert values.shape == (1077, 1, 8, 8)
        assert values.mean().item() == pytest.approx(0, abs=1e-5)
        assert values.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    colour = Inputs((0.1, 0.2, 0.3), (0.5, 0.6, 0.7), CPU, channels_last=True)
    pixels = np.random.RandomState(0).randint(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    expected = (pixels / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.6, 0.7]
    values = colour.from_numpy(pixels)
    assert np.allclose(values.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
    assert values.is_contiguous(memory_format=torch.channels_last)
