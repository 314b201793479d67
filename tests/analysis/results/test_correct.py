"""correct.npz: what is written is what the runs answered, and never more than one arm is held."""

from __future__ import annotations

import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from afn.common.canonical import sealed
from afn.common.errors import StudyError
from afn.common.files import sha256_of
from afn.study.state.prepared import ImageLabels, read_prepared
from analysis.results.correct import ArmAnswers, Correct, CorrectWriter

TESTS = (("clean", 0), ("noise", 1), ("noise", 3), ("usps", 0))
SIZES = {"test_labels": 21, "usps_labels": 8}


def labels_of() -> dict[str, ImageLabels]:
    rng = np.random.default_rng(0)
    classes = {key: rng.integers(0, 10, n) for key, n in SIZES.items()}
    key_of = lambda condition: "usps_labels" if condition == "usps" else "test_labels"  # noqa: E731
    return {f"test/{c}/{s}": ImageLabels(key_of(c), classes[key_of(c)]) for c, s in TESTS}


def a_run(seed: int, labels: dict[str, ImageLabels], protocols=("running", "batch8")) -> dict:
    """Which images a run answered rightly."""
    rng = np.random.default_rng(seed)
    return {
        f"{protocol}/{test}": rng.random(len(own.classes)) < 0.6
        for protocol in protocols
        for test, own in labels.items()
    }


@pytest.fixture
def written(tmp_path):
    labels, runs = labels_of(), {}
    with CorrectWriter(tmp_path / "correct.npz", ["running"]) as writer:
        for cell in ("t/b/afn/plain", "t/b/batch+x=1/plain"):
            for seed in (0, 2, 5):
                runs[cell, seed] = a_run(len(runs), labels)
                writer.add(cell, seed, runs[cell, seed], labels)
    return tmp_path / "correct.npz", labels, runs


def test_what_is_read_is_what_was_answered(written):
    path, _, runs = written
    correct = Correct(path)
    for (cell, seed), right in runs.items():
        members = correct.sets(cell, "running")
        assert {k: m.images for k, m in members.items()} == SIZES
        for image_set, member in members.items():
            answers = correct.answers(cell, "running", image_set)
            assert member.seeds == [0, 2, 5]
            for condition, severity in member.tests:
                expected = right[f"running/test/{condition}/{severity}"]
                found = answers.right(seed, [(condition, severity)])
                assert found.tolist() == expected.astype(int).tolist()
            total = sum(answers.right(seed, [test]) for test in member.tests)
            assert answers.right(seed, member.tests).tolist() == total.tolist()
    assert not correct.sets("t/b/afn/plain", "batch8")
    assert len(correct) == 4


def test_an_outcome_has_its_tests_only(written):
    correct = Correct(written[0])
    arm = lambda outcome: ArmAnswers(correct, "t/b/afn/plain", "running", outcome)  # noqa: E731
    found = {
        outcome: {name: member.tests for name, member in arm(outcome).sets().items()}
        for outcome in ("clean", "shift", "severity_3", "usps", "fog")
    }
    noise = [("noise", 1), ("noise", 3)]
    assert found == {
        "clean": {"test_labels": [("clean", 0)]},
        "shift": {"test_labels": noise, "usps_labels": [("usps", 0)]},
        "severity_3": {"test_labels": noise[1:]},
        "usps": {"usps_labels": [("usps", 0)]},
        "fog": {},
    }


def test_numpy_reads_it_too(written):
    path, _, runs = written
    with np.load(path) as stored:
        index = json.loads(stored["index.json"])
        name = "t/b/afn/plain/running/usps_labels"
        bits = np.unpackbits(stored[name], axis=2, count=index["members"][name]["images"])
    for row, seed in zip(bits, index["members"][name]["seeds"], strict=True):
        assert row[0].tolist() == runs["t/b/afn/plain", seed]["running/test/usps/0"].tolist()


def test_the_same_runs_are_the_same_bytes(written, tmp_path):
    path, labels, runs = written
    with CorrectWriter(tmp_path / "again.npz", ["running"]) as writer:
        for (cell, seed), right in runs.items():
            writer.add(cell, seed, right, labels)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_runs_tested_on_other_images_are_refused(tmp_path):
    labels = labels_of()
    writer = CorrectWriter(tmp_path / "c.npz", ["running"])
    for seed in (0, 1):
        right = a_run(seed, labels)
        if seed:
            del right["running/test/noise/1"]
        writer.add("c", seed, right, labels)
    with pytest.raises(StudyError, match="not tested on the same images"), writer:
        pass


def test_a_file_that_is_no_archive_is_refused(written, tmp_path):
    path, _, _ = written
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:-40])
    (tmp_path / "text.npz").write_text("no zip")
    for name in ("cut.npz", "text.npz", "absent.npz"):
        with pytest.raises(StudyError, match=f"{name}: cannot be read"):
            Correct(tmp_path / name)


def test_answers_that_were_changed_are_refused(written):
    path, _, _ = written
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = "t/b/afn/plain/running/usps_labels.npy"
    better = members | {name: members[name][:-1] + b"\xff"}
    counted = json.loads(members["index.json"])
    counted["members"][name.removesuffix(".npy")]["images"] = 7
    for changed in (better, members | {"index.json": json.dumps(counted).encode()}):
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in changed.items():
                archive.writestr(member, content)
        with pytest.raises(StudyError, match=r"was changed after it was written; make it again"):
            Correct(path).answers("t/b/afn/plain", "running", "usps_labels")


def test_labels_are_read_from_a_manifest(tmp_path):
    classes = {"val_labels": np.arange(2), "test_labels": np.arange(5), "usps_labels": np.arange(3)}
    arrays = {}
    for key, array in classes.items():
        np.save(tmp_path / f"{key}.npy", array)
        arrays[key] = {"file": f"{key}.npy", "sha256": sha256_of(tmp_path / f"{key}.npy")}
    tests = [
        {"split": "test", "condition": c, "severity": s, "images": "x", "labels": key}
        for c, s, key in (("clean", 0, "test_labels"), ("noise", 3, "test_labels"))
    ]
    tests.append(tests[0] | {"condition": "usps", "labels": "usps_labels"})
    manifest = tmp_path / "manifest.json"
    whole = {"tests": tests, "arrays": arrays}
    manifest.write_text(json.dumps(sealed(whole)))
    found = read_prepared(manifest)
    assert {name: own.image_set for name, own in found.labels.items()} == {
        "validation/clean/0": "val_labels",
        "test/clean/0": "test_labels",
        "test/noise/3": "test_labels",
        "test/usps/0": "usps_labels",
    }
    assert found.labels["test/usps/0"].classes.tolist() == [0, 1, 2]
    assert found.tests == [("clean", 0), ("noise", 3), ("usps", 0)]
    assert found.sha256 == sha256_of(manifest)
    (tmp_path / "usps_labels.npy").unlink()
    with pytest.raises(StudyError, match="cannot be read"):
        read_prepared(manifest)
    for content in ({**sealed(whole), "tests": tests[:1]}, sealed({"tests": tests}), [], {}):
        manifest.write_text(json.dumps(content))
        with pytest.raises(StudyError, match="cannot be read"):
            read_prepared(manifest)


def test_one_arm_is_held_at_a_time(tmp_path):
    """40 arms of 20 seeds x 20 tests x 2,000 images: 32 MB of answers, 4 MB as bits."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 10, 2000).astype(np.uint8)
    labels = {f"test/c{k}/1": ImageLabels("test_labels", classes) for k in range(20)}
    right = {f"any/{test}": np.ones(2000, bool) for test in labels}
    tracemalloc.start()
    with CorrectWriter(tmp_path / "c.npz", ["any"]) as writer:
        for cell in range(40):
            for seed in range(20):
                writer.add(f"cell{cell}", seed, right, labels)
    correct = Correct(tmp_path / "c.npz")
    for cell in range(40):
        answers = correct.answers(f"cell{cell}", "any", "test_labels")
        assert answers.right(3, [("c0", 1), ("c7", 1)]).sum() == 4000
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "c.npz").stat().st_size > 3.9e6
    assert most < 1.5e6
