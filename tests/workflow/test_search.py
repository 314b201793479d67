"""A search through Snakemake: the same proposals and winner on 1 and 2 cores and after a kill."""

import json
import os
import shutil
import signal
import time

import pytest

from tests.workflow.project import TIMES, Project

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
    searches = json.loads((project.folder / "results/tiny/search.json").read_text())["searches"]
    for search in searches:
        search["budget"].pop("train_seconds")
        for trial in [*search["trials"], *(search["finalists"] or [])]:
            trial.pop("train_seconds")
    return searches


def kill_after(project: Project, epochs: int) -> None:
    """Start the study and kill everything once so many epochs were trained."""
    driver = project.start_driver()
    until = time.monotonic() + 240
    while project.epochs_trained() < epochs and driver.poll() is None:
        assert time.monotonic() < until, "the study trains nothing"
        time.sleep(0.05)
    assert driver.poll() is None, "the study ended before it could be killed"
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()


@pytest.mark.long
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


@pytest.mark.long
def test_where_every_trial_diverges_the_base_is_kept_and_the_report_says_so(tmp_path):
    project = Project(tmp_path)
    study = json.loads(json.dumps(SEARCHED))
    study["base"]["recipe"]["optimizer"] = "sgd"
    search = study["experiments"]["tuned"]["search"]
    search.update(space={"recipe.lr": {"log": [900.0, 1000.0]}}, trials=2)
    # The slot of the second rung stays empty.
    search["halving"] = {"factor": 2, "rungs": 2}
    study["base"]["recipe"]["epochs"] = 2
    project.write_study(study)
    project.run("python", "workflow/run.py")
    assert [search["chosen"] for search in decided(project)] == [None, None]
    assert [search["budget"]["epochs"] for search in decided(project)] == [2, 2]
    page = (project.folder / "reports/tiny/index.html").read_text()
    assert "every trial diverged" in page.lower()


HALVED = {
    **SEARCHED,
    "base": {**SEARCHED["base"], "recipe": {"epochs": 4}},
    "experiments": {
        "tuned": {
            "search": {
                "space": {"recipe.lr": {"log": [1e-4, 1e-1]}, "norm.lambda_init": [-1, -5]},
                "trials": 8,
                "width": 4,
                "halving": {"factor": 2, "rungs": 3},
            }
        }
    },
    "plan": {"outcomes": ["clean"]},
}
"""14 trainings of 16 epochs: in each of 2 rounds 4 to epoch 1, 2 of them to 2, 1 of these to 4."""


def promoted(project: Project) -> dict[str, str]:
    """The files that say which trial fills which slot, and what each slot gave."""
    folder = project.folder / "results/tiny/search"
    files = [*folder.rglob("rung*.json"), *folder.rglob("specs/**/*.json")]
    texts = {str(file.relative_to(folder)): file.read_text() for file in files}
    for file in folder.rglob("result.json"):
        bare = {k: v for k, v in json.loads(file.read_text()).items() if k not in TIMES}
        texts[str(file.relative_to(folder))] = json.dumps(bare, sort_keys=True)
    return texts


@pytest.mark.long
def test_halving_is_the_same_on_any_cores_and_after_kills(tmp_path):
    quiet = Project(tmp_path / "quiet")
    quiet.write_study(HALVED)
    quiet.run(*quiet.command("search", "--cores", "1"))
    (search,) = decided(quiet)
    assert quiet.epochs_trained() == search["budget"]["epochs"] == 16
    states = [trial["state"] for trial in search["trials"]]
    assert (states.count("pruned"), states.count("complete")) == (6, 2)

    killed = Project(tmp_path / "killed")
    killed.write_study(HALVED)
    for epochs in (2, 5):  # in the middle of the first rung, and of the second
        kill_after(killed, epochs)
    killed.snakemake("--unlock")
    killed.snakemake("search", "--rerun-incomplete")
    assert decided(killed) == decided(quiet)
    assert promoted(killed) == promoted(quiet)
    again = killed.snakemake("-n", "search")
    assert "Nothing to be done" in again.stdout + again.stderr

    # One result by its path is one job; without the private store it is a training that nothing
    # interrupts, from the first epoch on.
    winner = killed.folder / "results/tiny/search/runs/digits8x8/convnet_small/afn"
    path = winner / "tuned.round000.rung2.slot000/seed1000000/result.json"
    trial = json.loads(path.read_text())["run"]["recipe"]
    shutil.rmtree(killed.folder / f"results/tiny/.store/digits8x8/convnet_small/afn/{trial}")
    before = killed.epochs_trained()
    done = killed.snakemake("--force", str(path.relative_to(killed.folder)))
    assert "1 of 1 steps" in done.stdout + done.stderr
    assert killed.epochs_trained() == before + 4
    assert promoted(killed) == promoted(quiet)


REPEATED = {
    **SEARCHED,
    "seeds": 4,
    "experiments": {
        "tuned": {
            "factors": {"norm": ["batch", "afn"]},
            "search": {
                "space": {"recipe.lr": {"log": [1e-4, 1e-1]}, "norm.lambda_init": [-1, -5]},
                "trials": 3,
                "width": 3,
                "per": ["norm"],
                "repeats": 2,
                "finalists": {"count": 2, "seeds": 1},
            },
            "contrasts": [["afn", "batch"]],
        }
    },
    "plan": {"outcomes": ["clean"], "primary": ["tuned"], "strict": False},
}
"""4 searches of 3 trials and 2 finalists, 4 winners of 2 seeds: 12, 8 and 8 epochs."""


@pytest.mark.long
def test_repeated_searches_choose_the_same_after_kills(tmp_path):
    quiet = Project(tmp_path / "quiet")
    quiet.write_study(REPEATED)
    quiet.run(*quiet.command("search", "results"))
    searches = decided(quiet)
    assert [(s["label"], s["repeat"]) for s in searches] == [
        (norm, repeat) for repeat in range(2) for norm in ("batch", "afn")
    ]
    assert all(len(s["finalists"]) == 2 for s in searches)
    assert len(quiet.hashes()) == 8
    assert quiet.epochs_trained() == 12 + 8 + 8

    killed = Project(tmp_path / "killed")
    killed.write_study(REPEATED)
    for epochs in (3, 13, 22):  # among the trials, the finalists, and the winners
        kill_after(killed, epochs)
    killed.snakemake("--unlock")
    killed.snakemake("search", "results", "--rerun-incomplete")
    assert decided(killed) == searches
    assert promoted(killed) == promoted(quiet)
    assert killed.hashes() == quiet.hashes()
    again = killed.snakemake("-n", "search", "results")
    assert "Nothing to be done" in again.stdout + again.stderr
