"""A small study as a mapping that tests change in one place and load."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from afn.study.loading import load_study

ROOT = Path(__file__).resolve().parents[2]

SMALL = {
    "study": "small",
    "question": "Does it help?",
    "seeds": 8,
    "protocols": {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    },
    "base": {"task": "digits8x8", "backbone": "resnet8", "norm": "afn", "recipe": {"epochs": 2}},
    "experiments": {
        "norms": {
            "factors": {"norm": ["batch", "layer", "afn", "afn_released"]},
            "contrasts": [["afn", "batch"], ["afn@test_batch", "batch@test_batch"]],
        },
        "ratios": {"factors": {"norm.stan_ratio": [2, 4, 8]}, "trend": "norm.stan_ratio"},
    },
    "plan": {"outcomes": ["clean", "shift"], "primary": ["norms"]},
}


@pytest.fixture
def small() -> dict:
    return copy.deepcopy(SMALL)


@pytest.fixture
def load(tmp_path):
    """Write a mapping as a study file and load it."""

    def write_and_load(mapping: dict, name: str = "study.yaml"):
        path = tmp_path / name
        path.write_text(yaml.safe_dump(mapping, sort_keys=False), encoding="utf-8")
        return load_study(path)

    return write_and_load
