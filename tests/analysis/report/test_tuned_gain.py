"""What tuning changed, on a small study with made-up results and made-up searches."""

from __future__ import annotations

import re

import pytest
from scipy import stats

from analysis.decisions.decide import decide
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting
from analysis.report.tuned_gain import causes, sentences, summary
from analysis.tables import tuned_gain
from tests.analysis.pages import HOSTILE, MINIMAL, build, load

LR = {"kind": "float", "low": 1e-4, "high": 0.1, "log": True}
FACTORS = {"norm": ["batch", "afn"]}
CONTRASTS = [["afn", "batch"]]
TUNED = MINIMAL | {
    "experiments": {
        "only": {"factors": FACTORS, "contrasts": CONTRASTS},
        "tuned": {
            "search": {"space": {"recipe.lr": {"log": [1e-4, 0.1]}}, "trials": 4, "per": ["norm"]},
            "factors": FACTORS,
            "contrasts": CONTRASTS,
        },
    },
    "plan": {"outcomes": ["clean", "shift"], "primary": ["only"], "strict": False},
}


def search(norm, state="complete", **changed):
    trial = {"number": 0, "round": 0, "drawn": "random", "state": state, "value": 90.0}
    trial |= {"params": {"recipe.lr": 0.003}, "epochs": 12, "train_seconds": 1.0}
    best = {"number": 0, "value": 90.0, "params": trial["params"]}
    found = {
        "experiment": "tuned",
        "label": norm,
        "cells": [f"digits8x8/resnet8/{norm}/tuned"],
        "space": {"recipe.lr": LR},
        "dropped": [],
        "sampler": "tpe",
        "metric": "accuracy",
        "direction": "maximize",
        "trials": [trial, trial | {"number": 1}],
        "chosen": best if state == "complete" else None,
        "budget": {"trials": 2, "epochs": 24, "train_seconds": 2.0},
    }
    return found | changed


@pytest.fixture(scope="module")
def inputs():
    found = load(TUNED)
    found.searches = [search("batch"), search("afn")]
    return found


def test_without_a_search_there_is_nothing_to_say():
    plain = load(TUNED)
    assert sentences(plain) == []
    assert list(tuned_gain.tables(plain)) == []


def test_every_tuned_decision_has_its_default_one_beside_it(inputs):
    found = tuned_gain.pairs(inputs)
    assert [(t.outcome, t.recipe) for t, _ in found] == [
        ("clean", "tuned"),
        ("shift", "tuned"),
    ]
    for tuned, default in found:
        assert (default.experiment, default.outcome) == ("only", tuned.outcome)


def test_the_sentence_has_the_numbers_of_both_decisions(inputs):
    text = sentences(inputs)[0]
    numbers = [
        float(x.replace("\u2212", "-")) for x in re.findall(r"([+\u2212]?\d+\.\d+) points", text)
    ]
    wanted = [d.estimate for pair in tuned_gain.pairs(inputs) for d in reversed(pair)]
    assert numbers == pytest.approx(wanted, abs=0.0051)
    for pair in tuned_gain.pairs(inputs):
        assert all(verdict_of(d) in text for d in pair)
    assert text.startswith("The difference of AFN to BatchNorm, with default settings")
    # The change is the paired t-test of the differences, seed by seed, at both settings.
    for tuned, default in tuned_gain.pairs(inputs):
        moved = [
            after["difference"] - before["difference"]
            for after, before in zip(tuned.differences, default.differences, strict=True)
        ]
        own = stats.ttest_1samp(moved, 0.0)
        assert f"a change of {formatting.signed(sum(moved) / len(moved))}, 95 %" in text
        assert formatting.interval_words(list(own.confidence_interval(0.95))) in text
        assert f"paired {formatting.p_equation(own.pvalue)}, n = 6" in text
    assert "for these settings, exploratory" in text


def test_a_choice_at_the_end_of_its_range_and_a_worse_baseline_are_said(inputs):
    assert not any("end of its range" in text for text in causes(inputs))
    edge = {"number": 0, "value": 90.0, "params": {"recipe.lr": 0.1}}
    found = load(TUNED)
    found.searches = [search("batch", chosen=edge), search("afn")]
    rows = found.results
    worse = (rows["recipe"] == "tuned") & (rows["norm"] == "batch") & (rows["condition"] == "clean")
    rows.loc[worse, "accuracy"] -= 0.1
    first, second = causes(found)
    assert first == "Chosen at the end of its range: lr of BatchNorm."
    assert second.startswith("Tuning made worse: BatchNorm on clean images (\u2212")
    assert "AFN" not in second


def test_how_many_levels_of_a_list_are_ends_is_said():
    """A choice at random lies at an end of three levels in two of three searches."""
    found = load(TUNED)
    found.searches = [search("batch"), search("afn")]
    key, levels = "norm.lambda_init", [-5, -3, -1]
    own = next(s for s in found.searches if s["label"] == "afn")
    own["space"][key] = {"kind": "categorical", "choices": levels}
    own["chosen"]["params"][key] = -5
    (text,) = causes(found)
    assert text.endswith("\u03bb init of AFN (two of its three levels are ends).")


def test_a_change_that_the_test_shows_is_called_one():
    found = load(TUNED)
    found.searches = [search("batch"), search("afn")]
    rows = found.results
    own = (rows["recipe"] == "tuned") & (rows["norm"] == "afn") & (rows["split"] == "test")
    rows.loc[own, "accuracy"] -= 0.05
    found.decisions[:] = decide(rows, found.study)
    assert re.search(r"moved AFN \u2212 BatchNorm(?: on \w+)?: ", summary(found)[0])


def test_without_a_default_comparison_the_sentence_says_so():
    experiments = {"tuned": TUNED["experiments"]["tuned"]}
    plan = TUNED["plan"] | {"primary": ["tuned"]}
    found = load(TUNED | {"experiments": experiments, "plan": plan})
    found.searches = [search("batch"), search("afn")]
    text = sentences(found)[0]
    assert "does not compare them at the defaults" in text
    gains, results = tuned_gain.tables(found)
    assert gains.rows[0][2:5] == ["\u2013", "\u2013", "not compared"]
    assert results.rows[0][2] == "\u2013"


def test_a_default_comparison_with_another_recipe_is_no_default():
    only = {"factors": FACTORS | {"recipe.epochs": [3]}, "contrasts": CONTRASTS}
    found = load(TUNED | {"experiments": TUNED["experiments"] | {"only": only}})
    found.searches = [search("batch"), search("afn")]
    assert [default for _, default in tuned_gain.pairs(found)] == [None, None]


def test_one_tuned_backbone_stands_beside_the_default_decision_on_that_backbone():
    only = {"factors": FACTORS | {"backbone": ["convnet_small", "resnet8"]}, "contrasts": CONTRASTS}
    found = load(TUNED | {"experiments": TUNED["experiments"] | {"only": only}})
    found.searches = [search("batch"), search("afn")]
    for tuned, default in tuned_gain.pairs(found):
        assert default.backbone == "resnet8"
        assert default.outcome == tuned.outcome
    text = sentences(found)[0]
    assert text.startswith("The difference of AFN to BatchNorm on resnet8, with default settings")


def test_the_tuned_cells_with_their_settings(inputs):
    gains, results = tuned_gain.tables(inputs)
    rows = gains.frame.to_dict("records")
    for row, (tuned, default) in zip(rows, tuned_gain.pairs(inputs), strict=True):
        assert row["tuned_estimate"] == tuned.estimate
        assert row["default_estimate"] == default.estimate
    assert [row[1] for row in results.rows] == ["BatchNorm", "AFN"]
    assert {row[-1] for row in results.rows} == {"lr 0.003"}
    cell = results.frame.set_index("cell").loc["digits8x8/resnet8/afn/tuned"]
    scores = inputs.arm_scores("digits8x8", "resnet8", "afn", "clean", "tuned")
    assert cell["clean_tuned_mean"] == pytest.approx(scores.mean())
    assert cell["clean_tuned_n"] == 6
    default = next(c.recipe for c in inputs.study.cells() if c.recipe != "tuned")
    tuned = scores
    scores = inputs.arm_scores("digits8x8", "resnet8", "afn", "clean", default)
    assert cell["clean_default_mean"] == pytest.approx(scores.mean())
    own = stats.ttest_rel(tuned, scores)
    assert cell["clean_change"] == pytest.approx((tuned - scores).mean())
    assert [cell["clean_change_low"], cell["clean_change_high"]] == pytest.approx(
        list(own.confidence_interval(0.95))
    )


def test_one_search_for_all_methods_is_not_called_one_for_each(inputs):
    gains, _ = tuned_gain.tables(inputs)
    assert "every method was tuned on its own" in gains.note
    shared = load(TUNED)
    both = [f"digits8x8/resnet8/{norm}/tuned" for norm in FACTORS["norm"]]
    shared.searches = [search("all", cells=both)]
    gains, results = tuned_gain.tables(shared)
    assert "on its own" not in gains.note
    assert "methods of one search share what it chose" in gains.note
    assert [row[-1] for row in results.rows] == ["lr 0.003"] * 2


def test_a_task_is_named_as_everywhere_else_in_the_report():
    sources = [f"digits+source={name}" for name in ("mnist", "svhn")]
    factors = FACTORS | {"task": [{"name": "digits", "source": s} for s in ("mnist", "svhn")]}
    experiments = {
        name: experiment | {"factors": factors} for name, experiment in TUNED["experiments"].items()
    }
    plan = TUNED["plan"] | {"outcomes": ["clean"]}
    found = load(TUNED | {"experiments": experiments, "plan": plan})
    cells = [c for c in found.study.cells() if c.search]
    assert {c.task for c in cells} <= {*sources, "digits"}
    found.searches = [
        search(norm, cells=[c.path for c in cells if c.norm == norm]) for norm in FACTORS["norm"]
    ]
    names = ["digits, source mnist", "digits, source svhn"]
    gains, results = tuned_gain.tables(found)
    assert list(dict.fromkeys(row[1] for row in gains.rows)) == names
    assert list(dict.fromkeys(row[0] for row in results.rows)) == names
    text = sentences(found)[0]
    assert all(f"on clean images of {name}" in text for name in names)


def test_the_page_of_a_search_of_which_everything_diverged(inputs, tmp_path):
    lost = load(TUNED)
    lost.searches = [search("batch", "diverged"), search("afn", "diverged", label=HOSTILE)]
    made = build(lost, tmp_path, TUNED)
    assert "<script>alert" not in made.html
    assert "default kept" in made.html
    assert "defaults kept" in made.html
    section = made.html[made.html.index('<section id="tuning">') :]
    assert not re.search(r"\b(nan|None|inf)\b", section[: section.index("</section>")])
    missing = {m["name"]: m["reason"] for m in made.index["missing"]}
    assert missing["search-slices"] == "every trial of tuned diverged"


def test_the_page_of_a_search(inputs, tmp_path):
    made = build(inputs, tmp_path, TUNED)
    answer = made.html[made.html.index('id="answer"') : made.html.index('id="reading"')]
    assert re.search(r"is not shown to change AFN \u2212 BatchNorm(?: on \w+)?: on", answer)
    assert "with default settings and then with tuned ones" in made.html
    names = [m["name"] for m in made.index["made"] if m["section"] == "tuning"]
    assert names == [f"search-{n}" for n in ("history", "budget", "slices", "coordinates")]
    for name in names:
        for kind in ("svg", "pdf", "png", "csv"):
            assert (tmp_path / "figures" / f"{name}.{kind}").stat().st_size > 0
    for table in ("tuning", "tuned_gain", "tuned_results", "search_budget"):
        assert f'id="table-{table}"' in made.html
        assert (tmp_path / "tables" / f"{table}.csv").is_file()
