"""Leases of devices between real processes; no GPU is needed to lease one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from afn.common.errors import StudyError
from afn.training.job import devices
from afn.training.job.devices import VISIBLE, lease_device, take_device
from tests.training.conftest import ROOT, make_spec

HOLDER = (
    "import os, sys\n"
    "from afn.training.job.devices import lease_device\n"
    "lease = lease_device('auto', lambda line: print(line, flush=True))\n"
    "print('device', os.environ['CUDA_VISIBLE_DEVICES'], flush=True)\n"
    "sys.stdin.readline()"
)


@pytest.fixture
def holders(tmp_path):
    """Start processes that hold a device until they are told to end."""
    started = []

    def start(**variables: str) -> subprocess.Popen:
        environment = {k: v for k, v in os.environ.items() if k != VISIBLE}
        environment |= {"AFN_DEVICE_LEASES": str(tmp_path / "leases"), **variables}
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def clean(tmp_path, monkeypatch):
    for name in (VISIBLE, "AFN_DEVICES", "AFN_JOBS_PER_DEVICE"):
        # Set first, so that what the code under test puts there is taken away afterwards.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("AFN_DEVICE_LEASES", str(tmp_path / "leases"))
    devices.found.cache_clear()
    yield monkeypatch
    devices.found.cache_clear()


def test_devices_are_shared_out_and_the_next_one_waits_for_a_death(holders):
    settings = {"AFN_DEVICES": "0,1", "AFN_JOBS_PER_DEVICE": "2"}
    first = [holders(**settings) for _ in range(4)]
    assert all("of 0, 1 (2 jobs on each at most)" in p.stdout.readline() for p in first)
    lines = [process.stdout.readline().split() for process in first]
    assert Counter(name for _, name in lines) == {"0": 2, "1": 2}
    fifth = holders(**settings)
    said = fifth.stdout.readline()
    assert "waiting for a device, all 4 shares are leased" in said
    assert f"process {first[2].pid} on " in said
    first[2].kill()
    assert fifth.stdout.readline().startswith("waited ")
    assert fifth.stdout.readline().split() == ["device", lines[2][1]]


def test_of_two_jobs_each_gets_a_device_of_its_own(holders):
    settings = {"AFN_DEVICES": "0,1", "AFN_JOBS_PER_DEVICE": "3"}
    pair = [holders(**settings) for _ in range(2)]
    said = {process.stdout.readline().partition(" of ")[0] for process in pair}
    assert said == {"device 0", "device 1"}


def test_only_visible_devices_are_leased(holders):
    process = holders(AFN_DEVICES="0,1,2", CUDA_VISIBLE_DEVICES="5,2")
    assert process.stdout.readline() == "device 2 of 2 (1 jobs on each at most)\n"
    assert process.stdout.readline().split() == ["device", "2"]


def smi(folder, text: str) -> str:
    """A folder with an ``nvidia-smi`` that says this."""
    folder.mkdir()
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "nvidia-smi").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_several_devices_that_nobody_named_are_leased_one_by_one(clean, tmp_path):
    clean.setenv("PATH", smi(tmp_path / "bin", "printf '0\\n1\\n'"))
    clean.setattr(devices, "unusable", lambda: "")
    told = []
    leases = [take_device("auto", told.append)]
    assert os.environ.pop(VISIBLE) == "0"
    leases.append(take_device("auto", told.append))
    assert os.environ.pop(VISIBLE) == "1"
    assert told == [f"device {name} of 0, 1 (1 jobs on each at most)" for name in "01"]
    assert all(leases)
    assert devices.described(8) == (
        "devices 0, 1 (all that there are; AFN_DEVICES chooses): one job at a time on each"
    )
    assert "so devices stay idle" in devices.described(1)


@pytest.mark.parametrize(
    ("script", "built", "told"),
    [
        (
            "printf '0\\n1\\n'",
            "it is for the CPU",
            "0, 1 are devices of this machine, but it is for",
        ),
        ("exit 9", "", "nvidia-smi does not say which devices there are"),
        ("echo 0", "", None),
    ],
)
def test_the_log_says_why_several_devices_are_not_used(clean, tmp_path, script, built, told):
    clean.setenv("PATH", smi(tmp_path / "bin", script))
    clean.setattr(devices, "unusable", lambda: built)
    said = []
    assert take_device("auto", said.append) is None
    assert VISIBLE not in os.environ
    assert len(said) == (told is not None)
    assert all(told in line for line in said)


def test_what_a_study_will_use_is_said_before(clean):
    assert devices.described(2) == ""
    clean.setenv("AFN_DEVICES", "0,1")
    clean.setenv("AFN_JOBS_PER_DEVICE", "3")
    assert devices.described(8) == "devices 0, 1 (AFN_DEVICES): 3 jobs at a time on each"
    clean.setenv("AFN_DEVICES", "zero")
    with pytest.raises(StudyError, match="'zero' is no device"):
        devices.described(8)


@pytest.mark.gpu
def test_a_trainer_holds_its_lease_until_it_ends(lab, holders, tmp_path, monkeypatch):
    monkeypatch.setenv("AFN_DEVICES", "0")
    monkeypatch.setenv("AFN_DEVICE_LEASES", str(tmp_path / "leases"))
    monkeypatch.delenv(VISIBLE, raising=False)
    trainer = lab.start(make_spec(epochs=100_000))
    until = time.monotonic() + 60
    while not lab.epochs():
        assert time.monotonic() < until
        time.sleep(0.05)
    second = holders(AFN_DEVICES="0")
    assert f"process {trainer.pid} on " in second.stdout.readline()
    trainer.kill()
    trainer.communicate()
    assert second.stdout.readline().startswith("waited ")
    assert second.stdout.readline().split() == ["device", "0"]


def test_a_study_that_names_gpus_is_not_trained_on_the_cpu(lab, tmp_path, monkeypatch):
    """On a machine with GPUs device 99 is none of them."""
    monkeypatch.setenv("AFN_DEVICES", "99")
    monkeypatch.setenv("AFN_DEVICE_LEASES", str(tmp_path / "leases"))
    monkeypatch.delenv(VISIBLE, raising=False)
    trainer = lab.start(make_spec())
    _, said = trainer.communicate(timeout=120)
    assert trainer.returncode == 2
    assert "AFN_DEVICES=99: torch " in said
    assert "sees no GPU 99" in said
    assert "without AFN_DEVICES a study is trained on the CPU" in said
    assert not lab.output().exists()


def test_without_the_setting_or_with_a_device_of_its_own_nothing_is_leased(clean, tmp_path):
    assert take_device("auto", print) is None
    clean.setenv("AFN_DEVICES", "0")
    assert take_device("cpu", print) is None
    assert take_device("cuda:1", print) is None
    assert VISIBLE not in os.environ
    assert not (tmp_path / "leases").exists()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"AFN_DEVICES": "0,one"}, "AFN_DEVICES: 'one' is no device"),
        ({"AFN_DEVICES": "../0"}, "AFN_DEVICES: '../0' is no device"),
        ({"AFN_DEVICES": "0", VISIBLE: "2,3"}, "CUDA_VISIBLE_DEVICES=2,3 hides all of them"),
        ({"AFN_DEVICES": "0", "AFN_JOBS_PER_DEVICE": "0"}, "AFN_JOBS_PER_DEVICE='0' is not"),
    ],
)
def test_settings_that_are_none_are_refused(clean, variables, message):
    for name, value in variables.items():
        clean.setenv(name, value)
    with pytest.raises(StudyError, match=message.replace(".", r"\.")):
        lease_device("auto", print)


def test_the_log_says_where_devices_are_shared_by_mps(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    said: list[str] = []
    take_device("cuda:1", said.append)
    assert said == []
    (tmp_path / "control").touch()
    take_device("cuda:1", said.append)
    assert said == [f"NVIDIA's MPS is on ({tmp_path}): jobs on one device share it"]


@pytest.mark.parametrize(
    ("visible", "seen"),
    [("-1", ()), ("", ()), ("1,-1,2", ("1",)), ("NoDevFiles", ()), ("2,GPU-a1", ("2", "GPU-a1"))],
)
def test_what_hides_the_devices_is_none(clean, visible, seen):
    """CUDA sees what stands before the first name that is no device."""
    clean.setenv(VISIBLE, visible)
    clean.setattr(devices, "unusable", lambda: "")
    assert devices.found() == (seen, "")
    assert bool(devices.described(2)) == bool(seen)


def test_a_part_of_a_device_by_its_old_name_is_leased(clean):
    clean.setenv(VISIBLE, "MIG-GPU-a1/1/0,MIG-GPU-a1/2/0")
    lease = lease_device("auto", lambda line: None)
    assert os.environ[VISIBLE] == "MIG-GPU-a1/1/0"
    lease.close()
