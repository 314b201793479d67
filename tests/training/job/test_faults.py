"""Processes that are killed, wait for each other, lose their parent: the same bits in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from afn.common.canonical import sealed
from afn.tasks.data.reader import manifest_bytes
from tests.training.conftest import ROOT, RUNNING, make_spec

LONG = make_spec(epochs=60, protocols=RUNNING, augmentation="shift", schedule="alrs")


def wait_until(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def checkpoints(lab) -> list[Path]:
    return list(lab.folder.glob("store/*/*/*/*/seed0/checkpoint*.pt"))


def test_killed_in_mid_training_and_called_again(lab, other_lab):
    spec = LONG
    process = lab.start(spec, checkpoint_seconds=0)
    wait_until(lambda: lab.epochs() >= 5)
    process.kill()
    process.communicate()
    trained = lab.epochs()
    assert 5 <= trained < 60, "the kill came too late to test anything"
    assert not lab.output().exists()
    # What a process that is killed while writing leaves behind.
    torn = checkpoints(lab)[0].with_name(".checkpoint.pt.1234.tmp")
    torn.write_bytes(b"half a file")
    lab.run(spec)
    assert not torn.exists()
    resumed = [epoch for _, event, epoch in lab.events() if event == "resume"]
    assert len(resumed) == 1
    assert trained - 1 <= resumed[0] <= trained
    assert lab.epochs() <= 61
    other_lab.run(spec)
    assert other_lab.epochs() == 60
    assert lab.bits() == other_lab.bits()
    assert checkpoints(lab) == []


def test_sigterm_in_mid_training_saves_and_the_next_call_goes_on(lab, other_lab):
    # No checkpoint by the clock: what is there afterwards was saved because of the signal.
    process = lab.start(LONG, checkpoint_seconds=1000)
    wait_until(lambda: lab.epochs() >= 5)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 75, errors
    assert "stopped: received SIGTERM" in errors
    trained = lab.epochs()
    assert 5 <= trained < 60, "the signal came too late to test anything"
    assert len(checkpoints(lab)) == 1
    lab.run(LONG)
    assert [epoch for _, event, epoch in lab.events() if event == "resume"] == [trained]
    assert lab.epochs() == 60
    other_lab.run(LONG)
    assert lab.bits() == other_lab.bits()


def test_what_another_head_began_starts_anew(lab, other_lab, monkeypatch):
    """The heads agree up to rounding only: a run must not be a mixture of two."""
    from afn.normalization.kernels.native import HEAD  # that of this process

    spec = make_spec(norm="afn", epochs=4, protocols=RUNNING)
    monkeypatch.setenv("AFN_HEAD", "numpy" if HEAD == "torch" else "torch")
    process = lab.start(spec, until=2)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 0, errors
    assert lab.epochs() == 2
    assert checkpoints(lab)
    lab.run(spec)
    assert [event for _, event, _ in lab.events() if event == "resume"] == []
    assert lab.epochs() == 2 + 4
    other_lab.run(spec)
    assert lab.bits() == other_lab.bits()


def test_sigterm_while_waiting_for_a_lease_stops_at_once(lab):
    first = lab.start(LONG)
    wait_until(lambda: lab.epochs() >= 1)
    first.send_signal(signal.SIGSTOP)
    try:
        second = lab.start(LONG)
        assert "waiting for process" in second.stderr.readline()
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=30)
        assert second.returncode == 75
    finally:
        first.kill()
        first.communicate()


@pytest.mark.parametrize("source", ["option", "AFN_TIME_LIMIT", "SLURM_JOB_END_TIME"])
def test_a_job_ends_before_its_time_does_and_goes_on(lab, other_lab, source, monkeypatch):
    spec = {**LONG, "recipe": {**LONG["recipe"], "epochs": 12}}
    # Less than the reserve: each call has time for one epoch only, and is never ended by force.
    if source == "SLURM_JOB_END_TIME":
        monkeypatch.setenv(source, str(int(time.time())))
    elif source == "AFN_TIME_LIMIT":
        monkeypatch.setenv(source, "1")
    options = {"time_limit": 1} if source == "option" else {}
    for call in (1, 2):
        process = lab.start(spec, seeds=(0, 1), checkpoint_seconds=1000, **options)
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 75, errors
        assert "the job's time ends in" in errors
        assert lab.epochs() == call
    monkeypatch.delenv(source, raising=False)
    lab.run(spec)
    other_lab.run(spec)
    assert lab.epochs() == 12
    assert lab.bits() == other_lab.bits()


def test_a_limit_that_is_long_enough_changes_nothing(lab):
    process = lab.start(make_spec(epochs=2), time_limit=3600)
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)
    assert lab.epochs() == 2


@pytest.mark.parametrize(("variable", "value"), [("AFN_TIME_LIMIT", "2h"), ("AFN_TIME_LIMIT", "0")])
def test_a_time_that_is_none_is_refused(lab, variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    process = lab.start(make_spec(epochs=1))
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert "time limit" in errors or variable in errors


def test_of_two_processes_on_one_run_one_waits_and_trains_nothing(lab):
    first = lab.start(LONG)
    wait_until(lambda: lab.epochs() >= 1)
    first.send_signal(signal.SIGSTOP)  # so that it cannot finish before the second comes
    try:
        second = lab.start(LONG)
        assert f"waiting for process {first.pid}" in second.stderr.readline()
    finally:
        first.send_signal(signal.SIGCONT)
    errors = [process.communicate(timeout=100)[1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), errors
    assert [e for _, e, _ in lab.events() if e != "epoch"] == ["start", "finished", "emitted"]
    assert lab.epochs() == 60
    lab.result()


def test_a_trainer_dies_with_its_parent(lab):
    spec = {**LONG, "recipe": {**LONG["recipe"], "epochs": 100_000}}
    words = " ".join(f"'{word}'" for word in lab.command(spec))
    shell = subprocess.Popen(["bash", "-c", f"{words}; true"], cwd=ROOT)
    wait_until(lambda: lab.epochs() >= 1)
    (ledger,) = (lab.folder / "ledger").iterdir()
    trainer = int(ledger.name.split("-")[-2])
    assert trainer != shell.pid
    assert alive(trainer)
    shell.send_signal(signal.SIGKILL)
    shell.wait()
    try:
        wait_until(lambda: not alive(trainer), seconds=5)
    finally:
        if alive(trainer):
            os.kill(trainer, signal.SIGKILL)


def test_a_process_leaves_the_bits_that_this_one_leaves(lab, other_lab):
    spec = make_spec("afn", epochs=2)
    process = lab.start(spec, seeds=(0, 1))
    errors = process.communicate(timeout=100)[1]
    assert process.returncode == 0, errors
    other_lab.run(spec, seeds=(0, 1))
    assert [lab.bits(seed) for seed in (0, 1)] == [other_lab.bits(seed) for seed in (0, 1)]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_checkpoint_is_passed_over_for_the_older_one(lab, other_lab, damage):
    spec = make_spec(epochs=6, protocols=RUNNING)
    stop_after(lab, spec, epochs=4)
    current = next(path for path in checkpoints(lab) if path.name == "checkpoint.pt")
    assert len(checkpoints(lab)) == 2
    raw = bytearray(current.read_bytes())
    if damage == "flipped":
        raw[len(raw) // 2] ^= 1
    current.write_bytes({"truncated": raw[: len(raw) // 2], "flipped": raw, "empty": b""}[damage])
    lab.run(spec)
    assert [epoch for _, event, epoch in lab.events() if event == "resume"] == [3]
    assert lab.epochs() == 4 + 3
    other_lab.run(spec)
    assert lab.bits() == other_lab.bits()


def test_without_any_intact_checkpoint_training_starts_again(lab, other_lab):
    spec = make_spec(epochs=4, protocols=RUNNING)
    stop_after(lab, spec, epochs=3)
    for path in checkpoints(lab):
        path.write_bytes(b"nothing of use")
    lab.run(spec)
    assert [event for _, event, _ in lab.events()].count("start") == 2
    other_lab.run(spec)
    assert lab.bits() == other_lab.bits()


@pytest.mark.parametrize("change", ["fingerprint", "spec", "data"])
def test_a_checkpoint_of_something_else_is_not_continued(lab, tmp_path, change):
    spec = make_spec(epochs=3, protocols=RUNNING)
    stop_after(lab, spec, epochs=2)
    if change == "data":
        for file in lab.data.parent.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        content = json.loads((tmp_path / "manifest.json").read_text())
        content["versions"]["numpy"] = "0.1"
        (tmp_path / "manifest.json").write_bytes(manifest_bytes(sealed(content)))
        lab.run(spec, data=tmp_path / "manifest.json")
    elif change == "spec":
        lab.run({**spec, "recipe": {**spec["recipe"], "lr": 2e-3}})
    else:
        lab.run(spec, fingerprint="f1")
    assert [event for _, event, _ in lab.events() if event == "resume"] == []
    assert lab.epochs() == 2 + 3


def test_checkpoints_keep_their_distance_in_time(lab):
    spec = make_spec(epochs=3, protocols=RUNNING)
    stop_after(lab, spec, epochs=2, checkpoint_seconds=1000)
    assert checkpoints(lab) == []


def stop_after(lab, spec: dict, epochs: int, checkpoint_seconds: float = 0) -> None:
    """Run a job that fails right after ``epochs`` epochs, as a full disk would make it."""
    from afn.common.ledger import Ledger

    class Full(Exception):
        pass

    write = Ledger.write

    def failing(self, run, event, epoch, **more):
        if event == "epoch" and epoch > epochs:
            raise Full
        write(self, run, event, epoch, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "write", failing)
        with pytest.raises(Full):
            lab.run(spec, checkpoint_seconds=checkpoint_seconds)
