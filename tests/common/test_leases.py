"""What the lease of a run tells about the process that had it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from afn.common import leases
from afn.common.leases import lease

ROOT = Path(__file__).resolve().parents[2]


def leave(folder, **changed) -> None:
    """The lease of a process that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = {**json.loads(leases.mark("process 7 on node3")), **changed}
    (folder / "lease").write_text(json.dumps(mark))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "kill -9; the kernel ended no process for want of memory"),
        ({"oom_kills": 3}, "the kernel ended 2 process(es) of this machine for want of memory, so"),
        ({"oom_kills": None}, "(no message: out of memory, or kill -9)"),
        ({"boot": "another"}, "the machine was started again since"),
    ],
)
def test_how_a_process_was_killed(tmp_path, changed, told, monkeypatch):
    # Not the machine's: another process may be killed for memory meanwhile.
    monkeypatch.setattr(leases, "_oom_kills", lambda: 5)
    leave(tmp_path, **changed)
    trouble = leases.trouble(tmp_path, "an older failure")
    assert trouble.startswith("process 7 on node3 was killed (no message")
    assert told in trouble


def test_who_holds_the_lease_is_alive(tmp_path):
    leave(tmp_path)
    with (tmp_path / "lease").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert leases.is_held(tmp_path) is True
        assert leases.trouble(tmp_path, "disk full") == "a process trains it now"
    assert leases.is_held(tmp_path) is False


def test_of_another_machine_it_is_not_said_that_the_process_was_killed(tmp_path):
    """Its lock may be there and not be seen here."""
    leave(tmp_path, who="process 7 on node4", host="node4")
    assert leases.is_held(tmp_path) is None
    assert leases.trouble(tmp_path, "an older failure") == (
        "held by process 7 on node4, or killed there "
        "(no message: out of memory, kill -9, or the end of node4)"
    )
    with (tmp_path / "lease").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as seen where locks do go from machine to machine
        assert leases.is_held(tmp_path) is True
        assert leases.trouble(tmp_path, "") == "a process trains it now"
        file.truncate(0)
    assert leases.is_held(tmp_path) is False
    assert leases.trouble(tmp_path, "disk full") == "its last attempt failed: disk full"


@pytest.mark.parametrize("text", ["", "process 7 on node3\n", "[]", "\x00", '{"who'])
def test_a_lease_that_says_nothing_says_nothing(tmp_path, text):
    (tmp_path / "lease").write_text(text)
    assert leases.trouble(tmp_path, "") == ""
    assert leases.trouble(tmp_path, "disk full") == "its last attempt failed: disk full"
    assert leases.is_held(tmp_path / "nowhere") is None
    assert leases.trouble(tmp_path / "nowhere", "") == ""


HOLD = textwrap.dedent("""
    import sys, pathlib
    from afn.common.leases import lease
    with lease(pathlib.Path(sys.argv[1]), print):
        print("held", flush=True)
        sys.stdin.readline()
""")


def holder(folder) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lease_is_waited_for_and_free_after_a_kill(tmp_path):
    process = holder(tmp_path)
    said = []

    def say(line):
        said.append(line)
        process.kill()  # it can only be us who waits now

    with lease(tmp_path, say):
        pass
    process.wait()
    assert len(said) == 1
    assert f"process {process.pid} on" in said[0]
    with lease(tmp_path, said.append):
        pass
    assert len(said) == 1


def test_a_lease_in_a_store_that_was_removed_is_taken_anew(tmp_path):
    process = holder(tmp_path / "run")

    def say(line):
        (tmp_path / "run" / "lease").unlink()
        process.kill()

    with lease(tmp_path / "run", say):
        text = (tmp_path / "run" / "lease").read_text()
        assert f"process {os.getpid()} on" in text
    process.wait()
