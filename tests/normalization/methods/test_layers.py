"""What every normalisation layer must do, and the rules of each."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from afn.normalization import REGISTRY, create, factory
from afn.normalization import test_statistics_of as statistics_of

DEPENDENT = [name for name in REGISTRY if statistics_of(name)]


def data(n=6, c=16, size=4, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, c, size, size, generator=generator, dtype=dtype) * 2 + 1


def count(layer) -> int:
    return sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize("c", [1, 8, 16, 64, 100])
@pytest.mark.parametrize("ratio", [2, 8])
def test_afn_counts_as_in_the_paper(c, ratio):
    """3Cs + s + 3Cr + r + 6C + 4 with one rescale encoder; C r + r more with two."""
    s, r = max(1, c // ratio), max(1, c // 16)
    one = 3 * c * s + s + 3 * c * r + r + 6 * c + 4
    layer = create("afn", c, stan_ratio=ratio, shared_rescale_encoder=True)
    assert count(layer) == one
    assert sum(t.numel() for t in layer.logical_parameters().values()) == one
    assert count(create("afn", c, stan_ratio=ratio)) == one + c * r + r
    # frozen lambdas are no parameters; an absent half brings none
    assert count(create("afn", c, stan_ratio=ratio, residual="fixed")) == one + c * r + r - 2
    assert count(create("afn", c, rescale=False)) == count(create("afn", c)) - (4 * c + 2) * r - (
        2 * c + 2
    )
    assert count(create("afn", c, standardize=False, rescale=False)) == 2 * c
    assert count(create("batch", c)) == 2 * c


@pytest.mark.parametrize("name", REGISTRY)
def test_state_round_trip_copy_and_cast(name):
    torch.manual_seed(0)
    layer = create(name, 16)
    other = create(name, 16)
    for p in layer.parameters():
        p.data.add_(0.1 * torch.randn_like(p))
    layer(data())
    assert other.load_state_dict(layer.state_dict(), strict=True)
    twin = copy.deepcopy(layer)
    for one in (layer, other, twin):
        one.eval()
    y = layer(data(seed=1))
    assert torch.equal(other(data(seed=1)), y)
    assert torch.equal(twin(data(seed=1)), y)
    with torch.no_grad():
        next(iter(twin.parameters())).add_(1.0)
    assert torch.equal(layer(data(seed=1)), y), "a copy shares storage with its origin"
    assert not torch.equal(twin(data(seed=1)), y)
    double = copy.deepcopy(layer).double()
    torch.testing.assert_close(double(data(seed=1).double()).float(), y, rtol=1e-4, atol=1e-4)


def test_state_is_checked():
    layer = create("afn", 8)
    assert set(layer.state_dict()) == {"flat", "running_mean", "running_var"}
    with pytest.raises(RuntimeError, match="flat"):
        layer.load_state_dict(dict(layer.named_buffers()))
    with pytest.raises(RuntimeError, match="flat"):
        layer.load_state_dict({**layer.state_dict(), "flat": torch.zeros(3)})
    state = {**layer.logical_parameters(), **dict(layer.named_buffers())}
    assert state["stan_encoder.weight"].shape == (4, 8)
    assert state["lambda_mu"].shape == ()
    short = dict(state)
    short.pop("lambda_mu")
    with pytest.raises(RuntimeError, match="lambda_mu"):
        layer.load_state_dict(short)
    with pytest.raises(RuntimeError, match=r"stan_encoder\.weight"):
        layer.load_state_dict({**state, "stan_encoder.weight": torch.zeros(3, 8)})
    with pytest.raises(RuntimeError, match="lambda_nu"):
        layer.load_state_dict({**state, "lambda_nu": torch.zeros(())})


def test_a_state_by_the_papers_names_is_loaded():
    """As state_dict gave it in version 0.1, inside a model, in part, and onto the meta device."""
    model = nn.Sequential(nn.Conv2d(3, 8, 1), create("afn", 8))
    with torch.no_grad():
        model[1].flat.normal_()
    names = {f"1.{k}": v.clone() for k, v in model[1].logical_parameters().items()}
    state = {k: v for k, v in model.state_dict().items() if k != "1.flat"} | names
    other = nn.Sequential(nn.Conv2d(3, 8, 1), create("afn", 8))
    assert other.load_state_dict(state, strict=True)
    assert torch.equal(other[1].flat, model[1].flat)
    own = other[1].flat.clone()
    found = other.load_state_dict({"1.gamma_bias": torch.full((8,), 7.0)}, strict=False)
    assert "1.beta_bias" in found.missing_keys
    assert "1.gamma_bias" not in found.missing_keys
    assert not found.unexpected_keys
    changed = other[1].flat != own
    assert int(changed.sum()) == 8
    assert torch.equal(other[1].logical_parameters()["gamma_bias"], torch.full((8,), 7.0))
    with torch.device("meta"):
        empty = nn.Sequential(nn.Conv2d(3, 8, 1), create("afn", 8))
    assert empty.load_state_dict(state, strict=True, assign=True)
    assert torch.equal(empty[1].flat, model[1].flat)


def test_logical_parameters_can_be_written():
    layer = create("afn", 8)
    with torch.no_grad():
        for view in layer.logical_parameters().values():
            view.copy_(torch.full_like(view, 0.25))
    assert bool((layer.flat == 0.25).all())


def test_equal_names_and_shapes_start_equal():
    """Variants share every tensor of the same name and shape, whatever else they hold."""
    drawn = {}
    for options in (
        {},
        {"stan_ratio": 8},
        {"rescale_ratio": 4},
        {"shared_rescale_encoder": True},
        {"residual": "fixed"},
        {"rescale": False},
        {"statistics_over": "instance"},
    ):
        torch.manual_seed(11)
        for name, tensor in create("afn", 32, **options).logical_parameters().items():
            key = name, tuple(tensor.shape)
            if name.endswith("decoder.bias"):  # as in Linear its range follows the bottleneck
                tensor = tensor * 32**0.5 / tensor.abs().max()
                drawn.setdefault(key, tensor)
                torch.testing.assert_close(drawn[key], tensor)
                continue
            assert torch.equal(drawn.setdefault(key, tensor), tensor), key
    torch.manual_seed(12)
    again = create("afn", 32).logical_parameters()["mu_decoder.weight"]
    assert not torch.equal(again, drawn["mu_decoder.weight", (32, 16)])


def test_drawn_as_linear_layers():
    torch.manual_seed(0)
    named = create("afn", 256).logical_parameters()
    for name, fan_in in (
        ("stan_encoder.weight", 256),
        ("stan_encoder.bias", 256),
        ("mu_decoder.weight", 128),
        ("gamma_decoder.weight", 16),
        ("gamma_decoder.bias", 16),
    ):
        reference = nn.Linear(fan_in, 4096)
        bound = float(reference.weight.detach().abs().max())
        values = named[name]
        assert float(values.abs().max()) == pytest.approx(bound, rel=0.05), name
        uniform = bound / 3**0.5
        assert float(values.std()) == pytest.approx(uniform, rel=0.15), name
        assert abs(values.mean()) < 0.15 * bound, name


@pytest.mark.parametrize("name", ["batch", "instance", "layer", "group"])
def test_torchs_own(name):
    x = data()
    reference = {
        "batch": nn.BatchNorm2d(16),
        "instance": nn.InstanceNorm2d(16, affine=True),
        "layer": nn.GroupNorm(1, 16),
        "group": nn.GroupNorm(8, 16),
    }[name]
    layer = create(name, 16)
    assert layer.state_dict().keys() == reference.state_dict().keys()
    assert torch.equal(layer(x), reference(x))
    if name == "layer":
        torch.testing.assert_close(layer(x), nn.functional.layer_norm(x, x.shape[1:]))


def bin_literal(x, layer):
    n = x.shape[0] * x.shape[2] * x.shape[3]
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    if not layer.training and layer.test_statistics == "running":
        mean, var = layer.running_mean, layer.running_var
    by_batch = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    inside = x.var((2, 3), correction=0, keepdim=True)
    by_instance = (x - x.mean((2, 3), keepdim=True)) / (inside + 1e-5).sqrt()
    rho, weight, bias = (t[:, None, None] for t in (layer.gate, layer.weight, layer.bias))
    return (rho * by_batch + (1 - rho) * by_instance) * weight + bias, mean, var * n / (n - 1)


def switchable_literal(x, layer):
    n = x.shape[0] * x.shape[2] * x.shape[3]
    mean_in = x.mean((2, 3), keepdim=True)
    var_in = x.var((2, 3), correction=0, keepdim=True)
    mean_ln = mean_in.mean(1, keepdim=True)
    var_ln = (var_in + mean_in**2).mean(1, keepdim=True) - mean_ln**2
    mean_bn = mean_in.mean(0, keepdim=True)
    var_bn = (var_in + mean_in**2).mean(0, keepdim=True) - mean_bn**2
    batch = mean_bn.flatten(), var_bn.flatten() * n / (n - 1)
    if not layer.training and layer.test_statistics == "running":
        mean_bn = layer.running_mean[:, None, None]
        var_bn = layer.running_var[:, None, None]
    p, q = layer.mean_weight.softmax(0), layer.var_weight.softmax(0)
    mean = p[0] * mean_in + p[1] * mean_ln + p[2] * mean_bn
    var = q[0] * var_in + q[1] * var_ln + q[2] * var_bn
    y = (x - mean) / (var + 1e-5).sqrt()
    return y * layer.weight[:, None, None] + layer.bias[:, None, None], *batch


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("mode", ["train", "running", "batch"])
@pytest.mark.parametrize(
    ("name", "literal"), [("batch_instance", bin_literal), ("switchable", switchable_literal)]
)
def test_mixed_norms_against_their_papers(name, literal, mode, layout):
    torch.manual_seed(0)
    layer = create(name, 16).double()
    for p in layer.parameters():
        p.data.add_(0.4 * torch.rand_like(p) - 0.5 * (p.dim() == 1 and p.numel() == 16))
    layer(data(dtype=torch.float64, seed=4))
    layer.train(mode == "train")
    layer.test_statistics = "running" if mode == "train" else mode
    before = layer.running_mean.clone(), layer.running_var.clone()
    results = []
    for function in (lambda x: literal(x, layer)[0], layer):
        layer.zero_grad()
        x = data(dtype=torch.float64).to(memory_format=layout).requires_grad_()
        y = function(x)
        y.backward(torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y))
        results.append((y, x.grad, *(p.grad.clone() for p in layer.parameters())))
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)
    if mode == "train":
        _, mean, unbiased = literal(data(dtype=torch.float64), layer)
        torch.testing.assert_close(layer.running_mean, 0.9 * before[0] + 0.1 * mean)
        torch.testing.assert_close(layer.running_var, 0.9 * before[1] + 0.1 * unbiased)
    else:
        assert torch.equal(layer.running_mean, before[0])


def test_bin_gate():
    layer = create("batch_instance", 4)
    assert torch.equal(layer.gate, torch.ones(4))
    with torch.no_grad():
        layer.gate.copy_(torch.tensor([-0.5, 0.25, 1.0, 7.0]))
    layer.after_step()
    assert layer.gate.tolist() == [0.0, 0.25, 1.0, 1.0]
    assert layer.scalars() == {"gate": 0.5625}
    assert layer.parameter_rules == {"gate": {"lr_scale": 10.0, "weight_decay": 0.0}}
    assert set(layer.parameter_rules) <= {name for name, _ in layer.named_parameters()}
    assert layer.gate.requires_grad


def test_switchable_weights_sum_to_one():
    values = create("switchable", 4).scalars()
    assert len(values) == 6
    assert sum(values.values()) == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["afn", "asr", "afn_released"])
def test_dropout_only_in_training(name):
    layer = create(name, 16, encoder_dropout=0.5)
    x = data()
    torch.manual_seed(0)
    first = layer(x)
    torch.manual_seed(0)
    assert torch.equal(layer(x), first), "the mask comes from torch's global generator"
    assert not torch.equal(layer(x), first)
    layer.eval()
    state = torch.get_rng_state()
    assert torch.equal(layer(x), layer(x))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("bacth", {}, "did you mean 'batch'"),
        ("afn", {"lambda_int": -3}, "did you mean 'lambda_init'"),
        ("batch", {"lambda_init": -3}, "no option 'lambda_init'"),
        ("afn", {"stan_ratio": 0}, "at least 1"),
        ("afn", {"residual": "of"}, "'off'"),
        ("afn", {"statistics_over": "layer"}, "'instance'"),
        ("afn", {"encoder_dropout": 1.0}, "encoder_dropout"),
        ("group", {"groups": 3}, "does not divide the 16"),
        ("nowhere:Norm", {}, "nowhere"),
    ],
)
def test_wrong_names_and_options(name, options, told):
    with pytest.raises(ValueError, match=told):
        create(name, 16, **options)


def test_factory_and_foreign_class():
    assert factory("afn", stan_ratio=8)(16).layout.stan == 2
    assert type(create("torch.nn:BatchNorm2d", 4)) is nn.BatchNorm2d


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", REGISTRY)
def test_layout_is_kept_and_in_place_may_follow(name, layout):
    x = data().to(memory_format=layout).requires_grad_()
    y = create(name, 16)(x)
    if name != "instance":  # torch's own answers in contiguous memory
        assert y.is_contiguous(memory_format=layout)
    torch.relu_(y).sum().backward()
    assert x.grad.stride() == x.stride()
