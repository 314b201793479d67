from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.study.conftest import ROOT

CHILD = (
    "from afn.common.process import die_with_parent; die_with_parent(); print('alive', flush=True)"
)
PARENT = (
    "import os, subprocess, sys, time; from afn.common.process import prepare_children;"
    "prepare_children();"
    "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); print(child.pid, flush=True);"
    "time.sleep(60)"
)


def _start(child: str) -> tuple[subprocess.Popen, int]:
    command = [sys.executable, "-c", PARENT, child]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return parent, int(parent.stdout.readline())


def _gone_within(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_child_dies_with_its_parent():
    parent, child = _start(CHILD + "; import time; time.sleep(60)")
    assert parent.stdout.readline().strip() == "alive"
    parent.kill()
    parent.wait()
    assert _gone_within(child, 10)


def test_a_child_that_starts_after_its_parent_died_notices():
    parent, child = _start("import time; time.sleep(1.0); " + CHILD + "; time.sleep(60)")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _gone_within(child, 20)


def test_without_a_named_ancestor_nothing_happens():
    environment = {k: v for k, v in os.environ.items() if k != "AFN_PARENT"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "alive"
