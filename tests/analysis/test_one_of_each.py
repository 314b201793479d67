"""What is computed or drawn in several places is written in one, and the others call it."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import numpy as np
import pytest

from analysis.stats.sequential.eprocess import confidence_sequence, e_value, weigh
from analysis.stats.verdict import Verdict
from tests.analysis.conftest import ROOT

QUANTILES = {"isf", "ppf", "interval"}


@functools.cache
def tree(file: Path) -> list[ast.AST]:
    """Every node of a module."""
    return list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def calls(name: str) -> set[str]:
    """Modules of the analysis that call a function or method of this name."""
    return {
        str(file.relative_to(ROOT))
        for file in ROOT.joinpath("analysis").rglob("*.py")
        for node in tree(file)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", "") == name or getattr(node.func, "id", "") == name)
    }


def defined(name: str) -> set[str]:
    """Modules of the analysis that define a function of this name."""
    return {
        str(file.relative_to(ROOT))
        for file in ROOT.joinpath("analysis").rglob("*.py")
        for node in tree(file)
        if isinstance(node, ast.FunctionDef) and node.name == name
    }


def quantiles_of_t() -> set[str]:
    """Modules that ask scipy's Student t for a quantile: ``stats.t.isf``."""
    return {
        str(file.relative_to(ROOT))
        for file in ROOT.joinpath("analysis").rglob("*.py")
        for node in tree(file)
        if isinstance(node, ast.Attribute)
        and node.attr in QUANTILES
        and ast.unparse(node.value).rpartition("stats.")[2] == "t"
    }


def test_an_interval_of_t_is_made_in_one_place():
    assert quantiles_of_t() == {"analysis/stats/t_estimate.py"}


def test_e_values_are_judged_in_one_place():
    assert calls("e_value") == {"analysis/stats/sequential/eprocess.py"}
    assert calls("confidence_sequence") == {"analysis/stats/sequential/eprocess.py"}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("flat", "analysis/tables/decisions.py"),
        ("extent", "analysis/figures/drawing/rows.py"),
        ("points", "analysis/results/units.py"),
    ],
)
def test_one_function_of_a_kind(name, place):
    assert defined(name) | defined(f"_{name}") == {place}


def test_a_level_is_printed_in_one_place():
    written = {
        str(file.relative_to(ROOT))
        for file in ROOT.joinpath("analysis").rglob("*.py")
        if "100 * (1 - " in file.read_text(encoding="utf-8")
    }
    assert written == {"analysis/display/formatting.py"}


class TestEvidence:
    x = np.random.default_rng(5).normal(0.1, 1.0, 30)

    def test_it_rejects_where_the_e_value_reaches_what_is_needed(self):
        t = self.x.mean() * np.sqrt(30) / self.x.std(ddof=1)
        e = float(e_value(np.array(t), 30))
        better = Verdict.SUPERIOR if self.x.mean() > 0 else Verdict.INFERIOR
        for needed, verdict in ((e * 0.999, better), (e * 1.001, Verdict.UNDECIDED)):
            found = weigh(self.x, needed, alpha=0.05, margin=None)
            assert found.e == pytest.approx(e)
            assert found.verdict is verdict
        turned = weigh(-self.x, e * 0.999, alpha=0.05, margin=None, higher_is_better=False)
        assert turned.verdict is better

    def test_equivalent_is_what_lies_inside_the_margin_whole_and_in_each_part(self):
        low, high = confidence_sequence(self.x.mean(), self.x.std(ddof=1), 30, 0.1)
        margin = max(-low, high) * 1.001
        inside = weigh(self.x, 1e9, alpha=0.05, margin=margin)
        assert inside.interval_equivalence == pytest.approx((low, high))
        assert inside.verdict is Verdict.EQUIVALENT
        outside = weigh(self.x, 1e9, alpha=0.05, margin=margin * 0.99)
        assert outside.verdict is Verdict.UNDECIDED
        parts = [self.x, self.x + margin]
        apart = weigh(self.x, 1e9, alpha=0.05, margin=margin, parts=parts)
        assert apart.verdict is Verdict.UNDECIDED
        assert len(apart.intervals_by_part) == 2

    @pytest.mark.parametrize("x", [[], [1.0], [1.0, 2.0], [1.0, 1.0, 1.0]])
    def test_fewer_than_three_pairs_or_equal_ones_are_no_evidence(self, x):
        assert weigh(np.array(x), 20, alpha=0.05, margin=1.0) is None
