"""Which seeds a job trains: each run in one job, within the target time, by the study file."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from afn.study import load_study
from afn.study.plan.blocks import blocks, seeds_per_job, winners
from afn.study.plan.cost import job_minutes, run_seconds
from afn.study.plan.machines import Machine
from tests.shipped import FILES, each, shipped

WILDCARDS = ("task", "backbone", "norm", "recipe")


def rules_for(study, path: str, settings: dict) -> list:
    """The blocks whose rule Snakemake would find for a result, as it matches wildcards."""
    found = []
    for block in blocks(study, settings):
        for seed in block.seeds:
            own = block.constraints(winners(study))
            names = "/".join(f"(?P<{name}>{own.get(name, '[^/]+')})" for name in WILDCARDS)
            if re.fullmatch(f"runs/{names}/seed{seed}/result[.]json", path):
                found.append(block)
    return found


@pytest.mark.parametrize("file", each(FILES))
def test_every_run_is_in_one_block_of_one_wave(file):
    study = load_study(file)
    for settings in ({}, {"seeds_per_job": 3}):
        made = blocks(study, settings)
        runs = Counter(f"{path}/seed{seed}" for b in made for path in b.cells for seed in b.seeds)
        assert runs == Counter(run.path for run in study.runs())
        assert len({block.words for block in made}) == len(made)
        for block in made if not any(b.own for b in made) else ():
            assert any(set(block.seeds) <= set(wave) for wave in study.waves)


@pytest.mark.parametrize("minutes", [30, 0.05, 0.1])
def test_a_path_has_one_rule_though_blocks_differ_in_size(minutes, small, load):
    small["base"]["recipe"]["epochs"] = 12
    study = load(small)
    made = blocks(study, {"minutes_per_job": minutes})
    assert (len({len(block.seeds) for block in made}) > 1) == (minutes < 30)
    for run in study.runs():
        (block,) = rules_for(study, f"runs/{run.path}/result.json", {"minutes_per_job": minutes})
        assert run.seed in block.seeds
        assert run.cell.path in block.cells


def test_winners_of_repeated_searches_keep_rules_of_their_own(small, load):
    space = {"space": {"recipe.lr": [0.001, 0.01]}, "trials": 4, "repeats": 3}
    small["experiments"]["tuned"] = {"search": space, "factors": {"norm": ["batch", "afn"]}}
    study = load(small)
    assert winners(study)
    for settings in ({}, {"minutes_per_job": 0.005}):
        for run in study.runs():
            (block,) = rules_for(study, f"runs/{run.path}/result.json", settings)
            assert run.seed in block.seeds


def test_no_job_takes_longer_than_the_target_unless_one_seed_does():
    for file in FILES:
        study = load_study(file)
        for cell in study.cells():
            size = seeds_per_job(cell)
            assert size == 1 or size * run_seconds(cell) <= 30 * 60
            assert size == 1 or size == seeds_per_job(cell, 60) or size < seeds_per_job(cell, 60)
            assert job_minutes(cell, size) >= 2 * size * run_seconds(cell) / 60


def test_long_trainings_have_jobs_of_their_own_and_short_ones_share_them():
    table5 = load_study(shipped("table5_cifar10"))
    assert all(seeds_per_job(c) == 1 for c in table5.cells() if c.backbone.startswith("resnet18"))
    shared, *own = blocks(load_study(FILES[0]), {})
    assert shared.seeds == tuple(range(10))
    assert shared.everywhere
    assert all(block.own for block in own)


def test_only_the_study_file_decides(small, load, tmp_path, monkeypatch):
    """Neither a machine that was measured nor prepared data move a seed to another job."""
    study = load(small)
    before = blocks(study, {"minutes_per_job": 0.01})
    monkeypatch.chdir(tmp_path)
    slow = Machine("slow", 1.0, 1.0, 1.0)
    for file in ("data/machines/slow.json", "data/prepared/digits8x8/manifest.json"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(slow.text())
    assert blocks(load(small), {"minutes_per_job": 0.01}) == before


def test_what_is_not_known_is_cut_as_a_study_of_cifar10(small, load):
    small["base"]["task"] = "images"
    small["base"]["recipe"] = {"epochs": 200, "batch_size": 128}
    small["base"]["backbone"] = "resnet18"
    small["protocols"] = {"running": {"statistics": "running"}}
    small["experiments"] = {"norms": {"factors": {"norm": ["batch", "afn"]}}}
    small["plan"] = {"outcomes": ["clean"], "primary": []}
    assert [len(block.seeds) for block in blocks(load(small), {})] == [1] * 8
    small["base"]["recipe"]["epochs"] = 1
    assert [len(block.seeds) for block in blocks(load(small), {})] == [8]
