"""Augmentation of a batch against a loop over its images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from afn.training.augmentation import Augmentation

CPU = torch.device("cpu")


def images(n=50, size=8, channels=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, size, size, channels), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(("kind", "size", "pad"), [("shift", 8, 1), ("crop_flip", 32, 4)])
def test_equal_to_a_loop_over_images(kind, size, pad):
    augmentation = Augmentation(kind, size)
    batch = images(size=size)
    draws = augmentation.draw(len(batch), torch.Generator().manual_seed(1), CPU)
    found = augmentation.apply(batch, draws)
    for image, (down, right, mirrored), result in zip(batch, draws.tolist(), found, strict=True):
        padded = np.pad(image.numpy(), ((pad, pad), (pad, pad), (0, 0)))
        crop = padded[down : down + size, right : right + size]
        assert np.array_equal(result.numpy(), crop[:, ::-1] if mirrored else crop)
    assert found.dtype == torch.uint8
    assert found.shape == batch.shape


def test_draws_cover_everything_and_mirror_only_where_asked():
    generator = torch.Generator().manual_seed(2)
    shift = Augmentation("shift", 8).draw(2000, generator, CPU)
    assert {tuple(row) for row in shift.tolist()} == {
        (y, x, 0) for y in (0, 1, 2) for x in (0, 1, 2)
    }
    flip = Augmentation("crop_flip", 32).draw(2000, generator, CPU)
    assert sorted(set(flip[:, 0].tolist())) == list(range(9))
    assert 0.45 < flip[:, 2].float().mean() < 0.55


def test_shift_by_nothing_is_the_image():
    augmentation = Augmentation("shift", 8)
    batch = images(n=2)
    assert torch.equal(augmentation.apply(batch, torch.tensor([[1, 1, 0]] * 2)), batch)
    moved = augmentation.apply(batch, torch.tensor([[2, 1, 0]] * 2))
    assert torch.equal(moved[:, :-1], batch[:, 1:])
    assert not moved[:, -1].any()


def test_none_draws_nothing():
    augmentation = Augmentation("none", 8)
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    batch = images()
    assert augmentation.draw(50, generator, CPU) is None
    assert augmentation.apply(batch, None) is batch
    assert torch.equal(generator.get_state(), before)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="valid: none, shift, crop_flip"):
        Augmentation("cutout", 8)
