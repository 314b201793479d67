"""The estimate of a study's cost against sums by hand."""

from __future__ import annotations

import dataclasses

import pytest

from afn.study import load_study
from afn.study.plan.cost import describe_cost
from afn.study.plan.describe import describe_plan
from afn.study.plan.sizes import images
from afn.study.plan.work import forward, operations
from afn.tasks.digits8x8 import Digits8x8
from tests.shipped import FILES, ROOT, each


def test_a_run_by_hand():
    study = load_study(ROOT / "studies/table5_cifar10.yaml")
    cell = next(c for c in study.cells() if c.backbone == "resnet18" and c.norm == "batch")
    once = 2 * (555_417_600 + 5_120)
    assert operations(cell) == pytest.approx(once * (3 * 45_000 * 200 + 10_000 * (2 + 10)))


def test_wider_and_larger_costs_more():
    usual = {"name": "resnet18", "width": 64, "parameters": 0}
    once = forward(usual, 32)
    assert forward(usual, 64) == pytest.approx(4 * once, rel=1e-3)
    assert forward({**usual, "width": 128}, 32) == pytest.approx(4 * once)
    assert forward({**usual, "parameters": 2 * 11_173_962}, 32) == pytest.approx(2 * once)
    assert forward({"name": "mine:Network"}, 32) is None


def test_images_of_the_tasks():
    digits = {"name": "digits", "source": "usps", "targets": ["mnist", "usps"], "mnist": "all"}
    assert images({**digits, "validation": 0.1}) == (6562, 12_007)
    corrupted = {"name": "cifar10_c", "severities": [5], "validation": 0.1}
    assert images(corrupted) == (45_000, 200_000)
    left_out = {"name": "pacs", "source": "rest", "target": "photo"}
    assert images(left_out) == (1840 + 2107 + 3531, (208 + 237 + 398) // 2 + 1670)
    single = {"name": "pacs", "source": "photo", "target": "rest"}
    assert images(single) == (1499, 171 // 2 + 2048 + 2344 + 3929)
    assert images({"name": "images"}) is None


def test_the_default_study_knows_its_data():
    study = load_study(ROOT / "config.yaml")
    task = study.cells()[0].settings["task"]
    prepared = Digits8x8().prepare(None)
    train, test = images(task)
    assert len(prepared.arrays["train_labels"]) == train
    assert sum(len(prepared.arrays[t.labels]) for t in prepared.tests) == test


@pytest.mark.parametrize("file", each(FILES[1:]))
def test_every_shipped_study_is_estimated(file):
    study = load_study(file)
    line = describe_cost(study)
    assert "not counted" not in line
    assert line in describe_plan(study)
    total = sum(operations(cell) for cell in study.cells()) * len(study.seeds)
    assert f"{total:.1e}" in line


TASK = """
class Fruit:
    num_classes = 3
    in_channels = 3
    image_size = 32
    class_names = ("apple", "pear", "plum")
    conditions = ("dark",)
    severities = (1, 2)
    domains = ()
    plan_sizes = {"train": 900, "test": 100}

    def __init__(self, *, validation: float = 0.1):
        pass

    def prepare(self, data_dir=None):
        raise NotImplementedError
"""


def test_a_task_of_one_file_is_estimated(tmp_path, monkeypatch, load):
    (tmp_path / "orchard.py").write_text(TASK, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    base = {"task": "orchard:Fruit", "backbone": "resnet8", "norm": "batch"}
    mapping = {"study": "fruit", "question": "Which?", "seeds": 2}
    mapping |= {"base": base | {"recipe": {"epochs": 1}}}
    mapping |= {"experiments": {"one": {"factors": {"norm": ["batch"]}}}}
    study = load(mapping)
    (cell,) = study.cells()
    assert images(cell.settings["task"]) == (810, 300)
    assert operations(cell) == pytest.approx(
        forward(cell.settings["backbone"], 32) * (3 * 810 + 300)
    )
    assert "not counted" not in describe_cost(study)


def test_a_registered_norm_that_names_no_cost_counts_as_the_most_costly(monkeypatch):
    """As a norm of one file and one line, beside which others are asked for their cost, too."""
    from afn.study.plan import work

    before = work.of_norm.__wrapped__("afn")
    registered = work.registry("norm") | {"mine": work.registry("norm")["afn"]}
    monkeypatch.setattr(work, "registry", lambda kind: registered)
    entries = work.entry
    bare = dataclasses.replace(entries("norm", "afn"), literals={})
    monkeypatch.setattr(
        work, "entry", lambda kind, name: bare if name == "mine" else entries(kind, name)
    )
    costs = [work.of_norm.__wrapped__(name) for name in registered if name != "mine"]
    found = work.of_norm.__wrapped__("mine")
    assert found == (max(c[0] for c in costs), max(c[1] for c in costs))
    assert found[0] >= before[0]
