"""A study on a real Slurm ends with the bits of a quiet local run, whatever happens to its jobs.

Every test starts a cluster of its own, one at a time on a machine. No test depends on how fast the
machine is: what happens to a job happens while its process is held in the middle of a run.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from afn.study.loading import load_study
from afn.study.plan.cost import job_memory, job_minutes
from tests.cluster import slurm
from tests.cluster.study import EPOCHS, PLUGIN, STUDY, ClusterProject, Held
from tests.cluster.trainers import Watch, signal_all
from tests.workflow.project import ROOT, Project

pytestmark = [pytest.mark.long, pytest.mark.slurm]
RULE = "train_seed0_to_5"


@pytest.fixture
def cluster(alone):
    with slurm.Cluster() as started:
        yield started


class Quiet(Project):
    """The same study, undisturbed and without Slurm."""

    @functools.cached_property
    def bits(self) -> dict[str, str]:
        """Hashes of its results. It is trained when first asked for: best where Slurm waits."""
        self.write_study(STUDY)
        self.snakemake("cells")
        return self.hashes()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Quiet:
    return Quiet(tmp_path_factory.mktemp("quiet"))


@pytest.fixture
def bare(tmp_path) -> Iterator[ClusterProject]:
    """Without any data, as it is cloned."""
    made = ClusterProject(tmp_path / "checkout")
    yield made
    made.stop()


@pytest.fixture
def project(bare, quiet) -> ClusterProject:
    """With data that lie elsewhere, as on a node's own disk, behind a link."""
    quiet.snakemake("data/prepared/digits8x8/manifest.json")
    (bare.folder / "data").mkdir()
    (bare.folder / "data/prepared").symlink_to(quiet.folder / "data/prepared")
    return bare


def test_jobs_whose_time_is_over(cluster, project, quiet):
    process = project.start(
        *("cells", "--config", "where=norm.name == 'afn'"),
        # Twice the time at the second attempt, as the rules ask for it.
        *("--set-resources", f"{RULE}:runtime=attempt"),
    )
    soft, hard = project.hold(2)
    since = time.time()
    slurm.scontrol("update", f"JobId={hard.trainer.job}", "EndTime=now")
    # Once its process knows the end, Slurm gives it more, so that a slow machine cannot end it.
    end = slurm.end_of(soft.trainer.job)
    slurm.scontrol("update", f"JobId={soft.trainer.job}", "TimeLimit=30")
    # The epoch in progress takes so long that another one does not fit into the time left.
    slurm.wait(lambda: end - time.time() < min(time.time() - since, 10) - 1, 300)
    signal_all([soft.trainer], signal.SIGCONT)
    wanted = {path: digest for path, digest in quiet.bits.items() if "/afn" in path}
    project.finish(process)
    assert len(wanted) == 12
    assert project.hashes() == wanted
    assert project.repeated() == {}
    assert re.search(r"the job's time ends in \d+ s, too little for the next \d+ s", project.log())
    states = cluster.jobs()
    assert states[soft.trainer.job] == "FAILED"
    assert states[hard.trainer.job] == "TIMEOUT"
    for one in (soft, hard):
        same = [job for job in states if slurm.details(job)["Comment"] == _comment(one)]
        assert states[max(same, key=int)] == "COMPLETED"
        limits = [slurm.details(job)["TimeLimit"] for job in sorted(same, key=int)]
        asked = [f"00:0{attempt}:00" for attempt in range(1, len(same) + 1)]
        if one is soft:
            asked[sorted(same, key=int).index(soft.trainer.job)] = "00:30:00"
        assert limits == asked


def test_cancelled_and_requeued_jobs_and_a_node_that_dies(cluster, bare, tmp_path, quiet):
    project = bare
    with Watch(project.folder) as watch:
        process = project.start("results")
        held = project.hold(4)
        names = {slurm.details(h.trainer.job)["JobName"] for h in held}
        for one in held:
            _check_request(project, one)
        _check_preparation()
        (cancelled, requeued), lost = (
            [h for h in held if h.trainer.node == name] for name in slurm.NODES
        )
        slurm.scancel(cancelled.trainer.job)
        slurm.scontrol("requeue", requeued.trainer.job)
        slurm.wait(lambda: _gone(cancelled, requeued), 120)
        cluster.stop_node("n2")
        assert cluster.states()["n2"].startswith("down")
        slurm.wait(lambda: _gone(*lost), 60)
        cluster.start_node("n2")
        slurm.wait(lambda: cluster.states()["n2"] in ("idle", "mixed"), 120)
        project.finish(process)
    assert project.hashes() == quiet.bits
    assert len(project.hashes()) == 24

    # Two jobs never had the same device, though all devices of a node were in use at once.
    assert watch.shared == set()
    assert watch.most == slurm.GPUS
    assert {t.node for t in watch.seen} == set(slurm.NODES)
    assert {t.devices for t in watch.seen} == {"0", "1"}

    # A warning is enough to save; without any, at most what the run in progress had.
    again = project.repeated()
    assert set(again) <= {h.run for h in lost}
    assert all(again[h.run] <= h.epoch for h in lost)

    # Slurm itself starts requeued jobs again, Snakemake a cancelled one, with more of everything.
    states = cluster.jobs()
    assert states.pop(cancelled.trainer.job) == "CANCELLED"
    assert set(states.values()) == {"COMPLETED"}
    assert all(slurm.details(h.trainer.job)["Restarts"] == "1" for h in (requeued, *lost))
    (second,) = set(states) - {h.trainer.job for h in held} - {"1"}
    assert slurm.details(second)["Comment"] == _comment(cancelled)
    assert slurm.details(second)["JobName"] in names
    _check_request(project, cancelled, job=second, attempt=2)

    # Data that are moved to other disks, a link in their place, make nothing again.
    (project.folder / "data/prepared").rename(tmp_path / "disk")
    (project.folder / "data/prepared").symlink_to(tmp_path / "disk")
    assert "Nothing to be done" in project.snakemake("-n", "results").stdout


def _gone(*held: Held) -> bool:
    return all(one.trainer.state in ("", "Z") for one in held)


def _check_request(project: Project, held: Held, job: str = "", attempt: int = 1) -> None:
    """Slurm granted a training job what the estimate of its cost asks for, and one device."""
    cell = load_study(project.folder / "config.yaml").cell(held.run.rpartition("/")[0])
    granted = slurm.details(job or held.trainer.job)
    minutes = job_minutes(cell, runs=6, attempt=attempt)
    assert granted["TimeLimit"] == f"{minutes // 60:02}:{minutes % 60:02}:00"
    tres = dict(part.split("=") for part in granted["TRES"].split(","))
    assert (tres["cpu"], tres["mem"]) == ("1", f"{job_memory(cell, attempt)}M")
    assert granted["TresPerJob"] == "gres:gpu:1"
    assert granted["Requeue"] == "1"
    assert granted["JobName"].startswith("afn_")
    assert granted["Comment"] == _comment(held)
    if not job:
        assert granted["NodeList"] == held.trainer.node
        assert granted["GRES"] == f"gpu:1(IDX:{held.trainer.devices})"


def _comment(held: Held) -> str:
    return f"rule_{RULE}_wildcards_{'_'.join(held.run.split('/')[:-1])}"


def _check_preparation() -> None:
    """The first job prepared the data, with what the profile says and without a device."""
    granted = slurm.details("1")
    assert granted["Comment"] == "rule_prepare_wildcards_digits8x8"
    assert (granted["JobState"], granted["TimeLimit"]) == ("COMPLETED", "04:00:00")
    assert "mem=8000M" in granted["TRES"]
    assert "gpu" not in str(granted)


def test_snakemake_killed_and_interrupted_while_its_jobs_go_on(cluster, project, quiet):
    runs = [path for path in quiet.bits if "/batch" in path]
    targets = [f"results/tiny/runs/{path}/result.json" for path in runs]
    process = project.start(*targets)
    orphans = project.hold(2)
    process.send_signal(signal.SIGKILL)
    process.wait()

    # The jobs of the next one stand beside the orphans and wait for the leases of their runs.
    project.run(sys.executable, "-m", "snakemake", "--unlock", "--cores", "1")
    second = project.start(*targets)
    logs = [project.folder / "logs/tiny" / Path(h.run).parent / "seed0_to_5.log" for h in orphans]
    slurm.wait(lambda: all("waiting for process" in p.read_text() for p in logs), 300, project.log)
    assert cluster.jobs() == dict.fromkeys("1234", "RUNNING")

    # Ctrl-C takes its own jobs along, and its lock.
    assert _interrupt(second) != 0
    slurm.wait(lambda: [cluster.jobs()[job] for job in "34"] == ["CANCELLED"] * 2, 120)
    assert [cluster.jobs()[job] for job in "12"] == ["RUNNING"] * 2

    third = project.start(*targets)
    signal_all([h.trainer for h in orphans], signal.SIGCONT)
    project.finish(third)
    assert project.hashes() == {path: quiet.bits[path] for path in runs}
    assert project.epochs_trained() == len(runs) * EPOCHS
    assert project.repeated() == {}


def _interrupt(process: subprocess.Popen) -> int:
    """Press Ctrl-C as a person does: again where nothing happens; the exit code.

    One that comes while Snakemake handles an error of its own is lost with that error.
    """
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=60)
    raise AssertionError("Snakemake goes on after five times Ctrl-C")


@pytest.mark.about("README.md")
def test_the_commands_of_the_readme_as_printed(cluster, bare, quiet):
    """The profile alone is this cluster's: no accounting, no accounts, and short waits."""
    lines = (ROOT / "README.md").read_text().split("## On a cluster\n\n")[1].split("\n\n")[0]
    commands = [line.strip() for line in lines.splitlines()]
    assert commands[0].startswith("make slurm ")
    assert commands[-1] == "snakemake --workflow-profile profiles/slurm"
    # What `make slurm` leaves, from this environment: nothing is fetched here.
    venv = bare.folder / ".venv"
    venv.mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name != "slurm-plugin":
            (venv / path.name).symlink_to(path)
    (venv / "slurm-plugin").symlink_to(PLUGIN)
    profile = bare.folder / "profiles/slurm/config.yaml"
    own = {"slurm-status-command": "squeue", "seconds-between-status-checks": 2}
    own |= {"slurm-no-account": True, "slurm-init-seconds-before-status-checks": 2}
    profile.write_text(yaml.safe_dump(yaml.safe_load(profile.read_text()) | own))
    environment = {k: v for k, v in bare.environment().items() if k != "PYTHONPATH"}
    usual = [p for p in os.environ["PATH"].split(":") if not p.startswith(sys.prefix)]
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands[1:])],
        cwd=bare.folder,
        env=environment | {"PATH": ":".join(usual)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert (bare.folder / "reports/tiny/index.html").is_file()
    assert bare.hashes() == quiet.bits
    assert set(cluster.jobs().values()) == {"COMPLETED"}
    assert len(cluster.jobs()) == 5
