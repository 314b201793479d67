"""What the lease of a run tells about the process that had it."""

from __future__ import annotations

import fcntl
import json

import pytest

from afn.study import holders
from afn.study.grid import Run
from afn.study.progress import Progress


def leave(folder, **changed) -> None:
    """The lease of a process that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = {**json.loads(holders.mark("process 7 on node3")), **changed}
    (folder / "lease").write_text(json.dumps(mark))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "kill -9; the kernel ended no process for want of memory"),
        ({"oom_kills": -2}, "for want of memory, so let fewer jobs run at a time"),
        ({"oom_kills": None}, "(no message: out of memory, or kill -9)"),
        ({"boot": "another"}, "the machine was started again since"),
        ({"host": "node4"}, "out of memory, kill -9, or the end of node4"),
    ],
)
def test_how_a_process_was_killed(tmp_path, changed, told):
    leave(tmp_path, **changed)
    trouble = holders.trouble(tmp_path, "an older failure")
    assert trouble.startswith("process 7 on node3 was killed (no message")
    assert told in trouble


def test_who_holds_the_lease_is_alive(tmp_path):
    leave(tmp_path)
    with (tmp_path / "lease").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holders.is_held(tmp_path) is True
        assert holders.trouble(tmp_path, "disk full") == "a process trains it now"
    assert holders.is_held(tmp_path) is False


@pytest.mark.parametrize("text", ["", "process 7 on node3\n", "[]", "\x00", '{"who'])
def test_a_lease_that_says_nothing_says_nothing(tmp_path, text):
    (tmp_path / "lease").write_text(text)
    assert holders.trouble(tmp_path, "") == ""
    assert holders.trouble(tmp_path, "disk full") == "its last attempt failed: disk full"
    assert holders.is_held(tmp_path / "nowhere") is None
    assert holders.trouble(tmp_path / "nowhere", "") == ""


def test_the_matrix_of_a_study_knows_the_living_from_the_killed(small, load, tmp_path, monkeypatch):
    study = load({**small, "seeds": 8})
    monkeypatch.chdir(tmp_path)
    cell = study.cells()[0]
    living, killed, failed = (Run(cell, seed).path for seed in range(3))
    progress = Progress(study, list(study.runs()))
    events = [
        # A day ago by its clock: an epoch may take so long, or the clock was set.
        {"time": 1.0, "run": living, "event": "epoch", "epoch": 1},
        {"time": 4e9, "run": killed, "event": "epoch", "epoch": 1},
        {"time": 1.0, "run": failed, "event": "failed", "epoch": 0, "reason": "disk full"},
    ]
    progress.layout.ledger.mkdir(parents=True)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (progress.layout.ledger / "a.jsonl").write_text(lines)
    leave(progress.layout.store / killed)
    leave(progress.layout.store / living)
    with (progress.layout.store / living / "lease").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        states = progress.states()
    assert [states[path] for path in (living, killed, failed)] == ["running", "missing", "missing"]
    assert "ETA" not in progress.line(states), "no event tells how fast it is"
    troubles = progress.troubles(states)
    assert troubles.keys() == {killed, failed}
    assert troubles[killed].startswith("process 7 on node3 was killed")
    assert troubles[failed] == "its last attempt failed: disk full"
