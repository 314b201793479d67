"""Do the rules for seeds in waves hold what they promise? By simulation, with standard errors.

    python -m benchmarks.sequential [--studies 100000] [--paths 2000000] [--seed 1] [--only NAME]

Every part draws from its own stream of random numbers, so that one part alone (``--only``) prints
the same lines as in the whole table. Three parts simulate fewer studies than asked, because each
study costs milliseconds: `divergence` a fifth, `images` and `images_short` (plans that end at 10
pairs) a fifth of 2000 images or six conditions; the column says so. One core; memory stays below
one gigabyte.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.sequential import divergence, family, images, single
from benchmarks.sequential.rows import Row

PARTS = {
    "type_one": single.type_one,
    "power": single.power,
    "coverage": single.coverage,
    "bias": single.bias,
    "equivalence": single.equivalence,
    "naive": single.naive,
    "family": family.family,
    "naive_family": family.naive,
    "e_process": family.e_process,
    "divergence": divergence.divergence,
    "images": images.images,
    "images_short": images.images_short,
}


def rows(studies: int, paths: int, seed: int, only: str | None = None) -> Iterator[Row]:
    """All rows of the table."""
    streams = np.random.SeedSequence(seed).spawn(1 + len(PARTS))
    if only in (None, "constants"):
        yield from single.constants(paths, np.random.default_rng(streams[0]))
    for (name, part), stream in zip(PARTS.items(), streams[1:], strict=True):
        if only in (None, name):
            yield from part(studies, np.random.default_rng(stream))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--paths", type=int, default=2_000_000, help="null paths for constants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["constants", *PARTS], help="one part of the table")
    args = parser.parse_args()
    start = time.perf_counter()
    print(f"{args.studies} studies a row, {args.paths} paths for constants, seed {args.seed}")
    for row in rows(args.studies, args.paths, args.seed, args.only):
        print(row, flush=True)
    print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
