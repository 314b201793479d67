"""Printed numbers of tables 5 and 6 find their cells, and none that trains otherwise."""

from pathlib import Path

import pandas as pd
import pytest

from afn.study.loading import load_study
from analysis.published.supervised import judge, matches

STUDIES = Path(__file__).resolve().parents[2] / "studies"
MATCHED = {"table5_cifar10": (21, 21), "table6_cifar100": (18, 18), "table1_digits": (0, 0)}


@pytest.mark.parametrize("name", MATCHED)
def test_number_of_matched_cells(name):
    found = matches(load_study(STUDIES / f"{name}.yaml"))
    assert (len(found), sum(len(row["cells"]) == 1 for row in found)) == MATCHED[name]


def test_other_settings_are_no_replication_and_are_named():
    found = matches(load_study(STUDIES / "table5_cifar10.yaml"))
    row = next(r for r in found if (r["backbone"], r["method"]) == ("resnet18", "afn"))
    told = [text for texts in row["other"].values() for text in texts]
    assert "schedule cosine, not alrs" in told
    assert "augmentation crop_flip, not released" in told


def results(study, cell, scores, diverged=()):
    rows = []
    for seed, score in enumerate(scores):
        run = {"task": cell.task, "backbone": cell.backbone, "norm": cell.norm}
        run |= {"recipe": cell.recipe, "seed": seed, "split": "test"}
        if seed in diverged:
            rows.append(run | {"status": "diverged", "split": None})
            continue
        for protocol in cell.protocols:
            test = {"condition": "clean", "severity": 0, "protocol": protocol}
            rows.append(run | {"status": "finished", "accuracy": score / 100} | test)
    return pd.DataFrame(rows)


def verdicts(name, backbone, norm, scores, diverged=()):
    study = load_study(STUDIES / f"{name}.yaml")
    rows = matches(study)
    row = next(r for r in rows if (r["backbone"], r["method"]) == (backbone, norm))
    found = judge(study, results(study, row["cells"][0], scores, diverged))
    return [d for d in found if (d["backbone"], d["method"]) == (backbone, norm)]


def test_verdicts_by_hand():
    # Table 5, ResNet-18, AFN: 91.75; margin .25. Mean 91.75 +- 1.833 * .0527 / sqrt(10) = .031.
    near = [91.70, 91.80] * 5
    far = [score - 2 for score in near]
    found = verdicts("table5_cifar10", "resnet18", "afn", near)
    assert {d["verdict"] for d in found} == {"replicated"}
    assert {d["protocol"] for d in found} >= {"running", "test_batch"}
    assert found[0]["difference"] == pytest.approx(0.0)
    assert found[0]["ci"][1] == pytest.approx(1.8331 * 0.052705 / 10**0.5, rel=1e-3)
    found = verdicts("table5_cifar10", "resnet18", "afn", far)
    assert {d["verdict"] for d in found} == {"contradicted"}


def test_the_printed_nan_is_a_claim_about_divergence():
    ran = [60.0] * 10
    found = verdicts("table6_cifar100", "vgg16_bn", "asr", ran)
    assert [d["verdict"] for d in found] == ["contradicted"]
    found = verdicts("table6_cifar100", "vgg16_bn", "asr", ran, diverged=range(1, 10))
    assert [(d["diverged"], d["verdict"]) for d in found] == [(9, "replicated")]
