"""Anybody's table of scores: columns found, mistakes told, nothing dropped in silence."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import analysis
from afn.common.errors import StudyError
from analysis.__main__ import main
from analysis.decisions.decision import read_decisions
from analysis.decisions.words.verdicts import verdict_of
from analysis.standalone.compare import Plan, compare
from analysis.standalone.reading import read_table
from analysis.stats.verdict import Verdict
from tests.analysis.golden_values import golden
from tests.drawing import examples


def table(seeds=8, datasets="abc", methods=("base", "good", "bad")) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    effects = {"base": 0.0, "good": 0.02, "bad": -0.02, "same": 0.0}
    rows = [
        {"method": m, "dataset": d, "seed": s, "score": 0.8 + common + effects[m], "seconds": 2.5}
        for d in datasets
        for s in range(seeds)
        for common in [rng.normal(0, 0.03)]
        for m in methods
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(score=frame.score + rng.normal(0, 0.004, len(frame)))


PLAN = Plan(baseline="base", metric="score", margin=0.01)


def test_sleep_without_a_study():
    wide, expected = golden("paired_t_sleep")
    frame = pd.DataFrame(
        [
            {"method": name, "seed": i, "extra": value}
            for name in ("group1", "group2")
            for i, value in enumerate(wide[name])
        ]
    )
    (d,) = analysis.compare(frame, analysis.Plan(baseline="group2", metric="extra"))
    assert d.estimate == pytest.approx(expected["mean_diff"])
    assert d.p == d.p_adjusted == pytest.approx(expected["p"], abs=5e-7)
    assert d.ci == pytest.approx(expected["ci95"], abs=5e-8)
    assert d.d_z == pytest.approx(expected["d_z"], abs=5e-7)
    assert (d.n, d.family_size, d.verdict) == (10, 1, Verdict.INFERIOR)
    assert d.to_dict()["margin"] is None
    assert "group1 against group2, extra (all): inferior" in d.sentence()


def test_pooled_over_blocks_and_within_each():
    frame = table()
    found = compare(frame, PLAN)
    assert [(d.a, d.backbone, d.primary) for d in found[:4]] == [
        ("bad", "pooled", True),
        ("bad", "a", False),
        ("bad", "b", False),
        ("bad", "c", False),
    ]
    means = frame.pivot_table(index="seed", columns="method", values="score")
    theirs = stats.ttest_rel(means["good"], means["base"])
    assert found[4].p == pytest.approx(theirs.pvalue)
    assert (found[4].verdict, found[0].verdict) == (Verdict.SUPERIOR, Verdict.INFERIOR)
    assert {d.family_size for d in found if d.primary} == {2}
    assert {d.family_size for d in found if not d.primary} == {6}


def test_the_population_of_blocks():
    plan = Plan(baseline="base", metric="score", estimand="population_of_blocks")
    d = compare(table(datasets="abcdefgh"), plan)[0]
    assert (d.n, d.paired_by) == (8, "block")
    assert d.sentence().count("n = 8 blocks") == 1


def test_without_seeds_blocks_are_the_unit():
    frame = table(seeds=1, datasets="abcdefgh").drop(columns="seed")
    found = compare(frame, PLAN)
    assert [(d.a, d.n, d.backbone) for d in found] == [("bad", 8, "pooled"), ("good", 8, "pooled")]


def test_parts_are_decided_apart():
    frame = table()
    plan = Plan(baseline="base", metric="score", per=("dataset",), blocks=())
    found = compare(frame, plan)
    assert [(d.task, d.backbone) for d in found[:3]] == [(x, "pooled") for x in "abc"]
    assert {d.family_size for d in found} == {6}


def test_a_loss_is_better_where_it_is_lower():
    frame = table()
    mirrored = frame.assign(score=-frame.score)
    low = Plan(baseline="base", metric="score", margin=0.01, higher_is_better=False)
    for d, m in zip(compare(frame, PLAN), compare(mirrored, low), strict=True):
        assert m.verdict == d.verdict
        assert m.estimate == pytest.approx(-d.estimate)
        assert m.improvement["estimate"] == pytest.approx(d.improvement["estimate"])
        assert m.a12 == pytest.approx(d.a12)


@pytest.mark.parametrize("scale", [1e-7, 1e6])
def test_the_unit_of_the_metric_changes_nothing(scale):
    frame = table()
    plan = Plan(baseline="base", metric="score", margin=0.01 * scale)
    scaled = compare(frame.assign(score=frame.score * scale), plan)
    for d, other in zip(compare(frame, PLAN), scaled, strict=True):
        assert other.verdict == d.verdict
        assert other.p == pytest.approx(d.p)
        assert other.improvement == d.improvement
        assert other.estimate == pytest.approx(d.estimate * scale)
        if d.heterogeneity:
            assert other.heterogeneity["p"] == pytest.approx(d.heterogeneity["p"])


@settings(max_examples=examples(30))
@given(st.data())
@pytest.mark.seconds
def test_a_diverged_row_never_improves_its_method(data):
    frame = table().assign(status="ok")
    method, higher = data.draw(st.sampled_from(["good", "bad"])), data.draw(st.booleans())
    rows = frame.index[frame.method == method]
    fallen = data.draw(st.lists(st.sampled_from(list(rows)), min_size=1, max_size=6, unique=True))
    worst = frame.score.min() if higher else frame.score.max()
    plan = Plan(baseline="base", metric="score", diverged=worst, higher_is_better=higher)
    sign, before = 1 if higher else -1, compare(frame, plan)
    for last in range(1, len(fallen) + 1):
        now = frame.assign(status=frame.status.where(~frame.index.isin(fallen[:last]), "diverged"))
        after = compare(now, plan)
        for old, new in zip(before, after, strict=True):
            if new.a == method:
                assert sign * new.estimate <= sign * old.estimate + 1e-12
                assert new.improvement["estimate"] <= old.improvement["estimate"] + 1e-12
                better = sign * new.estimate > 0
                if better and old.test == new.test == "exact sign-flip":
                    assert new.p >= old.p - 1e-12
        before = after


@pytest.mark.parametrize("mixed", [["a", 1, "b", 2, 3, 4, 5, 6], list("stuvwxyz")])
def test_seeds_may_have_any_names(mixed):
    frame = table()
    named = frame.assign(seed=frame.seed.map(dict(enumerate(mixed))))
    for d, other in zip(compare(frame, PLAN), compare(named, PLAN), strict=True):
        assert (other.verdict, other.n) == (d.verdict, d.n)
        assert other.p == pytest.approx(d.p)


def test_renaming_methods_and_shuffling_rows_changes_nothing():
    frame = table()
    names = {"base": "z", "good": "m", "bad": "a"}
    renamed = frame.replace({"method": names}).sample(frac=1, random_state=1)
    plan = Plan(baseline="z", metric="score", margin=0.01)
    before = {(names[d.a], d.backbone): d for d in compare(frame, PLAN)}
    after = {(d.a, d.backbone): d for d in compare(renamed, plan)}
    assert before.keys() == after.keys()
    for key, d in after.items():
        assert d.p_adjusted == pytest.approx(before[key].p_adjusted)
        assert d.verdict == before[key].verdict


def test_missing_scores_are_named():
    frame = table()
    frame = frame[~((frame.method == "good") & (frame.dataset == "b") & (frame.seed == 3))]
    d = next(d for d in compare(frame, PLAN) if d.a == "good")
    assert (d.n, d.missing) == (7, ["b/good/seed3"])


def test_diverged_rows_count_as_declared():
    frame = table().assign(status="finished")
    place = (frame.method == "good") & (frame.dataset == "b") & (frame.seed == 3)
    frame.loc[place, ["score", "status"]] = [math.nan, "diverged"]
    with pytest.raises(StudyError, match=r"1 rows diverged, the first: good, b, seed 3"):
        compare(frame, PLAN)
    plan = Plan(baseline="base", metric="score", diverged=0.1)
    d = next(x for x in compare(frame, plan) if (x.a, x.backbone) == ("good", "b"))
    assert (d.test, d.diverged["a"]) == ("exact sign-flip", 1)
    assert d.differences[3]["a"] == 0.1
    finished = next(x for x in compare(table(), PLAN) if (x.a, x.backbone) == ("good", "b"))
    assert d.estimate < finished.estimate


@pytest.mark.seconds
def test_constant_scores_are_decided():
    frame = table().assign(score=0.5)
    d = compare(frame, PLAN)[0]
    assert (d.p, d.verdict) == (1.0, Verdict.EQUIVALENT)
    assert compare(frame, Plan(baseline="base", metric="score"))[0].verdict is Verdict.INCONCLUSIVE


def test_one_seed_is_not_enough():
    d = compare(table(seeds=1, datasets="a"), PLAN)[0]
    assert d.verdict is Verdict.NOT_ENOUGH_PAIRS


def spoiled(column, value):
    frame = table()
    frame.loc[4, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "plan", "message"),
    [
        (table(), {"baseline": "bsae"}, "did you mean 'base'"),
        (table(), {"metric": "scores"}, "did you mean 'score'"),
        (table(), {"method": "methods"}, "did you mean 'method'"),
        (table(), {"metric": "dataset"}, "does not hold numbers"),
        (table(), {"estimand": "these_block"}, "did you mean 'these_blocks'"),
        (table(), {"contrasts": (("good", "worse"),)}, "no rows of method 'worse'"),
        (table(), {"blocks": ()}, "is a column missing from the blocks"),
        (pd.concat([table(), table()[:2]]), {}, "4 rows are not alone"),
        (spoiled("score", math.nan), {}, "1 scores are not finite, the first: good, a, seed 1"),
        (spoiled("score", math.inf), {}, "1 scores are not finite"),
        (table()[:0], {}, "no rows"),
        (table(methods=("base",)), {}, "'base' is the only method"),
        (spoiled("method", None), {}, "'method' is empty in one row, the first: row 5"),
        (table().assign(dataset=" "), {}, "'dataset' is empty in 72 rows"),
        (table().assign(seed=[*range(71), None]), {}, "'seed' is empty in one row"),
        (table().assign(status="failed"), {}, "says 'failed'"),
        (table().assign(score="80%"), {}, "does not hold numbers, the first: '80%'"),
        (table(), {"correction": "holms"}, "did you mean 'holm'"),
        (table(), {"seed": "sead"}, "no column 'sead'; did you mean 'seed'"),
        (table(), {"metric": "seed"}, "cannot be the metric and something else"),
        (table(), {"margin": 0.0}, "margin 0.0: must be positive"),
        (table(), {"alpha": 5.0}, "alpha 5.0: must lie between"),
        (
            table().assign(status=["diverged"] + ["finished"] * 71),
            {"diverged": 10.0},
            "must not improve its method",
        ),
    ],
)
def test_mistakes_are_told(frame, plan, message):
    given = {"baseline": "base", "metric": "score"} | plan
    with pytest.raises(StudyError, match=message):
        compare(frame, Plan(**given))


@pytest.mark.parametrize("name", ["None", "NA", "nan", "null"])
def test_a_method_may_be_called_none(tmp_path, name):
    frame = table().replace({"method": {"bad": name}})
    frame.to_csv(tmp_path / "scores.csv", index=False)
    found = compare(read_table(str(tmp_path / "scores.csv"), ("method",)).frame, PLAN)
    came_out = {d.a: d.verdict for d in found if d.primary}
    assert came_out == {"good": Verdict.SUPERIOR, name: Verdict.INFERIOR}


def test_the_command_line(tmp_path, capsys):
    table().to_csv(tmp_path / "scores.csv", index=False)
    words = [str(tmp_path / "scores.csv"), "--metric", "score", "-o", str(tmp_path / "out")]
    assert main([*words, "--baseline", "base", "--margin", "0.01"]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / "summary.txt").read_text()
    assert "Columns that were not used: seconds." in printed
    decisions = read_decisions(tmp_path / "out" / "decisions.json")
    rows = pd.read_csv(tmp_path / "out" / "decisions.csv")
    assert list(rows.verdict) == [d.verdict.value for d in decisions]
    assert list(rows.ci_low) == pytest.approx([d.ci[0] for d in decisions])
    tables = pd.read_csv(tmp_path / "out" / "tables" / "verdicts.csv")
    assert set(rows.columns) >= {*tables.columns, "missing", "sensitivity.p", "diverged.a"}
    for d in decisions:
        assert verdict_of(d) in printed
    ranked = json.loads((tmp_path / "out" / "ranks.json").read_text())
    assert ranked[0]["mean_ranks"] == {"bad": 3.0, "base": 2.0, "good": 1.0}
    assert "bars" in ranked[0]
    assert not ranked[0]["bars"]
    methods = pd.read_csv(tmp_path / "out" / "methods.csv")
    assert len(methods) == 9
    assert main([*words, "--baseline", "bass"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: no rows of method 'bass'; did you mean 'base'"
    )
    assert main([*words, "--baseline", "base", "--alpha", "5"]) == 2
    assert main(["nothing.csv", "--metric", "x", "--baseline", "y", "-o", "z"]) == 2
    assert main([*words[:-1], str(tmp_path / "scores.csv"), "--baseline", "base"]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["decid"]) == 2
    assert "did you mean 'decide'" in capsys.readouterr().err
