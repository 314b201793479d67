"""Tasks read from files: published formats written small, real data where they are, mistakes."""

from __future__ import annotations

import bz2
import hashlib
import json

import numpy as np
import pytest

from afn.common.errors import StudyError
from afn.study.parts.catalogue import entry, task_facts
from afn.tasks import REGISTRY, load
from afn.tasks.__main__ import main
from afn.tasks.cifar import Cifar10, Cifar100
from afn.tasks.digits import Digits, read_domain
from tests.tasks import files


def prepare(name, data_dir, folder, /, **options):
    text = json.dumps(options)
    arguments = ["prepare", name, "--options", text, "--data-dir", str(data_dir)]
    assert main([*arguments, "-o", str(folder)]) == 0
    return load(folder / "manifest.json", verify=True)


def message(capsys, name, data_dir, tmp_path, /, **options) -> str:
    """What the command says where it must fail: one line, exit code 2, nothing written."""
    text = json.dumps(options)
    arguments = ["prepare", name, "--options", text, "--data-dir", str(data_dir)]
    assert main([*arguments, "-o", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()
    said = [line for line in capsys.readouterr().err.splitlines() if "afn.tasks:" in line]
    assert len(said) == 1
    return said[0]


@pytest.mark.parametrize("name", REGISTRY)
def test_every_task_can_be_planned_without_being_imported(name):
    facts = task_facts({"name": name, **entry("task", name).defaults})
    for key in ("num_classes", "in_channels", "image_size"):
        assert isinstance(facts[key], int)
    for key in ("conditions", "severities", "domains"):
        assert isinstance(facts[key], tuple)


@pytest.mark.parametrize(("name", "task"), [("cifar10", Cifar10), ("cifar100", Cifar100)])
def test_cifar_pickles_through_torchvision(name, task, tmp_path, monkeypatch, offline):
    written = files.cifar(tmp_path, name, 200, monkeypatch)
    arrays = task(validation=0.2).prepare(tmp_path).arrays
    images, labels = written["train"]
    count = len(labels)
    assert len(arrays["val_labels"]) == round(0.2 * count)
    assert len(arrays["train_labels"]) == count - round(0.2 * count)
    together = np.concatenate([arrays["train_images"], arrays["val_images"]])
    assert {i.tobytes() for i in together} == {i.tobytes() for i in images}
    first = next(i for i in range(count) if np.array_equal(images[i], arrays["train_images"][0]))
    assert labels[first] == arrays["train_labels"][0]
    assert np.array_equal(arrays["test_images"], written["test"][0])
    assert np.array_equal(arrays["test_labels"], written["test"][1])
    assert offline == []


def test_cifar_npz_beside_the_published_files(tmp_path, monkeypatch, offline):
    files.npz(tmp_path / "cifar10", {"train": 50, "test": 20})
    data = prepare("cifar10", tmp_path, tmp_path / "out")
    assert (len(data.train_labels), len(data.validation.labels)) == (45, 5)
    assert [test.name for test in data.tests] == ["test/clean/0"]
    assert data.tests[0].images.shape == (20, 32, 32, 3)
    files.cifar(tmp_path, "cifar10", 40, monkeypatch)
    again = prepare("cifar10", tmp_path, tmp_path / "out")
    assert len(again.train_labels) == 180  # the published files come first
    assert offline == []


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("cifar10", {}, "cifar-10-batches-py/"),
        ("cifar10_c", {}, "cifar10/train.npz and cifar10/test.npz"),
        ("cifar100", {}, "cifar-100-python/"),
        ("digits", {"source": "mnist"}, "MNIST/raw/{train,t10k}"),
        ("digits", {"source": "svhn"}, "SVHN/train_32x32.mat and SVHN/test_32x32.mat"),
        ("digits", {"source": "usps"}, "USPS/usps.bz2 and USPS/usps.t.bz2"),
        ("digits", {"source": "mnist_m"}, "mnist_m/train.npz"),
        ("digits", {"source": "syn"}, "SYN/synth_train_32x32.mat"),
        ("pacs", {}, "PACS/<domain>/<class>/"),
        ("images", {}, "images/<part>.npz"),
    ],
)
def test_data_that_are_nowhere(name, options, expected, tmp_path, capsys, offline):
    data = tmp_path / "data"
    said = message(capsys, name, data, tmp_path, **options)
    assert expected in said
    assert str(data) in said
    downloadable = name.startswith("cifar") or options.get("source") in ("mnist", "svhn", "usps")
    assert bool(offline) == downloadable
    assert ("could not be downloaded (" in said) == downloadable
    assert not data.exists()  # a failed download leaves nothing behind
    assert main(["prepare", name, "-o", str(tmp_path / "none")]) == 2
    assert "needs --data-dir" in capsys.readouterr().err


def test_damaged_or_partial_files_are_not_downloaded_over(tmp_path, capsys, offline):
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert "cannot be read (Dataset not found" in message(capsys, "cifar10", tmp_path, tmp_path)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"")
    assert "is incomplete" in message(capsys, "digits", tmp_path, tmp_path)
    for name in ("train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "MNIST" / "raw" / f"{name}-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 9]))
    assert "cannot be read" in message(capsys, "digits", tmp_path, tmp_path)
    files.idx(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte", np.zeros((9, 28)))
    assert "cannot be read" in message(capsys, "digits", tmp_path, tmp_path)
    (tmp_path / "USPS").mkdir()
    (tmp_path / "USPS" / "usps.bz2").write_bytes(b"no archive")
    assert "cannot be read" in message(capsys, "digits", tmp_path, tmp_path, source="usps")
    (tmp_path / "SYN").mkdir()
    (tmp_path / "SYN" / "synth_train_32x32.mat").write_bytes(b"no matrix")
    assert "cannot be read" in message(capsys, "digits", tmp_path, tmp_path, source="syn")
    assert offline == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"images": files.pixels(4)}, "labels"),
        ({"images": files.pixels(4), "labels": np.arange(3)}, "int64 (3,)"),
        ({"images": files.pixels(4) / 255, "labels": np.arange(4)}, "float64"),
        ({"images": files.pixels(4), "labels": np.array(list("abcd"), object)}, "cannot be read"),
    ],
)
def test_npz_files_that_are_not_as_documented(content, fault, tmp_path, capsys):
    (tmp_path / "cifar10").mkdir()
    np.savez(tmp_path / "cifar10" / "train.npz", **content)
    said = message(capsys, "cifar10", tmp_path, tmp_path)
    assert fault in said
    assert "images uint8 (N, H, W, C) and labels int64 (N,)" in said


def test_svhn_and_syn_put_ten_at_zero(tmp_path, monkeypatch, offline):
    from torchvision.datasets import SVHN

    images, labels = files.pixels(6), [10, 1, 2, 9, 10, 5]
    for split in ("train", "test"):
        path = tmp_path / "SVHN" / f"{split}_32x32.mat"
        files.mat(path, images, labels)
        files.mat(tmp_path / "SYN" / f"synth_{split}_32x32.mat", images, [0, 1, 2, 9, 0, 5])
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        monkeypatch.setitem(SVHN.split_list, split, ["http://none", path.name, md5])
    for domain in ("svhn", "syn"):
        found = read_domain(domain, tmp_path, "train")
        assert np.array_equal(found[0], images)
        assert found[1].tolist() == [0, 1, 2, 9, 0, 5]
    assert offline == []
    monkeypatch.setitem(SVHN.split_list, "test", ["http://none", "test_32x32.mat", "0" * 32])
    with pytest.raises(StudyError, match=r"svhn.*cannot be read.*remove it to download it again"):
        read_domain("svhn", tmp_path, "test")


def small_digits(folder) -> None:
    """A few images of MNIST, USPS and MNIST-M in their published formats."""
    for part, count in (("train", 30), ("t10k", 10)):
        files.idx(
            folder / "MNIST" / "raw" / f"{part}-images-idx3-ubyte", files.pixels(count, 28)[..., 0]
        )
        files.idx(folder / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte", np.arange(count) % 10)
    (folder / "USPS").mkdir()
    line = " ".join(f"{i + 1}:{-1 + 2 * (i % 16) / 15:.3f}" for i in range(256))
    text = "".join(f"{label} {line}\n" for label in (1, 10, 4))
    for name in ("usps.bz2", "usps.t.bz2"):
        (folder / "USPS" / name).write_bytes(bz2.compress(text.encode()))
    for part in ("train", "test"):
        for number in range(3):
            name = folder / "mnist_m" / f"mnist_m_{part}" / f"{number:08d}.png"
            files.picture(name, (10 * number, 20, 30), size=32)
        listed = "".join(f"{number:08d}.png {9 - number}\n" for number in range(3))
        (folder / "mnist_m" / f"mnist_m_{part}_labels.txt").write_text(listed)


def test_digits_in_their_published_formats(tmp_path, offline):
    small_digits(tmp_path)
    data = prepare(
        "digits", tmp_path, tmp_path / "out", mnist="all", targets=["mnist_m", "usps", "mnist"]
    )
    assert [test.name for test in data.tests] == [
        "test/clean/0",
        "test/mnist_m/0",
        "test/usps/0",
    ]
    assert data.tests[1].labels.tolist() == [9, 8, 7]
    assert data.tests[1].images[2, 0, 0].tolist() == [20, 20, 30]
    assert data.tests[2].labels.tolist() == [0, 9, 3]
    usps = data.tests[2].images
    assert usps.shape == (3, 32, 32, 3)
    assert (usps[..., 0] == usps[..., 2]).all()
    assert usps[0, 0, 0, 0] == 0
    assert usps[0, 0, 31, 0] == 255
    assert (np.diff(usps[0, 0, :, 0].astype(int)) >= 0).all()
    assert (len(data.train_labels), len(data.validation.labels)) == (27, 3)
    assert offline == []


def test_the_first_ten_thousand_need_more_than_that(tmp_path, capsys, offline):
    small_digits(tmp_path)
    assert "use mnist: all" in message(capsys, "digits", tmp_path, tmp_path)


def test_the_source_is_never_its_own_target():
    assert Digits(source="usps").targets == ("mnist", "svhn", "mnist_m")
    assert Digits(source="mnist", targets=("mnist", "syn", "syn")).targets == ("syn",)


@pytest.mark.realdata
def test_real_mnist_has_the_published_moments(real_data, offline):
    images, labels = read_domain("mnist", real_data, "train")
    assert images.shape == (60_000, 28, 28, 1)
    assert round(float(images.mean() / 255), 4) == 0.1307
    assert round(float(images.std() / 255), 4) == 0.3081
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert offline == []


@pytest.mark.realdata
def test_real_digits_mnist_to_usps_and_mnist_m(real_data, tmp_path, offline):
    options = {"targets": ["usps", "mnist_m"]}
    data = prepare("digits", real_data, tmp_path / "a", **options)
    sizes = [len(test.labels) for test in (data.validation, *data.tests)]
    assert [len(data.train_labels), *sizes] == [10_000, 1000, 10_000, 2007, 5000]
    # The first image of MNIST, a five: blank border, ink in the middle.
    assert data.train_labels[0] == 5
    assert data.train_images[0, :3].max() == 0
    assert data.train_images[0].max() > 240
    train = {image.tobytes() for image in data.train_images}
    assert not any(image.tobytes() in train for image in data.validation.images)
    # The colours of MNIST-M are real, those of the grey domains equal.
    assert (data.tests[1].images[..., 0] == data.tests[1].images[..., 1]).all()
    assert (data.tests[2].images[..., 0] != data.tests[2].images[..., 1]).mean() > 0.5
    assert offline == []


@pytest.mark.realdata
def test_real_usps_and_mnist_m_have_their_published_sizes(real_data):
    assert len(read_domain("usps", real_data, "train")[1]) == 7291
    images, labels = read_domain("mnist_m", real_data, "train")
    assert images.shape == (5000, 32, 32, 3)
    assert np.bincount(labels).tolist() == [500] * 10


@pytest.mark.realdata
def test_real_cifar10_has_about_the_published_mean(real_data, tmp_path):
    data = prepare("cifar10", real_data, tmp_path / "a")
    assert data.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=0.003)
    assert np.bincount(data.train_labels).tolist() == [1350] * 10
    again = tmp_path / "b"
    prepare("cifar10", real_data, again)
    for file in again.iterdir():
        assert file.read_bytes() == (tmp_path / "a" / file.name).read_bytes()
