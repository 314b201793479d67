"""A table that grows: planned looks, one state, a past that stays."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from afn.common.errors import StudyError
from analysis.__main__ import main
from analysis.decisions.words.verdicts import followed
from analysis.display.formatting import p_equation
from analysis.standalone.sequential import LooksPlan, Sequential
from analysis.stats.verdict import Verdict

ARMS = {"base": (0.0, 0.5), "good": (1.0, 0.7), "same": (0.02, 0.3), "wild": (0.2, 3.0)}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng, rows = np.random.default_rng(1), []
    for seed in range(40):
        common = rng.normal(70, 3)
        for dataset in "ab":
            for method, (gain, sd) in ARMS.items():
                score = common + gain + rng.normal(0, sd)
                rows.append({"method": method, "dataset": dataset, "seed": seed, "acc": score})
    return pd.DataFrame(rows)


PLAN = LooksPlan(baseline="base", metric="acc", margin=0.5, looks=(5, 10, 15, 20))


def first(table, seeds):
    return table[table["seed"] < seeds]


def verdicts(found: Sequential) -> dict[str, tuple]:
    return {c.name: (followed(c), c.frozen) for c in found.waves.comparisons}


def test_read_late_or_after_every_wave(table):
    """Three calls, with rows in any order, decide as one; the state goes through its file."""
    once = Sequential(PLAN).look(first(table, 20))
    step = Sequential(PLAN)
    for seeds in (5, 7, 15, 20):
        step = step.look(first(table, seeds).sample(frac=1, random_state=seeds))
    assert step.waves == once.waves
    assert verdicts(once) == {
        "good - base": ("superior", 2),
        "same - base": ("equivalent", 4),
        "wild - base": ("undecided", 2),
    }


def test_the_state_is_readable_and_goes_on(table, tmp_path):
    path = tmp_path / "looks.json"
    Sequential.resume(PLAN, path).look(first(table, 12)).save(path)
    stored = json.loads(path.read_text())
    assert (stored["wave"], stored["seeds"]) == (2, [str(s) for s in range(10)])
    assert stored["comparisons"][0]["looks"][1]["n"] == 10
    again = Sequential.resume(PLAN, path).look(first(table, 20))
    assert again.waves == Sequential(PLAN).look(first(table, 20)).waves


def test_seeds_before_the_known_ones_come_after_them(table):
    """A seed whose number is smaller, but which came later, belongs to the later wave."""
    late = table[(table["seed"] >= 1) & (table["seed"] < 6)]
    found = Sequential(PLAN).look(late).look(first(table, 10))
    assert found.seeds == ("1", "2", "3", "4", "5", "0", "6", "7", "8", "9")


@pytest.mark.parametrize("when", [7, 10], ids=["no new look", "a new look"])
def test_a_changed_past_is_refused(table, when):
    before = Sequential(PLAN).look(first(table, 5))
    changed = first(table, when).copy()
    changed.loc[3, "acc"] += 1e-6
    with pytest.raises(StudyError, match="wild - base: the difference of pair 0 was"):
        before.look(changed)
    with pytest.raises(StudyError, match="seed 2 was there at an earlier look and is gone"):
        before.look(first(table, when).query("seed != 2"))


def test_a_frozen_comparison_has_a_past_too(table):
    before = Sequential(PLAN).look(first(table, 10))
    changed = first(table, 12).copy()
    changed.loc[(changed["method"] == "good") & (changed["seed"] == 9), "acc"] += 1
    with pytest.raises(StudyError, match="good - base: the difference of pair 9"):
        before.look(changed)


def test_the_family_and_the_plan_are_declared_before(table, tmp_path):
    found = Sequential(PLAN).look(first(table, 5))
    with pytest.raises(StudyError, match="'wild - base' went"):
        found.look(first(table, 10).query("method != 'wild'"))
    found.save(tmp_path / "looks.json")
    other = LooksPlan(baseline="base", metric="acc", margin=0.6, looks=(5, 10, 15, 20))
    with pytest.raises(StudyError, match=r"margin = 0\.5, not 0\.6"):
        Sequential.resume(other, tmp_path / "looks.json")
    edited = (tmp_path / "looks.json").read_text().replace('"wave": 1', '"wave": 0', 1)
    (tmp_path / "looks.json").write_text(edited)
    with pytest.raises(StudyError, match="was changed after it was written"):
        Sequential.resume(PLAN, tmp_path / "looks.json")
    (tmp_path / "looks.json").write_text("{}")
    with pytest.raises(StudyError, match="state of looks"):
        Sequential.resume(PLAN, tmp_path / "looks.json")


def test_missing_scores_make_fewer_pairs(table):
    lost = first(table, 10).query("not (method == 'same' and dataset == 'a' and seed == 7)")
    found = Sequential(PLAN).look(lost)
    by_name = {c.name: c for c in found.waves.comparisons}
    assert [x.n for x in by_name["same - base"].looks] == [5, 9]
    assert [x.n for x in by_name["good - base"].looks] == [5, 10]
    assert found.missing == {"same - base": ["a/same/seed7"]}


def test_a_diverged_row_switches_to_the_sign_flip(table):
    fell = first(table, 20).assign(status="ok")
    fell.loc[(fell["method"] == "same") & (fell["seed"] == 12), "status"] = "diverged"
    plan = LooksPlan(**{**PLAN.__dict__, "diverged": 10.0})
    by_name = {c.name: c for c in Sequential(plan).look(fell).waves.comparisons}
    tests = [x.test for x in by_name["same - base"].looks]
    assert tests == ["paired t", "paired t", "exact sign-flip"]
    assert {x.test for x in by_name["good - base"].looks} == {"paired t"}


def test_seeds_after_the_last_look_are_answered_with_e_values(table):
    plan = LooksPlan(baseline="base", metric="acc", looks=(5, 10), futility=False)
    at_end = Sequential(plan).look(first(table, 10))
    assert at_end.unplanned == {}
    more = at_end.look(table)
    assert verdicts(more) == verdicts(at_end)
    assert set(more.unplanned) == {"same - base", "wild - base"}
    same = more.unplanned["same - base"]
    assert (same.n, same.needed) == (40, 60.0)
    assert (same.e >= same.needed) == (same.verdict is Verdict.SUPERIOR)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"estimand": "population_of_blocks"}, "seeds as the unit"),
        ({"correction": "none"}, "Holm"),
        ({"looks": (10, 5)}, "rising"),
        ({"margin": None}, "futility"),
    ],
)
def test_plans_that_cannot_be_looked_at(table, options, told):
    with pytest.raises(StudyError, match=told):
        Sequential(LooksPlan(**{**PLAN.__dict__, **options})).look(table)


def call(tmp_path, table, *more) -> int:
    table.to_csv(tmp_path / "scores.csv", index=False)
    words = ["--baseline", "base", "--metric", "acc", "--margin", "0.5"]
    return main([str(tmp_path / "scores.csv"), *words, "-o", str(tmp_path / "out"), *more])


def test_the_command(table, tmp_path, capsys):
    looks = ("--looks", "5", "--at-most", "20")
    assert call(tmp_path, first(table, 12), *looks) == 0
    told = capsys.readouterr().out
    assert "look 2 of 4 is over. The next look needs three more seeds" in told
    assert "good - base: superior; look 2 of 4, 10 pairs (difference)" in told
    assert "Two seeds of the next wave not used yet." in told
    assert call(tmp_path, first(table, 20), *looks) == 0
    told = capsys.readouterr().out
    assert "Nothing is left to be decided." in told
    path = pd.read_csv(tmp_path / "out/looks.csv")
    assert path.groupby("comparison")["look"].max().to_dict() == {
        "good - base": 2,
        "same - base": 4,
        "wild - base": 2,
    }
    assert (tmp_path / "out/summary.txt").read_text() == told
    for _, p in path.groupby("comparison")["p_sequential"].min().items():
        assert f"sequential {p_equation(p)};" in told
    assert not (tmp_path / "out/index.html").exists()
    assert call(tmp_path, first(table, 20), "--looks", "5,10,15") == 2
    assert "looks = (5, 10, 15, 20), not (5, 10, 15)" in capsys.readouterr().err


def test_options_of_looks_need_looks(table, tmp_path, capsys):
    assert call(tmp_path, first(table, 5), "--effect", "1") == 2
    assert "--effect belongs to looks" in capsys.readouterr().err
    assert call(tmp_path, first(table, 5), "--looks", "5,x") == 2
    assert "must be numbers of seeds" in capsys.readouterr().err
    assert call(tmp_path, first(table, 5), "--looks", "5,10", "--at-most", "20") == 2
    assert "ends at 10" in capsys.readouterr().err
