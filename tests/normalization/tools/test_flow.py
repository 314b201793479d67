"""What torch.fx does not see by itself: reads beside the layers, and calls inside other modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from afn import AFN2d, convert, fold
from afn.normalization.tools.inspection import _modules_in


class Read(nn.Module):
    """Convolution and norm, and a factor that the model computes from its own tensors."""

    def __init__(self, norm, factor):
        super().__init__()
        self.conv, self.norm, self.factor = nn.Conv2d(3, 6, 3), norm(6), factor

    def forward(self, x):
        return self.norm(self.conv(x)) * self.factor(self)


class Wrapped(nn.Module):
    """A convolution that is also called inside a module of torch, which is not traced."""

    def __init__(self, norm):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3), norm(6)
        self.other = nn.DataParallel(self.conv)

    def forward(self, x):
        return self.norm(self.conv(x)) + self.other(x)


READS = {
    "parameters": lambda m: sum(p.norm() for p in m.conv.parameters()),
    "named_parameters": lambda m: dict(m.named_parameters())["conv.weight"].norm(),
    "_parameters": lambda m: m.conv._parameters["weight"].abs().mean(),
    "data": lambda m: next(m.conv.parameters()).data.std(),
    "a running statistic": lambda m: m.norm.running_var.mean(),
    "buffers": lambda m: list(m.norm.buffers())[1].mean(),
    "state_dict": lambda m: m.state_dict()["norm.running_var"].mean(),
}


def settled(model):
    torch.manual_seed(2)
    model.train()(torch.randn(8, 3, 8, 8) * 3 + 1)
    return model.eval()


def left(model, **how):
    """What was left, where outputs stay the same."""
    x = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        before = model(x)
        attributes = set(vars(model))
        _, report = fold(model, report=True, **how)
        torch.testing.assert_close(model(x), before, rtol=1e-4, atol=1e-4)
    assert set(vars(model)) == attributes
    return report.left


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, AFN2d])
@pytest.mark.parametrize("factor", READS)
def test_what_the_models_own_code_reads_is_left(norm, factor):
    assert "also read by the model's own code" in left(settled(Read(norm, READS[factor])))["norm"]


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, AFN2d])
def test_types_and_sizes_may_be_asked_for(norm):
    def factor(model):
        first = next(model.parameters())
        ones = first.new_ones(1, device=first.device, dtype=first.dtype)
        return ones * first.dim() * first.shape[0] * torch.tensor(2.0)

    assert not left(settled(Read(norm, factor)))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, AFN2d])
def test_what_is_called_inside_another_module_is_left(norm):
    assert "also called inside a DataParallel" in left(settled(Wrapped(norm)))["norm"]
    inside = nn.Sequential(nn.DataParallel(nn.Sequential(nn.Conv2d(3, 6, 3), norm(6))))
    assert "inside a DataParallel" in left(settled(inside))["0.module.1"]


class Held(nn.Module):
    """Layers that are called by another reference than the registered one."""

    def __init__(self, norm, hold):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3), norm(6)
        object.__setattr__(self, "mine", hold(self.norm))

    def forward(self, x):
        return self.mine_of()(self.conv(x))

    def mine_of(self):
        return next(_modules_in(self.mine, 3))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, AFN2d])
@pytest.mark.parametrize(
    "hold",
    [lambda n: n, lambda n: [n], lambda n: {"a": (n,)}, lambda n: n.forward],
    ids=["attribute", "list", "dict", "method"],
)
def test_a_norm_that_an_attribute_holds_is_left(norm, hold):
    assert "held by the attribute mine" in left(settled(Held(norm, hold)))["norm"]


@pytest.mark.parametrize(
    "hold",
    [lambda n: n, lambda n: [n], lambda n: {"a": (n,)}, lambda n: n.forward],
    ids=["attribute", "list", "dict", "method"],
)
def test_convert_leaves_a_layer_that_an_attribute_holds(hold):
    """The model would keep calling the old layer, beside a new one that is reported."""
    model = Held(nn.BatchNorm2d, hold)
    x, before = torch.randn(2, 3, 8, 8), model.norm
    model, report = convert(model, report=True)
    assert "held by the attribute mine" in report.skipped["norm"]
    assert model.norm is before
    assert report.replaced == ()
    model(x)


@pytest.mark.parametrize("hook", ["register_hook", "register_post_accumulate_grad_hook"])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_hook_of_a_parameter_is_not_lost(hook, name):
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6))
    getattr(getattr(model[1], name), hook)(lambda *_: None)
    _, report = convert(model, report=True)
    assert report.skipped["1"] == f"its {name} carries hooks"
    assert f"its {name} carries hooks" in left(settled(model))["1"]


def test_an_example_without_batches_is_seen():
    """(C, L) is (N, C) to a norm of one dimension."""
    model = nn.Sequential(nn.Conv1d(6, 6, 1), nn.BatchNorm1d(6)).eval()
    model[1].running_mean.normal_()
    x = torch.randn(6, 6)
    with torch.no_grad():
        before = model(x)
        _, report = fold(model, example=x, report=True)
        torch.testing.assert_close(model(x), before)
    assert "gives no batches" in report.left["1"]
