"""The digits task: exact sizes, equal shares, no leak, graded corruptions, reproducible bytes."""

from __future__ import annotations

import numpy as np
import pytest

from afn.tasks.corruptions import CORRUPTIONS, corrupt
from afn.tasks.digits8x8 import Digits8x8, stratified_split


@pytest.fixture(scope="module")
def prepared():
    return Digits8x8().prepare(None)


def test_sizes_and_types(prepared):
    arrays = prepared.arrays
    assert arrays["train_images"].shape == (1077, 8, 8, 1)
    assert arrays["val_images"].shape == arrays["test_images"].shape == (360, 8, 8, 1)
    assert {str(a.dtype) for k, a in arrays.items() if k.endswith("images")} == {"uint8"}
    assert arrays["train_images"].max() == 255
    assert set(np.unique(arrays["train_images"])) <= set(np.round(np.arange(17) * 255 / 16))
    conditions = [(t.condition, t.severity) for t in prepared.tests]
    assert conditions[0] == ("clean", 0)
    assert len(conditions) == 1 + 6 * 3


def test_split_is_a_stratified_partition(prepared):
    from sklearn.datasets import load_digits

    labels = load_digits().target
    parts = stratified_split(labels, {"val": 360, "test": 360}, seed=5)
    assert [len(rows) for rows in parts.values()] == [1077, 360, 360]
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(1797))
    counts = np.bincount(labels)
    for part, share in (("val", 360 / 1797), ("test", 360 / 1797), ("train", 1077 / 1797)):
        assert np.abs(np.bincount(prepared.arrays[f"{part}_labels"]) - share * counts).max() < 1.5
    other = stratified_split(labels, {"val": 360, "test": 360}, seed=6)
    assert not np.array_equal(other["test"], parts["test"])


def test_no_test_image_is_trained_on(prepared):
    # The 1,797 images are all different, so equal pixels would mean an equal row.
    train = {image.tobytes() for image in prepared.arrays["train_images"]}
    held = {
        image.tobytes() for key in ("val", "test") for image in prepared.arrays[f"{key}_images"]
    }
    assert not train & held


@pytest.mark.parametrize("condition", CORRUPTIONS)
def test_severity_moves_every_image_further(prepared, condition):
    images = prepared.arrays["test_images"]
    changed = [corrupt(images, condition, severity, 3) for severity in (1, 2, 3, 4, 5)]
    distance = np.array([np.abs(c.astype(int) - images).mean(axis=(1, 2, 3)) for c in changed])
    assert (np.diff(distance.mean(axis=1)) > 0.5).all()
    assert (np.diff(distance, axis=0) >= -0.5).mean() > 0.95
    assert not np.array_equal(changed[0], images)


@pytest.mark.parametrize("condition", CORRUPTIONS)
def test_corruption_depends_on_nothing_but_its_arguments(prepared, condition):
    images = prepared.arrays["test_images"]
    np.random.seed(1)  # noqa: NPY002 (the global state must not matter)
    first = corrupt(images, condition, 3, 11)
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(first, corrupt(images.copy(), condition, 3, 11))
    if condition in ("noise", "translation", "occlusion"):
        assert not np.array_equal(first, corrupt(images, condition, 3, 12))


def test_translation_by_whole_pixels_moves_pixels():
    from afn.tasks.corruptions import _shift_matrix

    row = np.arange(5.0)
    assert np.array_equal(_shift_matrix(5, np.array([1.0]))[0] @ row, [0, 0, 1, 2, 3])
    assert np.array_equal(_shift_matrix(5, np.array([-2.0]))[0] @ row, [2, 3, 4, 0, 0])
    assert np.allclose(_shift_matrix(5, np.array([0.5]))[0] @ row, [0, 0.5, 1.5, 2.5, 3.5])


def test_blur_and_contrast_by_hand():
    point = np.zeros((1, 8, 8, 1))
    point[0, 4, 4, 0] = 1
    blurred = CORRUPTIONS["blur"](point, 3, 0)[0, :, :, 0]
    assert np.allclose(blurred.sum(), 1, atol=1e-6)
    assert np.allclose(blurred, blurred.T)
    assert np.allclose(blurred[4, 5] / blurred[4, 4], np.exp(-0.5 / 0.65**2))
    half = np.zeros((1, 2, 2, 1))
    half[0, 0] = 1
    assert np.allclose(CORRUPTIONS["contrast"](half, 3, 0)[0, :, 0, 0], [0.75, 0.25])
