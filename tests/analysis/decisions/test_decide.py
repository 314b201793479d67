"""Decisions of the synthetic default study: families, arms, verdicts, diverged and missing runs."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.multitest import multipletests

from afn.common.errors import StudyError
from analysis.decisions.decide import decide
from analysis.decisions.decision import Decision, read_decisions, write_decisions
from analysis.results.scores import Scores
from analysis.stats.multiplicity import adjust
from analysis.stats.verdict import Verdict
from tests.analysis.golden_values import golden
from tests.analysis.small_study import small_study
from tests.analysis.synthetic import draw_results


@pytest.fixture(scope="module")
def study():
    return small_study(10)


@pytest.fixture(scope="module")
def results(study):
    return draw_results(study)


@pytest.fixture(scope="module")
def decisions(results, study):
    return decide(results, study)


def find(decisions, a, b, outcome, backbone="pooled", experiment=None) -> Decision:
    found = [
        d
        for d in decisions
        if (d.a, d.b, d.outcome, d.backbone) == (a, b, outcome, backbone)
        and experiment in (None, d.experiment)
    ]
    assert len(found) == 1
    return found[0]


def accuracy(results, norm, protocol, backbone, shifted: bool) -> np.ndarray:
    """Percent by seed, computed here from the rows."""
    rows = results[(results.norm == norm) & (results.backbone == backbone)]
    rows = rows[rows.split == "test"]
    rows = rows[(rows.protocol == protocol) & ((rows.condition != "clean") == shifted)]
    return 100 * rows.groupby("seed")["accuracy"].mean().to_numpy()


def test_every_declared_decision_is_there_once(decisions, study):
    """7 primary contrasts x 2 outcomes; one more per backbone; 3 levels against the default."""
    primary = [d for d in decisions if d.primary]
    assert len(primary) == 14
    assert {d.family_size for d in primary} == {14}
    assert {d.backbone for d in primary} == {"pooled"}
    per_backbone = [d for d in decisions if d.experiment == "normalizations" and not d.primary]
    assert len(per_backbone) == 5 * 2 * 2
    assert {d.family_size for d in per_backbone} == {20}
    levels = [d for d in decisions if d.experiment == "lambda_init" and d.backbone == "pooled"]
    assert {(d.a, d.b) for d in levels} == {
        (f"afn+lambda_init={x}", "afn") for x in ("-1", "-5", "-7")
    }
    assert not any(d.primary for d in levels)
    assert {d.family_size for d in levels} == {6}
    assert len({(d.experiment, d.a, d.b, d.outcome, d.backbone) for d in decisions}) == 50


def test_a_contrast_without_a_common_backbone_stays_visible(study, results):
    experiment = study.experiments["normalizations"]
    cells = [c for c in experiment.cells if (c.norm == "afn") == (c.backbone == "resnet8")]
    apart = dataclasses.replace(experiment, cells=cells)
    split = dataclasses.replace(study, experiments={**study.experiments, "normalizations": apart})
    found = decide(results, split)
    d = find(found, "afn", "batch", "clean")
    assert (d.n, d.verdict, d.family_size) == (0, Verdict.NOT_ENOUGH_PAIRS, 14)
    assert any("No backbone" in note for note in d.notes)
    assert find(found, "batch@test_batch", "batch", "clean").n == 10


def test_pooled_decision_by_hand(decisions, results):
    """Seeds are the unit: the paired t-test on means over backbones."""
    d = find(decisions, "afn", "batch", "shift")
    gaps = [
        accuracy(results, "afn", "running", b, True)
        - accuracy(results, "batch", "running", b, True)
        for b in ("convnet_small", "resnet8")
    ]
    gap = (gaps[0] + gaps[1]) / 2
    theirs = stats.ttest_1samp(gap, 0)
    assert d.estimate == pytest.approx(gap.mean())
    assert d.p == pytest.approx(theirs.pvalue)
    assert d.ci == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert d.ci_simultaneous == pytest.approx(tuple(theirs.confidence_interval(1 - 0.05 / 14)))
    assert [x["difference"] for x in d.differences] == pytest.approx(gap)
    assert d.mean_a - d.mean_b == pytest.approx(d.estimate)
    assert d.estimand == "these_backbones"
    assert d.paired_by == "seed"


def test_arms_are_read_under_their_protocols(decisions, results):
    """A bare afn_released can only be test_batch; asr serves every protocol."""
    for a, b, protocols in (
        ("afn", "asr", ("running", "any")),
        ("afn@test_batch", "batch@test_batch", ("test_batch", "test_batch")),
        ("batch@test_batch", "batch", ("test_batch", "running")),
        ("afn_released", "batch@test_batch", ("test_batch", "test_batch")),
    ):
        d = find(decisions, a, b, "clean", "resnet8")
        first, second = (
            accuracy(results, arm.split("@")[0], protocol, "resnet8", False)
            for arm, protocol in zip((a, b), protocols, strict=True)
        )
        assert (d.mean_a, d.mean_b) == pytest.approx((first.mean(), second.mean()))


def test_the_analysis_finds_what_was_put_in(decisions):
    assert find(decisions, "afn", "asr", "shift").verdict is Verdict.INFERIOR
    released = find(decisions, "afn_released", "batch@test_batch", "shift")
    assert released.verdict is Verdict.SUPERIOR
    assert find(decisions, "batch@test_batch", "batch", "shift").verdict is Verdict.SUPERIOR
    assert find(decisions, "afn+residual=off", "afn", "clean").verdict is Verdict.INFERIOR
    assert find(decisions, "afn+residual=zero", "afn", "clean").verdict is Verdict.EQUIVALENT
    small = find(decisions, "afn", "batch", "shift")
    assert (small.verdict, small.below_margin) == (Verdict.SUPERIOR, True)
    assert all(d.variance_ratio > 1 for d in decisions if d.outcome == "clean" and d.primary)


def test_holm_over_the_primary_family(decisions):
    primary = [d for d in decisions if d.primary]
    expected = multipletests([d.p for d in primary], method="holm")[1]
    assert [d.p_adjusted for d in primary] == pytest.approx(list(expected))


def test_holm_of_benjamini_and_hochberg_1995():
    table, expected = golden("bh1995_pvalues")
    assert adjust(table["p"]) == pytest.approx(expected["holm_adj"], abs=5e-5)
    assert adjust(table["p"], "benjamini-hochberg") == pytest.approx(expected["bh_adj"], abs=5e-5)


def test_an_undecidable_member_does_not_make_the_family_smaller():
    assert adjust([0.01, math.nan, 0.03])[0] == pytest.approx(0.03)
    assert math.isnan(adjust([0.01, math.nan, 0.03])[1])


def test_heterogeneity_is_a_repeated_measures_anova(decisions, results):
    d = find(decisions, "afn", "asr", "shift")
    rows = [
        {"seed": s, "backbone": b, "gap": gap}
        for b in ("convnet_small", "resnet8")
        for s, gap in enumerate(
            accuracy(results, "afn", "running", b, True) - accuracy(results, "asr", "any", b, True)
        )
    ]
    theirs = AnovaRM(pd.DataFrame(rows), "gap", "seed", within=["backbone"]).fit().anova_table
    assert d.heterogeneity["F"] == pytest.approx(theirs["F Value"].iloc[0])
    assert d.heterogeneity["p"] == pytest.approx(theirs["Pr > F"].iloc[0])
    assert find(decisions, "afn", "asr", "shift", "resnet8").heterogeneity is None


def test_population_of_backbones_takes_backbones_as_the_unit(results):
    study = small_study(10, estimand="population_of_backbones")
    d = find(decide(results, study), "afn", "asr", "shift")
    assert (d.n, d.paired_by) == (2, "backbone")
    assert [x["unit"] for x in d.differences] == ["convnet_small", "resnet8"]
    assert d.verdict is Verdict.NOT_ENOUGH_PAIRS
    gaps = [x["difference"] for x in d.differences]
    assert d.p == pytest.approx(stats.ttest_1samp(gaps, 0).pvalue)
    secondary = find(decide(results, study), "afn", "asr", "shift", "resnet8")
    assert (secondary.n, secondary.estimand) == (10, "these_backbones")


def test_a_diverged_run_is_completed_and_changes_the_test(study):
    diverged = [("resnet8", "afn", 2), ("convnet_small", "asr", 5)]
    results = draw_results(study, diverged=diverged)
    d = find(decide(results, study), "afn", "asr", "clean")
    assert d.test == "exact sign-flip"
    assert d.diverged == {"a": 1, "b": 1}
    assert d.n == 10
    other = accuracy(results, "afn", "running", "convnet_small", False)[2]
    assert d.differences[2]["a"] == pytest.approx((10.0 + other) / 2)
    assert d.survivors["n"] == 8
    gaps = np.array([x["difference"] for x in d.differences])
    assert d.survivors["estimate"] == pytest.approx(np.delete(gaps, [2, 5]).mean())
    theirs = stats.permutation_test(
        (gaps,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert d.p == pytest.approx(theirs.pvalue)
    assert any("declared value" in note for note in d.notes)
    untouched = find(decide(results, study), "batch@test_batch", "batch", "clean")
    assert untouched.test == "paired t"


def test_two_diverged_runs_of_a_pair_are_a_tie(study):
    results = draw_results(study, diverged=[("resnet8", "afn", 2), ("resnet8", "batch", 2)])
    d = find(decide(results, study), "afn", "batch", "clean", "resnet8")
    assert d.differences[2]["difference"] == 0.0


def test_the_declared_value_of_a_diverged_run(study):
    results = draw_results(study, diverged=[("resnet8", "afn", 2)])
    declared = small_study(10, diverged=0.0)
    d = find(decide(results, declared), "afn", "batch", "clean", "resnet8")
    assert d.differences[2]["a"] == 0.0


def test_missing_pairs_are_counted_and_named(study):
    missing = [("resnet8", "afn", 2), ("resnet8", "batch", 3)]
    found = decide(draw_results(study, missing=missing), study)
    d = find(found, "afn", "batch", "clean", "resnet8")
    assert d.n == 8
    assert [x["unit"] for x in d.differences] == [0, 1, 4, 5, 6, 7, 8, 9]
    assert d.missing == ["resnet8/afn/seed2", "resnet8/batch/seed3"]
    assert find(found, "batch@test_batch", "batch", "clean", "resnet8").missing == [
        "resnet8/batch/seed3"
    ]
    assert find(found, "afn", "batch", "clean").n == 8
    assert find(found, "afn", "batch", "clean", "convnet_small").n == 10
    assert find(found, "afn", "batch", "clean").family_size == 14


def test_nothing_at_all_is_a_decision_too(study, results):
    found = decide(results[:0], study)
    assert len(found) == 50
    assert {d.verdict for d in found} == {Verdict.NOT_ENOUGH_PAIRS}
    assert {d.n for d in found} == {0}
    assert all("missing" in d.sentence() for d in found)
    json.dumps([d.to_dict() for d in found], allow_nan=False)


def test_equal_arms_are_equivalent_not_a_crash(study, results):
    place = ["backbone", "seed", "split", "condition", "severity", "protocol"]
    same = results.copy()
    source = same[same.norm == "afn"].set_index(place)["accuracy"]
    target = same.norm == "afn+residual=zero"
    keys = same[target].set_index(place).index
    same.loc[target, "accuracy"] = source.loc[keys].to_numpy()
    d = find(decide(same, study), "afn+residual=zero", "afn", "clean")
    assert (d.estimate, d.p, d.ci) == (0.0, 1.0, (-math.inf, math.inf))
    assert "no difference in 10 pairs" in d.sentence()
    assert (d.test, d.verdict) == ("exact sign-flip", Verdict.EQUIVALENT)
    assert any("equal" in note for note in d.notes)
    assert d.to_dict()["d_z"] is None


def test_other_outcomes(results):
    study = small_study(10, outcomes=["severity_3", "noise"])
    scores = Scores(results, study)
    cell = next(c for c in study.cells() if (c.backbone, c.norm) == ("resnet8", "batch"))
    rows = results[(results.backbone == "resnet8") & (results.norm == "batch")]
    rows = rows[(rows.protocol == "running") & (rows.seed == 4)]
    expected = 100 * rows[(rows.severity == 3)].accuracy.mean()
    assert scores.of(cell, "severity_3").values[4] == pytest.approx(expected)
    expected = 100 * rows[(rows.condition == "noise")].accuracy.mean()
    assert scores.of(cell, "noise").values[4] == pytest.approx(expected)


@pytest.mark.parametrize(("what", "other"), [("torch", "2.1.0"), ("head", "c")])
def test_mixed_builds_are_flagged(study, results, what, other):
    mixed = results.copy()
    mixed.loc[mixed.norm == "afn", what] = other
    found = decide(mixed, study)
    assert any(f" {other}" in f" {n}" for n in find(found, "afn", "batch", "clean").notes)
    assert find(found, "batch@test_batch", "batch", "clean").notes == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: pd.concat([r, r[:1]]), "more than once"),
        (lambda r: r.assign(accuracy=r.accuracy.where(r.index != 3)), "no accuracy"),
        (lambda r: r.drop(index=3), "lacks tests"),
        (lambda r: r.assign(status=r.status.where(r.index != 3, "diverged")), "both"),
    ],
)
def test_damaged_tables_are_refused(study, results, spoil, message):
    with pytest.raises(StudyError, match=message):
        decide(spoil(results), study)


def test_an_outcome_that_selects_nothing(results):
    with pytest.raises(StudyError, match="did you mean 'noise'"):
        decide(results, small_study(10, outcomes=["nois"]))


def test_written_decisions_read_back(tmp_path, decisions):
    write_decisions(tmp_path / "decisions.json", decisions, {})
    assert "NaN" not in (tmp_path / "decisions.json").read_text()
    back = read_decisions(tmp_path / "decisions.json")
    assert [d.to_dict() for d in back] == [d.to_dict() for d in decisions]
    assert [d.sentence() for d in back] == [d.sentence() for d in decisions]
    with pytest.raises(StudyError, match="did you mean 'verdict'"):
        Decision.from_dict({**decisions[0].to_dict(), "verdikt": ""})
