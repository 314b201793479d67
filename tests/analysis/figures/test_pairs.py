"""What stands below a panel of pairs, and the short words beside one."""

from __future__ import annotations

import pytest

from analysis.decisions.words import phrases
from analysis.figures.forest import signs
from analysis.figures.pairs import agreement
from tests.analysis.made_decisions import decision
from tests.analysis.pages import MINIMAL, load


def of(*values: float, **fields):
    pairs = [{"unit": i, "a": 90 + x, "b": 90.0, "difference": x} for i, x in enumerate(values)]
    mean = sum(values) / len(values)
    return decision(**({"estimate": mean, "n": len(values), "differences": pairs} | fields))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.5, 0.2, -0.1, 0.0), "2 of 4 above zero"),
        ((-0.5, -0.2, -0.1), "3 of 3 below zero"),
        ((0.25, -0.25, 0.5, -0.5, 0.0), "mean zero: 2 up, 2 down of 5 seeds"),
        ((0.1, 0.2, -0.3), "mean zero: 2 up, 1 down of 3 seeds"),
    ],
)
def test_how_many_seeds_point_the_way_of_the_mean(values, said):
    assert agreement(of(*values)) == said


def test_pairs_that_are_equal_on_paper_have_no_difference():
    """Means over two backbones, summed in another order: 97.5 against 97.49999999999999."""
    study = load(MINIMAL)
    results = study.results.copy()
    own = (results["norm"] == "afn") & (results["seed"] == 3) & (results["condition"] == "clean")
    other = (
        (results["norm"] == "batch") & (results["seed"] == 3) & (results["condition"] == "clean")
    )
    results.loc[other & (results["split"] == "test"), "accuracy"] = 0.1 + 0.2
    results.loc[own & (results["split"] == "test"), "accuracy"] = 0.3
    from analysis.decisions.decide import decide

    for d in decide(results, study.study):
        assert d.differences[3]["difference"] == 0.0


def test_an_equivalence_beside_zero_says_so_beside_its_panel():
    away = of(0.4, 0.5, verdict="equivalent", ci_equivalence=[0.3, 0.6])
    over = of(0.4, 0.5, verdict="equivalent", ci_equivalence=[-0.3, 0.6])
    small = of(0.4, 0.5, verdict="superior", below_margin=True)
    assert phrases.beside_panel(away) == f"equivalent, {phrases.NOT_ZERO}"
    assert phrases.beside_panel(over) == "equivalent"
    told = ["small: below the margin", f"{phrases.NOT_ZERO}: perhaps not zero"]
    assert signs([away, small]) == told
    assert signs([over]) == []
