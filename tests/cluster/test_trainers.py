"""The watch that looks for shared devices finds some where there are some."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cluster import slurm
from tests.cluster.trainers import Watch, living, signal_all


@pytest.fixture
def train(tmp_path):
    """Start processes that look like trainings of a job; they only wait."""
    (tmp_path / "afn").mkdir()
    (tmp_path / "afn/training.py").write_text("input()\n")
    started = []

    def start(job: str, node: str, devices: str) -> None:
        given = {"SLURM_JOB_ID": job, "SLURMD_NODENAME": node, "CUDA_VISIBLE_DEVICES": devices}
        command = [sys.executable, "-m", "afn.training", "result.json"]
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, **given}, stdin=subprocess.PIPE
        )
        started.append(process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_jobs_with_the_same_device_at_the_same_time_are_found(train, tmp_path):
    with Watch(tmp_path) as watch:
        for job, node, devices in (("1", "n1", "0"), ("2", "n1", "1"), ("3", "n2", "0")):
            train(job, node, devices)
        slurm.wait(lambda: len(watch.seen) == 3, 60)
        assert watch.shared == set()
        train("4", "n1", "1")
        slurm.wait(lambda: watch.shared, 60)
    assert watch.shared == {("n1", "1", frozenset("24"))}
    assert watch.most == 3


def test_processes_of_another_folder_are_not_ours(train, tmp_path):
    train("1", "n1", "0")
    slurm.wait(lambda: living(tmp_path), 60)
    assert living(tmp_path / "afn") == []


def test_a_stopped_process_is_known_as_such(train, tmp_path):
    train("1", "n1", "0")
    slurm.wait(lambda: living(tmp_path), 60)
    (trainer,) = living(tmp_path)
    signal_all([trainer], signal.SIGSTOP)
    slurm.wait(lambda: trainer.state == "T", 60)
    signal_all([trainer], signal.SIGKILL)
    slurm.wait(lambda: trainer.state in ("Z", ""), 60)
