"""What must hold for any scores: order, shift, mirror, divergence, agreement of all forms."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.decisions.contrast import Comparison, Rules, decide_all
from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting
from analysis.results.scores import ArmScores
from analysis.stats.verdict import Verdict
from tests.analysis.small_study import small_study
from tests.analysis.synthetic import draw_results
from tests.drawing import examples

CHANCE = 10.0
right = st.integers(min_value=36, max_value=360)


@st.composite
def two_arms(draw, backbones=("one", "two"), least=2):
    """Scores of two arms: counts out of 360, the same seeds on every backbone."""
    n = draw(st.integers(min_value=least, max_value=11))
    return {
        b: tuple(np.array(draw(st.lists(right, min_size=n, max_size=n))) / 3.6 for _ in "ab")
        for b in backbones
    }


def compare(arms, *, swap=False, diverged=(), order=None, estimand="these_backbones", m=1):
    """Decide one contrast; ``diverged`` holds (backbone, arm, seed)."""
    sides = []
    for side in (0, 1):
        scores = {}
        for b, pair in arms.items():
            fell = frozenset(s for where, arm, s in diverged if (where, arm) == (b, side))
            values = dict(enumerate(pair[side].tolist())) | dict.fromkeys(fell, CHANCE)
            scores[b] = ArmScores(values, fell)
        sides.append(scores)
    names = ["afn", "batch"]
    if swap:
        sides.reverse()
        names.reverse()
    n = len(next(iter(arms.values()))[0])
    comparison = Comparison(
        experiment="e",
        task="t",
        outcome="clean",
        a=names[0],
        b=names[1],
        backbone="pooled",
        primary=True,
        estimand=estimand,
        family="primary",
        seeds=tuple(order if order is not None else range(n)),
        scores_a=sides[0],
        scores_b=sides[1],
    )
    return decide_all([comparison] * m, Rules(margin=5.0))[0]


def same(x, y):
    return x == pytest.approx(y, rel=1e-6, abs=1e-7, nan_ok=True)


@given(two_arms(), st.randoms())
@settings(max_examples=examples(60))
@pytest.mark.seconds
def test_the_order_of_seeds_changes_nothing(arms, random):
    n = len(arms["one"][0])
    order = list(range(n))
    random.shuffle(order)
    before, after = compare(arms), compare(arms, order=order)
    for name in ("estimate", "p", "ci", "ci_simultaneous", "d_z", "variance_ratio", "mde"):
        assert same(getattr(after, name), getattr(before, name))
    assert after.verdict == before.verdict
    assert same(after.sensitivity["p"], before.sensitivity["p"])


@given(two_arms(), st.integers(min_value=-40, max_value=40))
@settings(max_examples=examples(60))
def test_a_constant_added_to_both_arms_changes_no_p(arms, constant):
    moved = {b: (x + constant / 8, y + constant / 8) for b, (x, y) in arms.items()}
    before, after = compare(arms), compare(moved)
    assert same(after.p, before.p)
    assert same(after.sensitivity["p"], before.sensitivity["p"])
    assert same(after.estimate, before.estimate)
    assert same(after.mean_a, before.mean_a + constant / 8)


MIRROR = {Verdict.SUPERIOR: Verdict.INFERIOR, Verdict.INFERIOR: Verdict.SUPERIOR}
ALIKE = (Verdict.EQUIVALENT, Verdict.EQUIVALENT_ON_AVERAGE, Verdict.NOTHING_TO_COMPARE)


@given(two_arms(), st.booleans())
@settings(max_examples=examples(60))
def test_swapping_the_arms_mirrors_the_decision(arms, diverged):
    fell = [("one", 0, 0)] if diverged else []
    d, m = compare(arms, diverged=fell), compare(arms, diverged=fell, swap=True)
    assert same(m.estimate, -d.estimate)
    assert same(m.p, d.p)
    assert same(m.ci, (-d.ci[1], -d.ci[0]))
    assert same(m.d_z, -d.d_z)
    assert same(m.improvement["estimate"], 1 - d.improvement["estimate"])
    assert same(m.a12, 1 - d.a12)
    assert m.diverged == {"a": d.diverged["b"], "b": d.diverged["a"]}
    assert m.below_margin == d.below_margin
    if d.verdict in MIRROR:
        assert m.verdict is MIRROR[d.verdict]
    elif d.verdict in ALIKE:
        assert m.verdict is d.verdict
    else:
        open_ended = {Verdict.NON_INFERIOR, Verdict.INCONCLUSIVE, Verdict.CANNOT_REJECT}
        open_ended |= {Verdict.NOT_ENOUGH_PAIRS} if d.n < 3 else set()
        assert {d.verdict, m.verdict} <= open_ended


@given(two_arms(), st.data())
@settings(max_examples=examples(60))
def test_a_diverged_run_never_improves_its_arm(arms, data):
    """Scores lie at or above the declared value; one more run of arm a diverges."""
    n = len(arms["one"][0])
    place = st.tuples(st.sampled_from(["one", "two"]), st.just(0), st.integers(0, n - 1))
    first, second = data.draw(place), data.draw(place)
    before, after = compare(arms, diverged=[first]), compare(arms, diverged=[first, second])
    clean = compare(arms)
    for earlier, later in ((clean, before), (before, after)):
        assert later.estimate <= earlier.estimate + 1e-9
        assert later.mean_a <= earlier.mean_a + 1e-9
        assert later.improvement["estimate"] <= earlier.improvement["estimate"] + 1e-9
        assert later.a12 <= earlier.a12 + 1e-9
    # Under the same test its interval moves down and the case for it becomes no stronger.
    assert after.ci[0] <= before.ci[0] + 1e-9
    assert after.ci[1] <= before.ci[1] + 1e-9
    if after.estimate > 0:
        assert after.p >= before.p - 1e-9


@given(two_arms(least=2))
@settings(max_examples=examples(60))
@pytest.mark.seconds
def test_a_decision_keeps_its_promises(arms):
    """Estimate inside its interval, the wider interval outside, p and interval agree."""
    for estimand in ("these_backbones", "population_of_backbones"):
        d = compare(arms, m=3, estimand=estimand)
        assert d.ci[0] - 1e-9 <= d.estimate <= d.ci[1] + 1e-9
        assert d.ci[0] < d.ci[1]
        # Pairs that agree so well that the interval has no width have none.
        known = math.isfinite(d.ci[0])
        if known:
            assert d.ci_simultaneous[0] <= d.ci[0] + 1e-9
            assert d.ci_simultaneous[1] >= d.ci[1] - 1e-9
        assert d.ci_equivalence[0] >= d.ci[0] - 1e-9
        assert d.p_adjusted >= d.p - 1e-12
        excludes_zero = d.ci[0] > 1e-9 or d.ci[1] < -1e-9
        if known and abs(d.p - d.alpha) > 1e-6 and d.p > 0:
            assert excludes_zero == (d.p < d.alpha)
        if known and d.verdict in ("superior", "inferior"):
            assert excludes_zero
        if d.verdict is Verdict.EQUIVALENT:
            assert d.ci_equivalence[0] > -5
            assert d.ci_equivalence[1] < 5


@given(two_arms(least=1))
@settings(max_examples=examples(40))
def test_sentence_row_and_dict_agree(arms):
    d = compare(arms, m=4)
    values = json.loads(json.dumps(d.to_dict(), allow_nan=False))
    assert Decision.from_dict(values).to_dict() == values
    row, text = d.row(), d.sentence()
    assert row["verdict"] == verdict_of(d)
    assert f": {phrases.verdict(d)};" in text
    assert row["n"] == str(values["n"])
    if d.n < 2:
        assert values["p"] is None
        assert values["ci"] == [None, None]
    if d.n < 3:
        assert values["verdict"] == Verdict.NOT_ENOUGH_PAIRS.value
        return
    assert row["difference"] == formatting.signed(values["estimate"])
    assert f"difference {row['difference']} points" in text
    shown = re.search(r"difference ([+\u2212]?[\d.]+) points", text).group(1)
    number = float(shown.replace("\u2212", "-"))
    assert number == pytest.approx(values["estimate"], abs=0.0050001)
    assert row["interval"] == phrases.interval(d)
    assert formatting.p_equation(values["p"]) in text
    assert formatting.p_equation(values["p_adjusted"]) in text
    assert f"n = {values['n']} " in text


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.seconds
def test_the_order_of_rows_changes_nothing(seed):
    from analysis.decisions.decide import decide
    from analysis.decisions.factor_analyses import ablations

    study = small_study(6)
    results = draw_results(study, rng_seed=seed, diverged=[("resnet8", "afn", 1)])
    mixed = results.sample(frac=1, random_state=seed)
    assert _rounded([d.to_dict() for d in decide(mixed, study)]) == _rounded(
        [d.to_dict() for d in decide(results, study)]
    )
    assert _rounded(ablations(mixed, study)) == _rounded(ablations(results, study))


def _rounded(value):
    """Sums in another order differ in the last bits."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return float(f"{value + 0.0:.6g}") + 0.0 if isinstance(value, float) else value


def test_every_field_is_documented_in_the_contract():
    """The fields that other people's scripts rely on."""
    text = """
    experiment task outcome a b backbone primary estimand n estimate ci ci_simultaneous test p
    p_adjusted family_size sensitivity d_z g_z improvement variance_ratio mde margin diverged
    verdict"""
    contract = text.split()
    names = [f.name for f in dataclasses.fields(Decision)]
    assert names[: len(contract)] == contract
    d = compare({"one": (np.array([90.0, 92.0, 95.0]), np.array([89.0, 91.0, 91.0]))})
    assert set(d.sensitivity) == {"test", "p", "smallest_p"}
    assert set(d.improvement) == {"estimate", "ci"}
    assert math.isfinite(d.g_z)
