"""Time of the normalisation layers against torch's BatchNorm2d.

    python -m benchmarks.layers [--quick] [--only layer step heads test saved] [--rounds N]

Every round runs every arm once, one after the other, so that what else the machine does falls on
all of them alike; printed are the median and the quartiles over rounds of time / BatchNorm2d in
the same round. One thread, float32, the allocator settings of a training process. `heads` compares
the ways to compute AFN's and ASRNorm's head by processor time: what each costs a training step of
the small task, as time / NumPy's.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable

ALLOCATOR = {  # as in afn.training: keep large activations instead of returning them to the kernel
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
SHAPES = [
    (128, 64, 32, 32),
    (128, 128, 16, 16),
    (128, 256, 8, 8),
    (128, 512, 4, 4),
    (64, 16, 8, 8),
    (64, 32, 4, 4),
    (64, 64, 2, 2),
]
LAYERS = ["batch", "instance", "group", "switchable", "batch_instance", "asr", "afn", "literal"]
PRODUCTS = "asr_products"  # the matrix products of ASRNorm's head alone: its time cannot be less
STEPS = {  # name: (backbone, image size, channels, batch)
    "ResNet-8, 8x8, batch 64": ("resnet8", 8, 1, 64),
    "ConvNet, 32x32, batch 128": ("convnet_small", 32, 3, 128),
    "ResNet-20, 32x32, batch 128": ("resnet20", 32, 3, 128),
}
STEP_LAYERS = ["batch", "switchable", "batch_instance", "asr", "afn", "literal"]


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def interleave(
    arms: dict[str, Callable[[], object]],
    rounds: int,
    share: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict:
    """Seconds per call of every arm and round; ``share`` seconds are spent per arm and round."""
    repeats = {}
    for name, call in arms.items():
        call()
        start = clock()
        call()
        repeats[name] = max(1, int(share / (clock() - start)))
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for index in range(rounds):
        for name in names[index % len(names) :] + names[: index % len(names)]:
            start = clock()
            for _ in range(repeats[name]):
                arms[name]()
            seconds[name].append((clock() - start) / repeats[name])
    return seconds


def table(title: str, rows: dict[str, dict[str, list[float]]], reference: str) -> None:
    """Print time / reference per row (what was timed) and column (arm)."""
    names = list(next(iter(rows.values())))
    print(f"\n{title}\n{'':34}{reference + ', us':>16}", *(f"{n:>22}" for n in names[1:]))
    for row, seconds in rows.items():
        cells = [f"{1e6 * median(seconds[reference]):16.0f}"]
        for name in names[1:]:
            pairs = zip(seconds[name], seconds[reference], strict=True)
            ratios = sorted(a / b for a, b in pairs)
            low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
            cells.append(f"{median(ratios):9.2f} [{low:.2f}, {high:.2f}]".rjust(22))
        print(f"{row:34}", *cells, flush=True)


def make(name: str, channels: int):
    from afn.normalization import create
    from benchmarks.literal import LiteralAFN

    if name == "literal":
        return LiteralAFN(channels)
    if name == "batch":
        return create("torch.nn:BatchNorm2d", channels)
    return create(name, channels)


def products(samples: int, channels: int) -> Callable[[], None]:
    """The matrix products of a forward and a backward pass of ASRNorm's head, and nothing else."""
    import torch

    from afn.normalization import create

    lay = create("asr", channels).layout
    c, s, r, k = lay.channels, lay.stan, lay.rescale, lay.hidden
    seen, hidden = torch.randn(2 * samples, c), torch.randn(2 * samples, k)
    encoder, slopes = torch.randn(k, c), torch.randn(samples, c)
    decoders = [(torch.randn(c, width), torch.randn(samples, width)) for width in (s, r)]
    by = product()

    def work() -> None:
        by(seen, encoder.t())
        by(hidden.t(), seen)
        by(hidden, encoder)
        for decoder, rows in decoders * 2:
            by(rows, decoder.t())
            by(slopes.t(), rows)
            by(slopes, decoder)

    return work


def product(dtype=None) -> Callable:
    """What multiplies matrices in the head of many rows: the compiled kernel, else torch."""
    import ctypes

    import torch

    from afn.normalization.kernels import native
    from afn.normalization.kernels.compiled import functions

    if native.HEAD != "c":
        return torch.mm
    whole, address = ctypes.c_longlong, ctypes.c_void_p
    matrix = [address, whole, whole]
    kinds = [whole] * 3 + matrix * 2 + [address, whole, ctypes.c_int, address]
    kernel = functions("product", kinds)[dtype or torch.float32]

    def multiply(a, b):
        (m, k), n = a.shape, b.shape[1]
        out, room = a.new_empty(m, n), a.new_empty(256 * (m + 8 + 32))
        matrices = (a.data_ptr(), *a.stride(), b.data_ptr(), *b.stride())
        kernel(m, n, k, *matrices, out.data_ptr(), n, 0, room.data_ptr())
        return out

    return multiply


def layer_times(options: argparse.Namespace) -> None:
    """Forward and backward of one layer."""
    import torch

    for layout in (torch.channels_last, torch.contiguous_format):
        rows = {}
        for shape in SHAPES[2:] if options.quick else SHAPES:
            x = torch.randn(shape).to(memory_format=layout).requires_grad_()
            dy = torch.randn(shape).to(memory_format=layout)

            def pass_through(layer, x=x, dy=dy):
                layer(x).backward(dy)
                x.grad = None
                for p in layer.parameters():
                    p.grad = None

            layers = {name: make(name, shape[1]) for name in options.layers or LAYERS}
            arms = {n: (lambda layer=layer: pass_through(layer)) for n, layer in layers.items()}
            if "asr" in arms:
                arms[PRODUCTS] = products(*shape[:2])
            rows[str(shape)] = interleave(arms, options.rounds, options.share)
        table(f"forward + backward / BatchNorm2d, {str(layout).split('.')[1]}", rows, "batch")


def step_of(name: str, backbone: str, size: int, channels: int, batch: int) -> Callable[[], None]:
    """A training step of a network with this normalisation."""
    import torch

    from afn.backbones.convnet import convnet_small
    from afn.backbones.resnet import SmallResNet, resnet8

    def resnet20(norm, *, in_channels, num_classes, image_size):
        return SmallResNet(
            norm, in_channels=in_channels, num_classes=num_classes, widths=(16, 32, 64), blocks=3
        )

    build = {"resnet8": resnet8, "convnet_small": convnet_small, "resnet20": resnet20}
    x = torch.randn(batch, channels, size, size).to(memory_format=torch.channels_last)
    y = torch.randint(10, (batch,))
    model = build[backbone](
        lambda c: make(name, c), in_channels=channels, num_classes=10, image_size=size
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def step_times(options: argparse.Namespace) -> None:
    """One training step of a network: forward, loss, backward, Adam."""
    rows = {}
    for row, (backbone, size, channels, batch) in STEPS.items():
        if options.quick and size > 8:
            continue
        arms = {
            name: step_of(name, backbone, size, channels, batch)
            for name in options.layers or STEP_LAYERS
        }
        rows[row] = interleave(arms, options.rounds, options.share)
    table("training step / BatchNorm2d, channels_last", rows, "batch")


def head_times(options: argparse.Namespace) -> None:
    """A training step of the small task's networks by each head: by all but C without the compiled
    kernels, as where no compiler is."""
    from afn.normalization.kernels import native

    heads = ["numpy", "torch"] + ["c"] * (native.KERNELS is not None)
    own, rows = native.HEAD, {}
    for backbone in ("convnet_small", "resnet8"):
        for name in ("afn", "asr"):
            arms = {}
            for head in heads:
                native.HEAD = head  # read when a layer is made, and by the passes when it is called
                step = step_of(name, backbone, 8, 1, 64)

                def arm(head=head, step=step):
                    native.HEAD = head
                    step()

                arms[head] = arm
            rows[f"{backbone}, {name}"] = interleave(
                arms, options.rounds, options.share, time.process_time
            )
    native.HEAD = own
    table("processor time of a training step, 8x8, batch 64 / NumPy's head", rows, "numpy")


def test_times(options: argparse.Namespace) -> None:
    """Forward at test time with running statistics: the layer, and a convolution with it folded."""
    import torch

    from afn.normalization import fold

    rows, folded = {}, {}
    for shape in SHAPES[2:] if options.quick else SHAPES:
        x = torch.randn(shape).to(memory_format=torch.channels_last)
        layers = {name: make(name, shape[1]).eval() for name in ("batch", "afn")}
        arms = {n: (lambda layer=layer, x=x: layer(x)) for n, layer in layers.items()}
        images = torch.randn(shape[0], 16, *shape[2:]).to(memory_format=torch.channels_last)
        models = {}
        for name, layer in layers.items():
            conv = torch.nn.Conv2d(16, shape[1], 1, bias=False)
            models[name] = torch.nn.Sequential(conv, layer).to(memory_format=torch.channels_last)
            fold(models[name].eval())
        passes = {n: (lambda m=m, x=images: m(x)) for n, m in models.items()}
        with torch.no_grad():
            rows[str(shape)] = interleave(arms, options.rounds, options.share)
            folded[str(shape)] = interleave(passes, options.rounds, options.share)
    table("test time, running statistics / BatchNorm2d, channels_last", rows, "batch")
    table("1x1 convolution with the norm folded / with BatchNorm2d folded", folded, "batch")


def saved_values(_: argparse.Namespace) -> None:
    """Values kept for the backward pass, in sizes of the input."""
    import torch

    print("\nvalues saved between forward and backward, in sizes of the input (128, 64, 16, 16)")
    for name in LAYERS:
        layer, kept = make(name, 64), {}
        x = torch.randn(128, 64, 16, 16).to(memory_format=torch.channels_last).requires_grad_()

        def keep(t, kept=kept):
            kept[t.untyped_storage().data_ptr()] = t.numel()
            return t

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            layer(x)
        print(f"  {name:16} {sum(kept.values()) / x.numel():.2f}")


PARTS = {
    "layer": layer_times,
    "step": step_times,
    "heads": head_times,
    "test": test_times,
    "saved": saved_values,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small shapes only, few rounds")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--layers", nargs="+", help="arms besides the reference")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (7 if options.quick else 15)
    options.share = 0.03 if options.quick else 0.1
    if options.layers:
        options.layers = ["batch", *options.layers]
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, 1 thread")
    for part in options.only:
        PARTS[part](options)


if __name__ == "__main__":
    if any(os.environ.get(key) != value for key, value in ALLOCATOR.items()):
        os.environ.update(ALLOCATOR)  # read by the C library when a process starts
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.layers", *sys.argv[1:]])
    main()
