"""Augmentation of a batch against a loop over its images."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from afn.common.errors import StudyError
from afn.training.augmentations import released
from afn.training.augmentations.released import (
    ANGLE,
    BRIGHTNESS,
    CONTRAST,
    FIRST,
    FLIP,
    POLICY,
    SATURATION,
    SECOND,
    SIGNS,
)
from afn.training.loop.recipe import augmentation_of
from tests.training.conftest import make_recipe
from tests.training.loop.tape import Watched

CPU = torch.device("cpu")


def make(name, size):
    return augmentation_of(make_recipe(augmentation=name), size)


def images(n=50, size=8, channels=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, size, size, channels), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(("kind", "size", "pad"), [("shift", 8, 1), ("crop_flip", 32, 4)])
def test_equal_to_a_loop_over_images(kind, size, pad):
    augmentation = make(kind, size)
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
    shift = make("shift", 8).draw(2000, generator, CPU)
    assert {tuple(row) for row in shift.tolist()} == {
        (y, x, 0) for y in (0, 1, 2) for x in (0, 1, 2)
    }
    flip = make("crop_flip", 32).draw(2000, generator, CPU)
    assert sorted(set(flip[:, 0].tolist())) == list(range(9))
    assert 0.45 < flip[:, 2].float().mean() < 0.55


def test_shift_by_nothing_is_the_image():
    augmentation = make("shift", 8)
    batch = images(n=2)
    assert torch.equal(augmentation.apply(batch, torch.tensor([[1, 1, 0]] * 2)), batch)
    moved = augmentation.apply(batch, torch.tensor([[2, 1, 0]] * 2))
    assert torch.equal(moved[:, :-1], batch[:, 1:])
    assert not moved[:, -1].any()


def test_none_draws_nothing():
    augmentation = make("none", 8)
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    batch = images()
    assert augmentation.draw(50, generator, CPU) is None
    assert augmentation.apply(batch, None) is batch
    assert torch.equal(generator.get_state(), before)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(StudyError, match="unknown augmentation 'cutout'; valid: crop_flip, none"):
        make("cutout", 8)


@pytest.mark.parametrize(("kind", "size", "pad"), [("shift", 8, 1), ("crop_flip", 32, 4)])
def test_crop_and_flip_are_torchvisions(kind, size, pad):
    augmentation = make(kind, size)
    batch = images(size=size)
    draws = augmentation.draw(len(batch), torch.Generator().manual_seed(4), CPU)
    found = augmentation.apply(batch, draws).permute(0, 3, 1, 2)
    for image, (down, right, mirrored), result in zip(
        batch.permute(0, 3, 1, 2), draws.tolist(), found, strict=True
    ):
        expected = tv.crop(tv.pad(image, [pad]), down, right, size, size)
        assert torch.equal(result, tv.hflip(expected) if mirrored else expected)


def torchvisions(image, row):
    """One image (C, H, W) through torchvision's own functions, with the draws of one row."""
    row = row.tolist()
    image = tv.hflip(image) if row[FLIP] < 0.5 else image
    factor = [1 + 0.1 * (2 * row[i] - 1) for i in (BRIGHTNESS, CONTRAST, SATURATION)]
    image = tv.adjust_brightness(image, factor[0])
    image = tv.adjust_contrast(image, factor[1])
    image = tv.adjust_saturation(image, factor[2])
    signs = int(row[SIGNS] * 4)
    drawn = (
        int(row[POLICY] * 25),
        torch.tensor([row[FIRST], row[SECOND]]),
        (signs & 1, signs >> 1),
    )
    auto = AutoAugment(AutoAugmentPolicy.CIFAR10)
    auto.get_params = lambda count: drawn
    return tv.rotate(auto(image), 5 * (2 * row[ANGLE] - 1))


def photographs(n, size=32):
    """Smooth coloured images, on which every operation shows."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand((n, 3, 4, 4), generator=generator) * 255
    fine = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 255)
    return fine.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def test_released_augmentation_is_torchvisions_image_by_image():
    augmentation = make("released", 32)
    batch = photographs(200)
    draws = augmentation.draw(200, torch.Generator().manual_seed(6), CPU)
    found = augmentation.apply(batch, draws)
    assert found.dtype == torch.uint8
    assert found.shape == batch.shape
    equal = []
    for image, row, result in zip(batch, draws, found, strict=True):
        expected = torchvisions(image.permute(2, 0, 1), row).permute(1, 2, 0)
        equal.append((result == expected).float().mean().item())
    # A rotation may round to another nearest pixel at a tie; nothing else may differ.
    assert min(equal) > 0.95
    assert np.mean(equal) > 0.999
    assert (found != batch).flatten(1).float().mean(1).min() > 0.01
    assert set((draws[:, POLICY] * 25).long().tolist()) == set(range(25))


def test_released_augmentation_of_a_batch_is_that_of_its_parts():
    augmentation = make("released", 32)
    batch = photographs(40)
    draws = augmentation.draw(40, torch.Generator().manual_seed(7), CPU)
    whole = augmentation.apply(batch, draws)
    parts = [augmentation.apply(batch[i : i + 8], draws[i : i + 8]) for i in range(0, 40, 8)]
    assert torch.equal(whole, torch.cat(parts))
    grey = augmentation.apply(batch[..., :1].contiguous(), draws)
    assert grey.shape == (40, 32, 32, 1)


def test_the_default_loads_no_torchvision():
    code = (
        "import sys; import afn.training.loop.engine, afn.training.job.job; "
        "from tests.training.conftest import make_recipe as S; "
        "from afn.training.loop.recipe import augmentation_of; "
        "augmentation_of(S(augmentation='crop_flip'), 32); "
        "assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("size", [8, 17, 32])
def test_operations_are_torchvisions_and_look_at_no_value(size):
    """As on a GPU, where they would wait for it; places of pixels are made once, on the host."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy, _apply_op

    batch = photographs(12, size).permute(0, 3, 1, 2)
    batch[3] = batch[3] // 64 * 64  # few grey levels
    batch[5] = 7  # a single one
    table = AutoAugment(AutoAugmentPolicy.CIFAR10)
    for name, (values, signed) in table._augmentation_space(10, (size, size)).items():
        largest = values[-1].item() if values.dim() else 0.0
        for magnitude in (largest, -largest / 3) if signed else (largest,):
            nearest = InterpolationMode.NEAREST
            expected = torch.cat(
                [_apply_op(one[None], name, magnitude, nearest, None) for one in batch]
            )
            assert torch.equal(released.operate(batch, name, magnitude), expected), name
            with Watched():
                released.operate(batch, name, magnitude)
