"""CIFAR-10-C: published files where they are, else regenerated and named so; and its picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from afn.common.errors import StudyError
from afn.tasks import cifar10_c, load
from afn.tasks.__main__ import main
from afn.tasks.base import Lazy, Prepared, TestSet
from afn.tasks.cifar10_c import Cifar10C
from afn.tasks.cifar_corruptions.table import corrupt
from afn.tasks.data.writer import write
from tests.tasks import files

COUNT = 4


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10_c, "COUNT", COUNT)
    files.npz(tmp_path / "cifar10", {"train": 30, "test": COUNT})
    return tmp_path


def publish(data_dir) -> dict[str, np.ndarray]:
    """All nineteen files and the labels in the published layout, with ``COUNT`` images."""
    folder = data_dir / "CIFAR-10-C"
    folder.mkdir()
    written = {}
    for seed, name in enumerate(Cifar10C.conditions):
        written[name] = files.pixels(5 * COUNT, seed=seed)
        np.save(folder / f"{name}.npy", written[name])
    np.save(folder / "labels.npy", np.tile(np.array([3, 8, 8, 0], np.uint8), 5))
    return written


def test_published_files_are_read_row_by_row(data_dir, tmp_path):
    written = publish(data_dir)
    out = tmp_path / "out"
    assert main(["prepare", "cifar10_c", "--data-dir", str(data_dir), "-o", str(out)]) == 0
    data = load(out / "manifest.json", verify=True)
    assert len(data.tests) == 1 + 19 * 5
    for test in data.tests[1:]:
        rows = slice((test.severity - 1) * COUNT, test.severity * COUNT)
        assert np.array_equal(test.images, written[test.condition][rows])
        assert test.labels.tolist() == [3, 8, 8, 0]
    content = json.loads((out / "manifest.json").read_text())
    assert content["title"] == "CIFAR-10-C"
    assert "notes" not in content


def test_regenerated_images_are_named_so(data_dir, tmp_path):
    out = tmp_path / "out"
    options = json.dumps({"severities": [5, 1]})
    arguments = ["prepare", "cifar10_c", "--data-dir", str(data_dir), "--options", options]
    assert main([*arguments, "-o", str(out)]) == 0
    content = json.loads((out / "manifest.json").read_text())
    assert content["title"] == "CIFAR-10-C (regenerated)"
    assert "Frost is drawn" in " ".join(content["notes"])
    data = load(out / "manifest.json", verify=True)
    assert [test.severity for test in data.tests[1:5]] == [1, 5, 1, 5]
    clean = data.tests[0]
    for test in data.tests[1:]:
        assert np.array_equal(test.images, corrupt(clean.images, test.condition, test.severity))
        assert np.array_equal(test.labels, clean.labels)
    first = {file.name: file.read_bytes() for file in out.iterdir()}
    assert main([*arguments, "-o", str(out)]) == 0
    assert {file.name: file.read_bytes() for file in out.iterdir()} == first


def test_published_files_are_left_alone_where_asked(data_dir):
    publish(data_dir)
    task = Cifar10C(files="regenerated")
    task.prepare(data_dir)
    assert task.title == "CIFAR-10-C (regenerated)"


def test_a_partial_copy_is_no_wish_for_other_images(data_dir):
    publish(data_dir)
    (data_dir / "CIFAR-10-C" / "fog.npy").unlink()
    with pytest.raises(StudyError, match=r"lacks fog\.npy"):
        Cifar10C().prepare(data_dir)
    assert Cifar10C(files="regenerated").prepare(data_dir).tests


def test_published_files_that_are_asked_for_must_be_there(data_dir):
    with pytest.raises(StudyError, match=r"CIFAR-10-C lacks gaussian_noise\.npy.*labels\.npy"):
        Cifar10C(files="published").prepare(data_dir)


def test_published_files_of_another_shape(data_dir):
    publish(data_dir)
    np.save(data_dir / "CIFAR-10-C" / "fog.npy", files.pixels(3))
    arrays = Cifar10C().prepare(data_dir).arrays
    with pytest.raises(StudyError, match=r"fog\.npy holds uint8 \(3, 32, 32, 3\)"):
        arrays["test_fog_2_images"].make()
    np.save(data_dir / "CIFAR-10-C" / "labels.npy", np.arange(5 * COUNT) % 10)
    with pytest.raises(StudyError, match="five severities differ"):
        Cifar10C().prepare(data_dir)


def test_arrays_are_made_one_at_a_time_and_checked(tmp_path):
    alive = []

    class Task:
        num_classes, in_channels, image_size, class_names = 2, 3, 32, ("a", "b")

    def make(length: int):
        assert not any((tmp_path / "out").glob(".*"))  # the one before is on disk by now
        alive.append(length)
        return files.pixels(length)

    labels = np.arange(4) % 2
    arrays = {f"{part}_labels": labels for part in ("train", "val", "test")}
    arrays |= {f"{p}_images": Lazy(4, lambda: make(4)) for p in ("train", "val", "test")}
    tests = [TestSet("clean", 0, "test_images", "test_labels")]
    write(tmp_path / "out", "t", {}, Task(), Prepared(arrays, tests))
    assert alive == [4, 4, 4]
    arrays["val_images"] = Lazy(4, lambda: make(3))
    with pytest.raises(ValueError, match="'val_images' has 3 rows; 4 were announced"):
        write(tmp_path / "out", "t", {}, Task(), Prepared(arrays, tests))
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_picture_shows_what_is_tested(data_dir, tmp_path, capsys):
    out, file = tmp_path / "out", tmp_path / "deep" / "picture.png"
    options = ["cifar10_c", "--data-dir", str(data_dir), "--options", '{"severities": [1, 5]}']
    assert main(["prepare", *options, "-o", str(out)]) == 0
    assert main(["picture", *options, "--images", "2", "-o", str(file)]) == 0
    with Image.open(file) as opened:
        drawn = np.asarray(opened)
    from afn.tasks.data.picture import GAP, HEAD, MARGIN

    data = load(out / "manifest.json")
    step = 64 + GAP
    assert drawn.shape == (HEAD + 20 * step, MARGIN + 4 * step, 3)
    last = data.tests[-1]
    assert (last.condition, last.severity) == ("jpeg_compression", 5)
    top, left = HEAD + 19 * step, MARGIN + 3 * step
    assert np.array_equal(drawn[top : top + 64 : 2, left : left + 64 : 2], last.images[1])
    again = tmp_path / "again.png"
    assert (
        main(["picture", "cifar10_c", "--prepared", str(out), "--images", "2", "-o", str(again)])
        == 0
    )
    assert again.read_bytes() == file.read_bytes()
    capsys.readouterr()
    assert main(["picture", "cifar10_c", "--prepared", str(tmp_path), "-o", str(again)]) == 2
    assert "manifest.json is missing" in capsys.readouterr().err


def test_fingerprint_covers_the_corruptions_and_not_the_drawing():
    from afn.study.code.fingerprint import PREPARING
    from afn.study.code.modules import reachable

    found = reachable([PREPARING, "afn.tasks.cifar10_c"])
    families = ("blur", "digital", "frost", "noise", "table", "weather")
    assert {f"afn.tasks.cifar_corruptions.{name}" for name in families} <= found
    assert {"afn.tasks.cifar", "afn.tasks.data.sources", "afn.tasks.data.split"} <= found
    assert not {"afn.tasks.data.picture", "afn.tasks.digits", "afn.tasks.pacs"} & found
