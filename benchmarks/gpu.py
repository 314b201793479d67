"""Time of the normalisation layers and of training steps on a GPU, against torch's BatchNorm2d.

    python -m benchmarks.gpu [--only layer step ways several] [--rounds N] [-o FOLDER] [--minutes 8]

As `benchmarks.layers`, with the device waited for after every five passes: a training waits once
an epoch. Steps are those of the paper-scale studies, in float32 (with TF32 as torch sets it) and in
bfloat16 autocast, channels_last. The throughput below them is what the operations that
`afn.study.plan.work` counts come to in the time of a step: hold it against the one that it assumes.
``ways`` are steps of ResNet-20, ResNet-18 and WRN-16-4 taken eagerly, as one CUDA graph, and as one
with Triton's heads (`benchmarks.whole_step`); ``several`` are 1 to 8 networks that take turns in
one process (`benchmarks.several`). What was measured of these two lies in FOLDER; a call that ends
after its minutes, or is cut off, is gone on with by the same call.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from pathlib import Path

from benchmarks import several, whole_step
from benchmarks.layers import interleave, make, median, table

SHAPES = [(128, 64, 32, 32), (128, 128, 16, 16), (128, 256, 8, 8), (128, 512, 4, 4)]
ARMS = ["batch", "batch_instance", "asr", "afn", "literal"]
STEPS = ["resnet18", "wrn_40_4"]
BATCH = 128
PASSES = 5
GO_ON = 75
"""Exit code of a call whose minutes are over before everything is measured."""


def timed(arms: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of one pass of every arm and round."""
    import torch

    def queue(one: Callable[[], object]) -> None:
        for _ in range(PASSES):
            one()
        torch.cuda.synchronize()

    queued = {name: (lambda one=one: queue(one)) for name, one in arms.items()}
    found = interleave(queued, rounds, 0.05)
    return {name: [s / PASSES for s in seconds] for name, seconds in found.items()}


def layer_times(rounds: int) -> None:
    """Forward and backward of one layer, channels_last."""
    import torch

    rows = {}
    for shape in SHAPES:
        x = torch.randn(shape, device="cuda").to(memory_format=torch.channels_last)
        x.requires_grad_()
        dy = torch.randn_like(x)

        def arm(name, x=x, dy=dy):
            layer = make(name, x.shape[1]).cuda()

            def both_ways():
                torch.autograd.grad(layer(x), [x, *layer.parameters()], dy)

            return both_ways

        rows[str(shape)] = timed({name: arm(name) for name in ARMS}, rounds)
    table("GPU: forward + backward / BatchNorm2d, channels_last", rows, "batch")


def step_times(rounds: int) -> None:
    """A training step at batch 128 on 32x32 images: forward, loss, backward, Adam."""
    import torch

    from afn.backbones import REGISTRY
    from afn.study.plan.work import forward
    from afn.training.networks.build import find

    x = torch.randn(BATCH, 3, 32, 32, device="cuda").to(memory_format=torch.channels_last)
    y = torch.randint(10, (BATCH,), device="cuda")
    for precision in ("float32", "bfloat16"):
        rows = {}
        for backbone in STEPS:

            def arm(name, backbone=backbone, precision=precision):
                model = find(REGISTRY, backbone, "backbone")(
                    lambda c: make(name, c), in_channels=3, num_classes=10, image_size=32
                )
                model = model.cuda().to(memory_format=torch.channels_last).train()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

                def step():
                    optimizer.zero_grad()
                    half = precision == "bfloat16"
                    cast = torch.autocast("cuda", torch.bfloat16) if half else None
                    with cast or contextlib.nullcontext():
                        loss = torch.nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()

                return step

            rows[backbone] = timed({name: arm(name) for name in ARMS}, rounds)
        table(f"GPU: training step / BatchNorm2d, batch {BATCH}, {precision}", rows, "batch")
        for backbone, seconds in rows.items():
            amount = 3 * BATCH * forward({"name": backbone}, 32)
            rates = (f"{n} {amount / median(seconds[n]) / 1e12:.0f}" for n in ("batch", "afn"))
            print(f"  {backbone}: TFLOP/s {', '.join(rates)}")


ONCE = {"layer": layer_times, "step": step_times}
RESUMED = {"ways": whole_step.run, "several": several.run}


PARTS = [*ONCE, *RESUMED]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("-o", "--folder", type=Path, default=Path("results/benchmarks/gpu"))
    parser.add_argument(
        "--minutes",
        type=float,
        default=8.0,
        help="of a call's ways, or of its several (default: 8)",
    )
    options = parser.parse_args(arguments)
    import torch

    if not torch.cuda.is_available():
        print("benchmarks.gpu: torch sees no CUDA device here")
        return 1
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}")
    for part in options.only:
        if part in ONCE:
            ONCE[part](options.rounds)
        elif not RESUMED[part](options.folder, options.rounds, options.minutes):
            return GO_ON
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
