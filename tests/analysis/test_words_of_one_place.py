"""Verdicts and names are taken apart, and put into words, in one place each."""

from __future__ import annotations

import ast

import pytest

from afn.study.parts.names import AND, AT, OF, Arm, Factor
from analysis.decisions.decision import Decision
from analysis.stats.verdict import Verdict
from tests.analysis.conftest import ROOT

OF_VERDICTS = {
    "analysis/stats/verdict.py",  # the list
    "analysis/display/glossary.py",  # explains them
    # Verdicts on printed numbers are another list.
    "analysis/stats/replication.py",
    "analysis/published/judging.py",
    "analysis/display/paper_names.py",
    "analysis/figures/published.py",
    # How a comparison of a simulated study can end: another list, which knows futility.
    "analysis/stats/sequential/design.py",
    "analysis/decisions/waves/expected.py",
}
OF_NAMES = {
    "afn/study/parts/names.py",  # defines both signs
    "analysis/display/paper_names.py",  # the paper's own "method + method"
    "afn/study/plan/pilot.py",
}
SEPARATING = {"partition", "rpartition", "split", "rsplit"}


def files():
    for room in ("analysis", "afn", "workflow"):
        for file in sorted((ROOT / room).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def test_a_verdict_and_an_arm_are_no_text():
    assert not issubclass(Verdict, str)
    assert not issubclass(Arm, str)
    assert Decision.__dataclass_fields__["verdict"].type == "Verdict"


def test_words_of_verdicts_are_literals_in_few_files():
    words = {v.value for v in Verdict}
    found = {}
    for name, tree in files():
        used = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)} & words
        if used and name not in OF_VERDICTS:
            found[name] = sorted(used)
    assert not found, "use Verdict; words are made in analysis/decisions/words/verdicts.py"


def taken_apart(sign: str) -> list[tuple[str, int]]:
    """Where a text is separated at a sign: files and lines."""
    return [
        (name, node.lineno)
        for name, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in SEPARATING
        and any(isinstance(a, ast.Constant) and a.value == sign for a in node.args)
    ]


@pytest.mark.parametrize("sign", [AND, AT])
def test_names_are_taken_apart_in_one_place(sign):
    found = [f"{name}:{line}" for name, line in taken_apart(sign) if name not in OF_NAMES]
    assert not found, "use Arm.parse, parse_part, AND or AT of afn/study/parts/names.py"


def test_factors_are_taken_apart_in_one_place():
    """Other texts with dots are names of modules, places in a file, and numbers."""
    apart = {"afn/study/code/modules.py", "afn/study/parts/catalogue.py", "afn/study/loading.py"}
    apart |= {"analysis/standalone/names.py", *OF_NAMES}
    rooms = ("afn/study/", "afn/search/", "analysis/")
    found = {name for name, _ in taken_apart(OF) if name.startswith(rooms) and name not in apart}
    assert not found, "use Factor.parse of afn/study/parts/names.py"


@pytest.mark.parametrize(
    ("text", "part", "option", "short"),
    [("norm", "norm", None, "norm"), ("norm.lambda_init", "norm", "lambda_init", "lambda_init")],
)
def test_a_factor_is_read_back(text, part, option, short):
    factor = Factor.parse(text)
    assert not isinstance(factor, str)
    assert (*factor, factor.short, str(factor)) == (part, option, short, text)


@pytest.mark.parametrize("text", ["batch", "afn+residual=off", "afn+residual=off@test_batch"])
def test_an_arm_is_read_back(text):
    assert str(Arm.parse(text)) == text
    assert Arm.parse(text).method == text.partition("+")[0].partition("@")[0]
