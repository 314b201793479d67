"""The pipeline against a careful hand-written loop: ``python -m benchmarks.pipeline``.

Both train and test the same 32 networks (batch, group, asr, afn; eight seeds; ResNet-8 on 8x8
digits, 12 epochs), two processes at a time, one thread each: `benchmarks.handwritten` a process
each, and Snakemake with this project's rules, its start and its bookkeeping included. Prints wall
and CPU seconds of each round, in turn, and the medians' ratio.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
NORMS, PROCESSES = ("batch", "group", "asr", "afn"), 2
MANIFEST = Path("data/prepared/digits8x8/manifest.json")


def study(seeds: int) -> dict:
    return {
        "study": "pipeline",
        "question": "How long does it take?",
        "seeds": seeds,
        "protocols": {
            "running": {"statistics": "running"},
            "test_batch": {"statistics": "batch", "batch_size": 120},
        },
        "base": {"task": "digits8x8", "backbone": "resnet8", "recipe": {"epochs": 12}},
        "experiments": {"norms": {"factors": {"norm": list(NORMS)}}},
    }


def timed(work) -> tuple[float, float]:
    """Wall and CPU seconds of some work in child processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])


def by_hand(folder: Path, seeds: int) -> None:
    module = [sys.executable, "-m", "benchmarks.handwritten"]
    jobs = [[*module, norm, str(seed), str(MANIFEST)] for norm in NORMS for seed in range(seeds)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        list(pool.map(lambda job: run(job, folder), jobs))


def by_pipeline(folder: Path) -> None:
    shutil.rmtree(folder / "results", ignore_errors=True)
    run([sys.executable, "-m", "snakemake", "cells", "--cores", str(PROCESSES)], folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("Snakefile", "workflow", "afn", "analysis", "profiles", "benchmarks"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, folder / part)
        (folder / "config.yaml").write_text(yaml.safe_dump(study(options.seeds)))
        run([sys.executable, "-m", "snakemake", str(MANIFEST), "--cores", "1"], folder)
        walls: dict[str, list[float]] = {"by hand": [], "pipeline": []}
        for number in range(1, options.rounds + 1):
            for kind, work in (
                ("by hand", lambda: by_hand(folder, options.seeds)),
                ("pipeline", lambda: by_pipeline(folder)),
            ):
                wall, cpu = timed(work)
                walls[kind].append(wall)
                print(f"round {number}  {kind:9s} {wall:7.1f} s wall {cpu:7.1f} s CPU", flush=True)
    hand, pipeline = (statistics.median(walls[kind]) for kind in walls)
    runs = len(NORMS) * options.seeds
    print(
        f"{runs} trainings: by hand {hand:.1f} s, pipeline {pipeline:.1f} s; {hand / pipeline:.1f}x"
    )


if __name__ == "__main__":
    main()
