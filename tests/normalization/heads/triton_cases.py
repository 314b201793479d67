"""The Triton heads against the torch heads in float64: ``python -m
tests.normalization.heads.triton_cases GROUP``. Prints a line per group, or fails.

Called by `test_triton`, in processes of their own: ``TRITON_INTERPRET=1`` counts only where nothing
has imported triton before. With it everything is computed on the CPU in float64; without it on a
GPU in float32.
"""

from __future__ import annotations

import itertools
import os
import random
import sys

import torch

from afn.normalization import create, set_test_statistics
from afn.normalization.heads import triton_head, triton_mixed
from afn.normalization.heads.head import TorchHead
from afn.normalization.heads.interface import State
from afn.normalization.heads.traced import TracedHead
from afn.normalization.heads.triton_head import TritonHead
from afn.normalization.kernels import native
from afn.normalization.methods.batch_instance import BatchInstanceHead
from afn.normalization.methods.switchable import SwitchableHead
from tests.normalization.heads.test_heads import COUNT, GRID, HEADS, Case, apart

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
ON = {"device": "cpu", "dtype": torch.float64} if INTERPRETED else {"device": "cuda"}
NEAR = 1e-11 if INTERPRETED else 1e-4


def near(found, wanted, what: object) -> None:
    """Equal up to rounding, as parts of the largest value of each tensor."""
    for mine, other in zip(found, wanted, strict=True):
        mine, other = mine.detach().double().cpu(), other.detach().double().cpu()
        bound = NEAR * max(float(other.abs().max()), 1e-3)
        assert mine.isfinite().all(), what
        assert float((mine - other).abs().max()) <= bound, (what, float((mine - other).abs().max()))


def check(case: Case, *, strict: bool = True) -> None:
    """``strict``: by what rounding explains, as the other heads are held against one another."""
    if INTERPRETED and strict:
        assert apart(case, ["torch", "triton"]) <= 1, case
        return
    inputs, mask = case.inputs()
    to = {"dtype": torch.float32, **ON}
    moved = [t.to(**to) for t in inputs]
    head = TritonHead(case.layout, case.fusion)
    mask = None if mask is None else mask.to(**to)
    a, b, saved = head.forward(*moved[:2], COUNT, mask, moved[2])
    c1, c2, (grad,) = head.backward(saved, *moved[3:], COUNT)
    near([t.reshape(-1) for t in (a, b, c1, c2, grad)], case.run(TorchHead), case)


def options(number: int = 24) -> str:
    """Every choice of every option, in random combinations; one and many rows."""
    draws = random.Random(0)
    columns = {name: (list(choices) * number)[:number] for name, choices in GRID.items()}
    for values in columns.values():
        draws.shuffle(values)
    rows = zip(*columns.values(), strict=True)
    cases = [Case(**dict(zip(GRID, row, strict=True))) for row in rows]
    for case in cases if INTERPRETED else [c for c in cases if c.frozen != 1.0]:
        check(case)
    return f"{number} sets of options"


def wide() -> str:
    """1,030 channels, as one row and as many, in tiles that the interpreter can afford."""
    if INTERPRETED:
        triton_head.FEW, triton_head.MANY = (1, 512, 128, False), (32, 512, 256, True)
    check(Case(1030, 515, 64, False, None, True, False, True, 1), strict=False)
    check(Case(1030, 515, 64, True, None, False, False, False, 17), strict=False)
    return "1,030 channels"


def mixed() -> str:
    """Switchable and batch-instance heads: sizes, groups, running statistics."""
    torch.manual_seed(0)
    sizes = [(3, 5, 1, False), (8, 70, 2, False), (6, 33, 1, True), (1, 1, 1, False)]
    sizes += [(12, 66, 3, False), (2, 1030, 1, False)]
    if INTERPRETED:
        triton_mixed.W = 128
    kinds = (BatchInstanceHead, SwitchableHead)
    for kind, (n, c, groups, running) in itertools.product(kinds, sizes):
        double = {"dtype": torch.float64}
        mean, g_a, g_b = torch.randn(3, n, c, **double)
        var = torch.rand(n, c, **double) + 0.1
        params = [torch.randn(c, **double), torch.randn(c, **double)]
        if kind is BatchInstanceHead:
            params += [torch.rand(c, **double)]
        else:
            params += [torch.randn(3, **double), torch.randn(3, **double)]
        kept = (torch.randn(1, c, **double), torch.rand(1, c, **double) + 0.1) if running else None
        head, found = kind(1e-5), []
        for plain in (True, False):
            to = {} if plain else {**ON, "dtype": ON.get("dtype", torch.float32)}
            m, v, up, below, *ps = (t.to(**to) for t in (mean, var, g_a, g_b, *params))
            state = State(groups, kept and tuple(t.to(**to) for t in kept))
            ways = super(type(head), head) if plain else head
            a, b, saved = ways.forward(m, v, COUNT, state, *ps)
            assert plain or isinstance(saved, triton_mixed.MixedSaved)
            c1, c2, grads = ways.backward(saved, up, below, COUNT)
            found.append([a, b, c1, c2, *grads])
        assert isinstance(head, TracedHead)
        near(found[1], found[0], (kind.__name__, n, c, groups, running))
    return f"{2 * len(sizes)} heads of mixed statistics"


def layers() -> str:
    """Whole layers, forward and backward, with dropout; at test time, with groups."""
    named = ["afn", "afn_released", "asr", "switchable", "batch_instance"]
    images = torch.randn(6, 12, 3, 3, dtype=torch.float64) * 2 + 1
    slope = torch.randn_like(images)
    for name in named:
        found = {}
        for head in ("torch", "triton"):
            native.HEAD = head
            to = ON if head == "triton" else {"dtype": torch.float64}
            torch.manual_seed(1)
            # A GPU draws other masks.
            share = {"encoder_dropout": 0.5 if INTERPRETED else 0.0}
            layer = create(name, 12, **(share if name in named[:3] else {})).to(**to)
            x = images.to(**{"dtype": torch.float32, **to}).requires_grad_()
            torch.manual_seed(2)
            y = layer(x)
            made = torch.autograd.grad(y, [x, *layer.parameters()], slope.to(y))
            found[head] = [y, *made]
            layer.eval()
            for statistics in ("batch",) if name != "asr" else ():
                set_test_statistics(layer, statistics, group_size=3)
                with torch.no_grad():
                    found[head].append(layer(x))
        near(found["triton"], found["torch"], name)
    return f"{len(named)} layers"


GROUPS = {function.__name__: function for function in (options, wide, mixed, layers)}


def main() -> None:
    native.HEAD = "triton"
    HEADS["triton"] = TritonHead
    for name in sys.argv[1:]:
        print(f"agree: {GROUPS[name]()}", flush=True)


if __name__ == "__main__":
    main()
