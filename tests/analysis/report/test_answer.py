"""The answer replies to the question, and the board has every declared comparison."""

from __future__ import annotations

import re

import pytest

from analysis.decisions.words import phrases
from analysis.decisions.words.verdicts import mark
from analysis.display import formatting
from analysis.report import answer
from analysis.report import page as report_page
from analysis.report.statistics_worth import without_choice
from analysis.stats.verdict import Verdict
from analysis.tables.board import board, declared
from analysis.tables.decisions import verdicts
from tests.analysis.made_decisions import decision
from tests.analysis.pages import MINIMAL, load

TWO_RATES = {
    "study": "rates",
    "question": "Does AFN beat BatchNorm and ASRNorm, whatever the rate?",
    "seeds": 8,
    "base": {"task": "digits8x8", "backbone": "resnet8"},
    "experiments": {
        "rates": {
            "factors": {
                "backbone": ["convnet_small", "resnet8"],
                "norm": ["batch", "asr", "afn"],
                "recipe.lr": [0.001, 0.003],
            },
            "contrasts": [["afn", "batch"], ["afn", "asr"]],
        }
    },
    "plan": {"outcomes": ["clean", "shift"], "primary": ["rates"], "strict": False},
}


def reply(**fields) -> str:
    inputs = load(MINIMAL)
    inputs.decisions = [decision(**fields)]
    return answer.sentences(inputs)[0]


SAID = {
    "superior": "AFN is more accurate than BatchNorm on clean images",
    "inferior": "AFN is less accurate than BatchNorm",
    "equivalent": "AFN is equivalent to BatchNorm on clean images",
    "equivalent_on_average": "AFN is equivalent to BatchNorm on average, not on every backbone,",
    "non-inferior": "not worse than BatchNorm by more than the margin",
    "inconclusive": "AFN is undecided against BatchNorm",
    "cannot reject": "AFN is undecided against BatchNorm",
    "nothing to compare": "without a finished run to compare with BatchNorm",
    "not enough pairs": "not yet comparable with BatchNorm (too few pairs)",
}


@pytest.mark.parametrize(("verdict", "said"), SAID.items())
def test_the_reply_names_every_verdict_and_n(verdict, said):
    text = reply(verdict=verdict)
    assert said in text
    assert text.startswith("With n = 10 paired seeds")
    assert {v.value for v in Verdict} - {"undecided"} == SAID.keys()


def test_an_equivalence_on_average_says_what_it_is_the_mean_of():
    estimates = {"convnet_small": 0.654, "resnet8": -0.62}
    text = reply(verdict="equivalent_on_average", heterogeneity={"estimates": estimates})
    assert "not on every backbone (convnet_small +0.65 and resnet8 \u22120.62), on clean" in text


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (
            ["equivalent"] * 3,
            "none of its three primary comparisons with BatchNorm is AFN shown to be ",
        ),
        (
            ["superior"] * 2,
            "in all of its two primary comparisons with BatchNorm, AFN is more accurate.",
        ),
        (
            ["superior", "inferior"],
            "in one of its two primary comparisons with BatchNorm, AFN is more accurate",
        ),
        (["superior", "inferior"], "it is less accurate in one."),
        (
            ["non-inferior", "equivalent", "undecided", "cannot reject", "not enough pairs"],
            "alike within the margin or not worse in two and open in three.",
        ),
        (["inconclusive", "superior"], "it is open in one."),
    ],
)
def test_the_first_sentence_counts(verdicts, said):
    inputs = load(MINIMAL)
    inputs.decisions = [decision(verdict=verdict) for verdict in verdicts]
    assert said in answer.sentences(inputs)[0]


def test_what_is_counted_as_better_says_how_much_is_below_the_margin():
    inputs = load(MINIMAL)
    small = decision(verdict="superior", below_margin=True)
    inputs.decisions = [decision(verdict="superior"), small]
    assert "more accurate (one by less than the margin)." in answer.sentences(inputs)[0]


def test_a_difference_below_the_margin_is_said_to_be():
    assert "more accurate than BatchNorm, by less than the margin," in reply(below_margin=True)


def test_a_difference_that_only_the_t_test_finds_says_so_in_the_first_sentence():
    few = {"test": "exact sign-flip", "p": 0.125, "smallest_p": 0.125}
    text = reply(n=4, sensitivity=few)
    assert text.startswith("With n = 4 paired seeds and by the t-test alone, AFN is more accurate")
    inputs = load(MINIMAL)
    inputs.decisions = [decision(n=4, sensitivity=few)]
    assert "cannot go below p = 0.12" in answer.sentences(inputs)[1]
    assert phrases.verdict(inputs.decisions[0]) == "superior (t-test alone)"
    assert "t-test alone" not in reply()
    assert "cannot go below" not in answer.sentences(load(MINIMAL))[1]


def test_what_is_said_beside_a_verdict_stands_in_one_pair_of_brackets():
    few = {"test": "exact sign-flip", "p": 0.125, "smallest_p": 0.125}
    d = decision(n=4, sensitivity=few)
    assert phrases.verdict(d, "exploratory") == "superior (t-test alone; exploratory)"
    assert phrases.verdict(decision(), "exploratory") == "superior (exploratory)"


def test_at_two_rates_every_sentence_table_and_note_says_which():
    inputs = load(TWO_RATES, diverged=[("resnet8", "afn", 1)])
    said = report_page._spoken(inputs)["primary"]
    assert len(said) == len(set(said)) == 2 * 2 * 2
    assert all(("lr 0.001" in text) != ("lr 0.003" in text) for text in said)
    primary = [d for d in inputs.decisions if d.primary]
    shown = verdicts(inputs, primary)
    recipes = [row[shown.heads.index("recipe")] for row in shown.rows]
    assert recipes == [inputs.recipe_name(d.recipe) for d in primary]
    assert set(recipes) == {"lr 0.001", "lr 0.003"}
    notes = report_page._notes(inputs)
    assert notes
    assert all("lr 0.00" in note for note in notes)
    told = " ".join(answer.sentences(inputs) + answer.after(inputs))
    assert not re.search(r"\)\s*\(", told)


def test_equivalent_with_an_interval_beside_zero_is_perhaps_not_zero():
    away = {"verdict": "equivalent", "ci_equivalence": [0.1, 0.8]}
    assert "smaller than the margin, though perhaps not zero" in reply(**away)
    assert phrases.verdict(decision(**away)) == "equivalent, perhaps not zero"
    over = {"verdict": "equivalent", "ci_equivalence": [-0.1, 0.8]}
    assert "perhaps" not in reply(**over)
    assert phrases.verdict(decision(**over)) == "equivalent"


def test_n_is_the_decisions_not_the_plans():
    inputs = load(MINIMAL, missing=[("resnet8", "afn", 1)])
    assert inputs.study.seeds == list(range(6))
    assert "n = 5 paired seeds" in answer.sentences(inputs)[0]


def test_adjusted_is_said_only_where_something_was():
    assert phrases.p(decision()) == "p = 0.020"
    assert phrases.p(decision(family_size=3, p_adjusted=0.06)) == "adjusted p = 0.060"


@pytest.fixture(scope="module")
def rates():
    return load(TWO_RATES)


def test_every_declared_contrast_stands_in_the_board_at_both_rates(rates):
    table = board(rates)
    wanted = {
        (a, b, recipe, outcome)
        for a, b in TWO_RATES["experiments"]["rates"]["contrasts"]
        for recipe in {c.recipe for c in rates.study.cells()}
        for outcome in ("clean", "shift")
    }
    rows = table.frame.to_dict("records")
    assert {(r["a"], r["b"], r["recipe"], r["outcome"]) for r in rows} == wanted
    assert len(rows) == len(wanted) == 8
    of = {(d.a, d.b, d.recipe, d.outcome): d for d in rates.decisions if d.backbone == "pooled"}
    where = table.heads.index("recipe")
    for row, shown in zip(rows, table.rows, strict=True):
        d = of[row["a"], row["b"], row["recipe"], row["outcome"]]
        assert (row["estimate"], row["verdict"], row["n"]) == (d.estimate, d.verdict.value, d.n)
        lr = next(c for c in rates.study.cells() if c.recipe == d.recipe)
        assert shown[where].endswith(f"lr {lr.settings['recipe']['lr']:g}")
        assert shown[table.verdict - 1] == mark(d.verdict)
        assert formatting.signed(d.estimate) in shown


def test_the_board_leads_to_rows_that_are_there(default):
    table = board(default.inputs)
    ids = re.findall(r'id="(row-[0-9a-f]+)"', default.html)
    assert len(ids) == len(set(ids))
    for link in table.links:
        assert link.removeprefix("#") in ids
        assert f'href="{link}"' in default.html
    top = default.html[default.html.index('id="answer"') : default.html.index('id="reading"')]
    assert 'id="table-board"' in top


def test_what_is_not_primary_is_marked_in_the_board(default):
    table = board(default.inputs)
    own = declared(default.inputs)
    assert any(not d.primary for d in own)
    for d, row in zip(own, table.rows, strict=True):
        assert ("exploratory" in row[table.verdict]) == (not d.primary)
    assert {d.experiment for d in own} == {"normalizations", "residual_fusion", "tuned"}
    assert sum((d.a, d.b) == ("afn", "asr") for d in own if d.primary) == 2


def test_the_board_names_the_backbone_of_a_comparison_where_they_differ(default):
    table = board(default.inputs)
    where = table.heads.index("on")
    shown = {row[where] for row in table.rows}
    assert shown == {"2 backbones", "resnet8"}
    assert "on" not in board(load(MINIMAL)).heads


def test_a_baseline_without_statistics_to_choose_is_told_apart(default):
    text = without_choice(default.inputs, answer.of_subject(default.inputs))
    assert text.startswith("ASRNorm has no such choice: it normalises every image by itself")
    results, means = default.inputs.tested, []
    for norm, protocol in (("afn", "test_batch"), ("asr", "any")):
        own = (results["norm"] == norm) & (results["protocol"] == protocol)
        own &= (results["condition"] != "clean") & (results["recipe"] == "plain")
        rows = results[own & (results["split"] == "test")]
        means.append(rows.groupby(["backbone", "seed", "condition", "severity"])["accuracy"].mean())
    a, b = (f"{m.groupby(level=[0, 1]).mean().mean():.1f} %" for m in means)
    assert f"With test-batch statistics AFN reaches {a} on shifted images, ASRNorm {b}:" in text
    assert text in default.html.replace("&#39;", "'")
    minimal = load(MINIMAL)
    assert without_choice(minimal, answer.of_subject(minimal)) == ""


def test_the_answer_is_short(default):
    short, first, statistics, scope = answer.sentences(default.inputs)
    assert short.startswith("In short: in ")
    assert len(short.split()) < 40
    assert "BatchNorm" in first
    assert "ASRNorm" in first
    assert statistics.startswith("Switching the same trained BatchNorm networks from running")
    assert sum(len(text.split()) for text in answer.after(default.inputs)) <= answer.WORDS
    assert "these test images" in scope


def test_the_second_sentence_says_what_the_intervals_are_about():
    inputs = load(MINIMAL)
    alike = decision(target="images_like_these", images=360)
    here = decision(target="these_images", images=360)
    said = {}
    for name, own in {"alike": [alike], "here": [here], "both": [here, alike, alike]}.items():
        inputs.decisions = own
        said[name] = answer.sentences(inputs)[-1]
    assert said["alike"].startswith("The intervals are over seeds and images, for images like")
    assert "for images like these 360" in said["alike"]
    assert said["here"] == "The intervals are over seeds, on these 360 test images."
    assert (
        "over seeds and images, for images like these 360 (2 of 3), or over seeds, on these 360 "
        "test images (1 of 3)"
    ) in said["both"]


def test_a_difference_of_the_other_sign_on_a_backbone_is_told():
    estimates = {"estimates": {"resnet8": 0.9, "convnet_small": -0.3}, "p": 0.5, "F": 1.0}
    fields = {"heterogeneity": estimates, "intervals_by_backbone": {"resnet8": [0.1, 1.7]}}
    assert "but of the other sign on" in reply(**fields)
    assert "0.30" in reply(**fields)
    assert "other sign" not in reply(**fields | {"intervals_by_backbone": {}})


def test_equal_differences_have_an_interval_over_images_only():
    equal = [{"unit": seed, "a": 1.0, "b": 0.5, "difference": 0.5} for seed in range(4)]
    over_seeds = decision(differences=equal, target="these_images")
    assert phrases.interval(over_seeds) == "the same difference in 4 pairs"
    over_both = decision(differences=equal, target="images_like_these", images=360)
    assert phrases.interval(over_both) == formatting.interval([0.1, 0.9])
