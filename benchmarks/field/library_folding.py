"""Folding leaves what would not stay the same, and says why."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from afn import AFN1d, AFN2d, fold, set_test_statistics
from afn.normalization import create
from benchmarks.field import case
from benchmarks.field.library_conversion import Defaults, Mixed, NormRelu, ScaledBatch2d
from benchmarks.field.library_models import images, refused, same, settled, small


class Tied(nn.Module):
    """Two convolutions, of which the second shares something with the first."""

    def __init__(self, bias=False):
        super().__init__()
        self.a = nn.Conv2d(3, 3, 3, padding=1, bias=bias)
        self.b = nn.Conv2d(3, 3, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.b(self.norm(self.a(x)).relu())


class TiedWeight(Tied):
    def __init__(self):
        super().__init__()
        self.b.weight = self.a.weight


class TiedBias(Tied):
    def __init__(self):
        super().__init__(bias=True)
        self.b.bias = self.a.bias


class TiedView(Tied):
    def __init__(self):
        super().__init__()
        self.b.weight = nn.Parameter(self.a.weight.data)


class TiedTransposed(Tied):
    def __init__(self):
        super().__init__()
        self.b = nn.ConvTranspose2d(3, 3, 3, padding=1, bias=False)
        self.b.weight = self.a.weight


class Functional(Tied):
    def forward(self, x):
        return F.conv2d(self.norm(self.a(x)).relu(), self.a.weight, padding=1)


class FunctionalData(Tied):
    def forward(self, x):
        return F.conv2d(self.norm(self.a(x)).relu(), self.a.weight.data, padding=1)


class FunctionalBias(Tied):
    def __init__(self):
        super().__init__(bias=True)

    def forward(self, x):
        return self.norm(self.a(x)) + self.a.bias.view(1, -1, 1, 1)


class ReadsStatistics(Tied):
    def forward(self, x):
        return self.norm(self.a(x)) + self.norm.running_mean.view(1, -1, 1, 1)


class CalledTwice(Tied):
    def forward(self, x):
        return self.norm(self.a(self.norm(self.a(x))))


class Reused(Tied):
    """The same convolution under another name."""

    def __init__(self):
        super().__init__()
        self.b = self.a


class InPlace(Tied):
    def forward(self, x):
        return self.norm(F.relu(self.a(x), inplace=True))


class Returned(Tied):
    def forward(self, x):
        y = self.a(x)
        return torch.cat([self.norm(y), y])


class Standardised(nn.Conv2d):
    """A convolution that computes its weight: scaling it does nothing."""

    def forward(self, x):
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


def stays(model: nn.Module, x: torch.Tensor, folds: int = 0, word: str = "", **options) -> None:
    """Assert that outputs stay, that so many norms fold, and that the reason has this word."""
    with torch.no_grad():
        expected = model(x).clone()
    again, report = fold(model, report=True, **options)
    assert again is model
    same(model, expected, x)
    assert len(report.folded) == folds, report
    if word:
        assert word in str(report), report


@case(TiedWeight, TiedBias, TiedView, TiedTransposed)
def tied(kind):
    """A norm whose convolution shares memory with another layer is left with the reason."""
    stays(settled(kind()), images(), word="is shared with b.")


@case(Functional, FunctionalData, FunctionalBias, ReadsStatistics)
def read_by_the_models_code(kind):
    """A convolution whose tensors the model's own code reads is left with the reason."""
    stays(settled(kind()), images(), word="own code")


@case(CalledTwice, Reused)
def called_twice(kind):
    """A layer that is called twice is left with the reason."""
    stays(settled(kind()), images(), word="more than once")


@case(InPlace, Returned)
def read_elsewhere(kind):
    """A convolution whose output others read or write is left."""
    model = settled(kind())
    stays(model, images(), word="left norm")


@case(NormRelu, Mixed, ScaledBatch2d)
def subclass(kind):
    """A subclass that computes more is left with the reason."""
    model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), kind(8)))
    stays(model, images(), word=kind.__name__)


@case()
def subclass_with_other_defaults():
    """A subclass that only sets options is folded."""
    stays(settled(nn.Sequential(nn.Conv2d(3, 8, 3), Defaults(8))), images(), folds=1)


@case("standardised", "weight_norm", "spectral_norm", "prune", "parametrisation")
def convolution_that_computes_its_weight(what):
    """A norm after a convolution whose weight is computed is left."""
    conv = nn.Conv2d(3, 8, 3)
    if what == "standardised":
        conv = Standardised(3, 8, 3)
    elif what == "weight_norm":
        conv = nn.utils.parametrizations.weight_norm(conv)
    elif what == "spectral_norm":
        conv = nn.utils.parametrizations.spectral_norm(conv)
    elif what == "prune":
        prune.l1_unstructured(conv, "weight", 5)
    else:
        nn.utils.parametrize.register_parametrization(conv, "bias", nn.Tanh())
    stays(settled(nn.Sequential(conv, AFN2d(8))), images(), word="left 1")


@case("norm forward", "norm pre", "conv forward", "conv pre", "around")
def hooks(where):
    """Hooks on the norm, the convolution, or a module between them see or change values: left."""
    inner = nn.Sequential(nn.Conv2d(3, 8, 3))
    model = settled(nn.Sequential(inner, AFN2d(8)))
    target = {"norm": model[1], "conv": inner[0], "around": inner}[where.split()[0]]
    if where == "around":
        target.register_forward_hook(lambda m, i, o: None)
    elif where.endswith("pre"):
        target.register_forward_pre_hook(lambda m, i: (i[0] * 2,))
    else:
        target.register_forward_hook(lambda m, i, o: o * 2)
    stays(model, images(), word="hook")


@case("unknown", "example", "sequence", "images")
def after_linear(what):
    """After Linear a norm folds only where it is known that the input is (N, C)."""
    model = settled(nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5)), 16, 5)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    sequence = torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(0))
    if what == "unknown":
        stays(copy.deepcopy(model), x, word="example")
        stays(model, sequence, word="example")
    elif what == "example":
        stays(model, x, folds=1, example=x)
    elif what == "sequence":
        stays(model, sequence, word="dimension 1", example=sequence)
    else:
        wide = settled(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm2d(8)), 4, 8, 8, 8)
        stays(wide, images(channels=8), word="example")


@case(nn.BatchNorm1d, AFN1d)
def after_flatten_and_linear(kind):
    """Behind a flattening it is known that Linear sees (N, C): folds without an example."""
    layers = (nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 12), kind(12), nn.ReLU())
    model = settled(nn.Sequential(*layers, nn.Linear(12, 6), kind(6)))
    stays(model, images(), folds=2)


@case("afn", "batch", "torch.nn:BatchNorm2d")
def twice(name):
    """A second fold changes nothing, and nothing is in training mode after the first."""
    model = small(name)
    stays(model, images(), folds=1)
    assert not any(m.training for m in model.modules())
    stays(model, images(), folds=0)


@case()
def tensors_of_another_model():
    """Another model that shares the convolution's tensors keeps its outputs."""
    model = small("torch.nn:BatchNorm2d")
    other = nn.Conv2d(3, 8, 3)
    other.weight, other.bias = model[0].weight, model[0].bias
    x = images()
    expected = other(x).detach()
    stays(model, x, folds=1)
    same(other, expected, x, 0)


@case()
def not_in_the_flow():
    """Norms that the traced flow does not call are named."""
    model = settled(TiedWeight())
    model.unused = AFN2d(4).eval()
    stays(model, images(), word="left unused: is not called")


@case("batch statistics", "sample", "none")
def no_fixed_affine(what):
    """What is no fixed affine at test time is left with the reason."""
    if what == "sample":
        return stays(small("switchable"), images(), word="each sample")
    if what == "none":
        norm = nn.BatchNorm2d(8, track_running_stats=False)
        model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), norm))
        return stays(model, images(), word="keeps no")
    model = small("afn")
    set_test_statistics(model, "batch")
    return stays(model, images(), word="statistics of the batch")


@case("training", "branch", "script")
def refusals(what):
    """A model in training mode or one that cannot be traced is refused with a sentence."""
    if what == "training":
        return refused(lambda: fold(small().train()), "eval()")
    if what == "script":
        model = torch.jit.script(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval())
        try:
            fold(model)
        except ValueError:
            return None
        raise AssertionError("was not refused")

    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    return refused(lambda: fold(Branching().eval()), "cannot trace")


@case("afn", "batch")
def bare_layer(name):
    """A model that is a norm itself is given back, with the reason that nothing stands before."""
    layer = create(name, 3).eval()
    model, report = fold(layer, report=True)
    assert model is layer
    assert "nothing stands before" in str(report)


@case(torch.bfloat16, torch.float64)
def types_and_wishes(dtype):
    """Types and frozen parameters of the convolution are kept."""
    model = small("torch.nn:BatchNorm2d").to(dtype)
    model[0].requires_grad_(False)
    model = fold(model)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert not any(p.requires_grad for p in model.parameters())
