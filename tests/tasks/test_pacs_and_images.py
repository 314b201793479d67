"""PACS: sources, targets and published lists; the user's own images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from afn.common.errors import StudyError
from afn.tasks.pacs import CLASSES, DOMAINS, Pacs
from tests.tasks import files
from tests.tasks.test_sources import message, prepare

PER_CLASS = 8


@pytest.fixture(scope="module")
def pacs(tmp_path_factory):
    """Every picture has one colour, which tells its domain, class and number."""
    folder = tmp_path_factory.mktemp("data")
    for d, domain in enumerate(DOMAINS):
        for c, name in enumerate(CLASSES):
            for number in range(PER_CLASS):
                path = folder / "PACS" / domain / name / f"pic_{number:03d}.png"
                files.picture(path, (60 * d, 30 * c, 10 * number), size=12)
    return folder


def colours(images) -> list[tuple[int, int, int]]:
    return [tuple(image[0, 0].tolist()) for image in images]


def test_one_source_three_targets(pacs, tmp_path):
    data = prepare("pacs", pacs, tmp_path / "out", image_size=8, validation=0.25)
    assert data.image_size == 8
    assert [t.name for t in data.tests] == [
        *("test/clean/0", "test/art_painting/0", "test/cartoon/0", "test/sketch/0")
    ]
    sets = [data.train_images, data.validation.images, data.tests[0].images]
    assert [len(s) for s in sets] == [42, 7, 7]
    everything = [c for images in sets for c in colours(images)]
    assert len(set(everything)) == 56  # no picture twice, none lost
    assert {c[0] for c in everything} == {60 * DOMAINS.index("photo")}
    assert [c[1] // 30 for c in colours(data.train_images)] == data.train_labels.tolist()
    for test in data.tests[1:]:
        assert len(test.labels) == 56
        assert {c[0] for c in colours(test.images)} == {60 * DOMAINS.index(test.condition)}
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "not the published split" in content["notes"][0]


def test_leave_one_domain_out_validates_on_training_domains(pacs, tmp_path):
    data = prepare("pacs", pacs, tmp_path / "out", source="rest", target="sketch", image_size=8)
    assert [t.condition for t in data.tests] == ["clean", "sketch"]
    trained = {0, 60, 120}
    for images in (data.train_images, data.validation.images, data.tests[0].images):
        assert {c[0] for c in colours(images)} == trained
    assert {c[0] for c in colours(data.tests[1].images)} == {180}


def publish(folder, domain, train=6, label=lambda c: c + 1):
    """Published lists: the first ``train`` pictures of each class are for training."""
    for part, numbers in (("train", range(train)), ("crossval", range(train, PER_CLASS))):
        lines = [
            f"{domain}/{name}/pic_{number:03d}.png {label(c)}\n"
            for c, name in enumerate(CLASSES)
            for number in numbers
        ]
        (folder / f"{domain}_{part}_kfold.txt").write_text("".join(lines))


def test_published_lists_decide_where_they_are(pacs, tmp_path):
    lists = tmp_path / "PACS"
    lists.mkdir()
    (lists / "kfold").symlink_to(pacs / "PACS")
    publish(lists, "cartoon")
    data = prepare("pacs", tmp_path, tmp_path / "out", source="cartoon", image_size=12)
    assert {c[2] // 10 for c in colours(data.train_images)} == {0, 1, 2, 3, 4, 5}
    held = [*colours(data.validation.images), *colours(data.tests[0].images)]
    assert sorted(c[2] // 10 for c in held) == [6] * 7 + [7] * 7
    assert data.validation.labels.tolist() == data.tests[0].labels.tolist() == list(range(7))
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert content["notes"][0].startswith("Split by the published lists")
    options = {"source": "rest", "target": "photo", "image_size": 8}
    prepare("pacs", tmp_path, tmp_path / "out", **options)
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "some training domains only" in content["notes"][0]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("photo/dog/pic_000.png 1", "is not `cartoon/class/file label`"),
        ("cartoon/dog/pic_000.png 2", "label 2 is not that of dog"),
        ("cartoon/dog/pic_999.png 1", "1 of 1 files are missing"),
    ],
)
def test_lists_that_do_not_fit(pacs, tmp_path, line, fault):
    lists = tmp_path / "PACS"
    lists.mkdir()
    (lists / "kfold").symlink_to(pacs / "PACS")
    publish(lists, "cartoon")
    (lists / "cartoon_train_kfold.txt").write_text(line + "\n")
    with pytest.raises(StudyError, match=fault):
        Pacs(source="cartoon").prepare(tmp_path)


def test_a_class_that_is_missing(pacs, tmp_path, capsys):
    files.picture(tmp_path / "PACS" / "photo" / "dog" / "a.jpg", 3)
    assert "photo/elephant has no pictures" in message(capsys, "pacs", tmp_path, tmp_path)
    assert "both 'photo'" in message(capsys, "pacs", pacs, tmp_path, target="photo")
    assert "from 8 to 512" in message(capsys, "pacs", pacs, tmp_path, image_size=4)


@pytest.mark.realdata
def test_real_pacs(real_data, tmp_path):
    data = prepare("pacs", real_data, tmp_path / "out", source="sketch", image_size=32)
    sizes = [
        len(data.train_labels),
        len(data.validation.labels),
        *(len(t.labels) for t in data.tests),
    ]
    assert sizes == [126, 7, 7, 140, 140, 140]
    # Sketches are black lines on white; photographs are not.
    assert data.mean[0] > 0.8
    assert data.tests[-1].condition == "photo"
    assert data.tests[-1].images.mean() < 180


def test_images_from_npz_with_shifted_sets(tmp_path):
    files.npz(tmp_path / "mine", {"train": 40, "test": 9, "night": 6, "rain": 3}, 3, size=10)
    options = {
        "folder": "mine",
        "num_classes": 3,
        "image_size": 16,
        "conditions": ["rain", "night"],
    }
    data = prepare("images", tmp_path, tmp_path / "out", **options)
    assert (data.num_classes, data.image_size, data.in_channels) == (3, 16, 3)
    assert [(t.condition, len(t.labels)) for t in data.tests] == [
        *(("clean", 9), ("rain", 3), ("night", 6))
    ]
    assert (len(data.train_labels), len(data.validation.labels)) == (36, 4)
    assert data.train_images.shape == (36, 16, 16, 3)


def test_images_from_folders(tmp_path):
    for own, (part, number) in enumerate({"train": 4, "val": 2, "test": 2, "fog": 1}.items()):
        for value, name in ((200, "zebra"), (50, "ape")):
            for n in range(number):
                files.picture(tmp_path / "images" / part / name / f"{n}.png", value + n + 10 * own)
    options = {"num_classes": 2, "in_channels": 1, "image_size": 8, "conditions": ["fog"]}
    data = prepare("images", tmp_path, tmp_path / "out", **options)
    assert data.train_images.shape == (8, 8, 8, 1)
    assert data.train_images[:, 0, 0, 0].tolist() == [50, 51, 52, 53, 200, 201, 202, 203]
    assert data.train_labels.tolist() == [0] * 4 + [1] * 4
    assert len(data.validation.labels) == 4
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert content["class_names"] == ["ape", "zebra"]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"num_classes": 2}, "num_classes = 2 allows 0 to 1"),
        ({"conditions": ["fog"]}, "has no fog.npz and no folder fog"),
        ({"conditions": ["clean"]}, "'clean' cannot name a condition"),
        ({"conditions": ["a b"]}, "'a b' cannot name a condition"),
        ({"conditions": ["a", "a"]}, "'a' cannot name a condition"),
        ({"folder": "yours"}, "has no train.npz and no folder train"),
        ({"num_classes": 1}, "from 2 to"),
    ],
)
def test_images_that_do_not_fit(options, fault, tmp_path, capsys):
    files.npz(tmp_path / "images", {"train": 40, "test": 9}, 3)
    assert fault in message(capsys, "images", tmp_path, tmp_path, **{"num_classes": 3, **options})


def test_folders_that_do_not_fit(tmp_path, capsys):
    for path in ("train/a/0.png", "train/b/0.png", "test/a/0.png", "test/c/0.png"):
        files.picture(tmp_path / "images" / path, 9)
    assert "train has 2 classes (a, b)" in message(
        capsys, "images", tmp_path, tmp_path, num_classes=3
    )
    said = message(capsys, "images", tmp_path, tmp_path, num_classes=2, validation=0.5)
    assert "classes that train lacks: c" in said
    assert np.array_equal(Pacs(source="rest", target="photo").sources, DOMAINS[:2] + DOMAINS[3:])
