"""Trends, factorials and divergence: published values, hand-computed tables, enumeration."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.proportion import proportion_confint

from analysis.decisions.factor_analyses import ablations
from analysis.decisions.trends import scale_of
from analysis.stats.models.anova import eta_interval
from analysis.stats.models.within import within_terms
from analysis.stats.proportions import exact_mcnemar
from analysis.stats.trends.paired import lack_of_fit, page, page_two_sided, slope
from tests.analysis.golden_values import golden
from tests.analysis.small_study import small_study
from tests.analysis.synthetic import draw_results


def enumerated(values: np.ndarray) -> float:
    """One-sided p of Page's L by all permutations of all rows."""
    ranks = stats.rankdata(values, axis=1)
    order = np.arange(1, values.shape[1] + 1)
    observed = np.sum(ranks @ order)
    rows = [[np.dot(p, order) for p in itertools.permutations(row)] for row in ranks]
    sums = [sum(choice) for choice in itertools.product(*rows)]
    return float(np.mean([s >= observed - 1e-9 for s in sums]))


def test_page_of_the_teaching_methods():
    """scipy's example: its exact p ignores ties and is kept as the published value."""
    table, expected = golden("page_teaching_methods")
    values = table[["tutorial", "lecture", "seminar"]].to_numpy(dtype=float)
    found, p = page(values, ties="ignore")
    assert found == expected["L"]
    assert p == pytest.approx(expected["p_exact"], rel=1e-9)
    # The table's p does not know that ranks are tied; given the ties L is more extreme.
    assert page(values) == (expected["L"], pytest.approx(_permuted_page(values), abs=3e-4))


def _permuted_page(values):
    rng, order = np.random.default_rng(0), np.arange(1, 4)
    ranks = stats.rankdata(values, axis=1)
    drawn = rng.permuted(np.broadcast_to(ranks, (40_000, *ranks.shape)), axis=2)
    return np.mean(drawn.sum(axis=1) @ order >= np.sum(ranks @ order) - 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_page_without_ties_is_exact(seed):
    values = np.random.default_rng(seed).normal(size=(4, 4)) + np.arange(4) * 0.4
    statistic, p = page(values)
    assert p == pytest.approx(enumerated(values), abs=1e-12)
    assert statistic == pytest.approx(np.sum(stats.rankdata(values, axis=1) @ np.arange(1, 5)))


@pytest.mark.parametrize("seed", range(4))
def test_page_with_ties_is_the_permutation_p(seed):
    values = np.random.default_rng(seed).integers(0, 3, size=(4, 4)).astype(float)
    assert page(values)[1] == pytest.approx(enumerated(values), abs=1e-12)


def test_page_has_no_direction_of_its_own():
    values = np.random.default_rng(0).normal(size=(8, 4)) + np.arange(4)
    up, down = page_two_sided(values), page_two_sided(values[:, ::-1])
    assert (up["direction"], down["direction"]) == ("increasing", "decreasing")
    assert up["p"] == down["p"] == pytest.approx(2 * page(values)[1])
    assert page_two_sided(values[:1])["p"] is None


def test_slope_is_the_mean_of_the_seeds_slopes():
    rng = np.random.default_rng(0)
    levels, values = [2, 4, 8, 32], rng.normal(size=(6, 4))
    by_seed = [stats.linregress(np.log2(levels), row).slope for row in values]
    theirs = stats.ttest_1samp(by_seed, 0)
    ours = slope(values, levels, "log2", 0.05)
    assert ours["estimate"] == pytest.approx(np.mean(by_seed))
    assert ours["p"] == pytest.approx(theirs.pvalue)
    assert ours["ci"] == pytest.approx(list(theirs.confidence_interval(0.95)))


def test_lack_of_fit_compares_a_line_with_free_levels():
    """The same F from two nested least-squares fits with seeds as blocks."""
    from statsmodels.formula.api import ols

    rng = np.random.default_rng(1)
    levels = [-7.0, -5.0, -3.0, -1.0]
    values = rng.normal(size=(5, 4)) + np.array([0.0, 1.0, 1.2, -1.0])
    rows = [{"seed": s, "x": x, "y": values[s, j]} for s in range(5) for j, x in enumerate(levels)]
    frame = pd.DataFrame(rows)
    f, p, _ = (
        ols("y ~ C(seed) + C(x)", frame).fit().compare_f_test(ols("y ~ C(seed) + x", frame).fit())
    )
    ours = lack_of_fit(values, levels, "logit")
    assert (ours["F"], ours["p"], ours["df"]) == (pytest.approx(f), pytest.approx(p), [2, 12])


def test_a_straight_line_does_not_lack_fit():
    rng = np.random.default_rng(2)
    rejected = [
        lack_of_fit(rng.normal(size=(6, 4)) + np.arange(4), [0, 1, 2, 3], "linear")["p"] < 0.05
        for _ in range(400)
    ]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.03)


def test_scales():
    assert scale_of("norm.lambda_init", [-7, -1]) == "logit"
    assert scale_of("norm.stan_ratio", [2, 8]) == "log2"
    assert scale_of("recipe.epochs", [1, 2]) == "linear"


def test_every_term_is_tested_against_its_own_change_from_seed_to_seed():
    """2 x 2: a term is one contrast per seed, so F is the square of its paired t."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=(6, 2, 2)) + rng.normal(size=(6, 1, 1)) * 3
    y[:, 1, :] += 1.0 + 2 * rng.normal(size=(6, 1))
    table = {row["term"]: row for row in within_terms(y, ["u", "v"], 0.1)}
    by_seed = {
        "u": y[:, 1].mean(axis=1) - y[:, 0].mean(axis=1),
        "v": y[:, :, 1].mean(axis=1) - y[:, :, 0].mean(axis=1),
        "u:v": y[:, 1, 1] - y[:, 1, 0] - y[:, 0, 1] + y[:, 0, 0],
    }
    assert list(table) == list(by_seed)
    for term, contrast in by_seed.items():
        row, own = table[term], stats.ttest_1samp(contrast, 0.0)
        assert row["F"] == pytest.approx(own.statistic**2)
        assert row["p"] == pytest.approx(own.pvalue)
        assert row["df"] == [1, 5]
        assert row["effect"] == pytest.approx(contrast.mean())
        assert row["effect_ci"] == pytest.approx(list(own.confidence_interval(0.9)))
        share = own.statistic**2 / (own.statistic**2 + 5)
        assert row["partial_eta2"] == pytest.approx(share)
        assert row["ci"][0] <= row["partial_eta2"] <= row["ci"][1]


def test_terms_are_those_of_a_repeated_measures_anova():
    rng = np.random.default_rng(6)
    y = rng.normal(size=(7, 3, 2)) + rng.normal(size=(7, 3, 1)) + 1e6
    rows = [{"s": s, "u": u, "v": v, "y": y[s, u, v]} for s, u, v in np.ndindex(y.shape)]
    theirs = AnovaRM(pd.DataFrame(rows), "y", "s", within=["u", "v"]).fit().anova_table
    for row in within_terms(y, ["u", "v"], 0.05):
        f, df, df_error, p = theirs.loc[row["term"]]
        assert (row["F"], row["p"]) == pytest.approx((f, p), rel=1e-6)
        assert row["df"] == [df, df_error]
        assert (row["effect"] is None) == (df > 1)


def test_constant_scores_have_no_f_and_one_seed_has_no_terms():
    rows = within_terms(np.full((3, 2, 2), 90.0), ["u", "v"], 0.05)
    assert {row["F"] for row in rows} == {None}
    assert {row["effect_ci"][0] for row in rows} == {None}
    assert within_terms(np.ones((1, 2, 2)), ["u", "v"], 0.05) == []


def test_eta_interval_inverts_the_noncentral_f():
    low, high = eta_interval(8.0, 2, 30, 0.1)
    for eta, q in ((low, 0.95), (high, 0.05)):
        assert stats.ncf.cdf(8.0, 2, 30, eta / (1 - eta) * 33) == pytest.approx(q, abs=1e-6)
    assert eta_interval(0.1, 2, 30, 0.1)[0] == 0.0


@pytest.fixture(scope="module")
def found():
    study = small_study(10)
    return ablations(draw_results(study, diverged=[("resnet8", "afn", 4)]), study)


def test_what_a_study_gives(found):
    json.dumps(found, allow_nan=False)
    trend = next(t for t in found["trends"] if t["outcome"] == "clean")
    assert [x["level"] for x in trend["levels"]] == [-7, -5, -3, -1]
    assert (trend["default"], trend["scale"], trend["n"]) == (-3, "logit", 10)
    assert [x["norm"] for x in trend["levels"]][2] == "afn"
    assert len(found["trends"]) == len(found["factorials"]) == 2
    grid = found["factorials"][0]
    assert len(grid["cells"]) == 4
    assert {c["norm"] for c in grid["cells"]} >= {"afn", "afn+rescale_ratio=4+stan_ratio=8"}
    assert any("1 diverged runs" in note for note in found["notes"])


def test_divergence_is_counted(found):
    rows = {(r["backbone"], r["norm"]): r for r in found["divergence"]}
    assert len(rows) == 27
    assert rows["resnet8", "afn"]["diverged"] == 1
    low, high = proportion_confint(1, 10, method="beta")
    assert rows["resnet8", "afn"]["ci"] == pytest.approx([low, high])
    assert rows["resnet8", "batch"]["ci"] == [0.0, pytest.approx(1 - 0.025**0.1)]
    pairs = {(t["a"], t["b"], t["backbone"]) for t in found["divergence_tests"]}
    assert ("afn", "batch", "resnet8") in pairs
    assert not any(backbone == "convnet_small" for _, _, backbone in pairs)


def test_mcnemar_is_binomial_on_the_discordant_pairs():
    a, b = [True] * 6 + [False] * 4, [False] * 6 + [True, False, False, False]
    found = exact_mcnemar(a, b)
    assert (found["only_a"], found["only_b"]) == (6, 1)
    assert found["p"] == pytest.approx(stats.binomtest(6, 7).pvalue)
    assert exact_mcnemar([True, False], [True, False])["p"] == 1.0


def test_a_trend_without_its_default_says_so():
    from analysis.decisions.decide import decide

    study = small_study(6)
    experiment = study.experiments["lambda_init"]
    others = [cell for cell in experiment.cells if cell.norm != "afn"]
    without = dataclasses.replace(experiment, cells=others)
    study = dataclasses.replace(study, experiments={**study.experiments, "lambda_init": without})
    results = draw_results(study)
    found = ablations(results, study)
    assert {t["default"] for t in found["trends"]} == {None}
    assert any("the default is not among the levels" in note for note in found["notes"])
    assert not [d for d in decide(results, study) if d.experiment == "lambda_init"]


def test_missing_runs_are_named(tmp_path):
    study = small_study(6)
    missing = [("resnet8", "afn+lambda_init=-7", 2)]
    found = ablations(draw_results(study, missing=missing), study)
    trend = found["trends"][0]
    assert trend["n"] == 5
    assert [x["n"] for x in trend["levels"]] == [5, 6, 6, 6]
    assert any("afn+lambda_init=-7/plain/seed2" in note for note in found["notes"])
    assert not math.isnan(trend["slope"]["p"])
