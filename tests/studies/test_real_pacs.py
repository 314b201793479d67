"""The recipe of tables 3 and 4 on real pictures: RSC and AFN in a converted ResNet-18."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from afn.study import load_study
from afn.tasks.__main__ import main as prepare
from tests import needs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.realdata
@pytest.mark.long
def test_two_epochs_of_rsc_and_afn(tmp_path):
    data = needs.real_data()
    if not (data / "PACS").is_dir():
        needs.skip("realdata", f"no PACS in {data} (AFN_REAL_DATA names another folder)")
    import torch
    from torchvision.models import resnet18

    from afn.training.job.job import Job, run_job

    torch.save(resnet18().state_dict(), tmp_path / "untrained.pt")
    study = load_study(ROOT / "studies/table3_pacs_single.yaml")
    main = study.experiments["normalizations"].cells
    cell = next(c for c in main if c.norm == "afn" and "art_painting" in c.task)
    spec = json.loads(cell.spec())
    spec["task"]["image_size"] = 64
    spec["backbone"]["weights"] = str(tmp_path / "untrained.pt")
    spec["recipe"]["epochs"] = 2
    options = {key: value for key, value in spec["task"].items() if key != "name"}
    folder = tmp_path / "prepared"
    arguments = ["--options", json.dumps(options), "--data-dir", str(data), "-o", str(folder)]
    assert prepare(["prepare", "pacs", *arguments]) == 0
    output = tmp_path / "results/s/runs" / cell.path / "seed0/result.json"
    job = {"study": "s", "fingerprint": "f", "data": folder / "manifest.json"}
    places = {"store": tmp_path / "store", "ledger": tmp_path / "ledger"}
    run_job(Job(outputs=(output,), spec=spec, **job, **places))
    result = json.loads(output.read_text())
    assert result["status"] == "finished"
    assert result["epochs"] == 2
    tested = {(e["condition"], e["protocol"]) for e in result["evaluations"]}
    assert {c for c, _ in tested} == {"clean", "cartoon", "photo", "sketch"}
    assert {p for _, p in tested} == set(cell.protocols) > set(study.protocols)
