"""When a job's time is over: what it is told, what Slurm says in a job, what is asked of Slurm."""

from __future__ import annotations

import pytest

from afn.training.job.interruption import deadline

VARIABLES = ("AFN_TIME_LIMIT", "SLURM_JOB_END_TIME", "SLURM_JOB_ID")


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Put a squeue that runs a line of shell before all others; outside a job to begin with."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def answer(line: str) -> None:
        (tmp_path / "squeue").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{line}\n')
        (tmp_path / "squeue").chmod(0o755)

    answer("exit 9")
    yield answer
    if (tmp_path / "calls").exists():
        calls = (tmp_path / "calls").read_text().splitlines()
        assert calls == ["--noheader --jobs=17 --format=%e"]


def silence(line: str) -> None:
    raise AssertionError(line)


def test_the_earliest_end_counts(squeue, monkeypatch):
    assert deadline(None, 100.0, silence) is None
    assert deadline(50.0, 100.0, silence) == 150.0
    monkeypatch.setenv("AFN_TIME_LIMIT", "60")
    assert deadline(None, 100.0, silence) == 160.0
    assert deadline(50.0, 100.0, silence) == 150.0
    monkeypatch.setenv("SLURM_JOB_END_TIME", "140")
    assert deadline(50.0, 100.0, silence) == 140.0


def test_a_slurm_that_says_the_end_is_not_asked(squeue, monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_JOB_END_TIME", "140")
    assert deadline(None, 100.0, silence) == 140.0
    assert not (tmp_path / "calls").exists()


def test_an_old_slurm_is_asked_in_seconds(squeue, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    squeue('test "$SLURM_TIME_FORMAT" = %s && echo 1795706101')
    assert deadline(None, 100.0, silence) == 1795706101.0


@pytest.mark.parametrize("line", ["exit 1", "echo N/A", "echo"])
def test_without_an_answer_a_line_says_so_and_other_limits_count(squeue, monkeypatch, line):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    squeue(line)
    said = []
    assert deadline(50.0, 100.0, said.append) == 150.0
    (line,) = said
    assert line.startswith("squeue does not say when job 17 ends (")
    assert line.endswith("; its SIGTERM will be heeded")
    assert "\n" not in line


def test_without_squeue_a_line_says_so(squeue, monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    said = []
    assert deadline(None, 100.0, said.append) is None
    assert "No such file or directory: 'squeue'" in said[0]
