"""Seeds that are trained at a time: the bits of seeds in turn, and nothing lost when a job ends."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from afn.common.errors import StudyError
from afn.common.leases import lease
from afn.training.job import together
from afn.training.job.interruption import Interrupted, Interruption, Pace
from afn.training.job.job import Job
from afn.training.job.together import Turns, run_together
from tests.training.conftest import make_spec

SPECS = {
    "moved": {"norm": "afn", "augmentation": "shift", "warmup_epochs": 1},
    "best": {"selection": "validation", "lr": 0.01},
    "coins": {"name": "rsc", "version": "map"},  # draws from torch's own stream in every step
    "grown": {"name": "ada", "phases": 1, "ascent_steps": 1, "phase_steps": 9},
    "dropout": {"norm": "asr"},
}


def run(lab, spec, seeds=(0, 1, 2), at_once=2, **changed) -> None:
    run_together(Job(**lab.settings(spec, seeds, **changed)), at_once)


def in_turn(other_lab, spec, seeds=(0, 1, 2)) -> list:
    other_lab.run(spec, seeds)
    return [other_lab.bits(seed) for seed in seeds]


@pytest.mark.parametrize("name", SPECS)
def test_seeds_at_a_time_have_the_bits_of_seeds_in_turn(lab, other_lab, name):
    spec = make_spec(**SPECS[name])
    run(lab, spec)
    assert [lab.bits(seed) for seed in range(3)] == in_turn(other_lab, spec)
    assert lab.epochs() == 6


def test_they_take_turns_and_the_results_say_so(lab, other_lab, monkeypatch):
    make, both = together.make, threading.Barrier(2)

    def at_the_same_time(cell, run, folder):
        if run.seed < 2:
            both.wait(60)
        make(cell, run, folder)

    monkeypatch.setattr(together, "make", at_the_same_time)
    run(lab, make_spec(epochs=8), seeds=(0, 1, 2, 3))
    monkeypatch.setattr(together, "make", make)
    order = [seed for seed, event, _ in lab.events() if event == "epoch"]
    last = {seed: len(order) - 1 - order[::-1].index(seed) for seed in ("seed0", "seed1")}
    assert order.index("seed0") < last["seed1"]
    assert order.index("seed1") < last["seed0"]
    assert {lab.result(seed)["at_once"] for seed in range(4)} == {2}
    run(other_lab, make_spec(epochs=8), seeds=(0, 1), at_once=1)
    assert "at_once" not in other_lab.result(0)
    assert [lab.bits(seed) for seed in (0, 1)] == [other_lab.bits(seed) for seed in (0, 1)]


def test_seeds_that_divide_a_pool_have_their_own_data(lab, other_lab):
    spec = make_spec() | {"split": "seed"}
    run(lab, spec)
    assert [lab.bits(seed) for seed in range(3)] == in_turn(other_lab, spec)


def test_stopped_and_continued(lab, other_lab):
    spec = make_spec(norm="afn", epochs=30)
    process = lab.start(spec, (0, 1, 2), at_once=3, checkpoint_seconds=0)
    until(lambda: lab.epochs() >= 9, process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert "the same command goes on" in out + err
    trained = lab.epochs()
    assert trained < 90
    run(lab, spec, at_once=2)
    assert [lab.bits(seed) for seed in range(3)] == in_turn(other_lab, spec)
    assert lab.epochs() == 90


@pytest.mark.long
def test_killed_and_continued(lab, other_lab):
    spec = make_spec(epochs=30)
    process = lab.start(spec, (0, 1), at_once=2, checkpoint_seconds=0)
    until(lambda: lab.epochs() >= 6, process)
    process.kill()
    process.communicate()
    run(lab, spec, seeds=(0, 1))
    assert [lab.bits(seed) for seed in (0, 1)] == in_turn(other_lab, spec, (0, 1))
    assert lab.epochs() <= 60 + 2  # at most the epoch under way of each


def test_the_end_of_the_time_saves_all_of_them(lab, other_lab):
    spec = make_spec(epochs=4)
    short = Interruption(deadline=time.time() + 0.001)
    with pytest.raises(Interrupted, match="the job's time ends"):
        run(lab, spec, interruption=short)
    assert 0 < lab.epochs() < 12
    run(lab, spec)
    assert [lab.bits(seed) for seed in range(3)] == in_turn(other_lab, spec)
    assert lab.epochs() == 12


@pytest.mark.long
def test_a_crash_saves_the_others(lab, other_lab, monkeypatch):
    spec, make = make_spec(epochs=40), together.make

    def crashing(cell, run, folder):
        if run.seed == 1:
            until(lambda: lab.epochs() >= 2)
            raise OSError("the disk is gone")
        make(cell, run, folder)

    monkeypatch.setattr(together, "make", crashing)
    with pytest.raises(OSError, match="the disk is gone"):
        run(lab, spec, seeds=(0, 1))
    assert ("seed1", "failed", 0) in lab.events()
    before = lab.epochs()
    assert before < 40
    monkeypatch.setattr(together, "make", make)
    run(lab, spec, seeds=(0, 1))
    assert lab.epochs() == 80
    assert [lab.bits(seed) for seed in (0, 1)] == in_turn(other_lab, spec, (0, 1))


def test_one_that_waits_for_its_lease_keeps_nobody_waiting(lab, other_lab):
    spec = make_spec()
    name = Job(**lab.settings(spec, (1,))).runs()[0]
    folder = lab.folder / "store" / str(name)
    failed: list[BaseException] = []

    def work():
        try:
            run(lab, spec, seeds=(0, 1))
        except BaseException as error:
            failed.append(error)

    with lease(folder, print):
        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: lab.output(0).exists())
        assert not lab.output(1).exists()
    thread.join(60)
    assert not failed
    assert [lab.bits(seed) for seed in (0, 1)] == in_turn(other_lab, spec, (0, 1))


def test_one_that_waits_for_its_lease_does_not_keep_the_job_from_stopping(lab):
    spec = make_spec()
    name = Job(**lab.settings(spec, (1,))).runs()[0]
    with lease(lab.folder / "store" / str(name), print):
        process = lab.start(spec, (0, 1), at_once=2)
        until(lambda: lab.output(0).exists(), process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 75


def test_no_other_run_begins_when_the_time_is_too_short(lab):
    spec = make_spec(epochs=1)

    class Ending(Interruption):
        def reason(self, needed_seconds=0.0):
            done = any(lab.output(seed).exists() for seed in range(4))
            return "the job's time ends in 1 s" if done else ""

    with pytest.raises(Interrupted, match="ends in 1 s; 2 of 4 runs are done"):
        run(lab, spec, seeds=(0, 1, 2, 3), interruption=Ending())
    assert not lab.output(2).exists()
    assert not lab.output(3).exists()


def test_what_it_costs_to_save_is_counted_for_all_of_them():
    pace = Pace(3)
    pace.run_begins()
    pace.checkpoint_ended(2.0)
    assert pace.saving == pace.round == 6.0


def test_a_turn_that_nobody_waits_for_comes_back():
    turns = Turns()
    with turns.part():
        turns.pass_on()
    assert not turns.ring


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_number_that_is_none(lab, count):
    process = lab.start(make_spec(), at_once=count)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"--at-once {count}: at least 1 is needed" in err + _


def test_seeds_of_several_cells_are_refused(lab):
    settings = lab.settings(make_spec(), (0, 1))
    first, second = settings["outputs"]
    other = second.parents[1].parent / "other" / "seed1" / "result.json"
    with pytest.raises(StudyError, match="the seeds of one cell"):
        run_together(Job(**{**settings, "outputs": (first, other)}), 2)


def until(there, process=None, seconds=60.0) -> None:
    """Wait until something is so; fails where it takes too long, or the process has ended."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.01)
