"""Time of the seed-paired bootstrap against scipy and a plain loop, on the same task.

    python -m benchmarks.statistics [--draws 50000] [--seed 1]

The task: intervals of the interquartile mean of 10 methods on 26 tasks with 10 runs each. scipy's
bootstrap and the loop are timed on fewer draws, because the loop takes minutes, and scaled up by
the number of draws; the printed line says so. One thread. Ours is wider by sqrt(S / (S - 1)), which
the other two lack: S seeds drawn with replacement vary too little.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

from analysis.stats.bootstrap import SeedBootstrap

METHODS, TASKS, SEEDS = 10, 26, 10


def iqm(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return stats.trim_mean(values, 0.25, axis=axis)


def ours(scores: np.ndarray, draws: int, seed: int) -> float:
    bootstrap = SeedBootstrap(scores, np.random.default_rng(seed), draws=draws)
    return float(bootstrap.interquartile_mean().high[0])


def with_scipy(scores: np.ndarray, draws: int, seed: int) -> float:
    """One call per method; seeds are resampled within tasks (one sample per task)."""

    def statistic(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        return iqm(np.concatenate(samples, axis=axis), axis=axis)

    ends = [
        stats.bootstrap(
            list(method),
            statistic,
            n_resamples=draws,
            method="percentile",
            vectorized=True,
            batch=1000,
            rng=np.random.default_rng(seed),
        ).confidence_interval.high
        for method in scores
    ]
    return float(ends[0])


def loop(scores: np.ndarray, draws: int, seed: int) -> float:
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(draws):
        picked = rng.integers(0, SEEDS, size=(TASKS, SEEDS))
        resampled = np.take_along_axis(scores, picked[None], axis=2)
        drawn.append([iqm(method.ravel()) for method in resampled])
    return float(np.quantile(drawn, 0.975, axis=0)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    scores = np.random.default_rng(args.seed).normal(70, 3, (METHODS, TASKS, SEEDS))
    ours(scores, 1000, args.seed)
    seconds = {}
    for name, call, share in (("ours", ours, 1), ("scipy", with_scipy, 25), ("loop", loop, 50)):
        draws = max(100, args.draws // share)
        start = time.perf_counter()
        high = call(scores, draws, args.seed)
        seconds[name] = (time.perf_counter() - start) * args.draws / draws
        scaled = "" if share == 1 else f" (timed on {draws} draws, scaled)"
        print(
            f"{name:<6} {seconds[name]:8.1f} s, {seconds[name] / seconds['ours']:6.1f} times ours, "
            f"upper end of the first interval {high:.3f}{scaled}"
        )


if __name__ == "__main__":
    main()
