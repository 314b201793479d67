"""The pipeline against loops that are written by hand: ``python -m benchmarks.pipeline``.

All train and test the same 32 networks (batch, group, asr, afn; eight seeds; ResNet-8 on 8x8
digits, 12 epochs), two processes at a time, one thread each:

- *usual* (`benchmarks.handwritten`): as most people write it, a process a network, a DataLoader,
  torch's Adam, layers as the equations say;
- *careful* (`benchmarks.careful`): a process a norm, images in memory, a fused optimiser, this
  library's layers;
- *pipeline*: Snakemake with this project's rules, its start, checkpoints and records included.

Prints wall and CPU seconds of each round, in turn, and medians with their ratio to the pipeline.
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


def usual(folder: Path, seeds: int) -> None:
    module = [sys.executable, "-m", "benchmarks.handwritten"]
    at_a_time(
        [[*module, norm, str(seed), str(MANIFEST)] for norm in NORMS for seed in range(seeds)],
        folder,
    )


def careful(folder: Path, seeds: int) -> None:
    module, wanted = [sys.executable, "-m", "benchmarks.careful"], map(str, range(seeds))
    rest = [str(MANIFEST), *wanted]
    at_a_time([[*module, norm, *rest] for norm in NORMS], folder)


def at_a_time(jobs: list[list[str]], folder: Path) -> None:
    """Run commands, `PROCESSES` at a time."""
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
        works = {
            "usual": lambda: usual(folder, options.seeds),
            "careful": lambda: careful(folder, options.seeds),
            "pipeline": lambda: by_pipeline(folder),
        }
        times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in works}
        for number in range(1, options.rounds + 1):
            for kind, work in works.items():
                times[kind].append(timed(work))
                wall, cpu = times[kind][-1]
                print(f"round {number}  {kind:9s} {wall:7.1f} s wall {cpu:7.1f} s CPU", flush=True)
    print(f"{len(NORMS) * options.seeds} trainings, medians of {options.rounds} rounds:")
    print("\n".join(compared(times)))


def compared(times: dict[str, list[tuple[float, float]]]) -> list[str]:
    """A line for each way: its median wall and CPU seconds, and their ratio to the pipeline's."""
    medians = {
        kind: [statistics.median(seconds) for seconds in zip(*rounds, strict=True)]
        for kind, rounds in times.items()
    }
    wall, cpu = medians["pipeline"]
    return [
        f"{kind:9s} {one:7.1f} s wall ({one / wall:.2f}x) {other:7.1f} s CPU ({other / cpu:.2f}x)"
        for kind, (one, other) in medians.items()
    ]


if __name__ == "__main__":
    main()
