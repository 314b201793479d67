"""A training step in three ways: eager, as one CUDA graph, as one with Triton's heads.

In: networks and norms. Out: milliseconds a step and images a second of every way, their ratio to
eager in the same rounds, and their share of the device's limit, which is the rate of a large matrix
product in the same call; the memory that all ways have taken; a JSON file for each network and
norm, so that a call that is cut off, or that comes to its end of time, is gone on with by the same
call. Called by ``python -m benchmarks.gpu --only ways``.

A step is that of the training loop (`afn.training.loop.step`), recorded by the training's own
recorder: normalisation of the pixels, forward, loss, backward, the norms of the gradients, Adam and
what is counted, in bfloat16 autocast, channels_last, on images that are on the device. Left out are
the choice of a batch and its augmentation. Where a step is not recorded, the line says why.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from benchmarks.layers import interleave, median

NETWORKS = ["resnet20", "resnet18", "wrn_16_4"]
NORMS = ["batch", "afn", "asr"]
BATCH, SIZE = 128, 32
EAGER, GRAPH, TRITON = "eager", "graph", "graph + Triton"
WAYS = [EAGER, GRAPH, TRITON]


def heads(name: str) -> contextlib.AbstractContextManager[Any]:
    """Layers that are made and called inside have these heads."""
    from afn.normalization.kernels import native

    return mock.patch.object(native, "HEAD", name)


def network(backbone: str, norm: str, device: str):
    """A network in training mode; ``resnet20`` is no backbone that studies can name."""
    import torch

    from afn import backbones, normalization
    from afn.backbones.resnet import SmallResNet
    from afn.training.networks.build import find

    factory, shape = normalization.factory(norm), {"in_channels": 3, "num_classes": 10}
    if backbone == "resnet20":
        model = SmallResNet(factory, **shape, widths=(16, 32, 64), blocks=3)
    else:
        make = find(backbones.REGISTRY, backbone, "backbone")
        model = make(factory, **shape, image_size=SIZE)
    return model.to(device).to(memory_format=torch.channels_last).train()


def step(backbone: str, norm: str, device: str, *, recording: bool) -> Callable[[], None]:
    """The step of a training, as the training loop takes it."""
    import torch

    from afn.study.parts.recipe import COMMON
    from afn.training.algorithms.plain import Plain
    from afn.training.loop.data import Inputs, TrainingSet
    from afn.training.loop.engine import Training
    from afn.training.loop.recipe import Recipe
    from afn.training.loop.recorder import CudaRecorder

    settings = {name: option.default for name, option in COMMON.items()}
    recipe = Recipe.of(settings | {"amp": True, "batch_size": BATCH})
    generator = torch.Generator().manual_seed(0)
    shape = BATCH, SIZE, SIZE, 3
    images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (BATCH,), generator=generator)
    data: Any = SimpleNamespace(train_images=images.numpy(), train_labels=labels.numpy())
    where = torch.device(device)
    torch.manual_seed(0)
    model = network(backbone, norm, device)
    lines: list[str] = []
    training = Training(
        model,
        Plain(),
        recipe,
        TrainingSet(data, where),
        Inputs([0.5] * 3, [0.25] * 3, where, channels_last=True),
        0,
        where,
        recorder=CudaRecorder(where, lines.append) if recording else None,
    )
    batch = training.data.images, training.data.labels
    training.step.epoch_begins(recipe.lr)

    def take() -> None:
        training.step.take(*batch)

    take.model, take.step, take.lines = model, training.step, lines
    return take


def arms(backbone: str, norm: str, device: str) -> dict[str, Callable[[], None]]:
    """The ways in which a step of this network can be taken here."""
    found = {}
    for way in WAYS if device != "cpu" else [EAGER]:
        if way == TRITON and norm == "batch":
            continue  # it has no head
        with heads("triton" if way == TRITON else "torch"):
            found[way] = step(backbone, norm, device, recording=way != EAGER)
            found[way]()  # records it, or says why not
    return found


def measured(backbone: str, norm: str, device: str, rounds: int) -> dict:
    """Seconds of a step by way and round, the ways interleaved."""
    import torch

    wait = torch.cuda.synchronize if device != "cpu" else lambda: None

    def queue(one: Callable[[], None]) -> None:
        for _ in range(5):
            one()
        wait()

    with heads("torch"):  # what replays does not ask
        ways = arms(backbone, norm, device)
        queued = {way: (lambda one=one: queue(one)) for way, one in ways.items()}
        found = interleave(queued, rounds, 0.5 if device != "cpu" else 0.0)
    return facts(
        backbone, norm, device, ways[EAGER].model, {w: t.lines for w, t in ways.items()}
    ) | {
        "rounds": rounds,
        "seconds": {way: [s / 5 for s in values] for way, values in found.items()},
    }


def facts(
    backbone: str, norm: str, device: str, model, lines: dict[str, list[str]]
) -> dict[str, Any]:
    """What is known of a network and its device beside the seconds; ``lines`` say what is not
    recorded, by way."""
    import torch

    gpu = device != "cpu"
    return {
        "backbone": backbone,
        "norm": norm,
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "batch": BATCH,
        "gib": torch.cuda.max_memory_allocated() / 2**30 if gpu else None,
        "work": operations(model, device),
        "limit": limit(device),
        "refused": {way: own for way, own in lines.items() if own},
    }


def operations(model, device: str) -> float:
    """Floating-point operations of a step, forward and backward, by torch's own counter."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    images = torch.zeros(BATCH, 3, SIZE, SIZE, device=device)
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        model(images.to(memory_format=torch.channels_last))
    return 3.0 * counted.get_total_flops()


def limit(device: str, size: int = 8192, times: int = 20) -> float | None:
    """Operations a second of a large bfloat16 matrix product: what this device can reach at all."""
    import torch

    if device == "cpu":
        return None
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    torch.matmul(a, b)
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(times):
        torch.matmul(a, b)
    torch.cuda.synchronize()
    return times * 2 * size**3 / (time.perf_counter() - begun)


def share(result: dict, seconds: float) -> str:
    """How much of the device's limit a step of so many seconds uses, as words; '' if unknown."""
    if not result.get("limit"):
        return ""
    return f", {100 * result['work'] / seconds / result['limit']:.1f} % of the limit"


def line(result: dict) -> str:
    """A network and norm in one line."""
    seconds, words = result["seconds"], []
    for way, own in seconds.items():
        ratio = median([a / b for a, b in zip(own, seconds[EAGER], strict=True)])
        rate = result["batch"] / median(own)
        told = f"{way} {1000 * median(own):.2f} ms, {rate:,.0f} images/s, x{ratio:.2f}"
        words.append(told + share(result, median(own)))
    words += [f"{way}: {', '.join(lines)}" for way, lines in result.get("refused", {}).items()]
    words += [f"{result['gib']:.1f} GiB at most"] if result.get("gib") else []
    return f"{result['backbone']:<10}{result['norm']:<8}{'; '.join(words)}"


def run(folder: Path, rounds: int, minutes: float, device: str = "cuda") -> bool:
    """Measure what is not in ``folder`` yet, for so many minutes at most; whether all is there."""
    pairs = itertools.product(NETWORKS, NORMS)
    names = {f"{backbone}-{norm}": (backbone, norm) for backbone, norm in pairs}
    return go_on(folder, names, lambda *pair: measured(*pair, device, rounds), line, minutes)


def go_on(
    folder: Path,
    names: dict[str, tuple[str, str]],
    measure: Callable[[str, str], dict],
    shown: Callable[[dict], str],
    minutes: float,
) -> bool:
    """Measure every network and norm that has no file of its name yet, for so many minutes at
    most, and print all; whether all is there."""
    until, longest = time.monotonic() + 60 * minutes, 0.0
    # The first that is lacking is measured in any case, so that every call comes further.
    for name, pair in names.items():
        file = folder / f"{name}.json"
        if not file.is_file():
            if longest and time.monotonic() + longest > until:
                print(f"the {minutes:g} minutes are over; the same command goes on")
                return False
            begun = time.monotonic()
            text = json.dumps(measure(*pair))
            longest = max(longest, time.monotonic() - begun)
            folder.mkdir(parents=True, exist_ok=True)
            new = file.with_suffix(".new")
            new.write_text(text, encoding="utf-8")
            new.rename(file)
        print(shown(json.loads(file.read_text(encoding="utf-8"))), flush=True)
    return True
