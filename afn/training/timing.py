"""``python -m afn.training.timing``: how long layers and training steps take on this machine.

In: on standard input a JSON object ``{"layers": [...], "steps": [...]}``. A layer is ``{"norm",
"batch", "channels", "size"}``, timed forward and backward; a step is ``{"backbone", "norm",
"recipe", "image_size"}`` with all settings, as a specification has them, timed by the training loop
on made-up images. Out: on standard output the same object, with ``seconds`` in every layer and step
that was timed (null where the time was over before), and what it was measured with. Called by
``python -m afn.study calibrate``, which knows what to ask and what follows; a training calls
nothing here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from types import SimpleNamespace
from typing import Any

from afn.training.job.devices import take_device
from afn.training.job.environment import settle_environment
from afn.training.job.log import say

STEADY_SECONDS = 0.4
"""How long a layer or a step is repeated, at least three times, after it was warmed up."""


def layer_seconds(asked: dict, device, until: float) -> float:
    """A forward and a backward pass of one layer in training, channels_last."""
    import torch

    from afn.normalization import factory

    torch.manual_seed(0)
    layer = factory(asked["norm"])(asked["channels"]).to(device).train()
    shape = asked["batch"], asked["channels"], asked["size"], asked["size"]
    x = torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    dy = torch.randn_like(x)

    def several() -> float:
        started = time.perf_counter()
        for _ in range(5):
            torch.autograd.grad(layer(x), [x, *layer.parameters()], dy)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - started) / 5

    several()
    return steady(several, until)


def step_seconds(asked: dict, device, until: float) -> float:
    """A step of the training loop with everything that belongs to it."""
    import torch

    from afn.training.loop.data import Inputs, TrainingSet
    from afn.training.loop.engine import Training
    from afn.training.loop.recipe import Recipe
    from afn.training.networks import build

    recipe, size = Recipe.of({**asked["recipe"], "epochs": 10**6}), asked["image_size"]
    steps = 4 if size <= 8 else 1
    n, generator = steps * recipe.batch_size, torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, size, size, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (n,), generator=generator)
    data: Any = SimpleNamespace(
        in_channels=3,
        num_classes=10,
        image_size=size,
        train_images=images.numpy(),
        train_labels=labels.numpy(),
    )
    model = build.network({"backbone": asked["backbone"], "norm": asked["norm"]}, data, 0)
    model = model.to(device)
    if recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)
    inputs = Inputs([0.5] * 3, [0.25] * 3, device, channels_last=recipe.channels_last)
    algorithm = build.algorithm(asked["recipe"])
    training = Training(model, algorithm, recipe, TrainingSet(data, device), inputs, 0, device)

    def epoch() -> float:
        training.run(until=training.epoch + 1)
        training.reason = ""  # random labels may drive a network anywhere; its time is the same
        return training.epoch_seconds[-1]

    epoch()
    return steady(epoch, until)


def steady(once, until: float) -> float:
    """The fastest of three measurements at least, and of as many as fit `STEADY_SECONDS`: what else
    the machine does only adds. Of one alone where it is later than ``until`` by then."""
    started = time.monotonic()
    found: list[float] = []
    while len(found) < 3 or time.monotonic() - started < STEADY_SECONDS:
        found.append(once())
        if time.monotonic() > until:
            break
    return min(found)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m afn.training.timing", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=100.0, help="begin nothing after them")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<i>")
    given = parser.parse_args(arguments)
    leased = take_device(given.device, say)  # noqa: F841

    from afn.training.job.record import versions
    from afn.training.loop.torch_settings import choose_device, set_torch

    until = time.monotonic() + given.seconds
    asked = json.loads(sys.stdin.read())
    device = choose_device(given.device)
    set_torch(given.threads, device, deterministic=True)
    for kind, measure in (("layers", layer_seconds), ("steps", step_seconds)):
        for one in asked[kind]:
            over = time.monotonic() > until
            one["seconds"] = None if over else measure(one, device, until)
    asked |= {"threads": given.threads, "device": device.type, "versions": versions(device)}
    print(json.dumps(asked))
    return 0


if __name__ == "__main__":
    settle_environment(int(os.environ.get("OMP_NUM_THREADS") or 1))
    code = main()
    sys.stdout.flush()
    os._exit(code)  # leaving in the usual way costs torch more than a second
