"""What the page says of settings is so for the settings that were trained."""

from __future__ import annotations

import re

import pytest

from afn.study import study_from_mapping
from analysis.figures.ablations import option_levels
from analysis.report import trained
from tests.analysis.made_decisions import decision
from tests.analysis.pages import MINIMAL, TWO_WAYS, build, load
from tests.analysis.report.test_tuned_gain import TUNED, search


@pytest.fixture(scope="module")
def tuned():
    found = load(TUNED)
    found.searches = [search("batch"), search("afn")]
    return found


def test_a_study_with_a_search_does_not_say_that_nothing_was_tuned(tuned):
    first, other = trained.recipes(tuned)
    assert "a search chose lr" in first
    assert "may differ" in first
    assert other.startswith("Everywhere else nothing was tuned")
    (alone,) = trained.recipes(load(MINIMAL))
    assert "every arm was trained with the same recipe" in alone


def test_a_setting_that_a_search_replaced_is_not_called_fixed(tuned):
    shared, varied = trained.fixed_settings(tuned, "recipe")
    assert "lr" not in shared
    assert varied["lr"] == "0.001 and 0.003"
    assert shared["optimizer"] == "adam"
    shared, varied = trained.fixed_settings(load(MINIMAL), "recipe")
    assert shared["lr"] == "0.001"
    assert not varied


def test_a_search_that_chose_the_default_leaves_it_fixed(tuned):
    best = {"number": 0, "value": 90.0, "params": {"recipe.lr": 0.001}}
    found = load(TUNED)
    found.searches = [search("batch", chosen=best), search("afn", chosen=best)]
    assert trained.fixed_settings(found, "recipe")[0]["lr"] == "0.001"


@pytest.mark.seconds
def test_where_two_settings_differ_the_page_does_not_say_one_thing_changed():
    other = {"number": 0, "value": 90.0, "params": {"recipe.lr": 0.03}}
    found = load(TUNED)
    found.searches = [search("batch"), search("afn", chosen=other)]
    text = trained.one_change(found)
    more = "In these more than one thing differs"
    assert f"{more}: AFN \u2212 BatchNorm \u00b7 tuned (the method and lr)" in text
    # Both searches chose the same rate: then only the method differs.
    found.searches = [search("batch"), search("afn")]
    assert "more than one" not in trained.one_change(found)
    unfinished = load(TUNED)
    assert "what a search chooses for each" in trained.one_change(unfinished)
    shared, varied = trained.fixed_settings(unfinished, "recipe")
    assert "lr" not in shared
    assert varied["lr"] == "0.001 and not chosen yet"


def test_options_and_statistics_count_as_changes():
    inputs = load(MINIMAL)
    assert trained.changed(inputs, inputs.decisions[0]) == ["the method"]
    norms = ["afn", {"name": "afn", "residual": "off", "stan_ratio": 8}, "batch"]
    contrasts = [["afn+residual=off+stan_ratio=8", "afn"], ["afn@test_batch", "batch"]]
    only = {"factors": {"norm": norms}, "contrasts": contrasts}
    plan = MINIMAL["plan"] | {"strict": False}
    document = MINIMAL | {"protocols": TWO_WAYS["protocols"], "plan": plan}
    inputs.study = study_from_mapping(document | {"experiments": {"only": only}}, "test")
    cell = inputs.study.experiments["only"].cells[0]
    place = {"experiment": "only", "task": cell.task, "recipe": cell.recipe}
    inputs.__dict__.pop("scores", None)
    found = [trained.changed(inputs, decision(**place, a=a, b=b)) for a, b in contrasts]
    assert sorted(found[0]) == ["residual", "standardise ratio"]
    assert found[1] == ["the method", "the statistics at test time"]


def test_every_level_on_the_page_is_the_plans(tmp_path):
    document = TWO_WAYS | {"plan": TWO_WAYS["plan"] | {"alpha": 0.1}}
    built = build(load(document), tmp_path, document)
    assert "90 % interval" in built.html.replace("\u00a0", " ")
    found = re.findall(r".{60}\b95\s?%.{20}", built.html.replace("\u00a0", " "), re.DOTALL)
    assert not found, found


@pytest.mark.seconds
def test_figures_draw_the_level_that_they_name(monkeypatch):
    """A wider level gives wider bars, whatever the caption says."""
    kept, halves = option_levels.mean_reach, []

    def record(values, alpha):
        halves.append(kept(values, alpha))
        return halves[-1]

    monkeypatch.setattr(option_levels, "mean_reach", record)
    sums = []
    for alpha in (0.05, 0.2):
        halves.clear()
        inputs = load(TWO_WAYS | {"plan": TWO_WAYS["plan"] | {"alpha": alpha}})
        (made,) = option_levels.pictures(inputs)
        sums.append(sum(halves))
        assert f"{100 * (1 - alpha):g} % interval" in made.caption
        assert "not what helps" not in made.caption
        assert "where the study compares them" in made.caption
    assert sums[0] > 1.2 * sums[1] > 0
