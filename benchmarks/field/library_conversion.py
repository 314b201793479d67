"""Conversion keeps what it cannot give the new layer, and says why."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torchvision.ops import FrozenBatchNorm2d

from afn import AFN1d, AFN2d, convert, set_test_statistics
from afn.normalization import Batch2d
from benchmarks.field import case
from benchmarks.field.library_models import SMALL, images, same, settled, small


class NormRelu(nn.BatchNorm2d):
    def forward(self, x):
        return torch.relu(super().forward(x))


class Checked(nn.BatchNorm2d):
    def _check_input_dim(self, input):
        super()._check_input_dim(input)
        self.seen = input.shape


class Mixin:
    def forward(self, x):
        return 2 * super().forward(x)


class Mixed(Mixin, nn.BatchNorm2d):
    pass


class Extra(nn.BatchNorm2d):
    def __init__(self, num_features):
        super().__init__(num_features)
        self.gain = nn.Parameter(torch.full((1,), 3.0))


class ScaledBatch2d(Batch2d):
    """The README's example of a method of one's own."""

    statistics = ("running", "batch")

    def __init__(self, num_features: int, *, scale: float = 0.5) -> None:
        super().__init__(num_features)
        self.scale = scale

    def forward(self, x):
        return self.scale * super().forward(x)


class Defaults(nn.BatchNorm2d):
    def __init__(self, num_features, eps=1e-3):
        super().__init__(num_features, eps=eps)


def with_norm(norm: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return settled(nn.Sequential(nn.Conv2d(3, 8, 3), norm, nn.ReLU()))


def left(model: nn.Module, word: str, to: str = "afn", name: str = "1", **options) -> None:
    """Assert that a layer is left with this word in the reason, and outputs stay."""
    x = images()
    with torch.no_grad():
        expected = model(x)
    model, report = convert(model, to, report=True, **options)
    assert list(report.skipped) == [name], report
    assert word in report.skipped[name], report.skipped[name]
    assert word in str(report)
    assert report.replaced == ()
    same(model, expected, x, 0)


@case(NormRelu, Checked, Mixed, Extra, ScaledBatch2d)
def subclass(kind):
    """A subclass that computes or holds more is left with the reason."""
    left(with_norm(kind(8)), kind.__name__)


@case("afn", "batch")
def subclass_with_other_defaults(to):
    """A subclass that only sets options is converted, options included."""
    model, x = with_norm(Defaults(8)), images()
    expected = model(x).detach()
    model, report = convert(model, to, report=True, **(SMALL if to == "afn" else {}))
    assert report.replaced == ("1",)
    assert model[1].eps == 1e-3
    same(model, expected, x)


@case("forward", "pre", "backward", "instance", "parametrisation", "weight_norm", "prune")
def attached(what):
    """Hooks, replaced methods and parametrisations are no part of the new layer: left."""
    model = with_norm(nn.BatchNorm2d(8))
    norm = model[1]
    if what == "forward":
        norm.register_forward_hook(lambda m, i, o: o * 2)
    elif what == "pre":
        norm.register_forward_pre_hook(lambda m, i: (i[0] + 1,))
    elif what == "backward":
        norm.register_full_backward_hook(lambda m, i, o: None)
    elif what == "instance":
        norm.forward = lambda x: F.relu(nn.BatchNorm2d.forward(norm, x))
    elif what == "parametrisation":
        nn.utils.parametrize.register_parametrization(norm, "weight", nn.Softplus())
    elif what == "weight_norm":
        nn.utils.parametrizations.weight_norm(norm, dim=None)
    else:
        prune.l1_unstructured(norm, "weight", 2)
    words = {"instance": "replaced", "parametrisation": "param", "weight_norm": "param"}
    left(model, words.get(what, "hooks"))


@case("weight", "bias", "view", "buffer")
def tied(what):
    """A norm that shares a tensor with another module is left with the reason."""
    first, second = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
    if what == "view":
        second.weight = nn.Parameter(first.weight.data)
    elif what == "buffer":
        second.running_mean = first.running_mean
    else:
        setattr(second, what, getattr(first, what))
    model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), first, second))
    model, report = convert(model, report=True)
    assert set(report.skipped) == {"1", "2"}
    assert "is shared with 2." in report.skipped["1"], report


@case("afn", "batch")
def used_twice(to):
    """A module at two places stays one module at two places."""
    norm = nn.BatchNorm2d(3)
    model = settled(nn.Sequential(norm, nn.ReLU(), norm))
    x = images()
    expected = model(x).detach()
    model = convert(model, to, **(SMALL if to == "afn" else {}))
    assert model[0] is model[2]
    same(model, expected, x)


@case("afn", "batch", "batch_instance", "switchable")
def no_running_statistics(to):
    """BatchNorm without running statistics is left where its successor is tested with them."""
    left(with_norm(nn.BatchNorm2d(8, track_running_stats=False)), "running statistics", to)


@case("batch", "group", "afn", "batch_instance")
def frozen(to):
    """What was frozen stays frozen, and the line says so."""
    model = with_norm(nn.BatchNorm2d(8))
    model.requires_grad_(False)
    model, report = convert(model, to, report=True)
    assert report.replaced == ("1",)
    assert report.frozen == ("1",)
    assert "stay frozen" in str(report)
    assert not any(p.requires_grad for p in model.parameters())


@case("batch", "afn")
def half_frozen(to):
    """Weight frozen and bias not: kept where the new layer has both, else left."""
    model = with_norm(nn.BatchNorm2d(8))
    model[1].weight.requires_grad_(False)
    if to == "afn":
        left(model, "frozen", to)
    else:
        model = convert(model, to)
        assert not model[1].weight.requires_grad
        assert model[1].bias.requires_grad


@case()
def no_affine():
    """BatchNorm without weight and bias gets none that learn where it learns nothing else."""
    model, x = with_norm(nn.BatchNorm2d(8, affine=False)), images()
    expected = model(x).detach()
    model = convert(model, "batch")
    assert not any(p.requires_grad for p in model[1].parameters())
    same(model, expected, x)
    model = with_norm(nn.BatchNorm2d(8, affine=False))
    same(convert(model, "afn", **SMALL), expected, x)


@case(None, 0.0, 1.5)
def momentum(value):
    """A momentum that the new layer cannot have is a reason, and may be given instead."""
    model = with_norm(nn.BatchNorm2d(8))
    model[1].momentum = value
    left(copy.deepcopy(model), "momentum")
    left(copy.deepcopy(model), "momentum", "batch")
    assert convert(model, "afn", momentum=0.2)[1].momentum == 0.2


@case()
def eps_of_zero():
    """An eps that the new layer cannot have is a reason."""
    model = with_norm(nn.BatchNorm2d(8))
    model[1].eps = 0.0
    left(model, "eps")


@case(torch.float64, torch.bfloat16, torch.float16)
def dtype(kind):
    """Types are kept, those of statistics apart from those of weights."""
    model = with_norm(nn.BatchNorm2d(8)).to(kind)
    model[1].running_var = model[1].running_var.float()
    model[1].running_mean = model[1].running_mean.float()
    model = convert(model)
    assert {p.dtype for p in model.parameters()} == {kind}
    assert model[1].running_var.dtype == torch.float32
    half = convert(with_norm(nn.BatchNorm2d(8)).to(kind), "batch_instance")[1]
    assert {half.running_mean.dtype, half.gate.dtype} == {kind}


@case()
def device():
    """A model on the meta device is converted there, and its device is kept."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    model = convert(model)
    assert type(model[1]) is AFN2d
    assert all(t.is_meta for t in model.state_dict().values())


@case()
def training_mode_and_test_statistics():
    """Modes and the switch of test time are kept."""
    model = nn.Sequential(Batch2d(8), nn.BatchNorm2d(8).eval())
    set_test_statistics(model[0], "batch", 2)
    model = convert(model)
    assert (model[0].training, model[1].training) == (True, False)
    assert (model[0].test_statistics, model[0].test_group_size) == ("batch", 2)


@case("frozen", "afn", "script", "sync", "three", "one", "lazy")
def named_among_what_was_left(what):
    """Normalisation layers that conversion does not take are named, with the reason."""
    make = {
        "frozen": lambda: FrozenBatchNorm2d(8),
        "afn": lambda: AFN2d(8),
        "script": lambda: torch.jit.script(nn.Sequential(nn.BatchNorm2d(8))),
        "sync": lambda: nn.SyncBatchNorm(8),
        "three": lambda: nn.BatchNorm3d(8),
        "one": lambda: nn.BatchNorm1d(8),
        "lazy": lambda: nn.LazyBatchNorm2d(),
    }
    layer = make[what]()
    model, report = convert(nn.Sequential(layer), "batch", report=True)
    assert list(report.skipped) == ["0"], report
    assert model[0] is layer


@case()
def twice():
    """A second conversion replaces nothing and says that the layers are what was wanted."""
    model, x = convert(with_norm(nn.BatchNorm2d(8))), images()
    expected = model(x).detach()
    model, report = convert(model, report=True)
    assert report.replaced == ()
    assert "AFN2d" in report.skipped["1"]
    same(model, expected, x)
    _, report = convert(small("batch"), "batch", report=True)
    assert "already" in report.skipped["1"]


@case(nn.BatchNorm2d, nn.BatchNorm1d)
def bare_layer(kind):
    """A model that is the layer itself is given back as the new layer, as torch's converters do."""
    model = convert(kind(8)).eval()
    assert type(model) is (AFN2d if kind is nn.BatchNorm2d else AFN1d)
    scripted = torch.jit.script(kind(8))
    same_one, report = convert(scripted, report=True)
    assert same_one is scripted
    assert "model itself" in str(report)


@case()
def the_line_says_what_is_added():
    """The report names the share of parameters that AFN adds."""
    model = with_norm(nn.BatchNorm2d(8))
    before = sum(p.numel() for p in model.parameters())
    model, report = convert(model, report=True)
    after = sum(p.numel() for p in model.parameters())
    assert report.added == after - before
    assert f"{report.added / before:+.0%} of the model's" in str(report)
