"""Skips have a kind, are counted, and fail where their kind must be there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).resolve().parents[1]
CONFTEST = """
from tests import needs

needs.KINDS["gpu"] = lambda: "no CUDA device"
needs.KINDS["kernels"] = lambda: ""


def pytest_configure(config):
    config.pluginmanager.register(needs.Skips.from_environment())
"""
TESTS = """
import pytest
from tests import needs


@pytest.mark.gpu
@pytest.mark.parametrize("n", range(3))
def test_on_a_gpu(n):
    raise AssertionError("this machine has none")


@pytest.mark.kernels
def test_with_kernels():
    pass


def test_that_finds_out():
    needs.skip("mount", "nothing may be mounted")


@pytest.mark.xfail(reason="is expected")
def test_expected():
    assert False
"""
WITHOUT_A_KIND = """
import pytest


def test_skipped():
    pytest.skip("no time")
"""


@pytest.fixture
def run(tmp_path):
    """pytest on made-up tests; what it returned and printed."""
    (tmp_path / "conftest.py").write_text(CONFTEST)

    def run(tests: str, *options: str, never: str = "") -> tuple[int, str]:
        (tmp_path / "test_some.py").write_text(tests)
        command = [sys.executable, "-m", "pytest", "--strict-markers", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), needs.VARIABLE: never}
        done = subprocess.run(
            [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "worksteal")], ids=["one", "two"])
def test_skips_are_counted_by_kind_and_reason(run, workers):
    code, printed = run(TESTS, *workers)
    assert code == 0, printed
    assert "skipped: 4" in printed
    assert "    3  gpu: no CUDA device\n    1  mount: nothing may be mounted\n" in printed
    assert "1 passed, 4 skipped, 1 xfailed" in printed


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "worksteal")], ids=["one", "two"])
def test_a_kind_that_must_be_there_is_not_skipped(run, workers):
    code, printed = run(TESTS, *workers, never="gpu, browser")
    assert code == 1, printed
    assert "1 passed, 1 skipped, 1 xfailed, 3 errors" in printed
    assert (
        "skipped (gpu: no CUDA device), but AFN_NO_SKIPS says that no test of the kind" in printed
    )
    code, printed = run(TESTS, *workers, never="mount")
    assert code == 1, printed
    assert "1 failed, 1 passed, 3 skipped, 1 xfailed" in printed


def test_a_skip_without_a_kind_fails(run):
    module = WITHOUT_A_KIND.replace("def test_skipped():\n    ", "") + "\n"
    for tests in (WITHOUT_A_KIND, module.replace('time")', 'time", allow_module_level=True)')):
        code, printed = run(tests)
        assert code != 0, printed
        assert "skipped (no time), but a skip begins with its kind" in printed
        assert ", ".join(needs.KINDS) in printed


def test_a_name_that_is_no_kind_is_an_error(run):
    code, printed = run(TESTS, never="gpu,brwoser")
    assert code == 4
    assert f"no kind of skip: brwoser; valid: {', '.join(needs.KINDS)}" in printed
    with pytest.raises(ValueError, match="valid: gpu"):
        needs.skip("brwoser", "none is installed")
