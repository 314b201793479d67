"""What more seeds would buy agrees with what the decisions say of the seeds that there are."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from scipy import optimize, stats

from afn.study import study_from_mapping
from analysis.decisions.decide import decide
from analysis.tables.seeds import more_seeds
from tests.analysis.answered import answered
from tests.analysis.pages import MINIMAL, load

ALIKE = MINIMAL | {"plan": MINIMAL["plan"] | {"target": "images_like_these"}}


def found_by_t(differences: np.ndarray, n: int, alpha: float) -> float:
    """The difference that n pairs of this spread find with 80 % power, by scipy's noncentral t."""
    sd, df = float(np.std(differences, ddof=1)), n - 1
    critical = stats.t.isf(alpha / 2, df)
    power = lambda shift: stats.nct.sf(critical, df, shift)  # noqa: E731
    return optimize.brentq(lambda s: power(s) - 0.8, 0, 50) * sd / math.sqrt(n)


def test_about_these_images_more_seeds_narrow_without_an_end():
    inputs = load(MINIMAL)
    found = more_seeds.table(inputs).frame.iloc[0]
    d = next(d for d in inputs.decisions if d.primary and d.backbone == "pooled")
    differences = np.array([pair["difference"] for pair in d.differences])
    assert found["n"] == 6
    assert found["found_with_1n"] == pytest.approx(d.mde, rel=1e-4)
    for times in (1, 2, 3):
        expected = found_by_t(differences, 6 * times, 0.05)
        assert found[f"found_with_{times}n"] == pytest.approx(expected, rel=1e-4)
    assert found["found_without_limit"] == 0.0
    needed = int(found["seeds_to_find_margin"])
    sees = [found_by_t(differences, k, 0.05) <= 1.0 for k in (needed - 1, needed) if k > 1]
    assert sees == [False, True][-len(sees) :]
    assert found["seeds_for_margin"] <= needed


def test_about_images_like_these_the_images_set_a_limit(tmp_path):
    study = study_from_mapping(ALIKE, "test")
    results, correct, _ = answered(study, tmp_path / "correct.npz")
    inputs = load(ALIKE)
    inputs.decisions[:] = decide(results, study, correct)
    d = next(d for d in inputs.decisions if d.primary and d.backbone == "pooled")
    found = more_seeds.table(inputs).frame.iloc[0]
    assert d.target == "images_like_these"
    assert found["found_with_1n"] == pytest.approx(d.mde, rel=1e-6)
    steps = [found[f"found_with_{k}n"] for k in (1, 2, 3)] + [found["found_without_limit"]]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] > 0


def test_a_study_in_waves_and_one_without_pairs_have_no_such_table():
    inputs = load(MINIMAL)
    waves = copy.copy(inputs)
    waves.looks = object()
    assert more_seeds.table(waves) is None
    inputs.decisions[:] = [d for d in inputs.decisions if not d.primary]
    assert more_seeds.table(inputs) is None
