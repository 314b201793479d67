"""Reports of small studies with made-up results, for the tests of pages, figures and tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from afn.study import study_from_mapping
from analysis.decisions.decide import decide
from analysis.decisions.decision import Decision
from analysis.decisions.factor_analyses import ablations
from analysis.inputs import Inputs
from tests.analysis import synthetic
from tests.analysis.small_study import CONDITIONS, SEVERITIES

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = {
    "study": "tiny",
    "question": "Is AFN better than BatchNorm?",
    "seeds": 6,
    "base": {"task": "digits8x8", "backbone": "resnet8"},
    "experiments": {
        "only": {"factors": {"norm": ["batch", "afn"]}, "contrasts": [["afn", "batch"]]}
    },
    "plan": {"outcomes": ["clean"], "primary": ["only"]},
}
TWO_WAYS = MINIMAL | {
    "protocols": {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    },
    "experiments": {
        "only": {
            "factors": {"norm": ["batch", "afn"], "backbone": ["convnet_small", "resnet8"]},
            "contrasts": [
                ["afn", "batch"],
                ["afn@test_batch", "batch@test_batch"],
                ["batch@test_batch", "batch"],
            ],
        },
        "levels": {"factors": {"norm.residual": ["learned", "off"], "norm": ["afn"]}},
        "line": {
            "factors": {"norm.lambda_init": [-1, -3, -5], "norm": ["afn"]},
            "trend": "norm.lambda_init",
        },
        "grid": {
            "factors": {
                "norm.stan_ratio": [2, 8],
                "norm.rescale_ratio": [4, 16],
                "norm": ["afn"],
            },
            "analysis": "factorial",
        },
    },
    "plan": {"outcomes": ["clean"], "primary": ["only"], "strict": False},
}
EVERY = [
    *(("convnet_small", n, s) for n in ("batch", "afn") for s in range(6)),
    *(("resnet8", n, s) for n in ("batch", "afn", "afn+residual=off") for s in range(6)),
    *(("resnet8", f"afn+lambda_init={k}", s) for k in (-1, -5) for s in range(6)),
    *(("resnet8", f"afn+{o}", s) for o in ("rescale_ratio=4", "stan_ratio=8") for s in range(6)),
    *(("resnet8", "afn+rescale_ratio=4+stan_ratio=8", s) for s in range(6)),
]
HOSTILE = '<script>alert(1)</script> & "quotes" $x_1$ \\input{x}'


@dataclass
class Built:
    """A report with what it was made from."""

    inputs: Inputs
    folder: Path
    html: str
    index: dict


def load(document: dict, **drawn) -> Inputs:
    """Inputs with made-up results for a study file, tested under its own protocols only."""
    study = study_from_mapping(document, "test")
    results = synthetic.draw_results(study, **drawn)
    asked = results["protocol"].isin([*study.protocols, "any"]) | results["condition"].isna()
    results = results[asked].reset_index(drop=True)
    missing = drawn.get("missing", ())
    history = synthetic.long_history(synthetic.draw_history(study, missing=missing))
    decisions = [Decision.from_dict(d.to_dict()) for d in decide(results, study)]
    return Inputs(study, results, history, decisions, ablations(results, study))


def write_images(folder: Path) -> None:
    """Prepared images of the made-up task: noise, in the layout of `afn.tasks prepare`."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    arrays, tests = {}, []
    labels = np.arange(20, dtype=np.int64) % 10
    places = [("clean", 0), *((c, s) for c in CONDITIONS for s in SEVERITIES)]
    for condition, severity in places:
        key = f"{condition}_{severity}"
        arrays[key] = rng.integers(0, 256, size=(20, 8, 8, 1), dtype=np.uint8)
        entry = {"split": "test", "condition": condition, "severity": severity}
        tests.append(entry | {"images": key, "labels": "labels"})
    arrays["labels"] = labels
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array)
    listed = {key: {"file": f"{key}.npy"} for key in arrays}
    manifest = {"schema": 1, "task": "digits8x8", "arrays": listed, "tests": tests}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def build(inputs: Inputs, folder: Path, document: dict) -> Built:
    """Figures, tables and page of a study in one folder."""
    from analysis.figures.making import make_all
    from analysis.report.page import page
    from analysis.tables.writing import write_all

    index = make_all(inputs, folder / "figures")
    write_all(inputs, folder)
    html = page(inputs, document, folder / "figures", folder / "index.html")
    (folder / "index.html").write_text(html, encoding="utf-8")
    return Built(inputs, folder, html, index)


def default_document() -> dict:
    """The default study file."""
    import yaml

    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
