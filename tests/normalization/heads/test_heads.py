"""The heads against one another; which one is used is a choice that can be read."""

import copy
import dataclasses
import itertools
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from afn.normalization.heads import c_head as head_c
from afn.normalization.heads.head import Fusion, Layout, TorchHead
from afn.normalization.heads.numpy_head import NumpyHead
from afn.normalization.kernels import compiled as kernels
from afn.normalization.kernels import native
from afn.normalization.passes.affine import input_gradient
from tests.drawing import examples

compiled = pytest.mark.kernels
COUNT = 12


HEADS = {"torch": TorchHead, "numpy": NumpyHead, "c": head_c.CHead}
ROUNDOFF = torch.finfo(torch.float64).eps / 2
NOISE = 2.0**-30
"""Relative, or of the whole range of a bounded function: far above rounding, far below a bend."""
PROBES = 16
OFTEN = 32
"""How many times as far as one rounding per operation moves a value two heads may be apart: each
rounds sums of up to 80 values in another order. (The farthest that were seen are 7 times.)"""


@dataclasses.dataclass(frozen=True)
class Case:
    """One layer on one set of statistics, each a combination of the choices in `GRID`."""

    channels: int
    stan: int
    rescale: int
    shared: bool
    frozen: float | None
    scaled: bool
    released: bool
    mask: bool
    rows: int
    seed: int = 3

    @property
    def layout(self) -> Layout:
        learned = self.frozen is None
        return Layout(self.channels, self.stan, self.rescale, self.shared, learned, self.scaled)

    @property
    def fusion(self) -> Fusion:
        return Fusion(self.frozen, 1e-5, self.released)

    def inputs(self) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """Mean, variance, parameters, gradients of a and of b; and the mask of the dropout."""
        generator = torch.Generator().manual_seed(self.seed)
        options = {"generator": generator, "dtype": torch.float64}
        mean, g_a, g_b = torch.randn(3, self.rows, self.channels, **options)
        var = torch.rand(self.rows, self.channels, **options) + 0.1
        flat = torch.randn(self.layout.size(), **options)
        mask = None
        if self.mask and self.stan:
            half = torch.full((2, self.rows, self.channels), 0.5, dtype=torch.float64)
            mask = torch.bernoulli(half, generator=generator) * 2
        return [mean, var, flat, g_a, g_b], mask

    def run(self, kind: type[TorchHead]) -> list[torch.Tensor]:
        """a, b and the three gradients, by one of the heads."""
        (mean, var, flat, g_a, g_b), mask = self.inputs()
        head = kind(self.layout, self.fusion)
        a, b, saved = head.forward(mean, var, COUNT, mask, flat)
        c1, c2, (grad,) = head.backward(saved, g_a, g_b, COUNT)
        return [t.reshape(-1) for t in (a, b, c1, c2, grad)]

    def tolerance(self, plain: list[torch.Tensor]) -> list[torch.Tensor]:
        """How far rounding may move each value of `plain`, which `TorchHead` gave.

        No fixed number serves: with lambda frozen at 1 the scale is sqrt(s^2 + eps) of a learned s
        that may be 0, so values of a million stand beside values of one, and rounding that is
        divided by 0.003 twice is no longer small. So it is tried out, in the manner of Monte Carlo
        arithmetic (Parker, CSD-970002, UCLA 1997; Kenney and Laub, SIAM J. Sci. Comput. 15, 1994):
        the reference is computed again with the inputs and the result of every operation a hair
        off, at random. As far as a value moves for a hair of `NOISE`, so much less it moves for
        one of the size of a rounding; the root mean square of `PROBES` such moves, times `OFTEN`,
        is the tolerance. Where nothing amplifies rounding it is a few units in the last place.
        """
        noise = Noise(self.seed)
        inputs, mask = self.inputs()
        head = TorchHead(self.layout, self.fusion)

        def once(mean, var, flat, g_a, g_b):
            (a, b), pull = torch.func.vjp(
                lambda *inputs: head.coefficients(*inputs[:2], COUNT, mask, inputs[2]),
                *(mean, var, flat),
            )
            g_mean, g_var, g_flat = pull((g_a, g_b))
            return a, b, (g_mean - a * g_b) / COUNT, g_var * (2 / COUNT), g_flat

        moved = [noise.on(t.expand(PROBES, *t.shape), t.abs()) for t in inputs]
        with noise:
            moved = torch.func.vmap(once)(*moved)
        moves = [(m.reshape(PROBES, -1) - p) / NOISE for m, p in zip(moved, plain, strict=True)]
        return [OFTEN * ROUNDOFF * move.square().mean(0).sqrt() for move in moves]


class Noise(TorchDispatchMode):
    """While entered: the result of every operation is a hair off, at random."""

    def __init__(self, seed: int):
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def on(self, x: torch.Tensor, size: torch.Tensor | float) -> torch.Tensor:
        return x + NOISE * size * torch.randn(x.shape, generator=self.generator, dtype=x.dtype)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func.is_view or not isinstance(out, torch.Tensor) or not out.is_floating_point():
            return out
        # sigmoid(z) as tanh(z / 2) / 2 + 1/2, and 1 - tanh(z)^2: right as parts of 1
        bounded = func.overloadpacket in (torch.ops.aten.tanh, torch.ops.aten.sigmoid)
        return self.on(out, 1.0 if bounded else out.abs())


GRID = {
    "channels": [1, 2, 5, 16, 37, 80],
    "stan": [0, 1, 3, 33],
    "rescale": [0, 1, 4],
    "shared": [False, True],
    "frozen": [None, 0.3, 1.0],
    "scaled": [False, True],
    "released": [False, True],
    "mask": [False, True],
    "rows": [1, 2, 7, 20],
}
CASES = st.builds(
    Case,
    **{name: st.sampled_from(choices) for name, choices in GRID.items()},
    seed=st.integers(0, 2**32 - 1),
)


def apart(case: Case, heads: list[str]) -> float:
    """The largest distance between any two of the heads, in tolerances."""
    found = {name: case.run(HEADS[name]) for name in {*heads, "torch"}}
    tolerance = torch.cat(case.tolerance(found["torch"]))
    values = [torch.cat(found[name]) for name in heads]
    distances = torch.stack([(x - y).abs() for x, y in itertools.combinations(values, 2)])
    assert distances.isfinite().all(), case
    # What no rounding can move (a 0 times anything) has no tolerance and must be equal.
    return torch.where(distances == 0, 0.0, distances / tolerance).max().item()


def check_heads(case: Case) -> None:
    heads = [name for name in HEADS if name != "c" or native.KERNELS is not None]
    assert apart(case, heads) <= 1, f"{case}: {heads} differ by more than rounding explains"


@settings(max_examples=examples(60))
@given(case=CASES)
def test_c_head_equals_the_others(case):
    check_heads(case)


@pytest.mark.long
@pytest.mark.parametrize("stan", GRID["stan"])
@pytest.mark.parametrize("channels", GRID["channels"])
def test_c_head_equals_the_others_on_the_whole_grid(channels, stan):
    chosen = {**GRID, "channels": [channels], "stan": [stan]}
    if not stan:
        chosen["mask"] = [False]  # there is nothing to drop
    for choices in itertools.product(*chosen.values()):
        check_heads(Case(*choices))


@pytest.mark.parametrize("frozen", GRID["frozen"])
def test_the_tolerance_sees_a_small_mistake(frozen):
    """An eps that is wrong by a millionth: it shifts what stands below the line by 1e-11 or so."""
    case = Case(16, 3, 4, False, frozen, True, False, False, 2)
    assert apart(case, ["torch", "numpy"]) <= 1

    class Mistaken(NumpyHead):
        def __init__(self, layout, fusion):
            super().__init__(layout, dataclasses.replace(fusion, eps=fusion.eps * (1 + 1e-6)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(HEADS, "numpy", Mistaken)
        assert apart(case, ["torch", "numpy"]) > 10


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounded_functions_of_the_c_head_over_their_whole_range(dtype):
    """tanh and sigmoid of many rows are polynomials of the kernels' own."""
    z = torch.cat([torch.linspace(-120, 120, 4001), torch.tensor([0.0, 1e-30, -1e-6, 1e38, -1e38])])
    z = torch.cat([z, torch.tensor([torch.nan, torch.inf])]).to(dtype)
    layout = Layout(1, 0, 1, False, False, True)
    head = head_c.CHead(layout, Fusion(0.0, 1e-5))
    flat = torch.zeros(layout.size(), dtype=dtype)
    where = layout.slots()
    for name in ("beta_encoder.weight", "gamma_encoder.weight", "gamma_bias", "lambda_beta"):
        flat[where[name][0]] = 1
    for sign in (1, -1):
        for name in ("beta_decoder.weight", "gamma_decoder.weight"):
            flat[where[name][0]] = sign
        mean, var = z.abs()[:, None], z.abs()[:, None].square().clamp(max=1e30)
        *_, kept = head.forward(mean, var, COUNT, None, flat)[2][:4]
        act = kept[6 * len(z) : 8 * len(z)].view(2, -1)
        sigma = torch.sqrt(var[:, 0] + torch.tensor(1e-5, dtype=dtype))
        expected = torch.stack([torch.tanh(sign * z.abs()), torch.sigmoid(sign * sigma)])
        near = 4 * torch.finfo(dtype).eps
        torch.testing.assert_close(act, expected, rtol=near, atol=near, equal_nan=True)


@compiled
@pytest.mark.parametrize("c", [3, 16, 70])
def test_one_pass_input_gradient_equals_torchs(c, monkeypatch):
    monkeypatch.setattr(native, "HEAD", "c")
    dy, x = torch.randn(2, 4, c, 5, 6).double().unbind()
    dy, x = (t.contiguous(memory_format=torch.channels_last) for t in (dy, x))
    vectors = torch.randn(4, c).double().unbind()
    found = kernels.input_gradient(dy, x, *vectors)
    torch.testing.assert_close(found, input_gradient(dy, x, *vectors), rtol=1e-12, atol=1e-12)
    assert found.stride() == x.stride()
    assert kernels.input_gradient(dy.contiguous(), x.contiguous(), *vectors) is None


@compiled
def test_c_head_is_copied_and_pickled(monkeypatch):
    monkeypatch.setattr(native, "HEAD", "c")
    head = head_c.make_head(Layout(4, 2, 1, False, True, True), Fusion(None, 1e-5))
    assert type(copy.deepcopy(head)) is type(pickle.loads(pickle.dumps(head))) is head_c.CHead


def test_choice_of_the_head():
    assert native.choose("", True) == "c"
    assert native.choose("", False) == "numpy"
    assert native.choose("torch", True) == "torch"
    with pytest.raises(ImportError, match="not compiled"):
        native.choose("c", False)
    with pytest.raises(ImportError, match="valid: c, numpy, torch, triton"):
        native.choose("fortran", True)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_the_environment_forces_a_head(name):
    code = "from afn import AFN2d; print(type(AFN2d(4).head).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"AFN_HEAD": name}, capture_output=True, text=True
    )
    assert done.stdout.strip().lower() == f"{name}head", done.stderr
