"""Images divided anew by the seed of a run: nothing lost, nothing leaked, equal for all methods."""

from __future__ import annotations

import numpy as np
import pytest

from afn.common.errors import StudyError
from afn.study.loading import study_from_mapping
from afn.study.state.prepared import read_prepared
from afn.tasks.data.division import of_seed
from afn.tasks.data.reader import load
from afn.tasks.data.writer import write
from afn.tasks.digits8x8 import Digits8x8


@pytest.fixture(scope="module")
def manifests(tmp_path_factory):
    found = {}
    for split in ("fixed", "per_seed"):
        task, folder = Digits8x8(split=split), tmp_path_factory.mktemp(split)
        found[split] = write(folder, "digits8x8", {"split": split}, task, task.prepare())
    return found


@pytest.fixture(scope="module")
def data(manifests):
    return {split: load(manifest) for split, manifest in manifests.items()}


def pictures(images):
    """The 1,797 images are all different, so an image is known by its bytes."""
    return {image.tobytes() for image in np.asarray(images)}


def test_a_trial_of_repeated_searches_selects_on_other_images_and_is_tested_on_the_same(data):
    fixed = data["fixed"]
    assert of_seed(fixed, {}, 3) is fixed
    first, second = (of_seed(fixed, {"split": "seed"}, seed) for seed in (3, 4))
    pool = pictures(fixed.train_images) | pictures(fixed.validation.images)
    for found in (first, second):
        own, held_out = pictures(found.train_images), pictures(found.validation.images)
        assert (len(own), len(held_out)) == (1077, 360)
        assert not own & held_out
        assert own | held_out == pool
        assert found.tests == fixed.tests
        counts = np.bincount(found.validation.labels)
        assert counts.max() - counts.min() <= 2
    assert pictures(first.validation.images) != pictures(second.validation.images)
    again = of_seed(fixed, {"split": "seed"}, 3)
    assert np.array_equal(again.train_images, first.train_images)
    share = first.train_images / 255
    assert first.mean == pytest.approx((share.mean(),), abs=1e-9)
    assert first.std == pytest.approx((share.std(),), abs=1e-9)


def test_a_split_per_seed_divides_the_whole_pool_and_shifts_its_own_test_images(data):
    whole = data["per_seed"]
    clean = whole.tests[0]
    assert len(clean.labels) == 1797
    place = {image.tobytes(): row for row, image in enumerate(np.asarray(clean.images))}
    seen = []
    for seed in (0, 1):
        found = of_seed(whole, {}, seed)
        parts = [found.train_images, found.validation.images, found.tests[0].images]
        assert [len(part) for part in parts] == [1077, 360, 360]
        assert set().union(*map(pictures, parts)) == pictures(clean.images)
        rows = [place[image.tobytes()] for image in found.tests[0].images]
        seen.append(rows)
        for test, every in zip(found.tests, whole.tests, strict=True):
            assert np.array_equal(test.images, every.images[rows])
            assert np.array_equal(test.labels, clean.labels[rows])
    assert seen[0] != seen[1]


@pytest.mark.parametrize(("split", "spec"), [("fixed", {"split": "seed"}), ("per_seed", {})])
def test_the_gate_of_results_compares_with_the_labels_that_a_run_was_scored_on(
    manifests, data, split, spec
):
    prepared = read_prepared(manifests[split]).of_run(spec, 7)
    trained = of_seed(data[split], spec, 7)
    assert np.array_equal(prepared.labels["validation/clean/0"].classes, trained.validation.labels)
    for test in trained.tests:
        assert np.array_equal(prepared.labels[test.name].classes, test.labels)


def test_the_gate_takes_the_fixed_split_where_no_seed_divides(manifests):
    prepared = read_prepared(manifests["fixed"])
    assert prepared.of_run({}, 7) is prepared


STUDY = {
    "study": "resplit",
    "question": "q",
    "seeds": 6,
    "base": {
        "task": {"name": "digits8x8", "split": "per_seed"},
        "backbone": "convnet_small",
        "recipe": {"epochs": 2},
    },
    "experiments": {
        "norms": {"factors": {"norm": ["batch", "afn"]}, "contrasts": [["afn", "batch"]]}
    },
    "plan": {"outcomes": ["clean"], "primary": ["norms"], "target": "data_like_these"},
}


def test_a_split_per_seed_and_a_claim_about_data_like_these_need_each_other():
    assert study_from_mapping(STUDY, "study").cells()[0].task == "digits8x8+split=per_seed"
    for plan in ({"target": "images_like_these"}, {"target": "these_images"}):
        with pytest.raises(StudyError, match="every seed has test images of its own"):
            study_from_mapping(STUDY | {"plan": STUDY["plan"] | plan}, "study")
    fixed = STUDY | {"base": STUDY["base"] | {"task": "digits8x8"}}
    with pytest.raises(StudyError, match=r"task\.split: per_seed"):
        study_from_mapping(fixed, "study")


def test_nothing_is_searched_on_images_that_other_seeds_are_tested_on():
    search = {"space": {"recipe.lr": {"log": [1e-4, 0.1]}}, "trials": 4}
    experiments = {"tuned": STUDY["experiments"]["norms"] | {"search": search}}
    plan = STUDY["plan"] | {"primary": ["tuned"]}
    with pytest.raises(StudyError, match="would choose on images that other seeds are tested on"):
        study_from_mapping(STUDY | {"experiments": experiments, "plan": plan}, "study")
