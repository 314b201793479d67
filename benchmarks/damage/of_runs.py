"""Damage to what a run leaves, and to the prepared data: results, predictions, histories."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial

import numpy as np

from afn.common.files import sha256_of
from benchmarks.damage import place as ways
from benchmarks.damage.place import OTHER, Place, edit
from benchmarks.damage.registry import (
    ALL,
    KINDS,
    MOST,
    Kind,
    edit_accuracy,
    files,
    kind,
    other_rate,
    put_in,
    take_out,
)


def first_half(record: dict) -> None:
    record["evaluations"] = record["evaluations"][: len(record["evaluations"]) // 2]


def doubled(record: dict) -> None:
    record["evaluations"] *= 2


def other_seed(record: dict) -> None:
    record["run"]["seed"] = 4


files("result", "result.json", lambda p: p.result, *ALL)
EDITS: dict[str, Callable[[dict], object]] = {
    "accuracy edited": edit_accuracy,
    "accuracy in percent": partial(edit_accuracy, value=97.2),
    "accuracy null": partial(edit_accuracy, value=None),
    "fingerprint edited": partial(put_in, key="fingerprint", value="0" * 16),
    "specification removed": partial(take_out, key="spec"),
    "learning rate edited": other_rate,
    "status stopped": partial(put_in, key="status", value="stopped"),
    "status diverged": partial(put_in, key="status", value="diverged"),
    "status that there is not": partial(put_in, key="status", value="done"),
    "half of the evaluations": first_half,
    "evaluations doubled": doubled,
    "no evaluations": partial(put_in, key="evaluations", value=[]),
    "files {}": partial(put_in, key="files", value={}),
    "epochs 1 of 3": partial(put_in, key="epochs", value=1),
    "another seed": other_seed,
    "data hash edited": partial(put_in, key="data", value="0" * 64),
}
"""Edits that somebody may seal anew."""
UNSEALED: dict[str, Callable[[dict], object]] = {
    "accuracy edited, key seal removed": lambda record: (
        edit_accuracy(record) or take_out(record, "seal")
    ),
    "accuracy NaN": partial(edit_accuracy, value=float("nan")),
    "a list": lambda record: [record],
    "null": lambda record: "null",
    "step_ms 'x'": partial(put_in, key="step_ms", value="x"),
    "step_ms NaN": partial(put_in, key="step_ms", value=float("nan")),
    "step_ms a list": partial(put_in, key="step_ms", value=[1]),
    "train_seconds -1": partial(put_in, key="train_seconds", value=-1.0),
}
SEALED: dict[str, Callable[[dict], object]] = {
    "parameters 'many'": partial(put_in, key="parameters", value="many"),
    "versions a list": partial(put_in, key="versions", value=[]),
    "no selection": partial(put_in, key="selection", value=None),
    "reason of a finished run": partial(put_in, key="reason", value="the loss is not finite"),
}
for name, change in {**EDITS, **UNSEALED}.items():
    KINDS.append(Kind("result", name, lambda p, c=change: edit(p.result, c)))
for name, change in {**EDITS, **SEALED}.items():
    KINDS.append(Kind("sealed anew", name, lambda p, c=change: edit(p.result, c, seal=True)))


@kind("result", "folder of another seed copied in")
def _(p: Place) -> None:
    shutil.copytree(p.run.with_name("seed4"), p.run, dirs_exist_ok=True)


@kind("result", "folder of another norm copied in")
def _(p: Place) -> None:
    shutil.copytree(p.results / "runs" / OTHER, p.run, dirs_exist_ok=True)


@kind("result", "deeply nested text")
def _(p: Place) -> None:
    p.result.write_text('{"a":' * 50_000)


@kind("result", "a second key evaluations behind the first")
def _(p: Place) -> None:
    record = json.loads(p.result.read_text())
    edit_accuracy(record)
    more = f', "evaluations": {json.dumps(record["evaluations"])}}}'
    p.result.write_text(p.result.read_text().rstrip().removesuffix("}").rstrip() + more)


files("predictions", "predictions.npz", lambda p: p.predictions, *ALL)


@kind("predictions", "those of another seed")
def _(p: Place) -> None:
    ways.replace(p.predictions, p.run.with_name("seed4") / "predictions.npz")


def _named_anew(p: Place, change: Callable[[dict], object]) -> None:
    """Other predictions, whose hash the sealed result names; its scores stay."""
    ways.rewrite_arrays(p.predictions, change)
    digest = sha256_of(p.predictions)
    edit(p.result, lambda r: r["files"].update({"predictions.npz": digest}), seal=True)


def _better(arrays: dict) -> None:
    key = next(key for key in arrays if "/test/clean/" in key)
    arrays[key] = np.roll(arrays[key], 1)


def _renamed(arrays: dict) -> None:
    key = next(iter(arrays))
    arrays[f"{key}/x"] = arrays.pop(key)


def _shorter(arrays: dict) -> None:
    key = next(iter(arrays))
    arrays[key] = arrays[key][:-1]


def _objects(arrays: dict) -> None:
    arrays[next(iter(arrays))] = np.array([{}], object)


for name, change in {
    "other classes, named anew": _better,
    "another test, named anew": _renamed,
    "an image less, named anew": _shorter,
    "pickled objects, named anew": _objects,
}.items():
    KINDS.append(Kind("predictions", name, lambda p, c=change: _named_anew(p, c)))
files("history", "history.csv", lambda p: p.history, *ALL)


@kind("history", "a row removed, named anew")
def _(p: Place) -> None:
    lines = p.history.read_text().splitlines(keepends=True)
    p.history.write_text("".join(lines[:-1]))
    digest = sha256_of(p.history)
    edit(p.result, lambda r: r["files"].update({"history.csv": digest}), seal=True)


@kind("history", "text in it, named anew")
def _(p: Place) -> None:
    lines = p.history.read_text().splitlines()
    lines[2] = lines[2].replace(",", ",many ", 1)
    p.history.write_text("\n".join(lines) + "\n")
    digest = sha256_of(p.history)
    edit(p.result, lambda r: r["files"].update({"history.csv": digest}), seal=True)


for array in ("manifest.json", "test_labels.npy", "val_labels.npy"):
    files("prepared", array, lambda p, a=array: p.prepared / a, *MOST[:2], "remove")
for array in ("train_images.npy", "test_images.npy"):
    files("prepared", array, lambda p, a=array: p.prepared / a, "flip_content", "truncate")


@kind("prepared", "a test less in the manifest, sealed anew")
def _(p: Place) -> None:
    edit(p.prepared / "manifest.json", lambda m: m["tests"].pop() and None, seal=True)


@kind("prepared", "labels edited, the manifest sealed anew")
def _(p: Place) -> None:
    path = p.prepared / "test_labels.npy"
    labels = np.load(path)
    np.save(path, np.roll(labels, 1))
    digest = sha256_of(path)
    change = lambda m: m["arrays"]["test_labels"].update(sha256=digest)  # noqa: E731
    edit(p.prepared / "manifest.json", change, seal=True)
