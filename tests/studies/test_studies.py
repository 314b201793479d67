"""Every shipped study validates, can reject, and has the controls that its question needs."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys

import pytest

from afn.study import load_resolved, load_study
from afn.study.plan.checks import outlook
from afn.study.plan.describe import describe_plan
from tests.shipped import FILES, ROOT, STUDIES, each, shipped

PAPER = {
    "table1_digits": ("digits", {"convnet"}),
    "table2_cifar10_c": ("cifar10_c", {"wrn_40_4"}),
    "table3_pacs_single": ("pacs", {"resnet18_imagenet"}),
    "table4_pacs_multi": ("pacs", {"resnet18_imagenet"}),
    "table5_cifar10": (
        "cifar10",
        {"resnet18", "resnet32", "resnet56", "resnet110", "wrn_16_4", "vgg16_bn", "vgg19_bn"},
    ),
    "table6_cifar100": (
        "cifar100",
        {"resnet18", "resnet34", "resnet50", "wrn_40_10", "vgg13_bn", "vgg16_bn"},
    ),
}
"""Study -> task and backbones of the paper's table."""


@pytest.fixture(scope="module", params=each(FILES[1:]))
def study(request):
    return load_study(request.param)


def test_all_tables_of_the_paper_are_there():
    assert {*PAPER, "ablations_cifar10", "digits_small"} == set(STUDIES)
    assert all(file.is_file() for file in FILES)


def test_it_is_named_like_its_file_and_survives_resolution(study, tmp_path):
    assert shipped(study.name).is_file(), f"studies/: no file is named like {study.name}"
    (tmp_path / "study.json").write_text(study.to_json())
    again = load_resolved(tmp_path / "study.json")
    assert [cell.spec() for cell in again.cells()] == [cell.spec() for cell in study.cells()]
    paths = [run.path for run in study.runs()]
    assert len(set(paths)) == len(paths)
    assert all(len(piece) <= 120 for path in paths for piece in path.split("/"))


@pytest.mark.long
def test_it_dry_runs_without_data_and_says_what_it_costs(study, tmp_path):
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, tmp_path)
    for name in ("workflow", "afn", "analysis", "profiles", "studies"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = ["-m", "snakemake", "-n", "--configfile", f"studies/{study.name}.yaml"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{len(study.seeds) * len(study.cells())} runs: " in done.stderr
    assert "hours on one GPU at an assumed" in done.stderr
    assert "trainings saved by sharing" in done.stderr or study.name == "digits_small"


def test_its_plan_can_reject_with_ten_paired_seeds(study):
    assert len(study.seeds) == 10
    found = outlook(study)
    assert found.smallest_p <= found.first_step
    assert study.plan.strict
    assert f"{10 * len(study.cells())} runs" in describe_plan(study)


def test_it_holds_the_controls_of_the_confound(study):
    protocols = study.protocols
    assert next(iter(protocols.values())) == {"statistics": "running"}
    assert protocols["test_batch"]["statistics"] == "batch"
    assert len(protocols) == 2
    primary = [study.experiments[name] for name in study.plan.primary]
    pairs = {(c.a, c.b) for experiment in primary for c in experiment.contrasts}
    assert {
        ("afn", "batch"),
        ("afn@test_batch", "batch@test_batch"),
        ("batch@test_batch", "batch"),
        ("afn", "afn+residual=zero"),
        ("afn_released", "batch@test_batch"),
    } <= pairs
    if study.name != "digits_small":
        sweep = study.file.protocol_sweep
        assert (sweep.batch_sizes, sweep.orders) == ([1, 8, 32, 128, 256], ["shuffled", "sorted"])
        assert protocols["test_batch"]["batch_size"] in sweep.batch_sizes
        frozen = study.experiments["frozen_lambdas"]
        assert "afn+rescale=off+residual=zero" in {cell.norm for cell in frozen.cells}


@pytest.mark.parametrize("file", each(list(map(shipped, PAPER))))
def test_a_table_has_the_papers_networks(file):
    study = load_study(file)
    task, backbones = PAPER[file.stem]
    main = study.experiments["normalizations"]
    assert {cell.settings["task"]["name"] for cell in main.cells} == {task}
    assert {cell.settings["backbone"]["name"] for cell in main.cells} == backbones
    assert {"batch", "asr", "afn"} <= {cell.norm for cell in main.cells}


def test_arms_of_equal_size_are_of_equal_size(study):
    """Networks whose size is given are AFN's own for AFN, and within 1 percent for BatchNorm."""
    from afn.backbones import REGISTRY
    from afn.normalization import factory

    matched = {
        (cell.settings["task"]["name"], cell.settings["backbone"]["parameters"], cell.norm): cell
        for cell in study.cells()
        if cell.settings["backbone"].get("parameters")
    }
    sized = {"table2_cifar10_c", "table5_cifar10", "table6_cifar100", "ablations_cifar10"}
    assert bool(matched) == (study.name in sized)
    for (task, wanted, norm), cell in matched.items():
        options = dict(cell.settings["backbone"])
        module, _, function = REGISTRY[options.pop("name")].partition(":")
        make = getattr(importlib.import_module(module), function)
        classes = {"cifar10": 10, "cifar10_c": 10, "cifar100": 100}[task]
        shape = {"in_channels": 3, "num_classes": classes, "image_size": 32}
        model = make(factory(norm), **shape, **options)
        size = sum(p.numel() for p in model.parameters())
        assert abs(size / wanted - 1) < (1e-9 if norm == "afn" else 0.01)
