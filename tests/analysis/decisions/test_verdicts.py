"""What a verdict may say: few seeds, diverged arms, differences that depend on the backbone."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from afn.study.loading import study_from_mapping
from analysis.decisions.decide import decide
from analysis.stats.verdict import Verdict
from tests.analysis.decisions.test_decide import find
from tests.analysis.small_study import FILE, small_study
from tests.analysis.synthetic import draw_results


@pytest.fixture(scope="module")
def study():
    return small_study(10)


@pytest.fixture(scope="module")
def decisions(study):
    return decide(draw_results(study), study)


@pytest.mark.parametrize("seeds", [3, 5, 9])
def test_too_few_seeds_are_said(seeds):
    """9 seeds reach p = .0039, the first of 14 steps needs .0036; one backbone alone needs 6.

    "Cannot reject" stands only where it would else be inconclusive.
    """
    study = small_study(seeds)
    found = decide(draw_results(study), study)
    primary = [d for d in found if d.primary]
    kinds = {d.verdict for d in primary}
    assert Verdict.CANNOT_REJECT in kinds or seeds == 9
    assert Verdict.INCONCLUSIVE not in kinds
    assert len(kinds) > 1
    others = {d.verdict for d in found if not d.primary}
    assert (Verdict.CANNOT_REJECT in others) == (seeds < 6)
    for d in found:
        assert "n.s." not in d.sentence()
        few = d.verdict is Verdict.CANNOT_REJECT
        assert (f"cannot reject with {seeds} seeds" in d.sentence()) == few
        assert d.verdict.value.replace("_", " ") in d.sentence()
        rejected = d.verdict.clear
        assert rejected == (d.p_adjusted < 0.05)
        alone = any("t-test alone" in note for note in d.notes)
        assert alone == (rejected and (seeds < 6 or d.primary))
        assert "80 % power" not in d.sentence() or d.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_are_not_enough(seeds):
    study = small_study(seeds)
    assert {d.verdict for d in decide(draw_results(study), study)} == {Verdict.NOT_ENOUGH_PAIRS}


def test_a_diverged_run_leaves_only_the_sign_flip(study):
    """With too few pairs for it nothing is claimed, however large the difference."""
    few = small_study(5)
    results = draw_results(few, diverged=[("resnet8", "afn+residual=off", 2)])
    d = find(decide(results, few), "afn+residual=off", "afn", "clean")
    assert (d.test, d.verdict) == ("exact sign-flip", Verdict.CANNOT_REJECT)
    whole = find(decide(draw_results(few), few), "afn+residual=off", "afn", "clean")
    assert (whole.test, whole.verdict) == ("paired t", Verdict.INFERIOR)


def test_where_all_runs_diverged_there_is_nothing_to_compare(study):
    lost = [("resnet8", norm, s) for norm in ("afn", "asr") for s in range(10)]
    found = decide(draw_results(study, diverged=lost), study)
    d = find(found, "afn", "asr", "clean", "resnet8")
    assert d.verdict is Verdict.NOTHING_TO_COMPARE
    assert d.survivors == {"n": 0, "estimate": pytest.approx(math.nan, nan_ok=True), "any": 0}
    assert all(map(math.isnan, (d.estimate, d.p, d.p_adjusted, d.mde)))
    assert "every run of AFN and of ASRNorm diverged" in d.sentence()
    json.dumps(d.to_dict(), allow_nan=False)
    # The other backbone's runs are there, and an arm that alone diverges loses.
    assert find(found, "afn", "asr", "clean").verdict is not Verdict.NOTHING_TO_COMPARE
    assert find(found, "afn", "batch", "clean", "resnet8").verdict is Verdict.INFERIOR


def test_the_detectable_difference_is_that_of_the_first_step(decisions):
    from afn.study.plan.power import minimum_detectable_d_z

    d = find(decisions, "afn", "batch", "shift")
    sd = np.std([x["difference"] for x in d.differences], ddof=1)
    assert d.family_size == 14
    assert d.mde == pytest.approx(sd * minimum_detectable_d_z(10, 0.05 / 14))


def test_a_difference_that_depends_on_the_backbone_is_said(decisions):
    pooled = [d for d in decisions if d.heterogeneity]
    assert pooled
    told = ["depends on the backbone" in d.sentence() for d in pooled]
    assert told == [d.heterogeneity["p_adjusted"] < d.alpha for d in pooled]
    changed = dataclasses.replace(
        pooled[0], heterogeneity={"F": 9.0, "p": 0.007, "estimates": {"one": 0.66, "two": -0.56}}
    )
    clause = "the difference depends on the backbone (p = 0.007: one +0.66, two \u22120.56)"
    assert clause in changed.sentence()


def test_chance_follows_an_option_of_the_task():
    from analysis.results.scores import chance

    own = {"name": "images", "num_classes": 4}
    factors = {"task": ["digits8x8", own], "norm": ["batch", "afn"]}
    study = study_from_mapping(
        FILE | {"seeds": 6, "experiments": {"only": {"factors": factors}}}, "study"
    )
    found = {cell.task: chance(study, cell.task) for cell in study.cells()}
    assert found == {"digits8x8": 10.0, "images+num_classes=4": 25.0}
