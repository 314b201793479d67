"""The 19 corruptions: goldens, chance, growth, and each against a plain implementation."""

from __future__ import annotations

import colorsys
import json
import re

import numpy as np
import pytest
from scipy import ndimage

from afn.tasks.cifar10_c import Cifar10C
from afn.tasks.cifar_corruptions import blur, digital, noise, table, weather
from afn.tasks.cifar_corruptions.frost import texture
from afn.tasks.cifar_corruptions.table import CORRUPTIONS, corrupt
from tests.tasks.pictures import GOLDEN, hashes, real_subset, synthetic

# Of the others, some constant falls as another grows: no order is promised by them.
GROWING = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur"),
    *("defocus_blur", "motion_blur", "zoom_blur", "snow", "fog", "brightness", "contrast"),
    *("pixelate", "jpeg_compression"),
)
WITHOUT_CHANCE = (
    *("gaussian_blur", "defocus_blur", "zoom_blur", "brightness", "contrast", "saturate"),
    *("pixelate", "jpeg_compression"),
)


def state(seed: int = 0) -> np.random.RandomState:
    return np.random.RandomState(seed)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return synthetic() / 255


def test_there_are_nineteen_by_the_published_names():
    assert tuple(CORRUPTIONS) == Cifar10C.conditions
    assert len(CORRUPTIONS) == 19


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_golden(name, monkeypatch):
    monkeypatch.setattr(table, "CORRUPTIONS", {name: CORRUPTIONS[name]})
    assert hashes(synthetic()) == {name: json.loads(GOLDEN.read_text())["synthetic"][name]}


@pytest.mark.realdata
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_golden_on_photographs(name, monkeypatch, real_data):
    monkeypatch.setattr(table, "CORRUPTIONS", {name: CORRUPTIONS[name]})
    golden = json.loads(GOLDEN.read_text())["cifar10_test_16"][name]
    assert hashes(real_subset(real_data)) == {name: golden}


@pytest.mark.realdata
def test_distance_grows_with_severity_on_photographs(real_data):
    with np.load(real_data / "cifar10" / "test.npz") as content:
        clean = content["images"][:150]
    for name in GROWING:
        distance = [np.abs(corrupt(clean, name, s).astype(int) - clean).mean() for s in range(1, 6)]
        # Severities 3 and 4 of motion blur differ in a radius that the same sigma never fills.
        assert (np.diff(distance) > (-0.001 if name == "motion_blur" else 0.1)).all(), name
        assert distance[4] > 1.4 * distance[0], name


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_same_bytes_whatever_the_global_state(name):
    pictures = synthetic()
    first = corrupt(pictures, name, 3)
    np.random.seed(7)  # noqa: NPY002 (the global state must not matter)
    assert np.array_equal(first, corrupt(pictures.copy(), name, 3))
    assert np.array_equal(pictures, synthetic())
    assert not np.array_equal(first, pictures)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_two_equal_images_differ_exactly_where_there_is_chance(name):
    pair = corrupt(np.repeat(synthetic()[1:2], 2, axis=0), name, 3)
    assert np.array_equal(pair[0], pair[1]) == (name in WITHOUT_CHANCE)


@pytest.mark.parametrize("name", ["gaussian_noise", "fog", "elastic_transform"])
def test_the_first_images_do_not_depend_on_how_many_follow(name, monkeypatch):
    monkeypatch.setattr(table, "CHUNK", 3)
    whole = corrupt(synthetic(), name, 2)
    assert np.array_equal(corrupt(synthetic()[:6], name, 2), whole[:6])


def test_other_images_are_refused():
    with pytest.raises(ValueError, match=re.escape("uint8 (N, 32, 32, 3)")):
        corrupt(np.zeros((1, 28, 28, 3), np.uint8), "fog", 1)


def test_noise_has_the_published_spread():
    grey = np.full((40, 32, 32, 3), 0.5)
    for severity in (1, 5):
        sd = noise.GAUSSIAN_SD[severity - 1]
        assert noise.gaussian_noise(grey, severity, state()).std() == pytest.approx(sd, rel=0.02)
        sd = 0.5 * noise.SPECKLE_SD[severity - 1]
        assert noise.speckle_noise(grey, severity, state()).std() == pytest.approx(sd, rel=0.02)
        photons = noise.SHOT_PHOTONS[severity - 1]
        found = noise.shot_noise(grey, severity, state())
        assert found.std() == pytest.approx(np.sqrt(0.5 / photons), rel=0.02)
        assert np.allclose(np.rint(found * photons), found * photons)
        found = noise.impulse_noise(grey, severity, state())
        share = noise.IMPULSE_SHARE[severity - 1]
        assert (found == 1).mean() == pytest.approx(share / 2, rel=0.1)
        assert (found == 0).mean() == pytest.approx(share / 2, rel=0.1)


def test_glass_blur_is_the_loop_over_views(images):
    sigma, reach, rounds = blur.GLASS[3]
    found = blur.glass_blur(images, 4, state(3))
    steps = state(3)
    plain = [ndimage.gaussian_filter(i, (sigma, sigma, 0), mode="nearest") for i in images]
    for _ in range(rounds):
        for h in range(32 - reach, reach, -1):
            for w in range(32 - reach, reach, -1):
                step = steps.randint(-reach, reach, size=(2, len(images)))
                for x, dy, dx in zip(plain, *step, strict=True):
                    x[h, w], x[h + dy, w + dx] = x[h + dy, w + dx], x[h, w]
    plain = [ndimage.gaussian_filter(i, (sigma, sigma, 0), mode="nearest") for i in plain]
    assert np.allclose(found, plain)


def test_defocus_blur_is_a_convolution(images):
    for severity in (1, 5):
        kernel = blur.disk(*blur.DEFOCUS[severity - 1])[..., None]
        assert kernel.sum() == pytest.approx(1)
        plain = [ndimage.convolve(image, kernel, mode="mirror") for image in images]
        assert np.allclose(blur.defocus_blur(images, severity, state()), plain)
    assert (blur.disk(1.5, 0.1) > 0.1).sum() == 9


def test_motion_blur_is_the_sum_along_a_ray(images):
    angle = np.array([-45, -30, 0, 10, 45, 44, -90, -120.0])
    found = blur.smear(images, 6, 2, angle)
    weight = np.exp(-(np.arange(13) ** 2) / 8)
    for image, degrees, result in zip(images, np.radians(angle), found, strict=True):
        plain = np.zeros_like(image)
        for y in range(32):
            for x in range(32):
                for i in range(13):
                    row = np.clip(y + int(np.ceil(i * np.sin(degrees) - 0.5)), 0, 31)
                    column = np.clip(x + int(np.ceil(i * np.cos(degrees) - 0.5)), 0, 31)
                    plain[y, x] += weight[i] / weight.sum() * image[row, column]
        assert np.allclose(result, plain, atol=1e-6)


def test_zoom_blur_is_the_mean_of_scipys_zooms(images):
    factors = np.arange(1, 1.16, 0.01)
    for image, found in zip(images, blur.zoom_blur(images, 3, state()), strict=True):
        total = image.copy()
        for factor in factors:
            read = int(np.ceil(32 / factor))
            top = (32 - read) // 2
            window = image[top : top + read, top : top + read]
            zoomed = ndimage.zoom(window, (factor, factor, 1), order=1)
            trim = (len(zoomed) - 32) // 2
            total += zoomed[trim : trim + 32, trim : trim + 32]
        assert np.allclose(found, total / (len(factors) + 1))


@pytest.mark.parametrize(("mirror_edge", "mode"), [(True, "reflect"), (False, "mirror")])
def test_sampling_is_scipys(images, mirror_edge, mode):
    random = state(1)
    rows, columns = random.uniform(-40, 72, size=(2, len(images), 32, 32))
    found = digital.sample(images, rows, columns, mirror_edge=mirror_edge)
    for n, image in enumerate(images):
        for channel in range(3):
            at = (rows[n], columns[n])
            plain = ndimage.map_coordinates(image[..., channel], at, order=1, mode=mode)
            assert np.allclose(found[n, ..., channel], plain)


def test_elastic_transform_moves_the_three_points_as_drawn(images, monkeypatch):
    monkeypatch.setattr(digital, "ELASTIC", ((0, 0, 0.0), (0, 0, 0.08)))
    assert np.allclose(digital.elastic_transform(images, 1, state()), images)
    # A bright spot at the first corner goes where that corner is drawn to.
    spot = np.zeros((1, 32, 32, 3))
    spot[0, 25:28, 25:28] = 1
    corner = 26 + 0.08 * 32 * state(2).uniform(-1, 1, size=(1, 3, 2))[0, 0]
    light = digital.elastic_transform(spot, 2, state(2))[0, ..., 0]
    y, x = np.mgrid[:32, :32]
    light[np.maximum(abs(x - corner[0]), abs(y - corner[1])) > 4] = 0  # its mirror image
    found = (light * x).sum() / light.sum(), (light * y).sum() / light.sum()
    assert np.allclose(found, corner, atol=0.1)


def test_hsv_changes_are_those_of_colorsys(images):
    for severity in (1, 4):
        scale, shift = digital.SATURATE[severity - 1]
        light = weather.BRIGHTNESS[severity - 1]
        saturated = digital.saturate(images, severity, state())
        bright = weather.brightness(images, severity, state())
        for n, y, x in np.ndindex(len(images), 8, 8):
            h, s, v = colorsys.rgb_to_hsv(*images[n, 4 * y, 4 * x])
            wanted = colorsys.hsv_to_rgb(h, min(1, s * scale + shift), v)
            assert np.allclose(saturated[n, 4 * y, 4 * x], wanted)
            wanted = colorsys.hsv_to_rgb(h, s, min(1, v + light))
            assert np.allclose(bright[n, 4 * y, 4 * x], wanted)


def test_fog_never_exceeds_the_brightest_value(images):
    found = weather.fog(images, 5, state())
    assert (found <= images.max(axis=(1, 2, 3), keepdims=True) + 1e-12).all()
    clouds = weather.plasma(3, 32, 2, state())
    assert clouds.min() == 0
    assert np.allclose(clouds.max(axis=(1, 2)), 1)
    # A slower decay leaves rougher clouds.
    rough = [np.abs(np.diff(weather.plasma(20, 32, d, state()), axis=2)).mean() for d in (3, 1.75)]
    assert rough[1] > 1.2 * rough[0]


def test_snow_whitens_and_frost_is_in_range(images):
    dark = np.zeros((5, 32, 32, 3))
    assert weather.snow(dark, 5, state()).mean() > weather.snow(dark, 1, state()).mean() > 0
    sheet = texture()
    assert sheet.min() >= 0
    assert sheet.max() <= 1
    assert 0.3 < sheet.mean() < 0.6
    assert np.allclose(
        weather.frost(dark, 5, state()) / 0.45 * 0.2, weather.frost(dark, 1, state())
    )


def test_spatter_is_water_then_mud():
    grey = np.full((6, 32, 32, 3), 0.5)
    water = weather.spatter(grey, 3, state())
    assert (water > 0.5 - 1e-9).all()
    assert np.allclose(water[..., 1], water[..., 2])
    mud = weather.spatter(grey, 5, state())
    assert (mud <= 0.5).all()
    covered = (mud < 0.45).any(axis=3).mean()
    assert 0.02 < covered < 0.6
    # Inside a drop, its upper left side is light and its lower right side is dark.
    drops = np.zeros((1, 32, 32), bool)
    drops[:, 8:24, 8:24] = True
    relief = weather.drop_relief(drops)[0]
    assert relief.min() > -1e-9
    assert relief[12, 12] > 200
    assert relief[21, 21] < 50
    assert np.allclose(relief, relief.T)
    values = np.arange(16).reshape(1, 4, 4) // 4
    assert (
        weather.equalize(values)[0].ravel().tolist() == [0] * 4 + [85] * 4 + [170] * 4 + [255] * 4
    )


def test_pixelate_and_contrast_by_hand(monkeypatch):
    monkeypatch.setattr(digital, "PIXELATE", (0.5,))
    board = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((2, 2)))
    board = np.repeat(board[None, ..., None], 3, axis=3)
    assert np.allclose(digital.pixelate(board, 1, state()), board)
    shifted = np.roll(board, 1, axis=(1, 2))
    assert np.allclose(digital.pixelate(shifted, 1, state())[0, 4:8, 4:8], 0.5, atol=0.01)
    assert np.unique(digital.contrast(board, 5, state())).tolist() == pytest.approx([0.425, 0.575])


def test_smaller_quality_smaller_file(images):
    found = [
        np.abs(digital.jpeg_compression(images, s, state()) - images).mean() for s in (1, 3, 5)
    ]
    assert found == sorted(found)
    assert 0 < found[0] < 0.05
