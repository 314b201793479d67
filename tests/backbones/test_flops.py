"""The committed counts are those of the code, and those of the literature."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from afn.backbones import flops


@pytest.mark.seconds
def test_the_committed_file_is_current():
    assert flops.FILE.read_text() == flops.text(), "run: python -m afn.backbones.flops"


@pytest.mark.parametrize(
    ("name", "giga"),
    [("resnet18", 0.56), ("resnet18_imagenet", 1.81), ("wrn_28_10", 5.2), ("resnet56", 0.126)],
)
def test_known_networks_have_their_known_size(name, giga):
    counted = json.loads(flops.FILE.read_text())[name]
    assert (counted["convolutions"] + counted["linear"]) / 1e9 == pytest.approx(giga, rel=0.02)


def test_a_small_network_by_hand():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.Conv2d(8, 8, 3, padding=1, groups=4),
        nn.Flatten(),
        nn.Linear(8 * 16, 5),
    )
    found = flops.multiply_adds(model, torch.zeros(1, 3, 8, 8))
    assert found == (16 * 8 * 3 * 9 + 16 * 8 * 2 * 9, 8 * 16 * 5)
