"""Seeds in waves on a real Slurm: kills inside and between waves change no bit and no decision."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.cluster.study import STUDY, ClusterProject
from tests.cluster.trainers import signal_all
from tests.workflow.project import Project
from tests.workflow.test_waves import DECISIONS, decided
from tests.workflow.test_waves import STUDY as WAVES

pytestmark = [pytest.mark.long, pytest.mark.slurm]
LONGER = WAVES | {"base": STUDY["base"]}
"""The study in waves with runs that last about a second, so that jobs can be held in them."""


@pytest.fixture
def cluster(alone):
    with slurm.Cluster() as started:
        yield started


def calm(folder: Path) -> Project:
    """The same study, undisturbed and without Slurm."""
    project = Project(folder)
    project.write_study(LONGER)
    project.snakemake(DECISIONS)
    return project


def test_killed_inside_and_between_waves(cluster, tmp_path):
    project = ClusterProject(tmp_path / "checkout")
    project.write_study(LONGER)
    look = project.folder / "results/tiny/looks/look1.json"
    try:
        first = project.start(DECISIONS)
        (held,) = project.hold(1)
        slurm.scancel(held.trainer.job)  # Snakemake submits it again
        slurm.wait(look.is_file, 600, project.log)
        (orphan,) = project.hold(1)  # of the second wave
        first.send_signal(signal.SIGKILL)
        first.wait()
        project.run(sys.executable, "-m", "snakemake", "--unlock", "--cores", "1")
        signal_all([orphan.trainer], signal.SIGCONT)
        project.finish(project.start(DECISIONS, "--rerun-incomplete"))
    finally:
        project.stop()
    quiet = calm(tmp_path / "calm")
    assert project.hashes() == quiet.hashes()
    assert decided(project) == decided(quiet)
    assert set(project.repeated()) <= {held.run}
