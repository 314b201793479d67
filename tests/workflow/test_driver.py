"""The driver behind `make report`: locks of the dead and the living, and failures."""

from __future__ import annotations

import copy
import json
import os
import platform
import sys

import pytest

from afn.common.errors import StudyError
from afn.common.process import start_ticks
from tests.workflow.project import TINY, Project


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """The driver's module, in a folder that has nothing but a Snakefile."""
    from afn.command import driver as module

    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").touch()
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.3)
    return module


def _lock(driver, **owner) -> None:
    (driver.STATE / "locks").mkdir(parents=True)
    (driver.STATE / "locks/0.input.lock").write_text("a file")
    if owner:
        driver.OWNER.write_text(json.dumps(owner))


def _locked(driver) -> bool:
    return any((driver.STATE / "locks").iterdir())


@pytest.mark.long
def test_a_study_on_named_devices_says_so_and_leases_them(tmp_path):
    """Here no GPU is needed: nobody asks torch whether the devices are there."""
    project = Project(tmp_path / "project")
    with (project.folder / "afn/training/job/devices.py").open("a") as file:
        file.write("\n\ndef check_there(name):\n    pass\n")
    variables = {"AFN_DEVICES": "0,1", "AFN_DEVICE_LEASES": str(tmp_path / "leases")}
    done = project.run("env", *(f"{k}={v}" for k, v in variables.items()), *MAKE)
    assert "devices 0, 1 (AFN_DEVICES): one job at a time on each" in done.stdout
    assert "Using workflow specific profile profiles/gpu" in snakemakes_log(project)
    logs = [path.read_text() for path in (project.folder / "logs/tiny/digits8x8").rglob("*.log")]
    used = [line for text in logs for line in text.splitlines() if " of 0, 1 (1 jobs" in line]
    assert len(used) == len(logs) == 4
    assert any("device 0 of" in line for line in used)
    wrong = project.run("env", "AFN_DEVICES=zero", *MAKE, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: AFN_DEVICES: 'zero' is no device")


MAKE = (sys.executable, "workflow/run.py")


def snakemakes_log(project: Project) -> str:
    return "".join(p.read_text() for p in project.folder.glob("logs/tiny/snakemake-*.log"))


def test_the_lock_of_a_dead_owner_is_taken_away(driver, capsys):
    _lock(driver, host=platform.node(), pid=os.getpid(), ticks=1)
    driver.clear_stale_lock()
    assert not _locked(driver)
    assert "was killed" in capsys.readouterr().err


def test_a_lock_without_an_owner_is_taken_away_where_nobody_works(driver):
    _lock(driver)
    driver.clear_stale_lock()
    assert not _locked(driver)


def test_the_lock_of_a_living_owner_stays(driver):
    pid = os.getpid()
    _lock(driver, host=platform.node(), pid=pid, ticks=start_ticks(pid))
    with pytest.raises(StudyError, match=f"another Snakemake .process {pid}."):
        driver.clear_stale_lock()
    assert _locked(driver)


def test_the_lock_of_another_machine_stays(driver):
    _lock(driver, host="elsewhere", pid=1, ticks=1)
    with pytest.raises(StudyError, match=r"elsewhere .*snakemake --unlock"):
        driver.clear_stale_lock()
    assert _locked(driver)


BROKEN = '''
from afn.normalization.methods.batch import Batch2d


class Broken2d(Batch2d):
    """Fails in its first step."""

    statistics = ("running", "batch")

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)

    def forward(self, x):
        raise RuntimeError("broken on purpose")
'''


@pytest.mark.long
def test_one_crash_is_told_and_the_rest_goes_on(tmp_path):
    project = Project(tmp_path)
    (project.folder / "broken_norms.py").write_text(BROKEN)
    study = copy.deepcopy(TINY)
    study["experiments"] = {
        "norms": {
            "factors": {"norm": ["batch", "afn", "broken_norms:Broken2d"]},
            "contrasts": [["afn", "batch"], ["broken_norms:Broken2d", "batch"]],
        }
    }
    project.write_study({**study, "seeds": 7})
    done = project.run(sys.executable, "workflow/run.py", check=False)
    assert done.returncode == 1
    assert "broken on purpose" in done.stderr
    assert "rule train_seed0_to_6 failed" in done.stderr
    assert {path.split("/")[2] for path in project.results()} == {"batch", "afn"}
    partial = project.run(sys.executable, "workflow/run.py", "--partial")
    page = project.folder / partial.stdout.strip().splitlines()[-1]
    text = page.read_text()
    assert "Partial report" in text
    assert "broken_norms~Broken2d" in text
    assert "7 are missing" in " ".join(text.split())


def test_snakemake_that_ended_well_without_a_report_is_no_success(
    driver, tmp_path, capsys, monkeypatch
):
    """Whatever the cause: what the target names has to be there, and to be of these results."""
    import yaml

    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TINY))
    monkeypatch.setattr(driver, "run_snakemake", lambda *_: (0, tmp_path / "log"))
    assert driver.main([]) == 1
    told = capsys.readouterr()
    assert "missing: results/tiny/results.parquet" in told.err
    assert "done in" not in told.out


def test_a_folder_without_a_snakefile_is_told_how_one_is_made(driver, tmp_path, capsys):
    (tmp_path / "Snakefile").unlink()
    assert driver.main([]) == 2
    assert "afn-study init FOLDER" in capsys.readouterr().err
