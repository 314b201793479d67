"""Results of runs as the trainer leaves them, with made-up scores: true to themselves, and fast.

For tests of whoever reads results. Predictions answer rightly for the first images, on labels that
are all zero, so that the scores can be computed again (see `write_labels`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from afn.common.canonical import sealed
from afn.common.conditions import selects
from afn.common.files import sha256_of
from afn.common.run_folder import write_result
from afn.tasks.data.reader import manifest_bytes

IMAGES = 1000
CLEAN = (("clean", 0),)
DATA = "d" * 64
"""The data of results that are compared with none."""
SPEC = {
    "task": {"name": "digits8x8", "split": "fixed"},
    "backbone": {"name": "convnet_small"},
    "norm": {"name": "batch"},
    "recipe": {"name": "plain", "epochs": 2, "selection": "last"},
    "protocols": {"running": {"statistics": "running"}},
    "validation_protocol": "running",
}
RUN = "digits8x8/convnet_small/batch/plain/seed0"


def record_of(
    run: str = RUN,
    spec: dict[str, Any] | str = SPEC,
    *,
    status: str = "finished",
    tests: Sequence[tuple[str, int]] = CLEAN,
    accuracy: float = 0.5,
    epochs: int | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """The record of a run, without the hashes of its files.

    ``tests`` are conditions and severities, under every protocol that is for them; ``changed``
    takes the place of what would be there.
    """
    spec = json.loads(spec) if isinstance(spec, str) else spec
    *parts, seed = run.split("/")
    first = spec["validation_protocol"]
    rows = [evaluation(first, "validation", "clean", 0, accuracy)]
    rows += [
        evaluation(name, "test", condition, severity, accuracy)
        for name, protocol in spec["protocols"].items()
        for condition, severity in tests
        if selects(protocol.get("conditions"), condition, severity)
    ]
    whole = spec["recipe"]["epochs"]
    epochs = whole - (status == "stopped") if epochs is None else epochs
    names = ("task", "backbone", "norm", "recipe")
    return {
        "schema": 1,
        "study": "s",
        "run": dict(zip(names, parts, strict=True)) | {"seed": int(seed.removeprefix("seed"))},
        "status": status,
        "reason": "the training loss is not finite" if status == "diverged" else "",
        "spec": spec,
        "fingerprint": "f0",
        "data": DATA,
        "evaluations": {"finished": rows, "stopped": rows[:1], "diverged": []}[status],
        "selection": {"kind": "last", "epoch": epochs},
        "parameters": 100,
        "step_ms": 1.0,
        "train_seconds": 2.0,
        "epochs": epochs,
        "threads": 1,
        "device": "cpu",
        "versions": {"torch": "0", "processor": "none", "head": "c"},
        **changed,
    }


def evaluation(
    protocol: str, split: str, condition: str, severity: int, accuracy: float
) -> dict[str, Any]:
    """One row of ``evaluations``; the accuracy becomes the nearest share of the images."""
    place = {"split": split, "condition": condition, "severity": severity, "protocol": protocol}
    return place | {"accuracy": round(accuracy * IMAGES) / IMAGES, "loss": 1.0, "n": IMAGES}


def files_of(record: dict[str, Any]) -> dict[str, bytes]:
    """The files beside a result, as its record speaks of them."""
    rows = "".join(f"{epoch + 1},0.5\n" for epoch in range(record["epochs"]))
    files = {"history.csv": f"epoch,loss\n{rows}".encode()}
    if record["evaluations"]:
        files["predictions.npz"] = predictions_of(record["evaluations"])
    return files


def predictions_of(evaluations: Sequence[dict[str, Any]]) -> bytes:
    """Class 0, which is right, for the first images, and class 1 for the others."""
    buffer = io.BytesIO()
    names = ("protocol", "split", "condition", "severity")
    arrays = {
        "/".join(str(row[name]) for name in names): np.uint8(
            np.arange(row["n"]) >= round(row["accuracy"] * row["n"])
        )
        for row in evaluations
    }
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def write_run(folder: Path, run: str = RUN, spec: dict[str, Any] | str = SPEC, **changed) -> dict:
    """Write a result with its files, as `record_of` has it; returns the record."""
    record = record_of(run, spec, **changed)
    write_result(folder, record, files_of(record))
    return record


def write_labels(
    folder: Path, tests: Sequence[tuple[str, int]] = CLEAN, images: int = IMAGES, value: int = 0
) -> Path:
    """A prepared task of which only labels are there, all ``value``; returns its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for key in ("val_labels", "test_labels"):
        np.save(folder / f"{key}.npy", np.full(images, value, np.int64))
        arrays[key] = {"file": f"{key}.npy", "sha256": sha256_of(folder / f"{key}.npy")}
    listed = [
        {"split": "test", "condition": c, "severity": s, "images": c, "labels": "test_labels"}
        for c, s in tests
    ]
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest_bytes(sealed({"arrays": arrays, "tests": listed})))
    return manifest
