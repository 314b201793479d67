"""The test cluster leaves nothing behind, and leaves a machine with a Slurm of its own alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cluster import slurm

WHY_NOT = slurm.missing()
needs_slurm = pytest.mark.skipif(bool(WHY_NOT), reason=f"slurm: {WHY_NOT}")

NAP = f"sleep {1_000_000 + os.getpid()}"
"""What the cluster's job runs, by a number that no other process of this machine sleeps."""
OWNER = (
    "import subprocess, sys\n"
    "from tests.cluster import slurm\n"
    "with slurm.Cluster() as cluster:\n"
    f"    subprocess.run(['sbatch', '--output=/dev/null', '--wrap={NAP}'], check=True)\n"
    "    slurm.wait(lambda: cluster.jobs().get('1') == 'RUNNING', 120)\n"
    "    print(cluster.guardian.pid, flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def owner(alone):
    """A process that has a cluster with a running job, and the guardian of that cluster."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    lines = iter(process.stdout.readline, "")
    yield process, int(next(line for line in lines if line.strip().isdigit()))
    process.kill()
    process.communicate()


def jobs_processes() -> list[str]:
    done = subprocess.run(["pgrep", "-fx", NAP], capture_output=True, text=True)
    return done.stdout.split()


@needs_slurm
@pytest.mark.long
def test_a_killed_owner_leaves_nothing(owner):
    process, _ = owner
    slurm.wait(jobs_processes, 60)  # a job is called running before it sleeps
    assert len(slurm.leftovers()) > 4
    process.kill()
    process.wait()
    slurm.wait(lambda: not slurm.leftovers(), 60, lambda: str(slurm.leftovers()))
    assert not jobs_processes()


@needs_slurm
@pytest.mark.long
def test_what_a_killed_guardian_left_is_taken_away_by_the_next(owner):
    process, guardian = owner
    os.kill(guardian, signal.SIGKILL)
    process.kill()
    process.wait()
    assert len(slurm.leftovers()) > 4
    with slurm.Cluster() as cluster:
        assert not jobs_processes()
        assert cluster.jobs() == {}
    assert slurm.leftovers() == []


@pytest.fixture
def ready(monkeypatch, tmp_path):
    """A machine, as it looks to `missing`, that has all that is needed and no Slurm of its own."""
    monkeypatch.setattr(slurm, "ETC", tmp_path)
    monkeypatch.setattr(slurm, "CONFIGLESS", tmp_path / "conf")
    # Another process may have a cluster just now.
    monkeypatch.setattr(slurm, "STATE", tmp_path / "state")
    monkeypatch.setattr(slurm, "NAME", "none")
    monkeypatch.setattr(slurm.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(slurm.os, "geteuid", lambda: 0)
    for name in ("SLURM_CONF", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    assert slurm.missing() == ""
    return monkeypatch


@pytest.mark.parametrize("name", slurm.FILES)
def test_a_configuration_that_is_not_ours_is_respected(ready, name, tmp_path):
    (tmp_path / name).symlink_to(slurm.STATE / name)
    assert slurm.missing() == ""
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/elsewhere/slurm.conf")
    assert slurm.missing() == f"this machine has a Slurm of its own: {tmp_path / name}"
    (tmp_path / name).unlink()
    (tmp_path / name).write_text("ClusterName=real\n")
    assert slurm.missing() == f"this machine has a Slurm of its own: {tmp_path / name}"
    slurm.clean()
    assert (tmp_path / name).read_text() == "ClusterName=real\n"


def test_a_node_that_has_its_configuration_from_a_controller_is_respected(ready, tmp_path):
    (tmp_path / "conf").mkdir()
    assert slurm.missing() == f"this machine has a Slurm of its own: {tmp_path / 'conf'}"


@pytest.mark.parametrize("variable", ["SLURM_CONF", "SLURM_JOB_ID"])
def test_a_node_of_a_cluster_is_respected(ready, variable):
    ready.setenv(variable, "1")
    assert "belongs to a Slurm cluster" in slurm.missing()


def test_what_is_missing_is_named_with_what_to_do(ready):
    ready.setattr(slurm.shutil, "which", lambda name: None if name == "slurmd" else name)
    assert slurm.missing() == ("needs slurmd: apt-get install slurmctld slurmd slurm-client munge")
    ready.setattr(slurm.shutil, "which", lambda name: name)
    ready.setattr(slurm.os, "geteuid", lambda: 1000)
    assert slurm.missing() == "needs root, to start Slurm's daemons"
