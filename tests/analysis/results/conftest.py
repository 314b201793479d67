"""Runs of a small study as they lie on a disk, for the tests of this folder."""

from __future__ import annotations

import pytest

from afn.common.files import sha256_of
from afn.study import study_from_mapping
from tests.analysis.results.collected import CONFIG, TESTS
from tests.analysis.small_study import IMAGES
from tests.analysis.synthetic import draw_history, draw_results, write_runs
from tests.records import write_labels


@pytest.fixture(scope="module")
def study():
    return study_from_mapping(CONFIG, "tiny.yaml")


@pytest.fixture(scope="module")
def results(study):
    return draw_results(study, diverged=[("resnet8", "asr", 1)])


@pytest.fixture
def prepared(tmp_path):
    """The labels of the task's tests: all zero."""
    return write_labels(tmp_path / "prepared" / "digits8x8", TESTS, IMAGES).parents[1]


@pytest.fixture
def runs(tmp_path, study, results, prepared):
    data = sha256_of(prepared / "digits8x8/manifest.json")
    write_runs(tmp_path / "runs", study, results, draw_history(study), data)
    (tmp_path / "study.json").write_text(study.to_json())
    return tmp_path / "runs"
