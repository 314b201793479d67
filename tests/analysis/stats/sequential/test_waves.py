"""The family wave by wave: what freezes, what may still change, what is refused."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afn.common.errors import StudyError
from analysis.decisions.words.verdicts import followed
from analysis.stats.sequential import pvalues
from analysis.stats.sequential.calibration import LookSchedule, calibrate
from analysis.stats.sequential.records import Followed, Look, WavePlan
from analysis.stats.sequential.waves import Waves, _decided
from analysis.stats.verdict import Verdict
from tests.drawing import examples

LOOKS = (5, 10, 15, 20, 25, 30)
SHORT = (5, 10, 15)
WIDE = (-math.inf, math.inf)


def plan(*names, **options) -> WavePlan:
    options = {"looks": LOOKS, "margin": 1.0, "effect": 1.0} | options
    return WavePlan(comparisons={name: name for name in names}, **options)


def draw(seed=0, **means) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(mean, sd, LOOKS[-1]) for name, (mean, sd) in means.items()}


def run(p: WavePlan, data, *, until=99, diverged=lambda n: (), through_json=True) -> Waves:
    waves = Waves.begin(p)
    while not waves.over and waves.wave < until:
        n = p.looks[waves.wave]
        waves = waves.look({k: dict(enumerate(x[:n])) for k, x in data.items()}, diverged(n))
        if through_json:
            waves = Waves.from_dict(json.loads(json.dumps(waves.to_dict(), allow_nan=False)))
    return waves


FOUR = {"large": (2.0, 0.5), "none": (0.0, 0.8), "some": (0.5, 1.0), "wild": (0.3, 3.0)}


def test_a_family_is_decided_wave_by_wave():
    """Each ending once; JSON between the waves changes nothing."""
    data = draw(**FOUR)
    waves = run(plan(*FOUR), data)
    by_name = {c.name: c for c in waves.comparisons}
    assert [(followed(c), c.frozen, c.reason) for c in waves.comparisons] == [
        ("superior", 1, "difference"),
        ("equivalent", 2, "equivalence"),
        ("superior", 6, "difference"),
        ("undecided", 2, "futility"),
    ]
    assert waves == run(plan(*FOUR), data, through_json=False)
    assert waves.over
    assert waves.needed == []
    none = by_name["none"]
    low, high = none.looks[-1].interval_equivalence
    assert -1 < low < high < 1
    assert none.looks[0].interval_equivalence[0] < -1
    assert by_name["wild"].looks[-1].power < 0.1
    assert by_name["large"].estimate_median_unbiased == pytest.approx(data["large"][:5].mean())


def test_needed_names_what_is_still_trained():
    """Two outcomes of one pair of arms: its runs go on until both are settled."""
    data = draw(clean=(2.0, 0.5), shift=(0.5, 1.0), other=(4.0, 0.5))
    groups = {"clean": "a - b", "shift": "a - b", "other": "c - b"}
    p = WavePlan(LOOKS, groups, margin=1.0)
    first = run(p, data, until=1)
    assert [c.verdict for c in first.comparisons] == [Verdict.SUPERIOR, None, Verdict.SUPERIOR]
    assert first.needed == ["a - b"]


def test_decided_comparisons_do_not_look_at_later_pairs():
    """A shared baseline goes on: what is frozen stays, whatever its later pairs say."""
    data = draw(**FOUR)
    before = run(plan(*FOUR), data, until=2)
    ruined = {k: np.where(np.arange(30) < 10, x, -50.0) for k, x in data.items()}
    after = run(plan(*FOUR), ruined)
    for old, new in zip(before.comparisons, after.comparisons, strict=True):
        if old.verdict is not None:
            assert new == old


def look(wave: int, reached: float, estimate=1.0, **options) -> Look:
    n = LOOKS[wave - 1]
    given = {"interval": WIDE, "interval_family": WIDE, "interval_equivalence": WIDE}
    return Look(wave, n, "paired t", estimate, 1.0, reached, reached, 0.0, **(given | options))


def test_a_later_rejection_elsewhere():
    """Holm's level rises from .025 to .05: a frozen p of .03 is then enough."""
    p = plan("late", "frozen", "same", futility=False, margin=None)
    for verdict, words in (
        (Verdict.UNDECIDED, "inferior"),
        (Verdict.EQUIVALENT, "inferior, below the margin"),
        (Verdict.NON_INFERIOR, "inferior, below the margin"),
    ):
        frozen = Followed(
            "frozen", "frozen", (look(1, 0.03, -1.0), look(2, 0.9)), {}, verdict, frozen=2
        )
        two = dataclasses.replace(p, comparisons={"late": "late", "frozen": "frozen"})
        late = Followed("late", "late", (look(1, 0.5), look(2, 0.4), look(3, 0.001)))
        same, found = _decided(two, [late, frozen], 3)
        assert (same.verdict, same.frozen) == (Verdict.SUPERIOR, 3)
        assert followed(found) == words
        assert (found.crossed, found.frozen, found.rejected_later) == (1, 2, 3)
        assert found.looks == frozen.looks
        assert found.p == 0.03
        # Without that rejection nothing changes.
        late = dataclasses.replace(late, looks=late.looks[:2])
        assert _decided(two, [late, frozen], 3)[1] == frozen


def test_superior_never_changes_again():
    done = Followed("a", "a", (look(1, 1e-4),), {}, Verdict.SUPERIOR, frozen=1, crossed=1)
    other = Followed("b", "b", (look(1, 1.0), look(2, 1e-5)))
    assert _decided(plan("a", "b"), [done, other], 2)[0] == done


def test_rejected_by_an_earlier_look_while_open():
    """Holm's level reaches a level that was crossed before: that look is named."""
    other = Followed("b", "b", (look(1, 1.0), look(2, 1e-5)))
    waiting = Followed("a", "a", (look(1, 0.04, -1.0), look(2, 0.3, 0.1)))
    found = _decided(plan("a", "b", margin=None), [waiting, other], 2)[0]
    assert (found.verdict, found.frozen, found.crossed) == (Verdict.INFERIOR, 2, 1)
    assert found.estimate_median_unbiased == pytest.approx(-1.0)


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_changed_past_is_refused(change):
    data = draw(**FOUR)
    waves = run(plan(*FOUR), data, until=1)
    pairs = {k: dict(enumerate(x[:10])) for k, x in data.items()}
    if change == "gone":
        del pairs["some"][2]
    else:
        pairs["some"][2] += 1e-9
    with pytest.raises(StudyError, match=r"some: .*pair 2"):
        waves.look(pairs)


def test_no_look_beyond_the_plan():
    data = draw(some=(0.0, 1.0))
    p = plan("some", futility=False, margin=None, effect=None)
    waves = run(p, data)
    assert (waves.wave, waves.comparisons[0].verdict) == (6, Verdict.UNDECIDED)
    with pytest.raises(StudyError, match="all 6 planned looks are over"):
        waves.look({"some": dict(enumerate(data["some"]))})


def test_futility_is_asked_from_the_second_look():
    data = draw(wild=(0.0, 30.0))
    waves = run(plan("wild"), data)
    (c,) = waves.comparisons
    assert c.looks[0].power < 0.1
    assert (c.verdict, c.reason, c.frozen) == (Verdict.UNDECIDED, "futility", 2)
    off = run(plan("wild", futility=False), data)
    assert off.comparisons[0].frozen == 6


def test_missing_pairs_have_boundaries_of_their_own():
    """Nine pairs at the second look; no new pair at the third: no look."""
    d = draw(some=(0.4, 1.0))["some"]
    waves = Waves.begin(plan("some", margin=None, effect=None, futility=False))
    for n in (5, 9, 9, 20):
        waves = waves.look({"some": dict(enumerate(d[:n]))})
    (c,) = waves.comparisons
    assert [(x.wave, x.n) for x in c.looks] == [(1, 5), (2, 9), (4, 20)]
    planned = calibrate(LookSchedule(LOOKS)).planned
    assert c.looks[1].reached != pytest.approx(float(planned.level(1, c.looks[1].p)), rel=1e-4)


def test_divergence_switches_to_the_sign_flip():
    d = draw(a=(3.0, 0.5))["a"]
    d[12] = 60.0
    p = plan("a", margin=None, effect=None, futility=False, alpha=0.05 / 14)
    waves = run(p, {"a": d}, diverged=lambda n: ("a",) if n > 12 else ())
    (c,) = waves.comparisons
    assert c.looks[0].test == "paired t"
    assert c.verdict is Verdict.SUPERIOR
    always = run(p, {"a": d}, diverged=lambda n: ("a",))
    (c,) = always.comparisons
    assert [x.test for x in c.looks] == ["exact sign-flip"] * 3
    assert [x.smallest_p for x in c.looks] == [2.0**-4, 2.0**-9, 2.0**-14]
    assert c.looks[1].interval == WIDE
    assert (c.verdict, c.frozen, c.looks[-1].n) == (Verdict.SUPERIOR, 3, 15)


def test_equal_differences_have_no_t():
    waves = run(plan("a", margin=None, effect=None, futility=False), {"a": np.full(30, 0.5)})
    (c,) = waves.comparisons
    assert c.looks[0].test == "exact sign-flip"
    assert c.verdict is Verdict.SUPERIOR


def test_lower_is_better():
    data = draw(loss=(-2.0, 0.5))
    assert (
        run(plan("loss", higher_is_better=False), data).comparisons[0].verdict is Verdict.SUPERIOR
    )


def test_non_inferior_at_the_end_or_as_the_aim():
    data = draw(a=(0.9, 1.4), seed=4)
    p = plan("a", futility=False, margin=0.8, alpha=0.001)
    assert run(p, data).comparisons[0].verdict is Verdict.NON_INFERIOR
    aim = run(dataclasses.replace(p, stop_at_non_inferior=True, alpha=0.05), data)
    assert aim.comparisons[0].reason in ("non-inferiority", "difference")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"margin": None, "effect": None}, "futility asks"),
        ({"alpha": 0.7}, "alpha"),
        ({"margin": -1.0}, "margin"),
    ],
)
def test_plans_that_are_refused(options, told):
    with pytest.raises(StudyError, match=told):
        plan("a", **options)


small = st.floats(1e-6, 1.0)


@given(st.lists(small, min_size=1, max_size=8))
@settings(max_examples=examples(60))
def test_holm_is_the_textbooks(p):
    """Step by step, and the level of every member agrees with its rejection."""
    p = np.array(p)
    adjusted, level = pvalues.holm(p), pvalues.holm_level(p, 0.05)
    rejected, left = set(), list(np.argsort(p, kind="stable"))
    while left and p[left[0]] <= 0.05 / len(left):
        rejected.add(left.pop(0))
    assert {i for i in range(len(p)) if adjusted[i] <= 0.05} == rejected
    assert {i for i in range(len(p)) if p[i] <= level[i]} == rejected


@given(st.lists(small, min_size=2, max_size=8), st.integers(0, 7), st.floats(0.01, 1.0))
@settings(max_examples=examples(60))
def test_more_evidence_never_hurts_anybody(p, which, factor):
    """A smaller sequential p lowers every adjusted p."""
    p = np.array(p)
    stronger = p.copy()
    stronger[which % len(p)] *= factor
    assert np.all(pvalues.holm(stronger) <= pvalues.holm(p) + 1e-15)


@given(st.integers(0, 10**6), st.floats(0.0, 1.5))
@settings(max_examples=examples(15))
def test_p_and_interval_agree(seed, mean):
    """The sequential p has reached alpha just where some repeated interval leaves out zero."""
    d = np.random.default_rng(seed).normal(mean, 1, 15)
    p = plan("a", looks=SHORT, margin=None, effect=None, futility=False)
    (c,) = run(p, {"a": d}, through_json=False).comparisons
    out = [not x.interval[0] <= 0 <= x.interval[1] for x in c.looks]
    assert any(out) == (c.p <= 0.05) == (c.verdict is not Verdict.UNDECIDED)
    assert [x.reached <= 0.05 for x in c.looks] == out


@given(st.integers(0, 10**6), st.floats(0.1, 10.0), st.floats(0.01, 100.0))
@settings(max_examples=examples(6))
def test_unit_and_direction_of_the_scores(seed, mean, unit):
    """A loss in another unit is decided as the score that it mirrors."""
    d = np.random.default_rng(seed).normal(mean / 10, 1, 10)
    one, two = (
        run(plan("a", looks=(5, 10), margin=m, effect=m, higher_is_better=h), {"a": x})
        for m, x, h in ((0.5, d, True), (0.5 * unit, -unit * d, False))
    )
    (one,), (two,) = one.comparisons, two.comparisons
    assert (two.verdict, two.frozen, two.reason) == (one.verdict, one.frozen, one.reason)
    assert two.p == pytest.approx(one.p, rel=1e-6)
    low, high = one.interval_stagewise
    assert two.interval_stagewise == pytest.approx((-unit * high, -unit * low), rel=1e-3, abs=1e-6)
