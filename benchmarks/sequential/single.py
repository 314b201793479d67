"""One comparison: constants, error by look, power, coverage, bias, equivalence, naive looking."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import interpolate, special, stats

from analysis.stats.sequential.calibration import calibrate, crossing, deviate
from analysis.stats.sequential.design import Rule, expected, paths, run
from analysis.stats.sequential.estimation import Stop, stagewise
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
    stopped = {}
    for d in (0.0, 0.5, 1.0):
        seen = paths(rng, studies, LOOKS, d)
        look = run(Rule(SCHEDULE, futile=False), seen).look
        at = (np.arange(studies), look)
        stopped[d] = look, seen.mean[at], seen.sd[at]
    tables = stagewise_tables([(look, mean / sd) for look, mean, sd in stopped.values()])
    for d, (look, mean, sd) in stopped.items():
        low, fair, high = (sd[:, None] * interpolated(tables, look, mean / sd)).T
        design = f"d_z = {d:g}"
        yield average("mean of the naive estimate after stopping", design, mean, "not unbiased")
        yield average("mean of the stage-wise estimate", design, fair, "any")
        yield middle("median of the naive estimate", design, mean, "not unbiased")
        yield middle("median of the stage-wise estimate", design, fair, f"{d:g}")
        yield share("stage-wise estimate above the truth", design, fair > d, ".500")
        yield share("naive estimate above the truth", design, mean > d, "not .500")
        inside = (low < d) & (d < high)
        yield share("coverage of the stage-wise interval", design, inside, ">= .950")
        if d != 0.5:
            continue
        early = mean[look < len(LOOKS) - 1]
        yield average("naive estimate", "d_z = 0.5, stopped before 30", early, ".69")
        for k, n in enumerate(LOOKS):
            here, design = look == k, f"d_z = 0.5, stopped at {n}"
            yield average("naive estimate", design, mean[here], "any")
            yield average("stage-wise estimate", design, fair[here], "any")


def stagewise_tables(seen: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple]:
    """Per look a grid of observed effects d and, for a standard deviation of 1, the interval's low
    end, the estimate and its high end, computed by the library; d > 0, as signs only mirror.
    """
    edges, tables = calibrate(SCHEDULE).planned.edge(ALPHA).tolist(), []
    for k in range(len(LOOKS)):
        d = np.concatenate([np.abs(x[look == k]) for look, x in seen])
        # At quantiles of what was seen, finer in the tails.
        levels = np.concatenate([[0], special.ndtr(np.linspace(-2.4, 2.8, 15)), [1]])
        grid = np.unique(np.quantile(d, levels)) if len(d) else np.zeros(1)
        stops = [stagewise(Stop(LOOKS[: k + 1], edges[:k], x, 1.0)) for x in grid.tolist()]
        tables.append((grid, np.array([[*s.interval, s.estimate] for s in stops])[:, [0, 2, 1]]))
    return tables


def interpolated(tables: list[tuple], look: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Low end, estimate and high end of every study, for a standard deviation of 1."""
    out = np.empty((len(d), 3))
    for k, (grid, values) in enumerate(tables):
        here = look == k
        if here.any():
            out[here] = interpolate.pchip_interpolate(grid, values, np.abs(d[here]))
    return np.where(d[:, None] > 0, out, -out[:, ::-1])


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
