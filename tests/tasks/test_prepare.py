"""The prepare command and the reader: same bytes, atomic, damage and mistakes told in words."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from afn.common.errors import StudyError
from afn.tasks import load
from afn.tasks.__main__ import main
from afn.tasks.base import Prepared
from afn.tasks.data.writer import check, moments

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    assert main(["prepare", "digits8x8", "-o", str(folder)]) == 0
    return folder / "manifest.json"


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_same_bytes_in_another_process(digits, tmp_path):
    command = [sys.executable, "-m", "afn.tasks", "prepare", "digits8x8", "-o", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert digests(tmp_path) == digests(digits.parent)


def test_preparing_again_repairs_and_leaves_nothing_behind(digits, tmp_path):
    assert main(["prepare", "digits8x8", "-o", str(tmp_path)]) == 0
    (tmp_path / "train_images.npy").write_bytes(b"broken")
    assert main(["prepare", "digits8x8", "-o", str(tmp_path)]) == 0
    assert digests(tmp_path) == digests(digits.parent)


def test_reader_maps_what_the_task_made(digits):
    data = load(digits, verify=True)
    assert (data.num_classes, data.in_channels, data.image_size) == (10, 1, 8)
    assert data.train_images.shape == (1077, 8, 8, 1)
    assert isinstance(data.train_images, np.memmap)
    assert not data.train_images.flags.writeable
    assert [t.name for t in data.tests[:3]] == ["test/clean/0", "test/noise/1", "test/noise/3"]
    assert all(np.array_equal(t.labels, data.tests[0].labels) for t in data.tests)
    assert data.validation.name == "validation/clean/0"
    values = np.asarray(data.train_images) / 255
    assert data.mean == pytest.approx((values.mean(),))
    assert data.std == pytest.approx((values.std(),))


def test_reading_loads_no_data_library(digits):
    code = (
        "import sys; from afn.tasks import load; load(sys.argv[1]);"
        "print([m for m in ('sklearn', 'scipy', 'torch', 'torchvision', 'pandas')"
        " if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(digits)]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


def test_moments_are_exact_per_channel():
    images = np.zeros((1, 2, 2, 3), np.uint8)
    images[..., 0] = 255
    images[0, 0, :, 1] = 255
    assert moments(images) == ([1.0, 0.5, 0.0], [0.0, 0.5, 0.0])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "val_labels.npy").unlink(), "val_labels.npy is missing"),
        (lambda f: (f / "val_labels.npy").write_bytes(b"x"), "cannot be read"),
        (lambda f: np.save(f / "val_labels.npy", np.zeros(3)), "not \\['int64', \\[360\\]\\]"),
        (lambda f: np.save(f / "val_labels.npy", np.zeros(360, int)), "sha256 differs"),
        (lambda f: (f / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda f: (f / "manifest.json").write_text("{}"), "no manifest"),
        (lambda f: (f / "manifest.json").write_text("{"), "no manifest"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    assert main(["prepare", "digits8x8", "-o", str(tmp_path)]) == 0
    damage(tmp_path)
    with pytest.raises(StudyError, match=message):
        load(tmp_path / "manifest.json", verify=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits8x"], "did you mean 'digits8x8'"),
        (["digits8x8", "--options", "{"], "not JSON"),
        (["digits8x8", "--options", "[]"], "not a JSON object"),
        (["digits8x8", "--options", '{"source": 1}'], "no option 'source'"),
        (["tests.tasks.toy:Toy", "--options", '{"n": 2}'], "greater than or equal to 4"),
        (["tests.tasks.toy:Toy"], "needs --data-dir, a folder with: images.bin, labels.bin"),
        (["tests.tasks.toy:Toy", "--data-dir", "/nowhere"], "no folder /nowhere; expected with"),
        (["tests.tasks.toy:Toy", "--data-dir", "{tmp}"], "lacks labels.bin"),
    ],
)
def test_mistakes_are_one_message(tmp_path, capsys, arguments, message):
    (tmp_path / "images.bin").touch()
    arguments = [a.replace("{tmp}", str(tmp_path)) if a == "{tmp}" else a for a in arguments]
    assert main(["prepare", *arguments, "-o", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_users_own_task(tmp_path, capsys):
    (tmp_path / "images.bin").touch()
    (tmp_path / "labels.bin").touch()
    arguments = ["prepare", "tests.tasks.toy:Toy", "--options", '{"n": 6}', "--fingerprint", "ab"]
    assert main([*arguments, "--data-dir", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    manifest = Path(capsys.readouterr().out.strip())
    content = json.loads(manifest.read_text())
    assert content["options"] == {"n": 6}
    assert content["fingerprint"] == "ab"
    assert content["class_names"] == ["dark", "light"]
    assert len(load(manifest).train_labels) == 6


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("train_images", np.zeros((2, 4, 4, 1), np.uint8), "train_images"),
        ("train_images", np.zeros((2, 4, 4, 3), np.float32), "train_images"),
        ("train_labels", np.array([0, 2]), "outside 0..1"),
        ("train_labels", np.array([0, 1, 1]), "differ in length"),
    ],
)
def test_a_task_that_breaks_the_interface_is_refused(key, array, message):
    from tests.tasks.toy import Toy

    task = Toy(n=4)
    prepared = task.prepare(None)
    arrays = {k: v[:2] for k, v in prepared.arrays.items()}
    check(task, Prepared(arrays, prepared.tests))
    with pytest.raises(ValueError, match=message):
        check(task, Prepared({**arrays, key: array}, prepared.tests))
