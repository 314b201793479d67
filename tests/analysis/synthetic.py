"""A made-up study with the default study's shape: what figures and statistics are tested on.

The numbers are drawn, never trained: every true mean is in the tables below, so that a test can
ask whether the analysis finds what was put in. ``write_runs`` writes the folders that
``analysis.results.collect`` reads.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from afn.common.run_folder import write_result
from afn.study.code.fingerprint import run_fingerprint
from afn.study.grid.cells import Study
from tests.analysis.small_study import (
    CONDITIONS,
    EPOCHS,
    IMAGES,
    LAYERS,
    SEVERITIES,
    protocols_of,
)
from tests.records import DATA, predictions_of

# Points: clean accuracy of the backbone, offset of the method (clean, shift), what test-batch
# statistics add (clean, shift), what a condition costs at severity 5.
_CLEAN = {"convnet_small": 95.6, "resnet8": 97.1}
_METHOD = {
    "batch": (0.0, 0.0),
    "instance": (-1.2, 2.0),
    "layer": (-0.8, -0.5),
    "group": (-0.5, 0.4),
    "switchable": (-0.1, 0.8),
    "batch_instance": (0.1, 1.0),
    "asr": (-0.4, 2.6),
    "afn": (0.4, 0.3),
    "afn_released": (-0.2, 3.6),
    "afn+lambda_init=-1": (-0.5, -0.4),
    "afn+lambda_init=-5": (0.3, 0.2),
    "afn+lambda_init=-7": (0.1, 0.1),
    "afn+stan_ratio=8": (0.2, 0.1),
    "afn+rescale_ratio=4": (0.5, 0.5),
    "afn+rescale_ratio=4+stan_ratio=8": (0.2, 0.0),
    "afn+residual=fixed": (0.3, 0.2),
    "afn+residual=off": (-3.0, -6.0),
    "afn+residual=zero": (0.3, 0.2),
}
_BATCH_GAIN = (-0.4, 3.4)
EVALUATION = ["split", "condition", "severity", "protocol", "accuracy", "loss", "n"]
_DROP = {
    "noise": 22.0,
    "blur": 30.0,
    "contrast": 26.0,
    "brightness": 18.0,
    "translation": 40.0,
    "occlusion": 24.0,
}


def _true_mean(backbone: str, norm: str, condition: str, severity: int, protocol: str) -> float:
    # A level that nobody gave a mean has its method's.
    clean, shift = _METHOD[norm if norm in _METHOD else norm.partition("+")[0]]
    gain = _BATCH_GAIN if protocol == "test_batch" and norm != "afn_released" else (0.0, 0.0)
    value = _CLEAN[backbone] + (clean + gain[0] if condition == "clean" else shift)
    if condition != "clean":
        value += gain[1] * severity / 5 - _DROP[condition] * severity / 5
    return value


def draw_results(study: Study, *, rng_seed: int = 0, diverged=(), missing=()) -> pd.DataFrame:
    """One row per (run, evaluation).

    ``diverged`` and ``missing`` hold (backbone, norm, seed) triples.
    """
    rows = []
    tests = [("clean", 0), *((c, s) for c in CONDITIONS for s in SEVERITIES)]
    for cell in study.cells():
        key = f"{rng_seed}|{cell.path}"
        own = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
        for seed in study.seeds_of(cell):
            common = np.random.default_rng([rng_seed, seed, len(cell.backbone), len(cell.task)])
            shared = common.normal(0, 1.1, size=len(tests))
            noise = {p: own.normal(0, 0.45, size=len(tests)) for p in ("running", "test_batch")}
            noise["any"] = noise["running"]
            times = own.gamma(400, 0.01, size=2)
            run = (cell.backbone, cell.norm, seed)
            if run in missing:
                continue
            head = {
                "study": study.name,
                "task": cell.task,
                "backbone": cell.backbone,
                "norm": cell.norm,
                "recipe": cell.recipe,
                "seed": seed,
                "status": "diverged" if run in diverged else "finished",
                "reason": "loss is nan in epoch 3" if run in diverged else None,
            }
            tail = {
                "parameters": 76_000 + 17 * len(cell.norm) + 4_000 * cell.norm.startswith("afn"),
                "step_ms": round(2.5 + times[0] / 4 + 2.0 * cell.norm.startswith("afn"), 3),
                "train_seconds": round(2.0 + times[1], 3),
                "epochs": EPOCHS,
                "threads": 1,
                "device": "cpu",
                "processor": "synthetic",
                "torch": "2.0.0",
                "head": "numpy",
                "fingerprint": run_fingerprint(cell),
            }
            if run in diverged:
                rows.append(head | dict.fromkeys(EVALUATION) | tail)
                continue
            # The trainer records the validation split too; no outcome may average it in.
            protocols = protocols_of(cell)
            protocol, right = protocols[0], IMAGES // 2
            validation = ("validation", "clean", 0, protocol, right / IMAGES, 1.5, IMAGES)
            rows.append(head | dict(zip(EVALUATION, validation, strict=True)) | tail)
            for protocol in protocols:
                for i, (condition, severity) in enumerate(tests):
                    mean = _true_mean(cell.backbone, cell.norm, condition, severity, protocol)
                    value = np.clip(mean + shared[i] + noise[protocol][i], 0, 100)
                    right = round(value / 100 * IMAGES)
                    evaluation = {
                        "split": "test",
                        "condition": condition,
                        "severity": severity,
                        "protocol": protocol,
                        "accuracy": right / IMAGES,
                        "loss": float(0.05 + 3 * (1 - right / IMAGES)),
                        "n": IMAGES,
                    }
                    rows.append(head | evaluation | tail)
    frame = pd.DataFrame(rows)
    return frame.astype({"severity": "Int64", "n": "Int64", "accuracy": float, "loss": float})


def draw_history(study: Study, *, rng_seed: int = 0, missing=()) -> pd.DataFrame:
    """Training curves in the wide form of history.csv, one row per (run, epoch)."""
    rows = []
    for cell in study.cells():
        for seed in study.seeds_of(cell):
            if (cell.backbone, cell.norm, seed) in missing:
                continue
            rng = np.random.default_rng([rng_seed, seed, len(cell.path)])
            walk = {
                (name, layer): rng.normal(0, 0.004, size=EPOCHS).cumsum()
                for name in ("lambda_mu", "lambda_sigma", "lambda_gamma", "lambda_beta")
                for layer in LAYERS[cell.backbone]
            }
            for i in range(EPOCHS):
                loss = 2.0 * np.exp(-(i + 1) / 3) + 0.05 + rng.normal(0, 0.01)
                accuracy = 1 - loss / 3 + rng.normal(0, 0.004)
                row = {
                    "task": cell.task,
                    "backbone": cell.backbone,
                    "norm": cell.norm,
                    "recipe": cell.recipe,
                    "seed": seed,
                    "epoch": i + 1,
                    "loss": loss,
                    "accuracy": accuracy,
                    "lr": 0.0005 * (1 + np.cos(np.pi * i / EPOCHS)),
                    "grad_norm": 1.5 * np.exp(-i / 5) + abs(rng.normal(0, 0.1)),
                    "val_loss": loss + 0.05,
                    "val_accuracy": accuracy - 0.01,
                }
                if cell.norm.split("+")[0] == "afn":
                    start = cell.settings["norm"]["lambda_init"]
                    for (name, layer), path in walk.items():
                        raw = start if name in ("lambda_mu", "lambda_sigma") else -5.0
                        row[f"{name}:{layer}"] = 1 / (1 + np.exp(-raw)) + path[i]
                rows.append(row)
    return pd.DataFrame(rows)


def long_history(wide: pd.DataFrame) -> pd.DataFrame:
    """The long form of history.parquet."""
    keys = ["task", "backbone", "norm", "recipe", "seed", "epoch"]
    long = wide.melt(id_vars=keys, var_name="column", value_name="value").dropna(subset="value")
    parts = long.pop("column").str.partition(":")
    long.insert(len(keys), "quantity", parts[0])
    long.insert(len(keys) + 1, "layer", parts[2])
    return long.sort_values([*keys, "quantity", "layer"], ignore_index=True)


def write_runs(
    folder: Path, study: Study, results: pd.DataFrame, history: pd.DataFrame, data: str = DATA
) -> None:
    """Write one result folder per run, as the trainer does: result.json and its sidecars.

    ``data`` is the sha256 of the manifest that the runs name as their data. Predictions are right
    for the first images, where every label is zero.
    """
    keys = ["task", "backbone", "norm", "recipe", "seed"]
    curves = dict(tuple(history.groupby(keys)))
    for key, rows in results.groupby(keys):
        first = rows.iloc[0]
        curve = curves[key].drop(columns=keys).dropna(axis=1, how="all")
        files = {"history.csv": curve.to_csv(index=False).encode()}
        evaluations = rows.dropna(subset=["condition"])[EVALUATION].to_dict("records")
        if evaluations:
            files["predictions.npz"] = predictions_of(evaluations)
        document = {
            "schema": 1,
            "study": study.name,
            "run": dict(zip(keys, key, strict=True)),
            "status": first.status,
            "reason": first.reason if isinstance(first.reason, str) else None,
            "spec": json.loads(study.cell("/".join(key[:4])).spec()),
            "fingerprint": first.fingerprint,
            "data": data,
            "evaluations": evaluations,
            "selection": {"kind": "last", "epoch": int(first.epochs)},
            "parameters": int(first.parameters),
            "step_ms": float(first.step_ms),
            "train_seconds": float(first.train_seconds),
            "epochs": int(first.epochs),
            "threads": int(first.threads),
            "device": first.device,
            "versions": {
                "torch": first.torch,
                "head": first["head"],
                "processor": first.processor,
            },
        }
        write_result(Path(folder, *key[:4], f"seed{key[4]}"), document, files)
