"""One comparison: constants, error by look, power, coverage, bias, equivalence, naive looking."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import interpolate, special, stats

from analysis.stats.sequential.calibration import calibrate, crossing, deviate
from analysis.stats.sequential.design import Rule, expected, paths, run
from analysis.stats.sequential.estimation import more_extreme, stagewise, state_of
from analysis.stats.sequential.intervals import t_half_width
from benchmarks.sequential.rows import ALPHA, LOOKS, SCHEDULE, Row, average, middle, share

FAMILY_LEVELS = (2, 1, 1 / 2, 1 / 4, 1 / 6, 1 / 12, 1 / 14, 1 / 20)
TABLE = (1.898, 2.174, 2.428, 2.663, 2.790, 3.001, 3.047, 3.148)
"""Constants of an earlier simulation of 6 million paths, at alpha times ``FAMILY_LEVELS``."""
N = np.array(LOOKS)


def constants(count: int, rng: np.random.Generator) -> Iterator[Row]:
    """Constants of simulated null paths beside the exact ones that are shipped."""
    table, largest = calibrate(SCHEDULE), np.empty(count)
    for start in range(0, count, 100_000):
        size = min(100_000, count - start)
        z = deviate(paths(rng, size, LOOKS).p) / SCHEDULE.scale
        largest[start : start + size] = z.max(axis=1)
    for factor, published in zip(FAMILY_LEVELS, TABLE, strict=True):
        level = ALPHA * factor
        exact, found = table.constant(level), float(np.quantile(largest, 1 - level))
        near = [crossing(LOOKS, (exact + h) * SCHEDULE.scale)[-1] for h in (-0.01, 0.01)]
        error = np.sqrt(level * (1 - level) / count) / ((near[0] - near[1]) / 0.02)
        told = f"{exact:.4f} (exact), {published:.3f}"
        yield Row("constant c", f"level {level:.5f}", found, float(error), count, told)


def type_one(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    seen = paths(rng, studies, LOOKS)
    crossed = seen.p <= calibrate(SCHEDULE).planned.nominal(ALPHA)
    exact = expected(SCHEDULE, ALPHA, 0.0).by_look
    for k, n in enumerate(LOOKS):
        by_now = crossed[:, : k + 1].any(axis=1)
        yield share("type I error by this look", f"{n} pairs", by_now, f"{exact[k]:.4f}")


def power(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    for d in (0.0, 0.2, 0.5, 1.0, 2.0):
        seen = paths(rng, studies, LOOKS, d)
        ended, exact = run(Rule(SCHEDULE, futile=False), seen), expected(SCHEDULE, ALPHA, d)
        hits = np.isin(ended.ending, (0, 1))
        yield share("power", f"d_z = {d:g}", hits, f"{exact.power:.4f}")
        yield average("mean pairs", f"d_z = {d:g}", ended.pairs(LOOKS), f"{exact.pairs:.2f}")
    for d in (0.0, 0.5):
        for name, rule in (
            ("futility, effect .5", Rule(SCHEDULE, effect=0.5)),
            ("margin 1", Rule(SCHEDULE, margin=1.0)),
            ("margin .5, futility", Rule(SCHEDULE, margin=0.5)),
        ):
            ended = run(rule, paths(rng, studies, LOOKS, d))
            design = f"d_z = {d:g}, {name}"
            hits = np.isin(ended.ending, (0, 1))
            told = f"<= {expected(SCHEDULE, ALPHA, d).power:.4f}"
            yield share("power", design, hits, told)
            yield average("mean pairs", design, ended.pairs(LOOKS), "fewer")


def coverage(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """Intervals at the stop and at every look at once; the fixed-sample one beside."""
    nominal = calibrate(SCHEDULE).planned.nominal(ALPHA)
    for d in (0.0, 0.5, 1.0):
        seen = paths(rng, studies, LOOKS, d)
        at = (np.arange(studies), run(Rule(SCHEDULE, futile=False), seen).look)
        miss = np.abs(seen.mean - d)
        covers = miss <= t_half_width(seen.sd, N, nominal)
        fixed = miss <= t_half_width(seen.sd, N, ALPHA)
        design = f"d_z = {d:g}"
        yield share("coverage of the repeated interval at the stop", design, covers[at], ">= .950")
        yield share("the same, at all looks at once", design, covers.all(axis=1), ".950")
        naive = run_naive(seen.p)
        yield share("fixed interval where a naive look stops", design, fixed[naive], "too low")


def run_naive(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where somebody stops who looks for p < alpha; index into (studies, looks)."""
    hit = p < ALPHA
    last = p.shape[1] - 1
    return np.arange(len(p)), np.where(hit.any(axis=1), hit.argmax(axis=1), last)


def bias(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """The mean and the stage-wise estimate after stopping, in points (standard deviation 1)."""
    edges = calibrate(SCHEDULE).planned.edge(ALPHA)
    for d in (0.0, 0.5, 1.0):
        seen = paths(rng, studies, LOOKS, d)
        look = run(Rule(SCHEDULE, futile=False), seen).look
        at = (np.arange(studies), look)
        mean, sd = seen.mean[at], seen.sd[at]
        chance, low, fair, high = stagewise_table(mean / sd, look, edges, d).T * [
            np.ones(studies),
            *[sd] * 3,
        ]
        design = f"d_z = {d:g}"
        yield average("mean of the naive estimate after stopping", design, mean, "not unbiased")
        yield average("mean of the stage-wise estimate", design, fair, "any")
        yield middle("median of the naive estimate", design, mean, "not unbiased")
        yield middle("median of the stage-wise estimate", design, fair, f"{d:g}")
        yield share("stage-wise d above the truth (exact)", design, chance < 0.5, ".500")
        yield share("stage-wise estimate in points above the truth", design, fair > d, ".500")
        inside = (chance > ALPHA / 2) & (chance < 1 - ALPHA / 2)
        yield share("coverage of the stage-wise interval of d (exact)", design, inside, ".950")
        inside = (low < d) & (d < high)
        yield share("coverage of the stage-wise interval in points", design, inside, ".950")
        if d != 0.5:
            continue
        early = mean[look < len(LOOKS) - 1]
        yield average("naive estimate", "d_z = 0.5, stopped before 30", early, ".69")
        for k, n in enumerate(LOOKS):
            here, design = look == k, f"d_z = 0.5, stopped at {n}"
            yield average("naive estimate", design, mean[here], "any")
            yield average("stage-wise estimate", design, fair[here], "any")


def stagewise_table(d: np.ndarray, look: np.ndarray, edges: np.ndarray, truth: float) -> np.ndarray:
    """Per study: the chance of as much or more under the truth, then low end, estimate, high end.

    For a standard deviation seen of 1. All four are functions of the observed effect at each look:
    computed by the library on a grid of it and interpolated.
    """
    out = np.empty((len(d), 4))
    for k, n in enumerate(LOOKS):
        here = look == k
        if not here.any():
            continue
        # At quantiles of what was seen, finer in the tails.
        inner = special.ndtr(np.linspace(-2.6, 2.6, 15))
        grid = np.unique(np.quantile(d[here], np.concatenate([[0], inner, [1]])))
        looks, before = LOOKS[: k + 1], edges[:k]
        table = []
        for x in grid.tolist():
            p = 2 * float(stats.t.sf(abs(x) * np.sqrt(n), n - 1))
            chance = deviate_of(more_extreme(looks, before, state_of(p, x, n), truth))
            found = stagewise(looks, before, p, x, 1.0)
            table.append((chance, found.interval[0], found.estimate, found.interval[1]))
        for column, values in enumerate(np.array(table).T):
            out[here, column] = interpolate.pchip_interpolate(grid, values, d[here])
    out[:, 0] = special.ndtr(out[:, 0])
    return out


def deviate_of(chance: float) -> float:
    return float(special.ndtri(min(max(chance, 1e-12), 1 - 1e-12)))


def equivalence(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """The true difference equals the margin: every "equivalent" is false."""
    planned = calibrate(SCHEDULE).planned
    for margin in (1.0, 0.5):
        seen = paths(rng, studies, LOOKS, margin)
        for what, nominal, told in (
            ("false equivalence, repeated 90 % interval", planned.nominal(2 * ALPHA), "<= .050"),
            ("with the boundary of .05 (not offered)", planned.nominal(ALPHA), "<= .025"),
            ("fixed 90 % interval at every look (not offered)", 2 * ALPHA, "too high"),
        ):
            half = t_half_width(seen.sd, N, nominal)
            inside = (np.abs(seen.mean) + half < margin).any(axis=1)
            yield share(what, f"margin {margin:g} SD", inside, told)


def naive(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """What looking without a boundary does."""
    p = paths(rng, studies, LOOKS).p
    hit = (p < ALPHA).any(axis=1)
    yield share("p < .05 at any look (not offered)", "5, 10, ..., 30 pairs", hit, ".165")
    for first in (2, 3, 5):
        looks = tuple(range(first, 31))
        exact = crossing(looks, [stats.norm.isf(ALPHA / 2)] * len(looks))[-1]
        hit = (paths(rng, studies, looks).p < ALPHA).any(axis=1)
        told = f"{exact:.3f}"
        yield share(
            "p < .05 at any look (not offered)", f"{first}, {first + 1}, ..., 30", hit, told
        )
