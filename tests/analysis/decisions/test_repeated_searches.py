"""Decisions after repeated searches: the unit is the search, checked against plain arithmetic."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from afn.study.loading import study_from_mapping
from afn.study.plan.purchase import half_width, units_for
from analysis.decisions.decide import decide
from analysis.decisions.tuning import change_of_contrast
from analysis.stats.crossed import crossed_table
from tests.analysis.answered import answered
from tests.analysis.made_decisions import decision

SPACE = {"recipe.lr": {"log": [1e-4, 0.1]}}
MAPPING = {
    "study": "searched",
    "question": "q",
    "seeds": 10,
    "base": {"task": "digits8x8", "backbone": "resnet8", "recipe": {"epochs": 2}},
    "experiments": {
        "tuned": {
            "search": {"space": SPACE, "trials": 4, "per": ["norm"], "repeats": 5},
            "factors": {"norm": ["batch", "afn"]},
            "contrasts": [["afn", "batch"]],
        }
    },
    "plan": {"outcomes": ["clean", "noise"], "primary": ["tuned"], "strict": False},
}


def study_of(target="images_like_these", **search):
    own = MAPPING["experiments"]["tuned"]
    tuned = own | {"search": own["search"] | search}
    plan = MAPPING["plan"] | {"target": target}
    return study_from_mapping(MAPPING | {"experiments": {"tuned": tuned}, "plan": plan}, "study")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    study = study_of()
    path = tmp_path_factory.mktemp("answers") / "correct.npz"
    return study, *answered(study, path)


def table(bits, tests):
    """(searches, final runs, images) of AFN - BatchNorm in points."""
    rows = [
        np.mean([bits["resnet8", n, "running", s, *t] for t in tests], axis=0)
        for s in range(10)
        for n in ("afn", "batch")
    ]
    d = 100 * (np.array(rows[::2], float) - np.array(rows[1::2], float))
    return d.reshape(5, 2, -1)


@pytest.mark.parametrize(
    ("outcome", "tests"), [("clean", [("clean", 0)]), ("noise", [("noise", 1), ("noise", 3)])]
)
def test_the_unit_is_the_search_and_a_row_the_mean_over_its_final_runs(made, outcome, tests):
    study, results, correct, bits = made
    found = next(d for d in decide(results, study, correct) if d.outcome == outcome)
    d = table(bits, tests)
    assert (found.n, found.paired_by, found.recipe) == (5, "search", "tuned")
    assert found.estimate == pytest.approx(d.mean(), abs=1e-9)
    assert [p["difference"] for p in found.differences] == pytest.approx(
        d.mean(axis=(1, 2)).tolist(), abs=1e-9
    )
    own = crossed_table(d.mean(axis=1))
    assert found.target == "images_like_these"
    assert found.ci == pytest.approx(own.interval(0.95), abs=1e-9)
    assert found.p == pytest.approx(own.p(), abs=1e-9)
    plain = stats.ttest_1samp(d.mean(axis=(1, 2)), 0).confidence_interval(0.95)
    assert found.ci_seeds == pytest.approx(list(plain), abs=1e-9)
    run = d.mean(axis=2).var(axis=1, ddof=1).mean()
    assert found.components["run"] == pytest.approx(run, abs=1e-9)
    assert found.components["runs"] == 2


def test_the_expected_half_width_of_the_same_design_is_the_one_that_was_found(made):
    study, results, correct, _ = made
    found = next(d for d in decide(results, study, correct) if d.outcome == "clean")
    low, high = found.ci
    expected = half_width(found.components, 5, images=found.images, runs=2)
    assert expected == pytest.approx((high - low) / 2, rel=1e-6)
    seeds = half_width(found.components, 5, runs=2)
    parts = found.components
    assert seeds == pytest.approx((found.ci_seeds[1] - found.ci_seeds[0]) / 2, rel=1e-6)
    needed = units_for(parts, expected / 2, runs=2)
    assert half_width(parts, needed, runs=2) <= expected / 2 < half_width(parts, needed - 1, runs=2)


def test_a_search_without_one_of_its_final_runs_is_missing_by_name(made):
    study, results, correct, _ = made
    lost = (results["norm"] == "afn") & (results["seed"] == 5)
    found = next(d for d in decide(results[~lost], study, correct) if d.outcome == "clean")
    assert found.n == 4
    assert found.missing == ["resnet8/afn/search2"]


def test_a_diverged_final_run_counts_in_its_search_and_the_test_is_the_sign_flip(made):
    study, results, correct, _ = made
    fell = (results["norm"] == "afn") & (results["seed"] == 5)
    one = results[fell].head(1).assign(status="diverged", condition=None, accuracy=np.nan)
    changed = pd.concat([results[~fell], one])
    found = next(d for d in decide(changed, study, correct) if d.outcome == "clean")
    assert found.diverged == {"a": 1, "b": 0}
    assert found.test == "exact sign-flip"
    kept = results[(results["norm"] == "afn") & (results["seed"] == 4)]
    clean = kept[(kept["condition"] == "clean") & (kept["protocol"] == "running")]
    mean = (100 * clean["accuracy"].item() + 10.0) / 2
    assert found.differences[2]["a"] == pytest.approx(mean)


def test_seeds_that_the_searches_do_not_have_are_no_part_of_them(made):
    study, results, correct, _ = made
    foreign = results[results["recipe"] == "tuned.search0"].assign(seed=9)
    again = decide(pd.concat([results, foreign]), study, correct)
    assert [d.estimate for d in again] == [d.estimate for d in decide(results, study, correct)]


def test_after_one_search_the_decision_is_exploratory_and_says_so(tmp_path):
    study = study_of(repeats=1)
    results, correct, _ = answered(study, tmp_path / "correct.npz")
    found = decide(results, study, correct)[0]
    assert not found.primary
    assert any(note.startswith("For these settings") for note in found.notes)
    assert "exploratory" in found.family


def test_the_change_by_tuning_averages_the_defaults_over_the_seeds_of_each_search():
    pairs = lambda values: [{"unit": u, "difference": x} for u, x in values.items()]  # noqa: E731
    tuned = decision(paired_by="search", differences=pairs({0: 1.0, 1: 4.0, 2: 3.0}))
    default = decision(differences=pairs({0: 0.0, 1: 1.0, 2: 2.0, 3: 0.0}))
    seeds = {0: (0, 1), 1: (2, 3), 2: (4, 5)}
    moved = change_of_contrast(tuned, default, 0.05, seeds)
    assert (moved.n, moved.estimate) == (2, pytest.approx(((1 - 0.5) + (4 - 1.0)) / 2))
    assert change_of_contrast(tuned, default, 0.05).estimate is None


def test_a_decision_with_its_components_is_read_back(made):
    study, results, correct, _ = made
    found = decide(results, study, correct)[0]
    from analysis.decisions.decision import Decision

    again = Decision.from_dict(found.to_dict())
    assert dataclasses.asdict(again)["components"] == pytest.approx(found.components)
