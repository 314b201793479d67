"""Every kind of damage, by what it damages: a name, and the change of a finished study.

Kinds under ``apart`` are edits by somebody who computes every hash anew, predictions included: the
hashes keep no secret, so only a key (``AFN_SEAL_KEY``) shows them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from afn.common.files import sha256_of
from afn.common.made_from import enclosed
from afn.common.run_folder import write_result
from afn.study.state.made import with_content
from benchmarks.damage import place as ways
from benchmarks.damage.place import OTHER, RUN, Place, edit


@dataclass(frozen=True)
class Kind:
    """One kind of damage: to a file of ``group``, by ``change``."""

    group: str
    name: str
    change: Callable[[Place], object]


KINDS: list[Kind] = []


def kind(group: str, name: str) -> Callable[[Callable[[Place], object]], None]:
    """Put the decorated change into the list."""

    def put(change: Callable[[Place], object]) -> None:
        KINDS.append(Kind(group, name, change))

    return put


def files(group: str, what: str, path_of: Callable[[Place], Path], *names: str) -> None:
    """The usual ways to spoil a file."""
    for name in names:
        spoil = getattr(ways, name)
        told = f"{what}: {name.replace('_', ' ')}"
        KINDS.append(Kind(group, told, lambda p, spoil=spoil: spoil(path_of(p), p.dice)))


def _set(record: dict, key: str, value: Any) -> None:
    record[key] = value


def _pop(record: dict, key: str) -> None:
    del record[key]


def _accuracy(record: dict, value: Any = 0.999) -> None:
    record["evaluations"][-1]["accuracy"] = value


def _other_rate(record: dict) -> None:
    record["spec"]["recipe"]["lr"] = 0.5


def _other_rate_of_spec(spec: dict) -> None:
    spec["recipe"]["lr"] = 0.5


def _first_half(record: dict) -> None:
    record["evaluations"] = record["evaluations"][: len(record["evaluations"]) // 2]


def _doubled(record: dict) -> None:
    record["evaluations"] *= 2


def _other_seed(record: dict) -> None:
    record["run"]["seed"] = 4


ALL = ("flip", "truncate", "empty", "zeros", "noise", "remove", "a_folder")
files("result", "result.json", lambda p: p.result, *ALL)
EDITS: dict[str, Callable[[dict], object]] = {
    "accuracy edited": _accuracy,
    "accuracy in percent": partial(_accuracy, value=97.2),
    "accuracy null": partial(_accuracy, value=None),
    "fingerprint edited": partial(_set, key="fingerprint", value="0" * 16),
    "specification removed": partial(_pop, key="spec"),
    "learning rate edited": _other_rate,
    "status stopped": partial(_set, key="status", value="stopped"),
    "status diverged": partial(_set, key="status", value="diverged"),
    "status that there is not": partial(_set, key="status", value="done"),
    "half of the evaluations": _first_half,
    "evaluations doubled": _doubled,
    "no evaluations": partial(_set, key="evaluations", value=[]),
    "files {}": partial(_set, key="files", value={}),
    "epochs 1 of 3": partial(_set, key="epochs", value=1),
    "another seed": _other_seed,
    "data hash edited": partial(_set, key="data", value="0" * 64),
}
"""Edits that somebody may seal anew."""
UNSEALED: dict[str, Callable[[dict], object]] = {
    "accuracy edited, key seal removed": lambda record: _accuracy(record) or _pop(record, "seal"),
    "accuracy NaN": partial(_accuracy, value=float("nan")),
    "a list": lambda record: [record],
    "null": lambda record: "null",
    "step_ms 'x'": partial(_set, key="step_ms", value="x"),
    "step_ms NaN": partial(_set, key="step_ms", value=float("nan")),
    "step_ms a list": partial(_set, key="step_ms", value=[1]),
    "train_seconds -1": partial(_set, key="train_seconds", value=-1.0),
}
SEALED: dict[str, Callable[[dict], object]] = {
    "parameters 'many'": partial(_set, key="parameters", value="many"),
    "versions a list": partial(_set, key="versions", value=[]),
    "no selection": partial(_set, key="selection", value=None),
    "reason of a finished run": partial(_set, key="reason", value="the loss is not finite"),
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
    _accuracy(record)
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


MOST = ("flip", "truncate", "empty", "zeros", "noise", "remove")
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


files("table", "results.parquet", lambda p: p.results / "results.parquet", *MOST)


@kind("table", "an accuracy edited")
def _(p: Place) -> None:
    frame = pd.read_parquet(p.results / "results.parquet")
    frame.loc[frame["norm"] == "batch", "accuracy"] = 0.999
    frame.to_parquet(p.results / "results.parquet", index=False)


@kind("table", "rows of a seed removed")
def _(p: Place) -> None:
    frame = pd.read_parquet(p.results / "results.parquet")
    frame[frame["seed"] != 2].to_parquet(p.results / "results.parquet", index=False)


@kind("table", "an accuracy edited, the old hashes kept")
def _(p: Place) -> None:
    import pyarrow.parquet as pq

    path = p.results / "results.parquet"
    table = pq.read_table(path)
    frame = table.to_pandas()
    frame.loc[frame["norm"] == "batch", "accuracy"] = 0.999
    changed = table.from_pandas(frame, preserve_index=False)
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)


files("table", "correct.npz", lambda p: p.results / "correct.npz", "truncate", "empty", "remove")
files("history table", "history.parquet", lambda p: p.results / "history.parquet", *MOST[:2])


@kind("table", "right answers edited in correct.npz")
def _(p: Place) -> None:
    import zipfile

    path = p.results / "correct.npz"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith(".npy"))
    members[name] = members[name][:-20] + b"\xff" * 20
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


@kind("table", "alpha edited in study.json")
def _(p: Place) -> None:
    ways.replace_text(p.results / "study.json", '"alpha": 0.05', '"alpha": 0.9')


@kind("table", "study.json cut off")
def _(p: Place) -> None:
    ways.truncate(p.results / "study.json", p.dice)


@kind("table", "a cell of another norm in membership.csv")
def _(p: Place) -> None:
    ways.replace_text(p.results / "membership.csv", ",batch,", ",afn,")


files("decision", "decisions.json", lambda p: p.results / "decisions.json", *MOST)
files("decision", "ablations.json", lambda p: p.results / "ablations.json", *MOST[:2])
files("decision", "search.json", lambda p: p.results / "search.json", *MOST[:2])


def _verdict(decisions: list[dict]) -> None:
    for decision in decisions:
        decision.update(verdict="superior", estimate=12.0, p=1e-6)


@kind("decision", "verdicts edited")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", lambda d: _verdict(d["decisions"]))


@kind("decision", "verdicts edited, hashed anew")
def _(p: Place) -> None:
    def change(document: dict) -> dict:
        _verdict(document["decisions"])
        return enclosed("decisions", document["decisions"], document["made_from"])

    edit(p.results / "decisions.json", change)


@kind("decision", "a decision removed, hashed anew")
def _(p: Place) -> None:
    def change(document: dict) -> dict:
        return enclosed("decisions", document["decisions"][1:], document["made_from"])

    edit(p.results / "decisions.json", change)


@kind("decision", "the hash of its content removed")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", partial(_pop, key="content"))


@kind("decision", "what it was made from removed, hashed anew")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", lambda d: d.update(made_from=[]))


@kind("decision", "a bare list of decisions")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", lambda d: d["decisions"])


@kind("decision", "the winner of a search edited")
def _(p: Place) -> None:
    edit(p.results / "search.json", lambda d: d["searches"][0].update(trials=[]))


files("page", "index.html", lambda p: p.reports / "index.html", "flip_content", "truncate", "empty")
for pattern in ("figures/*.svg", "figures/*.csv", "tables/*.csv", "tables/*.tex", "data/*.csv"):
    files("page", pattern, lambda p, q=pattern: p.one(q), "flip", "remove")
for name in ("figures/index.json", "tables/index.json"):
    files("page", name, lambda p, n=name: p.reports / n, "truncate")


@kind("page", "a verdict edited in index.html")
def _(p: Place) -> None:
    page = p.reports / "index.html"
    text = page.read_text()
    page.write_text(text.replace("verdict", "ver-dict"))


@kind("page", "a verdict edited in the board")
def _(p: Place) -> None:
    board = p.reports / "tables/board.csv"
    board.write_text(board.read_text() + "\n")


files("search", "result of a trial", lambda p: p.trial, "flip", "truncate", "empty", "zeros")


@kind("search", "score of a trial edited")
def _(p: Place) -> None:
    edit(p.trial, partial(_accuracy, value=0.999))


@kind("search", "score of a trial edited, sealed anew")
def _(p: Place) -> None:
    edit(p.trial, partial(_accuracy, value=0.999), seal=True)


@kind("search", "results of two trials exchanged")
def _(p: Place) -> None:
    first, second = sorted({path.parent for path in p.trial.parents[2].rglob("result.json")})[:2]
    shutil.copytree(second, first, dirs_exist_ok=True)


@kind("search", "the winner's rate edited in what is trained")
def _(p: Place) -> None:
    (path,) = p.search.rglob("chosen/**/*.json")
    edit(path, _other_rate_of_spec)


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
    edit(p.store / "finished/result.json", _other_rate, seal=True)


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
    edit(p.result, partial(_set, key="step_ms", value=0.001))


@kind("apart", "the page, hashed anew")
def _(p: Place) -> None:
    page = p.reports / "index.html"
    page.write_text(with_content(page.read_text().replace("inferior", "superior") + "\n"))


assert len({(k.group, k.name) for k in KINDS}) == len(KINDS), "two kinds of one name"
__all__ = ["KINDS", "RUN", "Kind"]
