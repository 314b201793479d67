"""``python -m afn.study calibrate``: measure this machine, for estimates of the time of studies.

In: this machine, and the cells of a study. Out: a `machines.Machine` in `machines.FOLDER`, which
``plan``, ``status`` and the progress line read; what decides about jobs does not. At most two
minutes: every registered norm is timed as a layer on small and on large maps, a few networks as
training steps, then steps of the study's own cells, the cheapest first. The seconds of an
operation, a launch and a value moved are the non-negative least squares of all steps, by relative
error, once their norms are taken off; how far single steps are from it is the range of an estimate.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from afn.common.errors import StudyError
from afn.common.files import write_text
from afn.study.grid.cells import Study
from afn.study.parts.catalogue import registry, task_facts
from afn.study.parts.settings import resolve
from afn.study.plan import machines
from afn.study.plan.machines import Machine
from afn.study.plan.work import Work, counts, step

SECONDS = 75.0
"""Nothing is begun after them; what was begun, and starting torch, fit into the two minutes."""
SMALL, LARGE = (64, 16, 8), (64, 64, 16)
"""Batch, channels and side of the maps on which layers are timed."""
NETWORKS = [("resnet8", 8, 64), ("resnet8", 32, 64), ("vgg8", 32, 32), ("resnet18", 32, 16)]
"""Backbone, side of the image and batch of the steps that are always timed."""
CHECKED = [("resnet8", 8, 64, norm) for norm in ("afn", "asr", "layer")] + [
    ("resnet8", 32, 64, "afn"),
    ("vgg8", 32, 32, "asr"),
]
"""Likewise, of other norms."""
MOST = 0.1
"""What is added to the range of the measured ratios on both sides: noise of a quiet machine."""


def calibrate(study: Study, folder: Path = machines.FOLDER) -> tuple[Path, Machine]:
    """Measure this machine and write it down.

    Raises
    ------
    StudyError
        If the measurement fails.
    """
    measured = _measured(question(study))
    machine = fitted(measured)
    path = folder / (re.sub(r"[^A-Za-z0-9]+", "-", machine.name).strip("-") + ".json")
    write_text(path, machine.text())
    return path, machine


def question(study: Study) -> dict[str, list[dict[str, Any]]]:
    """What is to be timed, in this order."""
    layers = [
        {"norm": norm, "batch": batch, "channels": channels, "size": size}
        for norm in registry("norm")
        for batch, channels, size in (SMALL, LARGE)
    ]
    asked = [_step(*network, "batch") for network in NETWORKS]
    asked += [_step(*checked) for checked in CHECKED]
    return {"layers": layers, "steps": [*asked, *_own(study)]}


def _step(backbone: str, size: int, batch: int, norm: str) -> dict[str, Any]:
    recipe = resolve("recipe", {"name": "plain", "batch_size": batch}, "recipe")
    parts = {"backbone": resolve("backbone", backbone, ""), "norm": resolve("norm", norm, "")}
    return {**parts, "recipe": recipe, "image_size": size, "own": False}


def _own(study: Study) -> list[dict[str, Any]]:
    """A step of each network of a study with each norm, the cheapest first; what is known of it."""
    found: dict[str, tuple[float, dict[str, Any]]] = {}
    for cell in study.cells():
        backbone, size = cell.settings["backbone"], task_facts(cell.settings["task"])["image_size"]
        plain = cell.settings["recipe"]["name"] == "plain"
        trained = backbone.get("weights", "none") != "none"
        if not plain or trained or backbone["name"] not in counts() or not size:
            continue
        names = ("backbone", "norm", "recipe")
        asked = {name: cell.settings[name] for name in names} | {"image_size": size, "own": True}
        work = step(backbone, size, cell.settings["recipe"]["batch_size"])
        key = json.dumps([backbone, cell.settings["norm"]["name"], size, asked["recipe"]])
        assert work is not None, backbone["name"]  # it is in `counts`
        found.setdefault(key, (machines.BUILT_IN.seconds(work, "batch"), asked))
    return [asked for _, asked in sorted(found.values(), key=lambda pair: pair[0])]


def _measured(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask ``python -m afn.training.timing``: this room knows no torch.

    Where all devices are leased it waits for one, which it says; that is passed on.
    """
    command = [sys.executable, "-m", "afn.training.timing", "--seconds", str(SECONDS)]
    pipe = subprocess.PIPE
    said: list[str] = []
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:

        def listen() -> None:
            for line in process.stderr or ():
                said.append(line.strip())
                if "waiting for a device" in line:
                    print(line, end="", file=sys.stderr, flush=True)

        listener = threading.Thread(target=listen)
        listener.start()
        # Standard error is read beside it, so that neither side waits for the other.
        try:
            answer = _asked(process, json.dumps(asked))
        finally:
            listener.join()
    try:
        result: dict[str, Any] = json.loads(answer)
        return result
    except ValueError:
        last = next((line for line in reversed(said) if line), "it ended without a word")
        raise StudyError(f"calibrate: this machine could not be measured: {last}") from None


def _asked(process: subprocess.Popen[str], question: str) -> str:
    """What a process answers; nothing where it ended before it was asked."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(question)
        process.stdin.close()
    return process.stdout.read()


def fitted(measured: dict[str, Any]) -> Machine:
    """The machine behind some measurements, in the form of `question` with ``seconds``."""
    norms = _norms(measured["layers"])
    steps = [s for s in measured["steps"] if s["seconds"] and s["norm"]["name"] in norms]
    rows, rest = [], []
    for one in steps:
        work = _work(one)
        layer, value = norms[one["norm"]["name"]]
        rows.append([work.operations, work.launches, work.moved])
        rest.append(one["seconds"] - work.layers * layer - work.normalized * value)
    weights = 1 / np.array([one["seconds"] for one in steps])
    matrix = np.array(rows) * weights[:, None]
    scales = matrix.max(axis=0)
    solution, _ = nnls(matrix / scales, np.maximum(rest, 0) * weights)
    operation, launch, moved = (solution / scales).tolist()
    versions = measured["versions"]
    threads = measured["threads"]
    where = f", {threads} thread{'s' if threads > 1 else ''}" if measured["device"] == "cpu" else ""
    line = Machine(versions["processor"] + where, operation, launch, moved, norms)
    ratios = [one["seconds"] / line.seconds(_work(one), one["norm"]["name"]) for one in steps]
    settings = {"threads": threads, "when": time.strftime("%Y-%m-%d"), "steps": len(steps)}
    return Machine(
        **{**vars(line), "low": (1 - MOST) * min(ratios), "high": (1 + MOST) * max(ratios)}
        | {"settings": {**settings, **{k: versions[k] for k in ("torch", "head")}}}
    )


def _work(one: dict[str, Any]) -> Work:
    work = step(one["backbone"], one["image_size"], one["recipe"]["batch_size"])
    assert work is not None, one["backbone"]  # only counted networks are timed
    return work


def _norms(layers: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Seconds of a layer and of a value of it, of every norm that was timed twice."""
    found: dict[str, list[tuple[int, float]]] = {}
    for one in layers:
        if one["seconds"]:
            values = one["batch"] * one["channels"] * one["size"] ** 2
            found.setdefault(one["norm"], []).append((values, one["seconds"]))
    lines = {}
    for norm, points in found.items():
        if len(points) == 2:
            (few, short), (many, long) = sorted(points)
            value = max(long - short, 0.0) / (many - few)
            lines[norm] = max(short - few * value, 0.0), value
    return lines
