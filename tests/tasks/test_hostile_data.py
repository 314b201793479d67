"""Data that are no data: each is one message, within seconds, and nothing is written."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from afn.common.errors import StudyError
from afn.tasks.data import sources
from afn.tasks.data.sources import read_mat, read_npz, read_pictures, through_torchvision
from afn.tasks.images import Images
from tests.tasks import files
from tests.tasks.test_sources import message, prepare

OPTIONS = {"num_classes": 2, "image_size": 8}


@pytest.fixture
def folder(tmp_path):
    """A whole data set, of which a test spoils one file."""
    files.npz(tmp_path / "images", {"train": 40, "test": 9}, 2, size=8)
    return tmp_path / "images"


def spoil(folder, **arrays) -> None:
    np.savez(folder / "train.npz", **arrays)


LABELS = np.arange(40) % 2


@pytest.mark.parametrize(
    ("images", "faults"),
    [
        (
            files.pixels(40).transpose(0, 3, 1, 2),
            ["channels come first", "moveaxis(images, 1, -1)"],
        ),
        (files.pixels(40, channels=1).transpose(0, 3, 1, 2), ["channels come first"]),
        (files.pixels(40, channels=4), ["4 channels", "with 1 or 3 channels"]),
        (files.pixels(40, channels=2), ["2 channels"]),
        (files.pixels(40)[..., None], ["uint8 (40, 32, 32, 3, 1)"]),
        (files.pixels(40) / 255, ["float64"]),
        (files.pixels(40)[:, :0], ["(40, 0, 32, 3)"]),
        (np.array(["a"] * 40, object), ["cannot be read", "Object arrays"]),
    ],
)
def test_arrays_of_another_shape(images, faults, folder, tmp_path, capsys):
    spoil(folder, images=images, labels=LABELS)
    said = message(capsys, "images", tmp_path, tmp_path, **OPTIONS)
    assert all(fault in said for fault in ("train.npz", *faults)), said


def header(shape: tuple[int, ...]) -> bytes:
    """The first bytes of an array that has no others."""
    content = io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, description)
    return content.getvalue()


def test_an_array_that_no_memory_holds_is_not_unpacked(folder, tmp_path, capsys):
    with zipfile.ZipFile(folder / "train.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("images.npy", header((10**9, 100, 100, 3)) + bytes(1000))
        packed.writestr("labels.npy", header((10**9,)) + bytes(1000))
    said = message(capsys, "images", tmp_path, tmp_path, **OPTIONS)
    assert "its array 'images' of uint8" in said
    assert "takes 30,000.0 GB of memory" in said


def test_a_bomb_of_zeros_is_held_against_the_memory_that_is_free(folder, monkeypatch):
    spoil(folder, images=np.zeros((4000, 64, 64, 3), np.uint8), labels=np.zeros(4000, np.int64))
    assert len(read_npz(folder / "train.npz")[0]) == 4000
    monkeypatch.setattr(sources, "free_memory", lambda: 40e6)
    with pytest.raises(StudyError, match=r"takes 0\.0 GB of memory, and 0\.0 GB are free"):
        read_npz(folder / "train.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", header((3,)), b"\x93NUMPY"])
def test_what_is_no_npz(content, folder, tmp_path, capsys):
    (folder / "train.npz").write_bytes(content)
    said = message(capsys, "images", tmp_path, tmp_path, **OPTIONS)
    assert "train.npz cannot be read" in said


def test_free_memory_is_a_number_of_bytes(monkeypatch):
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < sources.free_memory() <= total
    monkeypatch.setattr(sources.Path, "read_text", lambda *_, **__: "nothing")
    assert sources.free_memory() == total


def test_pipes_are_not_waited_for(folder, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    expected = "is no regular file"
    (folder / "train.npz").unlink()
    (folder / "train.npz").symlink_to(tmp_path / "pipe")
    assert expected in message(capsys, "images", tmp_path, tmp_path, **OPTIONS)
    for read in (
        lambda pipe: read_pictures([pipe], 8),
        lambda pipe: read_mat(pipe, ""),
        lambda pipe: through_torchvision(lambda download: None, [pipe], "x", ""),
    ):
        with pytest.raises(StudyError, match=expected):
            read(tmp_path / "pipe")


def pictures(root, **values: tuple[int, int]) -> None:
    """Two classes of two pictures for each part, from a grey value on."""
    for part, (first, second) in values.items():
        for name, value in (("a", first), ("b", second)):
            for n in range(2):
                files.picture(root / "images" / part / name / f"{n}.png", value + n)


def test_pictures_that_are_none(tmp_path, capsys):
    pictures(tmp_path, train=(10, 20), val=(30, 40), test=(50, 60))
    train = tmp_path / "images/train/a"
    os.mkfifo(train / "x.png")
    said = message(capsys, "images", tmp_path, tmp_path, **OPTIONS)
    assert "x.png is no regular file, and so no picture" in said
    (train / "x.png").unlink()
    for name, content in {
        "huge": png(50_000, 50_000),
        "cut": png(8, 8)[:45],
        "text": b"no picture",
        "deep": picture_of(np.full((8, 8), 60_000, np.uint16)),
    }.items():
        (train / "x.png").write_bytes(content)
        with pytest.raises(StudyError, match=r"x\.png is no picture that can be read") as caught:
            read_pictures([train / "x.png"], 8)
        words = {"huge": "2500000000 pixels", "deep": "expected: 8 bits per channel"}
        assert words.get(name, "") in str(caught.value)


def png(width: int, height: int) -> bytes:
    """A picture that says it is of that size, and holds next to nothing."""
    content = bytearray(picture_of(np.zeros((8, 8), np.uint8)))
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def picture_of(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(array).save(content, "png")
    return content.getvalue()


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "a/../../b", " ", ""])
def test_a_folder_outside_the_data_is_refused(name, tmp_path, capsys):
    said = message(capsys, "images", tmp_path, tmp_path, **OPTIONS, folder=name)
    assert f"task.folder = {name!r}: must lie inside the data folder" in said


def test_a_link_inside_the_data_may_lead_anywhere(tmp_path):
    files.npz(tmp_path / "far", {"train": 40, "test": 9}, 2, size=8)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/images").symlink_to(tmp_path / "far")
    assert len(prepare("images", tmp_path / "data", tmp_path / "out", **OPTIONS).train_labels) == 36


@pytest.mark.parametrize("part", ["test", "val", "fog"])
def test_a_copy_of_the_training_images_tests_nothing(part, tmp_path, capsys):
    parts = {"train": (10, 20), "val": (30, 40), "test": (50, 60), "fog": (70, 80)}
    pictures(tmp_path, **{**parts, part: (10, 20)})
    said = message(capsys, "images", tmp_path, tmp_path, **OPTIONS, conditions=["fog"])
    assert f"all 4 images of {part} are images of train, too" in said


def test_a_test_set_that_was_chosen_on_tests_nothing(tmp_path, capsys):
    pictures(tmp_path, train=(10, 20), val=(30, 40), test=(30, 40))
    said = message(capsys, "images", tmp_path, tmp_path, **OPTIONS)
    assert "all 4 images of test are images of val, too" in said


def test_some_shared_images_are_told_in_the_manifest(folder, tmp_path):
    with np.load(folder / "train.npz") as train, np.load(folder / "test.npz") as test:
        images = np.concatenate([test["images"], train["images"][:2]])
    np.savez(folder / "test.npz", images=images, labels=np.arange(11) % 2)
    prepare("images", tmp_path, tmp_path / "out", **OPTIONS)
    notes = json.loads((tmp_path / "out/manifest.json").read_text())["notes"]
    assert notes == ["2 of 11 images of test are images of train, too."]
    spoil(folder, images=images, labels=np.arange(11) % 2)
    with pytest.raises(StudyError, match="all 11 images of test are images of train"):
        Images(num_classes=2, image_size=8).prepare(tmp_path)
