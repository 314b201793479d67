"""What is shared is made once, whichever worker asks first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sharing import once

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import os
import pathlib
import pytest
from tests.sharing import once


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    def make(folder):
        (folder / "page").write_text("drawn")
        with open(os.environ["MADE"], "a") as made:
            made.write("made ")
        return folder

    return once(tmp_path_factory, "page", make)


@pytest.mark.parametrize("n", range(6))
def test_reads(shared, n, worker_id):
    assert worker_id in ("gw0", "gw1")
    assert (shared / "page").read_text() == "drawn"
"""


def test_two_workers_make_it_once(tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MADE": str(tmp_path / "made")}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
    assert (tmp_path / "made").read_text() == "made "


def test_what_failed_is_made_again(tmp_path_factory, request):
    name = f"failed {request.node.name}"
    with pytest.raises(ZeroDivisionError):
        once(tmp_path_factory, name, lambda folder: 1 / 0)
    assert once(tmp_path_factory, name, lambda folder: list(folder.iterdir())) == []
    assert once(tmp_path_factory, name, lambda folder: 1 / 0) == []
