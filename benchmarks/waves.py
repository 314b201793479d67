"""Seeds in waves in the graph of jobs: checkpoints, or rules that are all known beforehand?

``python -m benchmarks.waves`` lays out two bare Snakefiles of the same study, 334 cells of 30 seeds
in six waves (10,020 runs, a job per cell and wave), and prints CPU-seconds of each: a fresh dry
run, a dry run where all is done, and a whole run in which every job makes empty files.

- ``checkpoints``: a look after each wave is a checkpoint, and names the cells of the next; the
  graph grows by what was asked for. This is what the workflow does.
- ``slots``: every wave of every cell is a job that depends on the look before; a job whose cell
  was not asked for leaves an empty result, as in the rungs of a search.

In both, ``--needed`` of the cells (a half) go on after the first look, the same ones to the end.
Neither trains anything, and neither runs code of this project, so that the numbers are those of
Snakemake alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.dag import call

CELLS, WAVES, WAVE = 334, 6, 5
HEAD = """\
CELLS = [f"cell{{k}}" for k in range({cells})]
NEEDED = CELLS[: int({needed} * len(CELLS))]
SEEDS = [list(range({wave} * k, {wave} * k + {wave})) for k in range({waves})]


def results(cells, wave):
    return [f"runs/{{c}}/seed{{s}}.json" for c in cells for s in SEEDS[wave - 1]]


rule all:
    default_target: True
    input:
        "results.parquet",

"""
TRAIN = """
for number, seeds in enumerate(SEEDS):

    rule:
        name:
            f"train{{number}}"
        input:
            {before}
        output:
            [f"runs/{{{{cell}}}}/seed{{s}}.json" for s in seeds],
        params:
            spec=lambda wildcards: wildcards.cell,
        shell:
            "touch {{output}}"

"""
CHECKPOINTS = """

def looked(wave):
    return open(checkpoints.look.get(wave=wave).output[0]).read().split()


def before_look(wildcards):
    wave = int(wildcards.wave)
    return results(CELLS if wave == 1 else looked(wave - 1), wave)


def all_results(wildcards):
    found = results(CELLS, 1)
    for wave in range(1, len(SEEDS)):
        found += results(looked(wave), wave + 1)
    return found


checkpoint look:
    input:
        before_look,
    output:
        "look{wave}.txt",
    params:
        needed=" ".join(NEEDED),
    shell:
        "echo {params.needed} > {output}"


rule collect:
    input:
        all_results,
    output:
        "results.parquet",
    shell:
        "touch {output}"
"""
SLOTS = """

for number in range(1, len(SEEDS)):

    rule:
        name:
            f"look{number}"
        input:
            results(CELLS, number),
        output:
            f"look{number}.txt",
        params:
            needed=" ".join(NEEDED),
        shell:
            "echo {params.needed} > {output}"


rule collect:
    input:
        [path for wave in range(1, len(SEEDS) + 1) for path in results(CELLS, wave)],
    output:
        "results.parquet",
    shell:
        "touch {output}"
"""


def snakefile(kind: str, cells: int, needed: float) -> str:
    """The Snakefile of one layout."""
    head = HEAD.format(cells=cells, needed=needed, wave=WAVE, waves=WAVES)
    before = "[]," if kind == "checkpoints" else '[f"look{number}.txt"] if number else [],'
    return head + TRAIN.format(before=before) + (CHECKPOINTS if kind == "checkpoints" else SLOTS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waves", description=__doc__)
    parser.add_argument("--cells", type=int, default=CELLS, help="cells of 30 seeds (334)")
    parser.add_argument("--needed", type=float, default=0.5, help="share that goes on (.5)")
    parser.add_argument("--dry", action="store_true", help="only the fresh dry run")
    options = parser.parse_args()
    runs = options.cells * WAVES * WAVE
    print(f"{options.cells} cells x {WAVES * WAVE} seeds = {runs:,} runs at most; CPU-seconds")
    for kind in ("checkpoints", "slots"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "Snakefile").write_text(snakefile(kind, options.cells, options.needed))
            told = [f"fresh dry run {call(folder, ['-m', 'snakemake', '-n', '-q', 'all']):.1f}"]
            if not options.dry:
                run = ["-m", "snakemake", "--cores", "2", "-q", "all", "--scheduler", "greedy"]
                told.append(f"whole run {call(folder, run):.1f}")
                again = call(folder, ["-m", "snakemake", "-n", "-q", "all"])
                told.append(f"dry run, all done {again:.1f}")
            print(f"{kind:12} {', '.join(told)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
