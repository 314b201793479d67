"""What is trained again after a change, counted in epochs; and what is not."""

from __future__ import annotations

import copy
import os
import time

import pytest

from tests.workflow.project import TINY, Project

pytestmark = pytest.mark.long
AFN = "digits8x8/convnet_small/afn/plain+epochs=2"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("study"))
    project.snakemake("results")
    assert project.epochs_trained() == 48
    return project


def test_nothing_is_left_to_do(project):
    assert "Nothing to be done" in project.snakemake("results", "-n").stdout


def test_another_block_size_trains_nothing(project):
    before = project.epochs_trained()
    project.snakemake("results", "--config", "seeds_per_job=2")
    assert project.epochs_trained() == before


def test_editing_a_comment_trains_nothing(project):
    before = project.epochs_trained()
    for file in (project.folder / "afn").rglob("*.py"):
        file.write_text(file.read_text() + "\n# a remark\n")
    project.snakemake("results")
    assert project.epochs_trained() == before


def test_editing_one_method_trains_only_its_runs(project):
    before, results = project.epochs_trained(), project.results()
    file = project.folder / "afn/normalization/methods/batch_instance.py"
    file.write_text(file.read_text() + "\n\nADDED = 1\n")
    project.snakemake("results")
    changed = {path for path, value in project.results().items() if results[path] != value}
    assert {path.split("/")[2] for path in changed} == {"batch_instance"}
    assert len(changed) == 6
    assert project.epochs_trained() - before == 12


def test_changing_a_level_trains_only_its_runs(project):
    before = project.epochs_trained()
    study = copy.deepcopy(TINY)
    study["experiments"]["levels"]["factors"]["norm.lambda_init"] = [-3, -7]
    project.write_study(study)
    project.snakemake("results")
    assert project.epochs_trained() - before == 12
    project.write_study(TINY)


def test_more_seeds_train_only_the_new_ones(project):
    before = project.epochs_trained()
    project.write_study({**TINY, "seeds": 8})
    project.snakemake("results", "--config", "seeds_per_job=4")
    assert project.epochs_trained() - before == 2 * 4 * 2
    project.write_study(TINY)


def test_one_run_is_trained_again_bit_for_bit_and_no_other(project):
    project.snakemake("results")
    before, results = project.epochs_trained(), project.results()
    where = "norm == 'afn' and seed == 3"
    project.run(*_python("-m", "afn.study", "drop", "--where", where))
    path = f"results/tiny/runs/{AFN}/seed3/result.json"
    project.snakemake(path, "--force", "--config", "seeds_per_job=1")
    project.snakemake("results")
    after = project.results()
    assert project.epochs_trained() - before == 2
    assert {run for run in after if after[run] != results[run]} == {f"{AFN}/seed3"}
    assert after[f"{AFN}/seed3"][0] == results[f"{AFN}/seed3"][0]


def test_lost_outputs_come_back_from_the_store_without_training(project):
    before, hashes = project.epochs_trained(), project.hashes()
    for seed in (0, 4):
        (project.folder / f"results/tiny/runs/{AFN}/seed{seed}/result.json").unlink()
    project.snakemake("cells")
    assert project.epochs_trained() == before
    assert project.hashes() == hashes


def test_files_of_other_times_train_nothing(project):
    """As a clock that was set, or a copy from another machine, leaves them."""
    before, hashes = project.epochs_trained(), project.hashes()
    ahead = time.time() + 86_400
    for k, file in enumerate(sorted((project.folder / "results").rglob("*"))):
        os.utime(file, (ahead - k * 3600,) * 2)
    os.utime(next(project.folder.glob("data/prepared/*/manifest.json")), (ahead + 3600,) * 2)
    project.snakemake("results")
    assert project.epochs_trained() == before
    assert project.hashes() == hashes


def test_only_selected_cells_are_made(tmp_path):
    project = Project(tmp_path)
    where = "norm == 'batch' and seed in [1, 2]"
    project.snakemake("cells", "--config", f"where={where}", "seeds_per_job=1")
    assert {path.split("/")[-1] for path in project.results()} == {"seed1", "seed2"}
    wrong = project.snakemake("cells", "--config", "where=nrom == 'batch'", check=False)
    assert wrong.returncode != 0
    assert "did you mean 'norm'" in wrong.stdout + wrong.stderr
    assert "Traceback" not in wrong.stdout + wrong.stderr


def _python(*arguments: str) -> list[str]:
    import sys

    return [sys.executable, *arguments]
