"""Labels, numbers, LaTeX, and the three sentences."""

from __future__ import annotations

import doctest
import json
import re

import pytest

from analysis.display import formatting, latex, naming, phrases
from analysis.report import answer
from tests.analysis.pages import HOSTILE, MINIMAL, default_document, load


def test_doctests():
    for module in (naming, formatting, phrases):
        failed, tried = doctest.testmod(module)
        assert tried >= 1
        assert failed == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.0, "+1.00"),
        (-0.004, "0.00"),
        (-1.236, "\u22121.24"),
        (None, "\u2013"),
        (float("nan"), "\u2013"),
    ],
)
def test_signed(value, shown):
    assert formatting.signed(value) == shown


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.0004, "p < 0.001"), (0.0123, "p = 0.012"), (0.2, "p = 0.20"), (1, "p > 0.99")],
)
def test_p_equation(p, shown):
    assert formatting.p_equation(p) == shown


def test_unknown_names_stay_readable():
    assert naming.arm("mylab.norms:Fancy+depth=3@test_batch") == "Fancy, depth 3 (test batch)"
    assert naming.outcome("severity_5") == "severity 5"


def test_latex_escape_leaves_nothing_live():
    every = "".join(map(chr, range(32, 127))) + HOSTILE + "\n\u2212\u00b1\u03bb\u4e2d\u00e9"
    text = latex.escape(every)
    bare = re.sub(r"\\[&%$#_{}]|\\[a-z]+\{\}|\$[^$]*\$|\{[\[\]]\}", "", text)
    assert not re.search(r"[&%$#_{}~^\\<>|\n]", bare)
    assert "\u4e2d" not in text
    assert "\u00e9" in text


def test_latex_rows_have_all_columns():
    text = latex.table(
        ["a & b", "c"],
        [["1_2", "[x]"], ["3", "4%"]],
        align="lr",
        caption="50 % & more",
        label="t_1",
    )
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [1, 1, 1]
    assert r"\label{tab:t-1}" in text
    assert r"\caption{50 \% \& more}" in text
    assert text.count(r"\begin") == text.count(r"\end") == 2


def decision(**fields) -> dict:
    base = {
        "experiment": "e",
        "task": "digits8x8",
        "recipe": "plain",
        "outcome": "clean",
        "a": "afn",
        "b": "batch",
        "backbone": "pooled",
        "primary": True,
        "estimate": 0.5,
        "ci": [0.1, 0.9],
        "p_adjusted": 0.02,
        "n": 10,
        "margin": 1.0,
        "mde": 0.6,
        "alpha": 0.05,
        "paired_by": "seed",
        "verdict": "superior",
        "target": "images_like_these",
        "images": 360,
    }
    return base | fields


@pytest.fixture(scope="module")
def tiny():
    return load(MINIMAL)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("superior", "AFN is more accurate than BatchNorm by 0.50 points"),
        ("superior, below the margin", "less than the margin of 1 point"),
        ("inferior", "AFN is less accurate than BatchNorm by 0.50 points"),
        ("equivalent", "AFN and BatchNorm are equivalent within the margin of 1 point"),
        ("equivalent_on_average", "equivalent within the margin of 1 point on average over the"),
        ("non-inferior", "it stays open whether it is better"),
        ("inconclusive", "it stays open whether AFN or BatchNorm is better"),
        (
            "cannot reject with 4 seeds",
            "open whether AFN or BatchNorm is better, and 10 seeds are too",
        ),
        ("nothing to compare", "nothing to compare: every run of AFN and of BatchNorm diverged"),
        ("not enough pairs", "not yet enough pairs"),
    ],
)
def test_clause_of_every_verdict(tiny, verdict, said):
    text = answer.clause(tiny, decision(verdict=verdict))
    assert said in text
    assert text.startswith("on clean images ")
    if not verdict.startswith("not"):
        numbers = "+0.10 to +0.90, adjusted p = 0.020, n = 10 paired seeds"
        assert f"{numbers}, for images like these 360" in text


def test_inconclusive_says_what_could_have_been_found(tiny):
    assert "0.60 points would have been found with 80 % power" in answer.clause(
        tiny, decision(verdict="inconclusive")
    )


def test_answer_carries_the_decisions_numbers(default):
    sentences = answer.sentences(default.inputs)
    assert len(sentences) == 3
    own = {(d["a"], d["b"], d["outcome"]): d for d in answer.family_of(default.inputs)}
    for a, b, sentence in (
        ("afn", "batch", sentences[0]),
        ("afn@test_batch", "batch@test_batch", sentences[1]),
    ):
        for outcome in ("clean", "shift"):
            d = own[a, b, outcome]
            assert formatting.number(abs(d["estimate"])) in sentence
            assert formatting.interval_words(d["ci"]) in sentence
            assert formatting.p_equation(d["p_adjusted"]) in sentence
    change = own["batch@test_batch", "batch", "shift"]
    assert formatting.number(abs(change["estimate"])) in sentences[2]
    parts = change["estimate"], own["afn@test_batch", "batch@test_batch", "shift"]["estimate"]
    total = round(parts[0], 2) + round(parts[1], 2)
    assert f"would show {formatting.signed(total)} points" in sentences[2]


def test_answer_of_one_comparison(minimal):
    assert len(answer.sentences(minimal.inputs)) == 1
    assert "one primary comparison" in answer.tally(minimal.inputs)


def test_answer_without_comparisons():
    study = json.loads(json.dumps(MINIMAL))
    study["experiments"]["only"].pop("contrasts")
    study["plan"] = {"outcomes": ["clean"]}
    assert "declares no comparison" in answer.sentences(load(study))[0]


def test_tally_counts_runs_and_verdicts():
    inputs = load(default_document(), missing=[("resnet8", "asr", 0)])
    text = answer.tally(inputs)
    # Both the plain and the tuned network of this norm and seed.
    assert "298 runs that exist (of 300 declared)" in text
    assert "none of" in text
    assert "Of the 14 primary comparisons" in text
