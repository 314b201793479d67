"""Whether the record of a run is true to itself: all that needs no study, no code and no data.

In: the parsed ``result.json`` of a run, of a known status. Out: the first thing that is wrong with
it, in words. A record that passes has the types that every reader relies on, a specification, and
the epochs, evaluations and files that a training of its status leaves. Called by the reader
(`afn.common.run_folder`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from afn.common.conditions import selects

PARTS = ("task", "backbone", "norm", "recipe")
RUN = (*PARTS, "seed")
FILES = {
    "finished": {"history.csv", "predictions.npz"},
    "stopped": {"history.csv", "predictions.npz"},
    "diverged": {"history.csv"},
    "empty": set(),
}
"""Status -> the files that a training of it leaves; a diverged one was never tested."""
_MOST = 2**63 - 1
"""Of whole numbers, and of milliseconds: what a column of a table holds."""
VALIDATION = ("validation", "clean", 0)
"""Split, condition and severity of the one evaluation that is no test."""


def fault(record: dict[str, Any]) -> str:
    """What is wrong with a record, "" where nothing is.

    Parameters
    ----------
    record : dict
        With a ``status`` of `FILES`; everything else may be of any type.
    """
    return next(_faults(record), "")


def run_of(record: dict[str, Any]) -> str:
    """``<task>/<backbone>/<norm>/<recipe>/seed<k>`` of a record without fault."""
    run = record["run"]
    return "/".join([*(run[part] for part in PARTS), f"seed{run['seed']}"])


def key_of(evaluation: dict[str, Any]) -> str:
    """``<protocol>/<split>/<condition>/<severity>``, as the stored predictions name it."""
    e = evaluation
    return f"{e['protocol']}/{e['split']}/{e['condition']}/{e['severity']}"


def _faults(record: dict[str, Any]) -> Iterator[str]:
    """Each kind of fault in turn: a later one relies on the absence of those before it."""
    if record["status"] == "empty":
        if record.get("epochs") != 0 or record.get("evaluations"):
            yield "the result of an empty slot holds a training"
    else:
        yield from _identity(record)
        yield from _facts(record)
        yield from _epochs(record)
        yield from _evaluations(record)
    if record["files"].keys() != FILES[record["status"]]:
        wanted = " and ".join(sorted(FILES[record["status"]])) or "none"
        yield f"the result names other files than a {record['status']} run has ({wanted})"


def _identity(record: dict[str, Any]) -> Iterator[str]:
    run: Any = record.get("run")
    spec: Any = record.get("spec")
    if not isinstance(run, dict) or run.keys() != set(RUN):
        yield "the result does not say which run it is of"
    if not all(_is_text(run[part]) for part in PARTS) or not _is_whole(run["seed"]):
        yield f"the result is of a run that cannot be: {run}"
    if not isinstance(spec, dict) or not all(isinstance(spec.get(p), dict) for p in PARTS):
        yield "the result has no specification"
    if not _is_whole(spec["recipe"].get("epochs"), 1):
        yield f"its specification asks for {spec['recipe'].get('epochs')!r} epochs"
    protocols: Any = spec.get("protocols")
    if not isinstance(protocols, dict) or not all(isinstance(p, dict) for p in protocols.values()):
        yield "its specification has no protocols"
    limits = [protocol.get("conditions") for protocol in protocols.values()]
    named = [names for names in limits if names is not None]
    if not all(isinstance(names, list) and all(map(_is_text, names)) for names in named):
        yield "its specification limits a protocol to conditions that are no names"
    if not any(spec.get("validation_protocol") == name for name in protocols):
        yield "its specification does not say under which protocol it is validated"
    if not _is_text(record.get("fingerprint")):
        yield "the result does not say which code made it (it has no fingerprint)"
    if not _is_text(record.get("data")):
        yield "the result does not say which data it was made from"


def _facts(record: dict[str, Any]) -> Iterator[str]:
    for name in ("step_ms", "train_seconds"):
        # No seal covers them, as they differ between equal runs.
        if not _is_number(record.get(name)) or not 0 <= record[name] <= _MOST:
            yield f"its {name} is {record.get(name)!r:.60}, not a time"
    counts = {"at_once": 1} | record  # only runs that shared their process say so
    for name, least in (("parameters", 0), ("threads", 1), ("at_once", 1)):
        if not _is_whole(counts.get(name), least):
            yield f"its {name} is {counts.get(name)!r:.60}, not a number from {least} on"
    if not _is_text(record.get("device")):
        yield "the result does not say which device it was trained on"
    versions = record.get("versions")
    if not isinstance(versions, dict) or not all(isinstance(v, str) for v in versions.values()):
        yield "the result does not say which versions made it"
    if not isinstance(record.get("reason"), str | None):
        yield f"its reason is {record['reason']!r:.60}, not a text"


def _epochs(record: dict[str, Any]) -> Iterator[str]:
    status, whole = record["status"], record["spec"]["recipe"]
    epochs: Any = record.get("epochs")
    most = whole["epochs"] - (status == "stopped")
    least = most if status == "finished" else 1
    if not _is_whole(epochs, least) or epochs > most:
        yield f"a {status} run of {whole['epochs']} epochs was trained for {epochs!r}"
    if (status == "diverged") != bool(record.get("reason")):
        yield f"a {status} run has the reason {record.get('reason')!r}"
    selection: Any = record.get("selection")
    if not isinstance(selection, dict) or not _is_whole(selection.get("epoch"), 1):
        yield "the result does not say which epoch was tested"
    last = whole.get("selection", "last") == "last"
    if selection["epoch"] > epochs or (last and selection["epoch"] != epochs):
        yield f"of {epochs} epochs it tested epoch {selection['epoch']}"


def _evaluations(record: dict[str, Any]) -> Iterator[str]:
    evaluations: Any = record.get("evaluations")
    status = record["status"]
    if not isinstance(evaluations, list):
        yield "the result has no list of evaluations"
    if status == "diverged":
        if evaluations:
            yield "the run diverged, but tests are recorded"
        return
    seen = set()
    for row in evaluations:
        yield from _row(row)
        if key_of(row) in seen:
            yield f"the evaluation {key_of(row)} is recorded twice"
        seen.add(key_of(row))
    yield from _validation(record)
    yield from _tests(record)


def _row(row: Any) -> Iterator[str]:
    if not isinstance(row, dict) or not all(_is_text(row.get(k)) for k in _TEXTS):
        yield "an evaluation does not say what it is of"
    if not _is_whole(row.get("severity")):
        yield f"an evaluation has the severity {row.get('severity')!r:.60}"
    accuracy = row.get("accuracy")
    if not _is_number(accuracy) or not 0 <= accuracy <= 1:
        yield f"accuracy {accuracy!r:.60} on {key_of(row)} is not a share"
    if row.get("loss") is not None and not _is_number(row["loss"]):
        yield f"loss {row['loss']!r:.60} on {key_of(row)} is not a number"
    if not _is_whole(row.get("n"), 1):
        yield f"{row.get('n')!r:.60} images of {key_of(row)} are no number of images"


_TEXTS = ("protocol", "split", "condition")


def _validation(record: dict[str, Any]) -> Iterator[str]:
    protocol = record["spec"]["validation_protocol"]
    rows = [row for row in record["evaluations"] if row["split"] != "test"]
    found = [(row["protocol"], row["split"], row["condition"], row["severity"]) for row in rows]
    if found != [(protocol, *VALIDATION)]:
        yield f"the validation split is not evaluated once, under {protocol}"


def _tests(record: dict[str, Any]) -> Iterator[str]:
    """Every protocol has the tests that it is for, of those that any protocol has."""
    protocols, status = record["spec"]["protocols"], record["status"]
    by_protocol: dict[str, set[Any]] = {name: set() for name in protocols}
    for row in record["evaluations"]:
        if row["split"] != "test":
            continue
        if row["protocol"] not in by_protocol:
            yield f"it was tested under {row['protocol']!r}, which its specification lacks"
        by_protocol[row["protocol"]].add((row["condition"], row["severity"]))
    every = set().union(*by_protocol.values())
    if status == "stopped":
        if every:
            yield "the training was stopped, but tests are recorded"
        return
    if not every:
        yield "the run is finished, but no test is recorded"
    for name, found in by_protocol.items():
        wanted = {place for place in every if selects(protocols[name].get("conditions"), *place)}
        if not wanted or found != wanted:
            yield f"{len(found)} tests are recorded under {name}, {len(wanted)} under the others"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_whole(value: object, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST


def _is_number(value: object) -> bool:
    """A finite number; a whole one may have more digits than any float, so its size comes first."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _MOST if isinstance(value, int) else math.isfinite(value)
