"""A study on a real Slurm ends with the bits of a quiet local run, whatever happens to its jobs.

One module, one lock: only one process may use the cluster at a time. The plugin is no part of the
usual environment; SLURM_PLUGIN names a folder that holds it (pip install --target).
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.workflow.project import TINY, Project

PLUGIN = os.environ.get("SLURM_PLUGIN", "")
WHY_NOT = slurm.missing() or (
    ""
    if (Path(PLUGIN) / "snakemake_executor_plugin_slurm").is_dir()
    else "needs SLURM_PLUGIN, a folder with the executor plugin (pip install --target)"
)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=f"Slurm: {WHY_NOT}")]

STUDY = {**TINY, "base": {**TINY["base"], "recipe": {"epochs": 40}}}
"""Runs of some seconds, so that something can happen in the middle of one."""


class ClusterProject(Project):
    """The project whose Snakemake hands its jobs to Slurm."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PYTHONPATH": PLUGIN}

    def start(self, *more: str) -> subprocess.Popen:
        command = [
            *(sys.executable, "-m", "snakemake", "results"),
            *("--workflow-profile", "profiles/slurm", "--jobs", "4"),
            *("--slurm-no-account", "--slurm-status-command", "squeue"),
            *("--slurm-init-seconds-before-status-checks", "2"),
            *("--seconds-between-status-checks", "2", "--latency-wait", "5"),
            *("--default-resources", "gpu=1", "mem_mb=1000", "runtime=5"),
            *more,
        ]
        with (self.folder / "snakemake.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment(), stdout=log, stderr=log
            )

    def finish(self, process: subprocess.Popen) -> None:
        code = process.wait(timeout=300)
        assert code == 0, (self.folder / "snakemake.log").read_text()[-5000:]

    def said(self) -> list[str]:
        """Every line that a training job wrote about itself."""
        logs = (self.folder / "logs").rglob("seed*.log")
        return [line for p in logs for line in p.read_text().splitlines() if "Slurm job" in line]

    def trains(self) -> bool:
        """Whether an epoch was trained already."""
        return self.epochs_trained() > 0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with open("/tmp/afn-test-slurm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with slurm.Cluster() as started:
            yield started


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, str]:
    project = Project(tmp_path_factory.mktemp("quiet"))
    project.write_study(STUDY)
    project.snakemake("results")
    return project.hashes()


@pytest.fixture
def project(tmp_path) -> ClusterProject:
    made = ClusterProject(tmp_path)
    made.write_study(STUDY)
    return made


def _running(cluster: slurm.Cluster) -> list[tuple[str, str]]:
    return [(job, node) for job, (state, node, _) in cluster.jobs().items() if state == "RUNNING"]


def test_cancelled_and_requeued_jobs_and_a_node_that_dies(cluster, project, undisturbed):
    process = project.start()
    slurm.wait(lambda: project.trains() and len(_running(cluster)) >= 3, 90)
    (cancelled, _), (requeued, _), *_ = _running(cluster)
    slurm.scancel(cancelled)
    slurm.scontrol("requeue", requeued)
    time.sleep(1)
    slurm.wait(lambda: any(node == "n2" for _, node in _running(cluster)), 60)
    cluster.stop_node("n2")
    time.sleep(2)
    cluster.start_node("n2")
    slurm.scontrol("update", "NodeName=n2", "State=RESUME")
    project.finish(process)
    assert project.hashes() == undisturbed
    told = project.said()
    assert len(told) >= 24
    assert {re.search(r"on node (\w+)", line)[1] for line in told} <= {"n1", "n2"}
    assert all(re.search(r"CUDA_VISIBLE_DEVICES=[01]$|=[01] ", line) for line in told)


def test_snakemake_killed_while_its_jobs_go_on(cluster, project, undisturbed):
    process = project.start()
    slurm.wait(lambda: project.trains() and len(_running(cluster)) >= 3, 90)
    process.send_signal(signal.SIGKILL)
    process.wait()
    orphans = {job for job, _ in _running(cluster)}
    assert orphans
    project.run(sys.executable, "-m", "snakemake", "results", "--unlock", "--cores", "1")
    again = project.start()
    slurm.wait(lambda: {job for job, _ in _running(cluster)} - orphans, 60)
    project.finish(again)
    assert project.hashes() == undisturbed
