"""The command line: fast help, one message for a mistake, a traceback for a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from afn.training.__main__ import main, parser
from afn.training.job.environment import ALLOCATOR, settle_environment
from tests.training.conftest import ROOT, make_spec


def test_help_does_not_import_torch():
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        "try: runpy.run_module('afn.training', run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert "OUTPUT" in out.stdout
    assert "--checkpoint-seconds" in out.stdout


def test_a_training_process_imports_no_data_library_and_no_compiler(lab):
    code = (
        "import sys, json; from afn.training.__main__ import main, parser\n"
        "assert main(parser().parse_args(sys.argv[1:])) == 0\n"
        "names = ('sklearn', 'scipy', 'torchvision', 'pandas', 'pydantic', 'torch._dynamo')\n"
        "print([name for name in names if name in sys.modules])"
    )
    arguments = lab.command(make_spec(epochs=1, amp=True, selection="validation"))[3:]
    command = [sys.executable, "-c", code, *arguments]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_environment_is_settled_once(monkeypatch):
    started = []
    monkeypatch.setattr(os, "execv", lambda *arguments: started.append(arguments))
    for name in (*ALLOCATOR, "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "other")
    settle_environment(2)
    settle_environment(2)
    assert len(started) == 1
    assert started[0][0] == sys.executable
    assert os.environ["OMP_NUM_THREADS"] == "2"
    settle_environment(1)
    assert len(started) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spec": "{"}, "--spec is not JSON"),
        ({"data": "/nowhere/manifest.json"}, "/nowhere/manifest.json is missing"),
        ({"device": "tpu"}, "--device tpu: valid: auto, cpu"),
    ],
)
def test_a_mistake_is_one_message(lab, capsys, change, message):
    arguments = parser().parse_args(lab.command(make_spec())[3:])
    assert main(type(arguments)(**{**vars(arguments), **change})) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN, signal.getsignal])
def test_the_handler_of_sigterm_is_put_back(lab, capsys, before):
    old = signal.signal(signal.SIGTERM, before)
    try:
        arguments = parser().parse_args(lab.command(make_spec(), data="/nowhere/manifest.json")[3:])
        assert main(arguments) == 2
        assert signal.getsignal(signal.SIGTERM) == before
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_crash_says_what_was_being_made(lab, capsys):
    spec = make_spec()
    spec["norm"]["epsilon"] = 1
    assert main(parser().parse_args(lab.command(spec)[3:])) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert f"while making {lab.output()}" in error.splitlines()[-1]
    assert "epsilon" in error.splitlines()[-2]
    assert not lab.output().exists()
