"""What a design promises; the vectorised rules of the benchmark against the rules themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from analysis.stats.sequential import eprocess
from analysis.stats.sequential.calibration import LookSchedule, calibrate
from analysis.stats.sequential.design import ENDINGS, Paths, Rule, expected, paths, run
from analysis.stats.sequential.estimation import Stop, stagewise
from analysis.stats.sequential.process import log_ratio
from analysis.stats.sequential.records import WavePlan
from analysis.stats.sequential.waves import Waves
from analysis.stats.verdict import Verdict
from benchmarks.sequential import family, images, single

LOOKS = (5, 10, 15, 20, 25, 30)
SCHEDULE = LookSchedule(LOOKS)


@pytest.mark.parametrize(
    ("effect", "power", "pairs"), [(0.2, 0.165, 28.8), (0.5, 0.707, 23.9), (1, 0.999, 14.4)]
)
def test_power_and_pairs_of_an_independent_simulation(effect, power, pairs):
    found = expected(SCHEDULE, 0.05, effect)
    assert found.power == pytest.approx(power, abs=0.002)
    assert found.pairs == pytest.approx(pairs, abs=0.05)


def test_error_by_look():
    published = [0.0006, 0.0046, 0.0124, 0.024, 0.037, 0.050]
    assert expected(SCHEDULE, 0.05, 0.0).by_look == pytest.approx(published, abs=7e-4)


def test_drawn_waves_are_drawn_pairs():
    """Sums and squares per wave have the distribution of single pairs."""
    rng, looks = np.random.default_rng(0), (3, 4, 9)
    seen = paths(rng, 40_000, looks, 0.4)
    d = rng.normal(0.4, 1, (40_000, 9))
    for k, n in enumerate(looks):
        assert stats.ks_2samp(seen.mean[:, k], d[:, :n].mean(axis=1)).pvalue > 1e-3
        assert stats.ks_2samp(seen.sd[:, k], d[:, :n].std(axis=1, ddof=1)).pvalue > 1e-3
    change = np.corrcoef(seen.mean[:, 0], seen.mean[:, 2])[0, 1]
    assert change == pytest.approx(np.sqrt(3 / 9), abs=0.02)


def seen_of(d: np.ndarray) -> Paths:
    """d has shape (studies, pairs) or (studies, pairs, family)."""
    mean = np.stack([d[:, :n].mean(axis=1) for n in LOOKS], axis=1)
    return Paths(LOOKS, mean, np.stack([d[:, :n].std(axis=1, ddof=1) for n in LOOKS], axis=1))


def waves_of(d: dict[str, np.ndarray], **options) -> Waves:
    waves = Waves.begin(WavePlan(LOOKS, {name: name for name in d}, **options))
    while not waves.over:
        n = LOOKS[waves.wave]
        waves = waves.look({name: dict(enumerate(x[:n])) for name, x in d.items()})
    return waves


@pytest.mark.seconds
def test_the_rule_of_designs_is_the_rule_of_waves():
    rng = np.random.default_rng(2)
    d = np.concatenate([rng.normal(m, 1, (3, 30)) for m in (0.0, -1.0)])
    ended = run(Rule(SCHEDULE, margin=0.6, effect=0.8), seen_of(d))
    names = {
        Verdict.SUPERIOR: "positive",
        Verdict.INFERIOR: "negative",
        Verdict.EQUIVALENT: "equivalent",
    }
    for i, x in enumerate(d):
        (c,) = waves_of({"a": x}, margin=0.6, effect=0.8).comparisons
        ending = names.get(c.verdict, "futile" if c.reason == "futility" else "last look")
        assert (ENDINGS[ended.ending[i]], int(ended.look[i]) + 1) == (ending, c.frozen)


@pytest.mark.seconds
def test_the_benchmarks_family_is_the_family_of_waves():
    rng = np.random.default_rng(5)
    d = rng.normal([0, 0, 0.5, 1.2], 1, (2, 30, 4))
    rejected, equivalent, spent = family.decide(seen_of(d), 0.7, 0.7)
    for i, study in enumerate(d):
        waves = waves_of({str(k): study[:, k] for k in range(4)}, margin=0.7, effect=0.7)
        verdicts = [c.verdict for c in waves.comparisons]
        assert [v.clear for v in verdicts] == rejected[i].tolist()
        assert [c.reason == "equivalence" for c in waves.comparisons] == equivalent[i].tolist()
        assert [c.looks[-1].n for c in waves.comparisons] == spent[i].tolist()


def test_first_look_is_the_usual_interval():
    d = np.array([0.3, 1.1, -0.2, 0.9, 0.6])
    found = stagewise(Stop([5], [], d.mean(), d.std(ddof=1)))
    low, high = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert found.estimate == pytest.approx(d.mean(), abs=1e-4)
    assert found.interval == pytest.approx((low, high), abs=1e-3)


def test_stagewise_pulls_towards_what_would_have_gone_on():
    """A large mean at a late look: the looks before, which it did not stop, count against it."""
    edges = calibrate(SCHEDULE).planned.edge(0.05).tolist()
    near = stagewise(Stop(LOOKS[:4], edges[:3], 0.6, 1.0))
    far = stagewise(Stop(LOOKS[:4], edges[:3], 0.9, 1.0))
    assert near.interval[0] < near.estimate < 0.6 < near.interval[1]
    assert near.estimate < far.estimate < 0.8
    mirrored = stagewise(Stop(LOOKS[:4], edges[:3], -0.9, 1.0))
    assert mirrored.estimate == pytest.approx(-far.estimate, abs=1e-3)


def test_e_value_against_its_integral():
    """The ratio of noncentral to central t densities, averaged over effects from N(0, 1)."""
    for n, t in ((5, 1.3), (12, 2.4), (30, -0.7)):
        state = np.array(np.arctan2(t, np.sqrt(n - 1)))
        given = lambda d: np.exp(log_ratio(state, n, d)) * stats.norm.pdf(d)  # noqa: B023, E731
        mixed = integrate.quad(given, -9, 9, limit=200)[0]
        assert eprocess.e_value(np.array(t), n) == pytest.approx(mixed, rel=1e-9)


def test_mean_of_the_e_value_without_a_difference():
    for n in (5, 10, 30):
        density = lambda t: float(eprocess.e_value(t, n)) * stats.t.pdf(t, n - 1)  # noqa: B023, E731
        assert integrate.quad(density, -np.inf, np.inf, limit=500)[0] == pytest.approx(1, abs=1e-8)


def test_critical_t_is_the_e_values_inverse():
    for n in (5, 10, 30):
        t = eprocess.critical_t(n, 0.05)
        assert eprocess.e_value(t, n) == pytest.approx(20)
    assert np.isinf(eprocess.critical_t(2, 0.05))


def test_crossed_p_of_images_drawn():
    """Vectorised mean squares against the definition, study by study."""
    rng = np.random.default_rng(1)
    d = images.draw(rng, 2, 30, 40, 1.0, 0.3, 2)
    p = images.crossed_p(d)
    for study, row in zip(d.astype(float), p, strict=True):
        for k, n in enumerate(LOOKS):
            x = study[:n]
            mean, seeds, cells = x.mean(), x.mean(axis=1), x.mean(axis=0)
            by_seed, by_image = 40 * seeds.var(ddof=1), n * cells.var(ddof=1)
            rest = ((x - seeds[:, None] - cells + mean) ** 2).sum() / ((n - 1) * 39)
            top = max(by_seed + by_image - rest, by_seed, by_image)
            parts = by_seed**2 / (n - 1) + by_image**2 / 39 + rest**2 / ((n - 1) * 39)
            df = min(max(top**2 / parts, n - 1), 39)
            t = abs(mean) / np.sqrt(top / (40 * n))
            assert row[k] == pytest.approx(2 * stats.t.sf(t, df), rel=1e-4)


def test_naive_looking_is_what_the_literature_says():
    rows = list(single.naive(20_000, np.random.default_rng(0)))
    assert rows[0].value == pytest.approx(0.165, abs=4 * rows[0].error)
    for row in rows[1:]:
        assert row.value == pytest.approx(float(row.expected), abs=4 * row.error)
