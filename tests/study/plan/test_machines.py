"""Work by hand, the line of a machine found again from made-up measurements, and what plans say."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from afn import normalization
from afn.backbones.flops import Launches
from afn.common.errors import StudyError
from afn.common.locks import try_lock
from afn.study import load_study
from afn.study.parts.catalogue import registry
from afn.study.plan import calibration, machines
from afn.study.plan.cost import by_method, describe_hours, job_minutes, trainings
from afn.study.plan.machines import BUILT_IN, Machine
from afn.study.plan.work import Work, counts, of_norm, run, step
from tests.shipped import FILES, shipped

RESNET = {"name": "resnet18", "width": 64, "parameters": 0}
TRUE = Machine(
    "Pretended 9000, 1 thread",
    operation=2e-11,
    launch=3e-6,
    moved=4e-10,
    norms={name: (1e-5 * n, 1e-9 * n) for n, name in enumerate(registry("norm"), 1)},
)


def test_a_step_by_hand():
    counted = counts()["resnet18"]
    work = step(RESNET, 32, 128)
    assert work.operations == pytest.approx(3 * 128 * 2 * (555_417_600 + 5_120))
    assert work.layers == counted["norms"] == 20
    assert work.normalized == 128 * counted["normalized"]
    half = step({**RESNET, "width": 32}, 32, 128)
    assert half.operations == pytest.approx(work.operations / 4)
    assert half.normalized == pytest.approx(work.normalized / 2)
    line = Machine("m", 2.0, 3.0, 5.0, {"afn": (7.0, 11.0)})
    assert line.seconds(Work(1, 10, 100, 1000, 10_000), "afn") == 2 + 30 + 500 + 7000 + 110_000
    assert line.by_counts("batch") == (4 * 3.0, 8 * 5.0)


def test_a_run_is_its_steps_and_its_tests():
    study = load_study(FILES[0])
    cell = next(c for c in study.cells() if (c.backbone, c.norm) == ("resnet8", "batch"))
    one = step(cell.settings["backbone"], 8, 64)
    images = sum(p.get("conditions") is None for p in cell.protocols.values())
    assert images
    assert run(cell).layers >= one.layers * 12 * 1077 / 64
    assert run(cell).layers == pytest.approx(one.layers * 12 * 1077 / 64, rel=0.25)


@pytest.mark.parametrize("name", registry("norm"))
def test_launches_of_a_norm_are_counted_ones(name):
    """On torch's device without data nothing is computed by the CPU's own kernels."""
    layer = normalization.factory(name)(16).to("meta").train()
    x = torch.empty(8, 16, 4, 4, device="meta").contiguous(memory_format=torch.channels_last)
    with Launches() as counted:
        y = layer(x.requires_grad_())
        y.backward(torch.empty_like(y))
    launches, passes = of_norm(name)
    assert launches == pytest.approx(counted.launched, abs=2)
    assert 8 <= passes <= 10


def test_a_norm_that_says_nothing_counts_as_the_costliest(tmp_path, monkeypatch):
    text = "class Mine:\n    statistics = ()\n    def __init__(self, n): pass\n"
    (tmp_path / "laboratory_norms.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert of_norm("laboratory_norms:Mine") == (of_norm("switchable")[0], 10)


def test_methods_have_limits_of_their_own():
    study = load_study(shipped("table5_cifar10"))
    usual = study.cells()[0].recipe
    for backbone in ("resnet18", "resnet110"):
        cells = {c.norm: c for c in study.cells() if (c.backbone, c.recipe) == (backbone, usual)}
        assert job_minutes(cells["afn"], 1) > 1.2 * job_minutes(cells["batch"], 1)


def answered(question: dict) -> dict:
    """What the machine `TRUE` would answer."""
    for one in question["layers"]:
        layer, value = TRUE.norms[one["norm"]]
        one["seconds"] = layer + value * one["batch"] * one["channels"] * one["size"] ** 2
    for one in question["steps"]:
        work = step(one["backbone"], one["image_size"], one["recipe"]["batch_size"])
        one["seconds"] = TRUE.seconds(work, one["norm"]["name"])
    versions = {"processor": "Pretended 9000", "torch": "2.14", "head": "c"}
    return question | {"threads": 1, "device": "cpu", "versions": versions}


def test_the_fit_finds_the_machine_again():
    study = load_study(FILES[0])
    found = calibration.fitted(answered(calibration.question(study)))
    assert found.name == TRUE.name
    for name in ("operation", "launch", "moved"):
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), rel=1e-6)
    assert found.norms["afn"] == pytest.approx(TRUE.norms["afn"])
    assert (found.low, found.high) == pytest.approx((0.9, 1.1))
    for cell in study.cells():
        name = cell.settings["norm"]["name"]
        assert found.seconds(run(cell), name) == pytest.approx(TRUE.seconds(run(cell), name))


def test_what_was_not_timed_is_left_out_and_what_is_slower_widens_the_range():
    answer = answered(calibration.question(load_study(FILES[0])))
    for one in answer["steps"]:
        if one["own"]:
            one["seconds"] = None
    slow = answer["steps"][len(calibration.NETWORKS)]
    slow["seconds"] *= 1.5
    found = calibration.fitted(answer)
    assert (found.low, found.high) == pytest.approx((0.9, 1.6), rel=0.1)


def test_the_study_is_asked_for_its_own_networks():
    question = calibration.question(load_study(shipped("table5_cifar10")))
    own = [one for one in question["steps"] if one["own"]]
    assert {one["backbone"]["name"] for one in own} >= {"resnet18", "resnet110", "vgg19_bn"}
    assert own[0]["backbone"]["name"] == "resnet32"


def test_plans_print_hours_by_method_on_every_machine(tmp_path, monkeypatch):
    study = load_study(shipped("table5_cifar10"))
    monkeypatch.chdir(tmp_path)
    lines = describe_hours(study)
    assert len(lines) == 2
    assert "calibrate" in lines[1]
    file = tmp_path / machines.FOLDER / "pretended.json"
    file.parent.mkdir(parents=True)
    file.write_text(Machine(**{**vars(TRUE), "low": 0.5, "high": 2.0}).text())
    assert machines.measured() == [Machine(**{**vars(TRUE), "low": 0.5, "high": 2.0})]
    built_in, own = describe_hours(study)
    assert built_in.startswith(f"by method, on {BUILT_IN.name}, at most about: all ")
    assert own.startswith("by method, on Pretended 9000, 1 thread, as measured here, at most")
    hours = by_method(study, TRUE)
    seconds = sum(
        number * TRUE.seconds(run(cell), cell.settings["norm"]["name"])
        for cell, number in trainings(study)
    )
    assert sum(hours.values()) == pytest.approx(seconds / 3600)
    assert list(hours) == sorted(hours, key=hours.get, reverse=True)
    assert f"afn {hours['afn'] / 2:,.0f} h to {hours['afn'] * 2:,.0f} h" in own
    file.write_text(json.dumps({"version": 1}))
    with pytest.raises(StudyError, match="calibrate` writes it anew"):
        describe_hours(study)


@pytest.mark.long
def test_this_machine_is_measured(tmp_path, monkeypatch):
    """For real, and quickly: little is asked."""
    study = load_study(FILES[0])
    monkeypatch.setattr(calibration, "_own", lambda study: [])
    monkeypatch.setattr(calibration, "registry", lambda kind: ["batch", "afn", "asr", "layer"])
    path, machine = calibration.calibrate(study, tmp_path)
    assert machines.read(path) == machine
    assert machine.low <= 1.1
    assert machine.high >= 0.9
    assert min(machine.operation, machine.launch, machine.moved) >= 0
    # On a machine with other work the least squares may find that a norm costs nothing.
    assert set(machine.norms) >= {"afn", "asr", "layer"}
    assert min(min(costs) for costs in machine.norms.values()) >= 0


@pytest.mark.seconds
def test_who_waits_for_a_device_is_told_so(tmp_path):
    """Two minutes are promised, and a device that trains a study may be busy for hours."""
    with (tmp_path / "0.0").open("a+") as held:
        held.write("process 1 on here")
        held.flush()
        assert try_lock(held)
        settings = {"AFN_DEVICES": "0", "AFN_DEVICE_LEASES": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-m", "afn.study", "calibrate", str(FILES[0])],
            cwd=tmp_path,
            env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        first = process.stderr.readline()
        assert "waiting for a device, all 1 shares are leased (0.0: process 1 on here)" in first
        process.kill()
        process.communicate()
