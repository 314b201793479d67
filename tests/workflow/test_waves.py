"""Seeds in waves in the graph of jobs: one call runs them all, and no kill changes a decision."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from afn.common.made_from import read_document
from afn.study.waves.asked import read_look
from tests.workflow.project import TINY, Project

pytestmark = pytest.mark.long
DECISIONS = "results/tiny/decisions.json"
STUDY = TINY | {
    "seeds": {"wave": 3, "at_most": 9, "futility": False},
    "plan": {"outcomes": ["clean"], "primary": ["norms"], "margin": 0.05, "strict": False},
}
"""4 cells: two that the open contrast needs, for three waves; two that are described only."""
ONCE = ("batch_instance", "afn+lambda_init=-5")


def waves(folder: Path) -> Project:
    project = Project(folder)
    project.write_study(STUDY)
    return project


def decided(project: Project) -> dict:
    """The decisions, and the looks they rest on; no times are in them."""
    folder = project.folder / "results/tiny"
    # Of the whole file also hashes of results, which hold the times of their trainings.
    looks = {path.name: read_look(path) for path in (folder / "looks").glob("look*.json")}
    return {"decisions": read_document(folder / "decisions.json", "decisions")["decisions"]} | looks


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Project:
    project = waves(tmp_path_factory.mktemp("waves"))
    project.snakemake(DECISIONS)
    return project


def test_one_call_runs_all_waves_for_what_is_open(quiet):
    seeds: dict[str, int] = {}
    for run in quiet.results():
        norm = run.split("/")[2]
        seeds[norm] = seeds.get(norm, 0) + 1
    assert seeds == {"afn": 9, "batch": 9} | dict.fromkeys(ONCE, 3)
    assert quiet.epochs_trained() == 2 * 24
    found = decided(quiet)
    assert set(found) == {"decisions", "look1.json", "look2.json", "look3.json"}
    (primary,) = [d for d in found["decisions"] if d["primary"]]
    assert (primary["n"], primary["look"], primary["looks"]) == (9, 3, 3)


def test_nothing_is_left_to_do(quiet):
    assert "Nothing to be done" in quiet.snakemake(DECISIONS, "-n").stdout


def test_another_block_size_trains_nothing_and_crosses_no_wave(quiet):
    before = quiet.epochs_trained()
    quiet.snakemake(DECISIONS, "--config", "seeds_per_job=2")
    assert quiet.epochs_trained() == before
    layout = quiet.snakemake("--list", "--config", "seeds_per_job=2").stdout
    blocks = {name.split()[0] for name in layout.splitlines() if name.startswith("train_")}
    assert "train_seed2_to_2" in blocks
    assert "train_seed2_to_3" not in blocks


def test_a_run_that_is_trained_again_changes_no_decision(quiet):
    before, found = quiet.epochs_trained(), decided(quiet)
    where = "norm == 'batch' and seed == 1"
    quiet.run(sys.executable, "-m", "afn.study", "drop", "--where", where)
    path = "results/tiny/runs/digits8x8/convnet_small/batch/plain+epochs=2/seed1/result.json"
    quiet.snakemake(path, "--force", "--config", "seeds_per_job=1")
    quiet.snakemake(DECISIONS)
    assert quiet.epochs_trained() - before == 2
    assert decided(quiet) == found


def test_what_no_look_has_asked_for_cannot_be_selected(quiet):
    where = "where=norm == 'batch_instance' and seed == 5"
    done = quiet.snakemake("cells", "--config", where, check=False)
    assert done.returncode != 0
    assert "no look has asked for" in done.stdout + done.stderr


def test_a_contrast_added_later_trains_what_it_needs(quiet, tmp_path):
    before, found = quiet.epochs_trained(), decided(quiet)
    study = copy.deepcopy(STUDY)
    study["experiments"]["norms"]["contrasts"].append(["batch_instance", "batch"])
    quiet.write_study(study)
    quiet.snakemake(DECISIONS)
    later = decided(quiet)
    assert 0 < quiet.epochs_trained() - before <= 2 * 6, "at most two more waves of one cell"
    first = next(d for d in later["decisions"] if d["primary"])
    assert first == next(d for d in found["decisions"] if d["primary"])
    plan = json.loads((quiet.folder / "results/tiny/looks/plan.json").read_text())["plan"]
    assert [family["since"] for family in plan["families"]] == [0, 3]


def test_a_margin_that_changes_after_a_look_is_refused(quiet):
    quiet.write_study(STUDY | {"plan": STUDY["plan"] | {"margin": 2.0}})
    done = quiet.snakemake(DECISIONS, "-n", check=False)
    assert done.returncode != 0
    assert "a plan is declared before its first look" in done.stdout + done.stderr


def _start(project: Project) -> subprocess.Popen:
    return subprocess.Popen(
        project.command(DECISIONS, "--rerun-incomplete"),
        cwd=project.folder,
        env=project.environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _trained(project: Project) -> int:
    folder = project.folder / "results/tiny/.ledger"
    return project.epochs_trained() if folder.is_dir() else 0


def test_killed_inside_and_between_waves_it_decides_the_same(tmp_path_factory, tmp_path):
    """In the first wave, right after its look, and in the second wave."""
    calm = waves(tmp_path_factory.mktemp("calm"))
    calm.snakemake(DECISIONS)
    project = waves(tmp_path)
    look = project.folder / "results/tiny/looks/look1.json"
    moments = (
        lambda: _trained(project) >= 3,
        look.is_file,
        lambda: look.is_file() and _trained(project) >= 2 * 12 + 2,
    )
    for moment in moments:
        process = _start(project)
        until = time.monotonic() + 600
        while not moment():
            assert process.poll() is None, "it ended before the kill"
            assert time.monotonic() < until
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        project.snakemake("--unlock")
    project.snakemake(DECISIONS, "--rerun-incomplete")
    assert project.hashes() == calm.hashes()
    assert decided(project) == decided(calm)
    # A kill costs at most the runs in progress: two jobs, a run of two epochs each.
    assert project.epochs_trained() <= 2 * 24 + 3 * 2 * 2
