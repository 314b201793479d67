"""Damage to trials and searches, to the store of finished runs and to checkpoints; and edits by
somebody who computes every hash anew.
"""

from __future__ import annotations

import json
import shutil
from functools import partial

import numpy as np

from afn.common.run_folder import write_result
from afn.study.state.made import with_content
from benchmarks.damage import place as ways
from benchmarks.damage.place import Place, edit
from benchmarks.damage.registry import (
    MOST,
    edit_accuracy,
    files,
    kind,
    other_rate,
    other_rate_of_spec,
    put_in,
)

files("search", "result of a trial", lambda p: p.trial, "flip", "truncate", "empty", "zeros")


@kind("search", "score of a trial edited")
def _(p: Place) -> None:
    edit(p.trial, partial(edit_accuracy, value=0.999))


@kind("search", "score of a trial edited, sealed anew")
def _(p: Place) -> None:
    edit(p.trial, partial(edit_accuracy, value=0.999), seal=True)


@kind("search", "results of two trials exchanged")
def _(p: Place) -> None:
    first, second = sorted({path.parent for path in p.trial.parents[2].rglob("result.json")})[:2]
    shutil.copytree(second, first, dirs_exist_ok=True)


@kind("search", "the winner's rate edited in what is trained")
def _(p: Place) -> None:
    (path,) = p.search.rglob("chosen/**/*.json")
    edit(path, other_rate_of_spec)


@kind("search", "scores edited in chosen.json")
def _(p: Place) -> None:
    edit(p.search / "chosen.json", lambda c: c["trials"][0].update(value=99.9, values=[99.9]))


@kind("search", "proposals edited")
def _(p: Place) -> None:
    path = p.search / "round0/proposals.json"
    edit(path, lambda trials: trials[0]["params"].update({"recipe.lr": 0.5}))


STORED = ("result.json", "predictions.npz", "history.csv", "stamp.json")
for file in STORED:
    files("store", file, lambda p, f=file: p.store / "finished" / f, "flip", "truncate", "remove")


@kind("store", "the finished run of another seed")
def _(p: Place) -> None:
    other = p.store.with_name("seed4") / "finished"
    shutil.copytree(other, p.store / "finished", dirs_exist_ok=True)


@kind("store", "learning rate edited, sealed anew")
def _(p: Place) -> None:
    edit(p.store / "finished/result.json", other_rate, seal=True)


CURRENT, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"
files("checkpoint", CURRENT, lambda p: p.store / CURRENT, *MOST)
files("checkpoint", PREVIOUS, lambda p: p.store / PREVIOUS, "flip", "truncate")


@kind("checkpoint", "both flipped")
def _(p: Place) -> None:
    for name in (CURRENT, PREVIOUS):
        ways.flip(p.store / name, p.dice)


@kind("checkpoint", "of another seed")
def _(p: Place) -> None:
    ways.replace(p.store / CURRENT, p.store.with_name("seed4") / CURRENT)


@kind("checkpoint", "the older one in place of the newer")
def _(p: Place) -> None:
    ways.replace(p.store / CURRENT, p.store / PREVIOUS)


def _everything(p: Place) -> None:
    """Another score with the predictions that have it, all hashes anew."""
    record = json.loads(p.result.read_text())
    labels = np.load(p.prepared / "test_labels.npy")
    row = next(r for r in record["evaluations"] if r["split"] == "test" and r["severity"] == 0)

    def change(arrays: dict) -> None:
        arrays[f"{row['protocol']}/test/clean/0"] = labels.astype(np.uint8)

    predictions = ways.rewrite_arrays(p.predictions, change)
    row["accuracy"] = 1.0
    bare = {key: value for key, value in record.items() if key != "signature"}
    beside = {"history.csv": p.history.read_bytes(), "predictions.npz": predictions}
    write_result(p.run, bare, beside)


@kind("apart", "score and predictions")
def _(p: Place) -> None:
    _everything(p)


@kind("apart", "a time, which no seal covers")
def _(p: Place) -> None:
    edit(p.result, partial(put_in, key="step_ms", value=0.001))


@kind("apart", "the page, hashed anew")
def _(p: Place) -> None:
    page = p.reports / "index.html"
    page.write_text(with_content(page.read_text().replace("inferior", "superior") + "\n"))
