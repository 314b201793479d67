"""The loops that `benchmarks.pipeline` compares: the same work, and ratios of its medians."""

from __future__ import annotations

import json

import pytest
import torch

from afn.study.layout import PREPARED
from afn.tasks.__main__ import main as prepare
from benchmarks import careful, handwritten, pipeline


def test_a_line_for_each_way_with_its_ratio_to_the_pipeline():
    times = {
        "usual": [(10.0, 20.0), (30.0, 60.0), (20.0, 40.0)],
        "careful": [(4.0, 8.0)],
        "pipeline": [(5.0, 10.0), (5.0, 10.0)],
    }
    assert pipeline.compared(times) == [
        "usual        20.0 s wall (4.00x)    40.0 s CPU (4.00x)",
        "careful       4.0 s wall (0.80x)     8.0 s CPU (0.80x)",
        "pipeline      5.0 s wall (1.00x)    10.0 s CPU (1.00x)",
    ]


@pytest.mark.seconds
@pytest.mark.parametrize("norm", ["batch", "asr"])
def test_both_loops_train_and_test_the_same(norm, tmp_path, monkeypatch, capsys):
    folder = tmp_path / PREPARED / "digits8x8"
    assert prepare(["prepare", "digits8x8", "-o", str(folder)]) == 0
    capsys.readouterr()
    for module in (careful, handwritten):
        monkeypatch.setattr(module, "EPOCHS", 3)
    # As many threads as before: the loops set one for their processes.
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    handwritten.main(norm, 0, folder / "manifest.json")
    usual = json.loads(capsys.readouterr().out)
    careful.main(norm, folder / "manifest.json", [0, 1])
    fast, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert (fast.pop("seed"), other.pop("seed")) == (0, 1)
    assert fast.keys() == other.keys() == usual.keys()
    assert fast != other
    # Their batches are drawn otherwise; what three epochs teach is much the same.
    clean = [name for name in usual if "/clean/" in name]
    assert clean
    for name in clean:
        assert usual[name] == pytest.approx(fast[name], abs=0.1)
        assert fast[name] > 0.75
