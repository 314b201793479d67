"""AFN and ASR against a second, literal implementation, and by finite differences."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from afn.normalization import create
from afn.normalization.passes.affine import composed
from benchmarks.literal import LiteralAFN
from tests.drawing import examples
from tests.normalization.conftest import HEADS, using

ULP = 1e-10
NOISE, PROBES, OFTEN = 1e-15, 3, 30
"""A hair, how often everything is moved by one, and how many such moves rounding may make."""


def pair(options: dict, channels: int, kind: str = "afn", seed: int = 0):
    """A fast layer and the literal one with the same values, moved off their starting points."""
    torch.manual_seed(seed)
    fast = create(kind, channels, **options).double()
    with torch.no_grad():
        fast.flat += 0.3 * torch.randn_like(fast.flat)
    options = dict(options)
    if kind == "asr":
        options["scaled"] = options.get("rescale_lambda_init") is not None
        options["statistics_over"] = "instance"
        if not options["scaled"]:
            options.pop("rescale_lambda_init", None)
    if kind == "afn_released":
        options = {"shared_rescale_encoder": True, "eps": 1e-6, "released": True, **options}
        options.pop("encoder_dropout")
    literal = LiteralAFN(channels, **options).double()
    literal.load_state_dict({**fast.logical_parameters(), **dict(fast.named_buffers())})
    return fast, literal


def grads_by_name(fast) -> dict[str, torch.Tensor]:
    twin = copy.deepcopy(fast)
    with torch.no_grad():
        twin.flat.copy_(fast.flat.grad)
    return twin.logical_parameters()


def outputs(layer, x, dy, **kwargs) -> dict[str, torch.Tensor]:
    """What a layer gives for x, and the gradients of x and of its parameters for dy."""
    x = x.detach().requires_grad_()  # the layout stays
    y = layer(x, **kwargs)
    y.backward(dy)
    found = {"y": y.detach(), "x": x.grad}
    if not isinstance(layer, LiteralAFN):
        return found | grads_by_name(layer)
    for name, parameter in layer.named_parameters():
        found[name] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    return found


def sensitivity(literal, x, dy, **kwargs) -> dict[str, torch.Tensor]:
    """How far everything moves when x and the parameters are off by a hair, at most.

    Where a scale is nearly zero its inverse makes values of a million, in which rounding is no
    longer small, and no fixed tolerance serves.
    """
    generator = torch.Generator().manual_seed(0)

    def off(t: torch.Tensor) -> torch.Tensor:
        return t * (1 + NOISE * torch.randn(t.shape, generator=generator, dtype=t.dtype))

    exact = outputs(copy.deepcopy(literal), x, dy, **kwargs)
    moved = dict.fromkeys(exact, torch.zeros((), dtype=torch.float64))
    for _ in range(PROBES):
        twin = copy.deepcopy(literal)
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.copy_(off(parameter))
        near = outputs(twin, off(x), dy, **kwargs)
        moved = {
            name: torch.maximum(m, (near[name] - exact[name]).abs().max())
            for name, m in moved.items()
        }
    return moved


def compare(fast, literal, x, **kwargs):
    dy = torch.randn(x.shape, dtype=x.dtype)
    before = copy.deepcopy(literal)  # its running statistics move
    mine, wanted = outputs(fast, x, dy), outputs(literal, x, dy, **kwargs)
    apart = [n for n, w in wanted.items() if not torch.allclose(mine[n], w, rtol=ULP, atol=ULP)]
    moved = sensitivity(before, x, dy, **kwargs) if apart else {}
    for name in apart:
        room = ULP + OFTEN * float(moved[name])
        torch.testing.assert_close(
            mine[name],
            wanted[name],
            rtol=ULP,
            atol=room,
            msg=lambda text, name=name: f"{name}: {text}",
        )


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "stan_ratio": st.sampled_from([1, 2, 3, 40]),
        "rescale_ratio": st.sampled_from([1, 2, 16]),
        "lambda_init": st.floats(-6, 3),
        "rescale_lambda_init": st.floats(-6, 3),
        "residual": st.sampled_from(["learned", "fixed", "off", "zero"]),
        "shared_rescale_encoder": st.booleans(),
        "standardize": st.booleans(),
        "rescale": st.booleans(),
        "eps": st.sampled_from([1e-5, 1e-2]),
    },
)


@st.composite
def inputs(draw):
    n, c = draw(st.integers(2, 6)), draw(st.integers(1, 20))
    h, w = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    layout = draw(st.sampled_from(["contiguous", "channels_last", "transposed", "sliced"]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    x = torch.randn(n, c, h, w, dtype=torch.float64, generator=generator)
    x = x * 2 + 3 * torch.randn(c, 1, 1, dtype=torch.float64, generator=generator)
    if layout == "channels_last":
        x = x.to(memory_format=torch.channels_last)
    elif layout == "transposed":
        x = x.transpose(2, 3).contiguous().transpose(2, 3)
    elif layout == "sliced":
        x = torch.cat([x, x], 1)[:, :c]
    return x


@pytest.mark.parametrize("head", HEADS)
@settings(max_examples=examples(45))
@given(x=inputs(), options=OPTIONS, over=st.sampled_from(["batch", "instance"]))
def test_afn_is_the_equations(head, x, options, over):
    with using(head):
        afn_is_the_equations(x, options, over)


def afn_is_the_equations(x, options, over):
    fast, literal = pair({**options, "statistics_over": over}, x.shape[1])
    compare(fast, literal, x)
    if over == "batch":
        for name in ("running_mean", "running_var"):
            torch.testing.assert_close(getattr(fast, name), getattr(literal, name), msg=name)
        fast.eval(), literal.eval()
        fast.flat.grad = None
        literal.zero_grad()
        compare(fast, literal, x)
        fast.test_statistics = "batch"
        fast.flat.grad = None
        literal.zero_grad()
        compare(fast, literal, x, test_statistics="batch")


@settings(max_examples=examples(40))
@given(x=inputs(), options=OPTIONS, length=st.booleans())
def test_afn1d_is_the_equations(x, options, length):
    x = x.flatten(2) if length else x.movedim(1, 3).flatten(0, 2)
    fast, literal = pair(options, x.shape[1], "afn.normalization.methods.afn:AFN1d")
    compare(fast, literal, x)
    fast.eval(), literal.eval()
    fast.flat.grad = None
    literal.zero_grad()
    compare(fast, literal, x)


@pytest.mark.parametrize("head", HEADS)
@settings(max_examples=examples(25))
@given(x=inputs(), options=OPTIONS)
def test_asr_is_the_equations_per_sample(head, x, options):
    with using(head):
        fast, literal = pair(options, x.shape[1], "asr")
        compare(fast, literal, x)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("shape", [(3, 70, 3, 5), (20, 33, 2, 2), (2, 130, 4, 4), (150, 16, 1, 3)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_asr_at_sizes_that_fit_no_vector(head, shape, layout):
    """Widths past one tile of the products, and tails of every kind."""
    with using(head):
        fast, literal = pair({"stan_ratio": 1, "rescale_ratio": 3}, shape[1], "asr")
        torch.manual_seed(4)
        compare(fast, literal, torch.randn(shape).double().to(memory_format=layout))


@settings(max_examples=examples(40))
@given(x=inputs(), options=OPTIONS)
def test_released_is_the_equations_of_its_code(x, options):
    options = {**options, "encoder_dropout": 0.0}
    fast, literal = pair(options, x.shape[1], "afn_released")
    compare(fast, literal, x)


def test_released_weight_is_half():
    """Its lambda passes through the sigmoid twice: 0.512 where the paper's is 0.047."""
    assert create("afn_released", 8).scalars()["lambda_mu"] == pytest.approx(0.5119, abs=1e-4)
    assert create("afn", 8).scalars()["lambda_mu"] == pytest.approx(0.0474, abs=1e-4)
    gamma = create("afn", 8).scalars()["lambda_gamma"]
    assert gamma == pytest.approx(0.00669, abs=1e-5)


EVERY = [
    {"residual": residual, "shared_rescale_encoder": shared, "statistics_over": over}
    for residual, shared, over in itertools.product(
        ["learned", "fixed", "off", "zero"], [False, True], ["batch", "instance"]
    )
] + [{"standardize": False}, {"rescale": False}, {"standardize": False, "rescale": False}]


def _function(layer):
    """f(x, flat) for finite differences; running statistics and dropout held still."""

    def function(x, flat):
        torch.manual_seed(3)
        return functional_call(layer, {"flat": flat}, (x,))

    return function


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("options", EVERY, ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_by_finite_differences(head, options, layout):
    torch.manual_seed(1)
    x = (torch.randn(3, 4, 2, 3, dtype=torch.float64) + 1).to(memory_format=layout)
    with using(head):
        fast, _ = pair(options, 4, seed=5)
        assert gradcheck(_function(fast), (x.requires_grad_(), fast.flat.detach().requires_grad_()))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", ["afn", "asr", "afn_released"])
def test_gradients_with_dropout(head, kind):
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    with using(head):
        fast = create(kind, 4, encoder_dropout=0.4).double()
        assert gradcheck(_function(fast), (x, fast.flat.detach().requires_grad_()))


@pytest.mark.parametrize("kind", ["afn", "asr", "afn_released", "batch_instance", "switchable"])
@pytest.mark.seconds
def test_second_derivatives(kind):
    torch.manual_seed(2)
    layer = create(kind, 3).double()
    x = torch.randn(3, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in layer.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in layer.parameters()]

    def function(x, *values):
        torch.manual_seed(3)
        return functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    assert gradgradcheck(function, (x, *values))


@pytest.mark.parametrize("kind", ["afn", "asr"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_composed_path_is_the_fused_one(kind, layout):
    """Compilers and other devices take the composed path; it must be the same function."""
    torch.manual_seed(0)
    layer = create(kind, 12).double()
    x = torch.randn(4, 12, 3, 3, dtype=torch.float64).to(memory_format=layout)
    torch.testing.assert_close(
        layer(x), composed(x, layer.over, layer.head, None, layer.flat), rtol=1e-12, atol=1e-12
    )


def test_only_the_needed_gradients():
    layer = create("afn", 6)
    layer.flat.requires_grad_(False)
    x = torch.randn(4, 6, 3, 3, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.flat.grad is None
    layer.flat.requires_grad_(True)
    layer(x.detach()).sum().backward()
    assert layer.flat.grad is not None
