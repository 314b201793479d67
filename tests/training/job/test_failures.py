"""A machine that fails: one paragraph that says what, where and what to do, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from analysis.results.collect import last_failures
from tests.needs import skip
from tests.training.conftest import ROOT, RUNNING, make_spec

SPEC = make_spec(epochs=3, protocols=RUNNING)


def run(lab, before: str = "", **changed) -> str:
    """Run a job after some statements in its process; returns its log, the exit code being 1."""
    code = (
        "import sys, resource, torch\n"
        "from afn.training.__main__ import main, parser\n"
        f"{before}\n"
        "sys.exit(main(parser().parse_args(sys.argv[1:])))"
    )
    words = lab.command(SPEC, checkpoint_seconds=0, **changed)[3:]
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "give the same command again" in done.stderr
    return done.stderr


def reason(lab) -> str:
    (failure,) = last_failures(lab.folder / "ledger").values()
    return failure


def mounted(folder: Path, options: str) -> None:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        skip("mount", f"no file system may be mounted here: {done.stderr.strip()}")


def test_a_file_that_may_not_grow(lab):
    # SIGXFSZ is ignored by Python: what comes is an error of the write.
    log = run(lab, "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))")
    assert "ulimit -f" in log
    assert "MiB free" in log
    assert "ulimit -f" in reason(lab)
    # Nothing half-written is taken for whole afterwards, and the reason goes with the cause.
    lab.run(SPEC)
    assert last_failures(lab.folder / "ledger") == {}


def test_a_full_disk(lab):
    disk = lab.folder / "disk"
    mounted(disk, "size=64k")
    try:
        log = run(lab, store=disk / "store")
        assert "the disk is full" in log
        assert f"{disk / 'store'} (0 MiB free)" in log
        assert "the disk is full" in reason(lab)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_read_only_disk(lab):
    disk = lab.folder / "disk"
    mounted(disk, "ro,size=64k")
    try:
        log = run(lab, store=disk / "store")
        assert f"at {disk / 'store'}" in log
        assert "read-only" in log
        assert "not writable" in log
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_data_that_cannot_be_read(lab):
    # A folder where a file is expected; permissions do not hold for every user who runs tests.
    (lab.folder / "manifest.json").mkdir()
    log = run(lab, data=lab.folder / "manifest.json")
    assert "manifest.json: Is a directory" in log


def test_too_little_memory(lab):
    log = run(
        lab,
        # With everything imported, so that it is the training that finds no room.
        "import afn.training.job.job\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "limit = used + 24 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))",
    )
    assert "the memory does not suffice" in log
    assert "--cores" in log


@pytest.mark.parametrize("kind", ["OutOfMemoryError", "MemoryError", "RuntimeError"])
def test_the_memory_of_a_gpu_is_told_as_that_of_the_machine(lab, monkeypatch, kind):
    """With the classes that torch raises, at a step of the second epoch."""
    from afn.training.loop import engine

    raised = {
        "OutOfMemoryError": torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2"),
        "MemoryError": MemoryError(),
        "RuntimeError": RuntimeError("DefaultCPUAllocator: not enough memory: you tried"),
    }[kind]
    train_epoch = engine.Training.train_epoch

    def failing(self, *given):
        if self.epoch == 2:
            raise raised
        return train_epoch(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(engine.Training, "train_epoch", failing)
        with pytest.raises(type(raised)):
            lab.run(SPEC, checkpoint_seconds=0)
    assert reason(lab).startswith(f"the memory does not suffice ({kind}")
    assert "AFN_JOBS_PER_DEVICE" in reason(lab)
    lab.run(SPEC)
    assert lab.epochs() == 3, "it goes on from the last checkpoint"


def test_another_error_keeps_its_traceback():
    from afn.training.job.failures import explain

    assert explain(RuntimeError("mat1 and mat2 shapes cannot be multiplied"), []) == ""
    assert explain(KeyError("a"), []) == ""
    assert explain(ImportError("no module named torch"), []) == ""
    # oneDNN, of a shape or a type that it does not have.
    unsupported = "could not create a primitive descriptor for a convolution forward propagation"
    assert explain(RuntimeError(unsupported), []) == ""


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),
        RuntimeError("could not create a primitive\nException raised from a convolution"),
        RuntimeError("could not create a memory object"),
        ImportError("libx.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_other_ways_to_say_that_memory_is_short(error):
    from afn.training.job.failures import explain

    assert explain(error, []).startswith("the memory does not suffice")
