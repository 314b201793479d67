"""Two study files with one name share no folders; the committed sample is nobody's study."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from afn.study import StudyError
from afn.study.__main__ import main
from afn.study.state.owner import check_owner, load_own, record_owner
from tests.study.conftest import ROOT, SMALL


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("one.yaml")
    return tmp_path


def write(path: str, **changes) -> str:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(yaml.safe_dump({**SMALL, **changes}))
    return path


def test_a_second_file_of_the_same_name_is_refused_with_both():
    record_owner("small", "one.yaml")
    write("studies/two.yaml")
    with pytest.raises(StudyError, match=r"'small' is the name of two files, one.yaml and s"):
        load_own("studies/two.yaml")
    load_own("one.yaml")
    load_own(Path("one.yaml").resolve())


@pytest.mark.parametrize("command", ["plan", "status", "verify", "runs", "drop"])
def test_every_command_refuses_before_it_writes(command, capsys):
    record_owner("small", "one.yaml")
    before = sorted(Path().rglob("*"))
    write("two.yaml")
    assert main([command, "two.yaml", "--where", "seed == 1"]) == 2
    assert "one.yaml and two.yaml" in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == sorted([*before, Path("two.yaml")])


def test_a_file_that_moved_goes_on():
    record_owner("small", "one.yaml")
    Path("one.yaml").rename("moved.yaml")
    load_own("moved.yaml")
    record_owner("small", "moved.yaml")
    write("one.yaml")
    with pytest.raises(StudyError, match=r"moved.yaml and one.yaml"):
        load_own("one.yaml")


def test_a_file_that_now_has_another_name_is_no_owner():
    record_owner("small", "one.yaml")
    write("one.yaml", study="other")
    load_own(write("two.yaml"))


def test_a_damaged_file_may_be_the_owner():
    record_owner("small", "one.yaml")
    Path("one.yaml").write_text("study: [")
    with pytest.raises(StudyError, match=r"one.yaml and two.yaml"):
        load_own(write("two.yaml"))


def test_a_folder_that_was_moved_with_its_file_stays_its_own(tmp_path, monkeypatch):
    record_owner("small", "one.yaml")
    assert "one.yaml" in Path("results/small/study_file.json").read_text()
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    monkeypatch.chdir(tmp_path.with_name("elsewhere"))
    load_own("one.yaml")


def test_the_committed_sample_is_no_study():
    with pytest.raises(StudyError, match="reports/sample"):
        check_owner("sample", "one.yaml")


@pytest.mark.parametrize("name", ["small", "sample"])
@pytest.mark.parametrize(
    "command",
    [["workflow/run.py", "--study"], ["-m", "snakemake", "-n", "--nolock", "--configfile"]],
    ids=["make report", "snakemake"],
)
def test_the_workflow_refuses(tmp_path, command, name):
    """In the project's own folder; the record is of a study that no file there has."""
    path = write("two.yaml", study=f"{name}" if name == "sample" else f"owned-{os.getpid()}")
    record = ROOT / f"results/owned-{os.getpid()}/study_file.json"
    other = write("one.yaml", study=f"owned-{os.getpid()}")
    record.parent.mkdir(parents=True)
    record.write_text(f'{{"file": "{Path(other).resolve()}"}}')
    try:
        words = [sys.executable, *command, str(Path(path).resolve())]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        assert sorted(record.parent.iterdir()) == [record]
    finally:
        record.unlink()
        record.parent.rmdir()
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in told
    assert ("reports/sample" if name == "sample" else "is the name of two files") in told


@pytest.fixture
def foreign(tmp_path):
    """Another package of the name, first on Python's path."""
    (tmp_path / "foreign/analysis").mkdir(parents=True)
    (tmp_path / "foreign/analysis/__init__.py").write_text("")
    return tmp_path / "foreign"


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    words, given = [sys.executable, *command], {**os.environ, **environment}
    return subprocess.run(words, cwd=cwd, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("jobs", [True, False])
def test_a_foreign_package_of_the_same_name_is_told(tmp_path, foreign, jobs):
    path = os.pathsep.join([str(foreign), str(ROOT)])
    code = f"from afn.study.state.owner import check_packages; check_packages(jobs={jobs})"
    assert run("-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT)).returncode == 0
    done = run("-c", code, cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 1
    assert f"is not that of this project but {foreign}/analysis" in done.stderr
    assert f"ours is {ROOT}/analysis" in done.stderr


@pytest.mark.parametrize(
    "command",
    [["workflow/run.py", "--study"], ["-m", "snakemake", "-n", "--nolock", "--configfile"]],
    ids=["make report", "snakemake"],
)
def test_the_workflow_refuses_where_jobs_would_import_a_foreign_package(tmp_path, foreign, command):
    """Python is told not to look beside the program, so that jobs find the other one first."""
    study = str((tmp_path / "one.yaml").resolve())
    path = os.pathsep.join([str(foreign), str(ROOT)])
    done = run(*command, study, cwd=ROOT, PYTHONPATH=path, PYTHONSAFEPATH="1")
    assert done.returncode != 0
    assert f"but {foreign}/analysis" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
