"""Cells on the page: counted again from stored predictions, with the commands of their runs."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from afn.common.files import sha256_of
from afn.common.run_folder import Result
from analysis.report.browsing import answers, cells, images, parts
from tests.analysis.pages import MINIMAL, load
from tests.analysis.report.test_tuned_gain import TUNED, search

LABELS = np.arange(20) % 4
LISTED = "5: " + ", ".join(f"{k}\u00a0(6:0)" for k in (3, 7, 11, 15, 19))


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Six runs of each arm: AFN names all images, BatchNorm takes every class 3 for a 0."""
    inputs = load(MINIMAL)
    pictures = np.arange(20 * 4, dtype=np.uint8).reshape(20, 2, 2, 1)

    def read(folder):
        told = LABELS.copy()
        if "/batch/" in str(folder):
            told[told == 3] = 0
        data = io.BytesIO()
        none_right = (LABELS + 1) % 4  # of a protocol that sorts before the declared one
        np.savez(
            data,
            **{
                "batch1/test/clean/0": none_right.astype(np.uint8),
                "running/test/clean/0": told.astype(np.uint8),
            },
        )
        return Result({}, {"predictions.npz": data.getvalue()})

    for cell in inputs.study.cells():
        for seed in range(6):
            (tmp_path / cell.path / f"seed{seed}").mkdir(parents=True)
    monkeypatch.setattr(answers, "read", read)
    monkeypatch.setattr(answers.CleanAnswers, "labels", lambda self, task: LABELS)
    monkeypatch.setattr(answers.CleanAnswers, "images", lambda self, task: pictures)
    return inputs, parts.Folders(runs=tmp_path)


def browsed(inputs, folders, study_file="config.yaml"):
    shown, table = parts.parts(inputs, folders, study_file, Path("index.html"))
    return {entry.anchor: entry for entry in shown["cells"]}, table


def test_confusion_and_images_that_differ(stored):
    found, table = browsed(*stored)
    batch = found["cell-digits8x8.resnet8.batch.plain"]
    afn = found["cell-digits8x8.resnet8.afn.plain"]
    assert afn.confusion == [[30 if i == j else 0 for j in range(4)] for i in range(4)]
    assert batch.confusion[3] == [30, 0, 0, 0]
    assert afn.statistics == "running statistics"
    assert batch.differing == []  # no comparison begins with it
    (own,) = afn.differing
    assert own.told == (
        "AFN and BatchNorm are right in different shares of their seeds on 5 of the 20 clean test "
        "images; the shares are half of the seeds or more apart on five."
    )
    shown = own.images
    assert [d.name for d in shown] == [f"image {k}" for k in (3, 7, 11, 15, 19)]
    assert {d.text for d in shown} == {
        "class 3: right in 6 of 6 with AFN, in 0 of 6 with BatchNorm"
    }
    data = base64.b64decode(shown[0].picture.partition(",")[2])
    assert np.asarray(Image.open(io.BytesIO(data)))[..., 0].tolist() == [[12, 13], [14, 15]]
    assert table.rows[0][2:] == ["5 of 20", "5", LISTED, "0", "pictures"]
    assert len(table.rows) == 1
    assert table.links == ["#cell-digits8x8.resnet8.afn.plain.images1"]
    assert table.cell(0) == "arm:afn arm:batch backbone:resnet8 task:digits8x8"


def test_numbers_of_many_images_are_counted(stored, monkeypatch):
    monkeypatch.setattr(images, "NUMBERS", 2)
    _, table = browsed(*stored)
    assert table.rows[0][4] == "5: 3\u00a0(6:0), 7\u00a0(6:0) and 3 more"


def test_links_of_images_lead_into_the_files_of_cells_that_stand_beside(
    stored, tmp_path, monkeypatch
):
    monkeypatch.setattr(parts, "FOLDED", 1)
    _, table = parts.parts(*stored, "config.yaml", tmp_path / "index.html")
    file, _, place = table.links[0].partition("#")
    assert f'id="{place}"' in (tmp_path / file).read_text(encoding="utf-8")


def test_what_is_not_stored_is_not_shown():
    found, table = browsed(load(MINIMAL), parts.Folders())
    assert table is None
    for entry in found.values():
        assert entry.confusion == []
        assert entry.differing == []
        assert entry.log == ""
        assert len(entry.seeds) == 6


def test_an_arm_without_answers_is_left_out_and_fewer_seeds_are_counted(stored, monkeypatch):
    """Runs that diverged have no predictions; those of an arm may all have diverged."""
    whole = answers.read
    for lost in (range(2), range(6)):
        gone = [f"/batch/plain/seed{seed}" for seed in lost]
        fell = lambda folder, gone=gone: str(folder).endswith(tuple(gone))  # noqa: E731
        result = lambda folder, fell=fell: Result({}, {}) if fell(folder) else whole(folder)  # noqa: E731
        monkeypatch.setattr(answers, "read", result)
        found, table = browsed(*stored)
        (batch, afn) = (found[f"cell-digits8x8.resnet8.{n}.plain"] for n in ("batch", "afn"))
        assert np.sum(batch.confusion) == 20 * (6 - len(lost))
        if len(lost) == 6:
            assert table is None
            assert afn.differing == []
        else:
            listed = LISTED.replace("6:0", "6/6:0/4")
            assert table.rows[0][2:5] == ["5 of 20", "5", listed]
            assert "in 0 of 4 with BatchNorm" in afn.differing[0].images[0].text


def test_images_are_compared_under_the_statistics_of_each_comparison(stored):
    """A comparison under test-batch statistics sets answers under these side by side."""
    _, folders = stored
    both = {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    }
    only = {"factors": {"norm": ["batch", "afn"]}}
    contrasts = [
        ["afn@test_batch", "batch@test_batch"],
        ["afn", "batch"],
        ["batch@test_batch", "batch"],
    ]
    experiments = {"only": only | {"contrasts": contrasts}}
    plan = MINIMAL["plan"] | {"strict": False}
    inputs = load(MINIMAL | {"protocols": both, "experiments": experiments, "plan": plan})
    told = answers.CleanAnswers(inputs, folders.runs, None)
    asked = []
    told.of = lambda cell, protocol="": asked.append((cell.norm, protocol)) or np.array([LABELS])
    found = images.differing(inputs, told)
    assert {own.arms for own in found} == {
        ("AFN (test batch)", "BatchNorm (test batch)"),
        ("AFN (running)", "BatchNorm (running)"),
        ("BatchNorm (test batch)", "BatchNorm (running)"),
    }
    assert set(asked) == {(n, p) for n in ("afn", "batch") for p in ("test_batch", "running")}
    numbers = {own.arms: own.number for own in found}
    assert sorted(n for arms, n in numbers.items() if arms[0].startswith("AFN")) == [1, 2]


@pytest.mark.parametrize("damage", ["other", "empty", "fewer", "floats", "none"])
def test_images_that_are_not_those_of_the_manifest_are_no_pictures(tmp_path, monkeypatch, damage):
    """Another picture beside right numbers would be worse than none."""
    folder = tmp_path / "digits8x8"
    folder.mkdir()
    file, pictures = folder / "test_images.npy", np.zeros((20, 2, 2, 1), np.uint8)
    if damage == "fewer":
        pictures = pictures[:3]
    np.save(file, pictures / 2 if damage == "floats" else pictures)
    array = {"file": file.name, "sha256": sha256_of(file)}
    test = {"split": "test", "condition": "clean", "images": "images"}
    manifest = {"tests": [test], "arrays": {"images": array}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if damage == "empty":
        file.write_bytes(b"")
        array["sha256"] = sha256_of(file)
        (folder / "manifest.json").write_text(json.dumps(manifest))
    if damage == "other":
        np.save(file, pictures + 1)
    monkeypatch.setattr(answers.CleanAnswers, "labels", lambda self, task: LABELS)
    told = answers.CleanAnswers(load(MINIMAL), None, tmp_path)
    assert (told.images("digits8x8") is not None) == (damage == "none")
    (folder / "manifest.json").write_text("[]")
    assert answers.CleanAnswers(load(MINIMAL), None, tmp_path).images("digits8x8") is None


def test_half_of_the_seeds_apart_is_exact():
    """7 of 10 less 2 of 10 is a half, which a difference of two rounded shares is not."""
    for k in range(6):
        right = np.array([[k + 5], [k]])
        own = images.Differing(None, (None, None), 1, ("AFN", "BatchNorm"), right, (10, 10))
        assert own.gap.tolist() == [0.5]
        assert own.far == 1


def test_a_tuned_cell_shows_what_was_chosen_for_it():
    inputs = load(TUNED)
    inputs.searches = [search("afn"), search("batch")]
    chosen = {
        path: s["chosen"]["params"] for s in inputs.searches for path in s["cells"] if s["chosen"]
    }
    tuned = [c for c in inputs.study.cells() if c.path in chosen]
    assert tuned
    for cell in tuned:
        shown = yaml.safe_load(cells._settings(inputs, cell))
        for key, value in chosen[cell.path].items():
            part, _, option = key.partition(".")
            assert shown[part][option] == value != cell.settings[part][option]


def test_scores_and_command_of_a_cell():
    inputs = load(MINIMAL)
    found, _ = browsed(inputs, parts.Folders(), "studies/mine.yaml")
    entry = found["cell-digits8x8.resnet8.batch.plain"]
    rows = inputs.results[
        (inputs.results["norm"] == "batch")
        & (inputs.results["split"] == "test")
        & (inputs.results["condition"] == "clean")
    ].set_index("seed")["accuracy"]
    for number, (anchor, words) in enumerate(entry.seeds):
        assert anchor.endswith(f".s{number}")
        assert float(words[2]) == pytest.approx(100 * rows[number], abs=0.005)
    assert re.fullmatch(r"make rerun STUDY=studies/mine.yaml WHERE=\".*\"", entry.command)
    assert "norm == 'batch'" in entry.command


@pytest.mark.seconds
def test_a_large_study_has_its_cells_beside_the_page(tmp_path, monkeypatch):
    from tests.analysis.pages import build

    monkeypatch.setattr(parts, "FOLDED", 1)
    stale = tmp_path / "cells" / "cell-of.an.older.study.html"
    stale.parent.mkdir()
    stale.write_text("", encoding="utf-8")
    built = build(load(MINIMAL), tmp_path, MINIMAL)
    files = sorted(path.name for path in (tmp_path / "cells").iterdir())
    assert files == [f"cell-digits8x8.resnet8.{n}.plain.html" for n in ("afn", "batch")]
    for name in files:
        assert f'href="cells/{name}"' in built.html
        assert "make rerun" in (tmp_path / "cells" / name).read_text(encoding="utf-8")
        assert "<script" not in (tmp_path / "cells" / name).read_text(encoding="utf-8")
