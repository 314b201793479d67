"""Labels, numbers, LaTeX, and the three sentences."""

from __future__ import annotations

import doctest
import json
import re

import pytest

from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.display.latex import text as latex
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
    # Letters that pdfLaTeX cannot print: themselves for the engines that can, else code points.
    foreign = r"\{\\ifdefined\\Umathchar \u4e2d\\else U\+4E2D\\fi\}"
    assert len(re.findall(foreign, text)) == text.count("\u4e2d") == 1
    own = r"\\[&%$#_{}]|\\[a-z]+\{\}|\$[^$]*\$|\{[\[\]]\}"
    bare = re.sub(f"{foreign}|{own}", "", text)
    assert not re.search(r"[&%$#_{}~^\\<>|\n]", bare)
    assert "\u00e9" in text


def test_answer_of_one_comparison(minimal):
    assert len(answer.sentences(minimal.inputs)) == 2
    assert "one primary comparison" in answer.tally(minimal.inputs)


def test_answer_without_comparisons():
    study = json.loads(json.dumps(MINIMAL))
    study["experiments"]["only"].pop("contrasts")
    study["plan"] = {"outcomes": ["clean"]}
    assert "declares no comparison" in answer.sentences(load(study))[0]


@pytest.mark.seconds
def test_tally_counts_runs_and_verdicts():
    inputs = load(default_document(), missing=[("resnet8", "asr", 0)])
    text = answer.tally(inputs)
    assert "289 runs that exist (of 290 declared)" in text
    assert "none of" in text
    assert "Of the 14 primary comparisons" in text
