"""What the workflow itself costs: CPU-seconds of its commands on a study of many runs.

``python -m benchmarks.dag`` lays out a study of 1,250 cells x 8 seeds in a copy of the workflow,
with a made-up result for every run, and times ``plan``, a fresh dry run, a dry run where all is
done, ``status``, ``collect`` and ``verify``, each a process of its own. Beside the dry runs stand
those of a bare Snakefile of the same shape: rules with the same outputs, directives and number of
parameters and functions, made of strings, with no code of this project. Nothing is trained.

CPU-seconds of the command and its children, user and system, the least of ``--repeat`` calls; wall
time is not shown, since other work on the machine changes it. The target is a ratio to the bare
Snakefile of at most 1.5.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "workflow", "afn", "analysis", "profiles", "config.yaml")
SEEDS = 8
BACKBONES = ("convnet_small", "resnet8")
BARE = """\
CELLS = {cells!r}
SEEDS = {seeds!r}
CELL = "{{task}}/{{backbone}}/{{norm}}/{{recipe}}"


rule all:
    default_target: True
    input:
        "bare/report.html",


rule prepare:
    output:
        "bare/prepared/{{task}}/manifest.json",
    params:
        task="digits",
    shell:
        "exec true {{params.task}} {{output}}"


rule train:
    input:
        data="bare/prepared/{{task}}/manifest.json",
        chosen=lambda wildcards: [],
    output:
        [f"bare/runs/{{CELL}}/seed{{seed}}/result.json" for seed in SEEDS],
    log:
        f"bare/logs/{{CELL}}/all.log",
    conda:
        "workflow/envs/afn.yaml"
    threads: 1
    resources:
        runtime=lambda wildcards, attempt: 10 * attempt,
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        spec=lambda wildcards: wildcards.norm,
        fingerprint=lambda wildcards: "0123456789abcdef",
        study="bare",
    shell:
        "exec true {{output:q}} --spec {{params.spec:q}} --study {{params.study}} --fingerprint"
        " {{params.fingerprint}} --data {{input.data:q}} --threads {{threads}} > {{log:q}} 2>&1"


rule collect:
    input:
        results=[f"bare/runs/{{c}}/seed{{s}}/result.json" for c in CELLS for s in SEEDS],
    output:
        "bare/results.parquet",
    shell:
        "exec true {{output}}"


rule report:
    input:
        rules.collect.output,
    output:
        "bare/report.html",
    shell:
        "exec true {{output}}"
"""


def study(cells: int) -> dict:
    """A study of so many cells: levels of one option on two backbones."""
    levels = [round(-1 - 6 * k / cells, 6) for k in range(cells // len(BACKBONES))]
    return {
        "study": "dag",
        "question": "What does the workflow itself cost?",
        "seeds": SEEDS,
        "base": {"task": "digits8x8", "backbone": "resnet8", "norm": "afn"},
        "experiments": {
            "levels": {"factors": {"backbone": list(BACKBONES), "norm.lambda_init": levels}}
        },
        "plan": {"outcomes": ["clean"], "strict": False},
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dag", description=__doc__)
    parser.add_argument("--cells", type=int, default=1250, help="cells of 8 seeds (default: 1250)")
    parser.add_argument("--repeat", type=int, default=3, help="calls of each command (default: 3)")
    parser.add_argument(
        "--profile", metavar="FILE", help="cProfile of the dry run where all is done"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = lay_out(folder, options.cells)
        print(f"{options.cells} cells x {SEEDS} seeds = {options.cells * SEEDS} runs; CPU-seconds")
        measure(folder, cells, options.repeat, options.profile)
    return 0


def lay_out(folder: Path, cells: int) -> list[str]:
    """A copy of the workflow with the study, and the bare Snakefile; returns the cells' paths."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so")
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy(source, folder / part)
    document = study(cells)
    (folder / "dag.yaml").write_text(json.dumps(document), encoding="utf-8")
    from afn.study.loading import study_from_mapping

    paths = [cell.path for cell in study_from_mapping(document, "dag.yaml").cells()]
    bare = folder / "bare.smk"
    bare.write_text(BARE.format(cells=paths, seeds=list(range(SEEDS))), encoding="utf-8")
    return paths


def measure(folder: Path, cells: list[str], repeat: int, profile: str | None) -> None:
    """Time every command and print a line each."""
    ours = ["-m", "snakemake", "--configfile", "dag.yaml", "--config", f"seeds_per_job={SEEDS}"]
    bare = ["-m", "snakemake", "-s", "bare.smk"]
    plan = ["-m", "afn.study", "plan", "dag.yaml"]
    line("plan", least(folder, plan, repeat))
    dry = ["-n", "--quiet", "all"]
    beside("fresh dry run", folder, [*ours, *dry], [*bare, *dry], repeat)
    make_up(folder, cells)
    for command in (ours, bare):
        call(folder, [*command, "--touch", "--quiet", "all"])
    if profile:
        call(folder, ["-m", "cProfile", "-o", str(Path(profile).resolve()), *ours[1:], *dry])
    beside("dry run, all done", folder, [*ours, *dry], [*bare, *dry], repeat)
    line("status", least(folder, ["-m", "afn.study", "status", "dag.yaml"], repeat))
    collect = ["-m", "analysis", "collect", "results/dag/study.json", "--runs", "results/dag/runs"]
    collect += ["--data", "data/prepared", "-o", "collected"]
    line("collect", least(folder, collect, repeat))
    line("verify", least(folder, ["-m", "afn.study", "verify", "dag.yaml"], 1, fails=True))


def make_up(folder: Path, cells: list[str]) -> None:
    """A result for every run, and something at every other output, so that all is done."""
    from afn.common.files import sha256_of
    from afn.study.code.fingerprint import run_fingerprint
    from afn.study.loading import study_from_mapping
    from tests.records import write_labels, write_run

    whole = study_from_mapping(json.loads((folder / "dag.yaml").read_text()), "dag.yaml")
    task = cells[0].split("/")[0]
    data = sha256_of(write_labels(folder / f"data/prepared/{task}"))
    for cell in whole.cells():
        spec, code = json.loads(cell.spec()), run_fingerprint(cell)
        for seed in range(SEEDS):
            run = f"{cell.path}/seed{seed}"
            target = folder / "results/dag/runs" / run
            write_run(target, run, spec, study="dag", fingerprint=code, data=data, accuracy=0.9)
            other = folder / "bare/runs" / run / "result.json"
            other.parent.mkdir(parents=True)
            other.write_bytes(b"{}")
    results, reports = folder / "results/dag", folder / "reports/dag"
    made = ("decisions.json", "ablations.json", "search.json", "results.parquet", "history.parquet")
    for name in (*made, "correct.npz", "membership.csv"):
        touch(results / name)
    (results / "study.json").write_text(whole.to_json(), encoding="utf-8")
    for name in ("figures/index.json", "tables/index.json", "index.html"):
        touch(reports / name)
    (reports / "figures/by_section").mkdir()
    touch(folder / f"bare/prepared/{task}/manifest.json")
    touch(folder / "bare/results.parquet")
    touch(folder / "bare/report.html")


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"made up\n")


def beside(what: str, folder: Path, ours: list[str], bare: list[str], repeat: int) -> None:
    """One line: our command, the bare one, and the ratio of the least times, called in turn."""
    pairs = [(call(folder, ours), call(folder, bare)) for _ in range(repeat)]
    first, second = (min(column) for column in zip(*pairs, strict=True))
    print(f"{what:20} {first:7.1f}   bare {second:7.1f}   ratio {first / second:.2f}", flush=True)


def line(what: str, seconds: float) -> None:
    print(f"{what:20} {seconds:7.1f}", flush=True)


def least(folder: Path, command: list[str], repeat: int, *, fails: bool = False) -> float:
    return min(call(folder, command, fails=fails) for _ in range(repeat))


def call(folder: Path, words: list[str], *, fails: bool = False) -> float:
    """Run a command of Python in the copy; CPU-seconds of it and of its children.

    ``fails`` says that it may find fault with what was made up (exit code 1).
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode > fails:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
