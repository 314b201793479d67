"""Published values: Demsar 2006, NIST, Hollander & Wolfe, Wilcoxon, Fisher, Tang et al."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.stats import ranks
from analysis.stats.models.anova import anova
from analysis.stats.multiplicity import adjust
from analysis.stats.paired import SignFlips
from analysis.stats.search.expected_best import expected_best
from tests.analysis.golden_values import FOLDER, INDEX, golden


@pytest.fixture(scope="module")
def demsar():
    return golden("demsar2006_table6_auc")


@pytest.fixture(scope="module")
def unrounded(demsar):
    """The table as the paper ranks it: the two equal scores on ``voting`` differed unrounded."""
    table = demsar[0].set_index("dataset")
    tied = table.loc["voting"]
    candidates = [c for c in table if (tied == tied[c]).sum() > 1]
    for first in candidates:
        moved = table.copy()
        moved.loc["voting", first] += 1e-6
        if np.allclose(
            ranks.rank_rows(moved.to_numpy()).mean(axis=0), demsar[1]["avg_ranks"], atol=6e-4
        ):
            return moved
    raise AssertionError("no order of the tied row gives the published ranks")


def test_demsar_as_published(demsar, unrounded):
    expected = demsar[1]
    found = ranks.friedman(unrounded.to_numpy())
    # Other data sets have ties in the paper too; its formula does not correct for them.
    assert found["chi2_uncorrected"] == pytest.approx(
        expected["friedman_chi2_uncorrected"], abs=0.005
    )
    assert found["F_uncorrected"] == pytest.approx(expected["iman_davenport_F"], abs=0.005)
    assert found["df"] == [3, 39]
    assert stats.f.isf(0.05, 3, 39) == pytest.approx(expected["F_crit_3_39_.05"], abs=0.005)
    assert found["bars"]


def test_demsar_from_the_rounded_table(demsar):
    table, expected = demsar[0].set_index("dataset"), demsar[1]["from_csv_tied"]
    found = ranks.friedman(table.to_numpy())
    assert found["mean_ranks"] == pytest.approx(expected["avg_ranks"], abs=1e-6)
    assert found["chi2_uncorrected"] == pytest.approx(expected["chi2_uncorrected"], abs=1e-6)
    assert found["chi2"] == pytest.approx(expected["chi2_tie_corrected"], abs=1e-6)
    assert found["p_chi2"] == pytest.approx(expected["p_tie_corrected"], abs=1e-9)
    theirs = stats.friedmanchisquare(*table.to_numpy().T)
    assert found["chi2"] == pytest.approx(theirs.statistic)


def test_demsar_critical_differences(demsar, unrounded):
    expected = demsar[1]
    for alpha, name in ((0.05, "05"), (0.10, "10")):
        q, difference = ranks.nemenyi(4, 14, alpha)
        assert q == pytest.approx(expected[f"nemenyi_q{name}"], abs=0.001)
        assert difference == pytest.approx(expected[f"CD_{name}"], abs=0.006)
        # 1.168 is printed as 1.16 in the paper.
        dunn = ranks.bonferroni_dunn(4, 14, alpha)[1]
        assert dunn == pytest.approx(expected[f"bonferroni_dunn_CD_{name}"], abs=0.009)
        means = dict(
            zip(unrounded, ranks.friedman(unrounded.to_numpy())["mean_ranks"], strict=True)
        )
        apart = {
            frozenset(pair)
            for pair in itertools.combinations(means, 2)
            if abs(means[pair[0]] - means[pair[1]]) > difference
        }
        assert apart == {frozenset(pair) for pair in expected[f"nemenyi_sig_{name}"]}


def test_demsar_against_the_control(demsar, unrounded):
    expected = demsar[1]
    assert ranks.rank_error(4, 14) == pytest.approx(expected["posthoc_SE"], abs=0.0005)
    means, names = ranks.friedman(unrounded.to_numpy())["mean_ranks"], list(unrounded)
    found = ranks.against_control(means, names.index("C4.5"), 14)
    for row in found:
        z, p = expected["z_control_C4.5"][names[row["method"]]]
        assert row["z"] == pytest.approx(z, abs=0.006)
        assert row["p"] == pytest.approx(p, abs=0.002)
    adjusted = adjust([row["p"] for row in found])
    rejected = {names[r["method"]] for r, p in zip(found, adjusted, strict=True) if p < 0.05}
    assert rejected == set(expected["holm_reject"])


def test_rounding_times():
    table, expected = golden("friedman_roundingtimes")
    found = ranks.friedman(table.to_numpy(), higher_is_better=False)
    assert found["chi2"] == pytest.approx(expected["chi2_tie_corrected"], abs=5e-5)
    assert found["p_chi2"] == pytest.approx(expected["p"], abs=5e-7)


def test_hand_lotion():
    """Quade's test as R prints it (Conover 1999, p. 375)."""
    table, expected = golden("quade_handlotion")
    found = ranks.quade(table.to_numpy(), higher_is_better=False)
    assert found["F"] == pytest.approx(expected["F"], abs=5e-5)
    assert found["df"] == expected["df"]
    assert found["p"] == pytest.approx(expected["p"], abs=5e-6)
    assert ranks.quade(np.ones((4, 3)))["p"] == 1.0
    assert ranks.quade(np.tile([1.0, 2.0], (4, 1)))["p"] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_exact_friedman_by_enumeration(seed):
    scores = np.random.default_rng(seed).integers(0, 4, size=(4, 3)).astype(float)
    found = ranks.friedman(scores)
    rows = [list(itertools.permutations(row)) for row in ranks.rank_rows(scores)]
    sums = [np.sum(np.sum(choice, axis=0) ** 2) for choice in itertools.product(*rows)]
    observed = np.sum(ranks.rank_rows(scores).sum(axis=0) ** 2)
    assert found["permutation"] == "exact"
    assert found["p_permutation"] == pytest.approx(np.mean(np.array(sums) >= observed - 1e-9))


def test_sampled_friedman_is_near_the_exact_one():
    scores = np.random.default_rng(0).normal(size=(6, 5)) + np.arange(5) * 0.4
    exact = ranks.friedman(scores)["p_permutation"]
    table = ranks.rank_rows(scores)
    rng, observed = np.random.default_rng(1), np.sum(table.sum(axis=0) ** 2)
    drawn = rng.permuted(np.broadcast_to(table, (40_000, *table.shape)), axis=2)
    assert np.mean(np.sum(drawn.sum(axis=1) ** 2, axis=1) >= observed - 1e-9) == pytest.approx(
        exact, abs=0.01
    )
    wide = np.random.default_rng(2).normal(size=(5, 6)) + np.arange(6)
    first, again = ranks.friedman(wide), ranks.friedman(wide, rng=np.random.default_rng(0))
    assert first["permutation"] == "99999 draws"
    assert first == again


def test_ranks_refuse_what_they_cannot_rank():
    with pytest.raises(ValueError, match="2 blocks and 3 methods"):
        ranks.friedman(np.ones((5, 2)))
    same = ranks.friedman(np.ones((5, 3)))
    assert (same["chi2"], same["p"], same["p_permutation"]) == (0.0, 1.0, 1.0)


def test_darwins_maize():
    """Fisher's 863 of 32768 for the randomisation test."""
    table, _ = golden("wilcoxon_darwin_maize")
    d = table["diff"].to_numpy(dtype=float)
    assert SignFlips(d).p_greater() == pytest.approx(863 / 32768)


def test_nist_one_way_anova():
    """StRD SmLs01, F = 21 to nine digits."""
    lines = (FOLDER / INDEX["nist_SmLs01"]["file"]).read_text().splitlines()
    rows = [line.split() for line in lines[60:] if len(line.split()) == 2]
    frame = pd.DataFrame(rows, columns=["group", "score"]).astype({"score": float})
    assert len(frame) == 189
    row = anova(frame, ["group"], blocked=False)[0]
    assert row["F"] == pytest.approx(INDEX["nist_SmLs01"]["expected"]["F_certified"], rel=5e-10)
    assert row["df"] == [8, 180]
    # SmLs04 and SmLs07 are the same scores with a larger constant; the second keeps four digits
    # because its scores are 1e12 + 0.4 in double precision.
    large = anova(frame.assign(score=frame.score + 999_999), ["group"], blocked=False)[0]
    assert large["F"] == pytest.approx(21.0, rel=1e-9)
    larger = anova(frame.assign(score=frame.score + 999_999_999_999), ["group"], blocked=False)[0]
    assert larger["F"] == pytest.approx(21.0, rel=1e-4)
    small = anova(frame.assign(score=frame.score * 1e-9), ["group"], blocked=False)[0]
    assert small["F"] == pytest.approx(21.0, rel=1e-9)


def test_expected_validation_performance():
    table, expected = golden("evp_small")
    scores = table["val_score"].to_numpy()
    budgets = [1, 2, 3, 4, 5]
    found = expected_best(scores, budgets)
    assert found == pytest.approx([expected["tang_U_statistic"][str(n)] for n in budgets])
    subsets = [max(s) for s in itertools.combinations(scores, 3)]
    assert found[2] == pytest.approx(np.mean(subsets))


def test_failed_trials_count_as_worst():
    assert expected_best(np.array([0.5, np.nan, 0.9]), [3], worst=0.1) == pytest.approx([0.9])
    assert expected_best(np.array([0.5, np.nan]), [1], worst=0.1) == pytest.approx([0.3])
    with pytest.raises(ValueError, match="1 trials failed"):
        expected_best(np.array([0.5, np.nan]), [1])
    with pytest.raises(ValueError, match="between 1 and the 2 trials"):
        expected_best(np.array([0.5, 0.6]), [3])
