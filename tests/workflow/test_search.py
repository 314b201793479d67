"""A search through Snakemake: the same proposals and winner on 1 and 2 cores and after a kill."""

import json
import os
import signal
import time

import pytest

from tests.workflow.project import Project

SEARCHED = {
    "study": "tiny",
    "question": "Does the search always choose the same?",
    "seeds": 2,
    "base": {
        "task": "digits8x8",
        "backbone": "convnet_small",
        "norm": "afn",
        "recipe": {"epochs": 1},
    },
    "experiments": {
        "tuned": {
            "factors": {"norm": ["batch", "afn"]},
            "search": {
                "space": {"recipe.lr": {"log": [1e-4, 1e-1]}, "norm.lambda_init": [-1, -5]},
                "trials": 4,
                "width": 2,
                "per": ["norm"],
            },
            "contrasts": [["afn", "batch"]],
        }
    },
    "plan": {"outcomes": ["clean"], "primary": ["tuned"], "strict": False},
}


def decided(project: Project) -> list[dict]:
    """Everything that the searches drew and chose, without times."""
    searches = json.loads((project.folder / "results/tiny/search.json").read_text())
    for search in searches:
        search["budget"].pop("train_seconds")
        for trial in search["trials"]:
            trial.pop("train_seconds")
    return searches


def kill_after(project: Project, epochs: int) -> None:
    """Start the study and kill everything once so many epochs were trained."""
    driver = project.start_driver()
    until = time.monotonic() + 240
    while project.epochs_trained() < epochs and driver.poll() is None:
        assert time.monotonic() < until, "the study trains nothing"
        time.sleep(0.05)
    if driver.poll() is None:
        os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()


@pytest.mark.slow
def test_cores_and_kills_change_neither_proposals_nor_the_winner(tmp_path):
    quiet = Project(tmp_path / "quiet")
    quiet.write_study(SEARCHED)
    quiet.run(*quiet.command("search", "results", "--cores", "1"))
    assert len(quiet.hashes()) == 4
    # 2 searches of 4 trials of 1 epoch, then 2 cells of 2 seeds.
    assert quiet.epochs_trained() == 12

    killed = Project(tmp_path / "killed")
    killed.write_study(SEARCHED)
    for epochs in (1, 6):
        kill_after(killed, epochs)
    # Not by the driver: a bare Snakemake has to be told that the lock's owner is dead.
    killed.snakemake("--unlock")
    killed.snakemake("search", "results", "--rerun-incomplete")
    assert decided(killed) == decided(quiet)
    assert killed.hashes() == quiet.hashes()
    again = killed.snakemake("-n", "search", "results")
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.slow
def test_where_every_trial_diverges_the_base_is_kept_and_the_report_says_so(tmp_path):
    project = Project(tmp_path)
    study = json.loads(json.dumps(SEARCHED))
    study["base"]["recipe"]["optimizer"] = "sgd"
    search = study["experiments"]["tuned"]["search"]
    search.update(space={"recipe.lr": {"log": [1e28, 1e30]}}, trials=2)
    project.write_study(study)
    project.run("python", "workflow/run.py")
    assert [search["chosen"] for search in decided(project)] == [None, None]
    page = (project.folder / "reports/tiny/index.html").read_text()
    assert "every trial diverged" in page.lower()
