"""What torch does with any module works with these layers as with BatchNorm."""

from __future__ import annotations

import copy
import io
import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from afn import AFN2d, synchronize
from afn.normalization import REGISTRY, create, set_test_statistics
from benchmarks.field import case
from benchmarks.field.library_models import images, refused, same, settled, small

LEARNED = ("afn", "asr", "afn_released", "batch_instance", "switchable")


def quiet(name: str) -> nn.Module:
    return small(name, **({"encoder_dropout": 0.0} if name == "afn_released" else {}))


@case(*((name, mode) for name in REGISTRY for mode in ("running", "batch", "grad")))
def trace(which):
    """torch.jit.trace gives the model's outputs, for other inputs and batch sizes, too."""
    name, mode = which
    model, x = quiet(name), images()
    if mode == "batch" and name in ("afn", "batch", "batch_instance", "switchable"):
        set_test_statistics(model, "batch")
    with warnings.catch_warnings(), torch.set_grad_enabled(mode == "grad"):
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, x, check_trace=False)
    for other in (x, images(seed=1), images(7, seed=2)):
        with torch.no_grad():
            same(traced, model(other), other)


@case("afn", "switchable", "batch_instance")
def trace_in_training(name):
    """A module traced in training mode moves the running statistics as the model does."""
    model, x = quiet(name).train(), images()
    twin = copy.deepcopy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(copy.deepcopy(model), x, check_trace=False)
    traced.load_state_dict(twin.state_dict())
    traced(images(seed=1))
    twin(images(seed=1))
    state = traced.state_dict()
    for key, value in twin.state_dict().items():
        torch.testing.assert_close(state[key], value, rtol=1e-4, atol=1e-5)


@case("afn", "asr", "afn_released", "batch_instance", "switchable", "batch")
def script(name):
    """torch.jit.script refuses in one sentence that names the layer."""
    model = quiet(name)
    refused(lambda: torch.jit.script(model), type(model[1]).__name__, "torch.jit.trace")


@case(*REGISTRY)
def meta(name):
    """Made and run on the meta device; real values come by loading or by drawing."""
    model, x = quiet(name), images()
    state = torch.get_rng_state()
    with torch.device("meta"):
        empty = nn.Sequential(nn.Conv2d(3, 8, 3), create(name, 8)).eval()
    assert torch.equal(torch.get_rng_state(), state), "the generator was used"
    assert all(t.is_meta for t in empty.state_dict().values())
    assert empty(x.to("meta")).shape == model(x).shape
    loaded = copy.deepcopy(empty)
    loaded.load_state_dict(model.state_dict(), assign=True)
    same(loaded.eval(), model(x).detach(), x)
    drawn = empty.to_empty(device="cpu")
    for module in drawn:
        module.reset_parameters()
    assert drawn(x).isfinite().all()


@case(*LEARNED, "torch.nn:BatchNorm2d")
def functional(name):
    """functional_call takes a state_dict: its values are used, and gradients reach them."""
    model, x = quiet(name), images()
    other = copy.deepcopy(model)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(1.3)
    expected, own = other(x).detach(), model(x).detach()
    with torch.no_grad():
        found = functional_call(model, other.state_dict(), (x,))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    same(model, own, x)
    parameters = dict(other.named_parameters())
    loss = lambda p: functional_call(model, p, (x,)).square().mean()  # noqa: E731
    slopes = grad(loss)({k: v.detach() for k, v in parameters.items()})
    other(x).square().mean().backward()
    for key, value in parameters.items():
        torch.testing.assert_close(slopes[key], value.grad, rtol=1e-3, atol=1e-4)


@case("afn", "switchable")
def ensemble(name):
    """Stacked models under vmap give what each of them gives."""
    models, x = [quiet(name) for _ in range(3)], images()
    for factor, model in enumerate(models, 1):
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(factor)
    parameters, buffers = stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")
    with torch.no_grad():
        found = vmap(lambda p, b: functional_call(base, (p, b), (x,)))(parameters, buffers)
        for one, model in zip(found, models, strict=True):
            torch.testing.assert_close(one, model(x), rtol=1e-4, atol=1e-4)


@case(*LEARNED)
def state_filtered_by_parameters(name):
    """The entries of a state_dict that are parameters are all of them, by the same names."""
    model = quiet(name)
    names = dict(model.named_parameters())
    state = {k: v for k, v in model.state_dict().items() if k in names}
    assert state.keys() == names.keys()
    other = create(name, 8)
    other = nn.Sequential(nn.Conv2d(3, 8, 3), other).eval()
    found = other.load_state_dict(state, strict=False)
    assert not found.unexpected_keys
    for key, value in other.named_parameters():
        assert torch.equal(value, names[key])
    everything = {**names, **dict(model.named_buffers())}
    assert everything.keys() == model.state_dict().keys()


@case(*LEARNED)
def average_over_state_dicts(name):
    """A loop over two state_dicts, as averages of weights are often written, counts values once."""
    model = quiet(name)
    average = copy.deepcopy(model)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1)
        for own, new in zip(
            average.state_dict().values(), model.state_dict().values(), strict=True
        ):
            own.mul_(0.75).add_(new, alpha=0.25)
    for own, new in zip(average.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(own, new - 0.75, rtol=1e-4, atol=1e-5)


@case("deepcopy", "pickle", "subgroup")
def synchronised(what):
    """A synchronised model can be copied and saved whole, and trains on."""
    started = not dist.is_initialized()
    if started:
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        model = settled(nn.Sequential(nn.Conv2d(3, 4, 3), AFN2d(4))).train()
        alone = copy.deepcopy(model)
        group = dist.new_group([0]) if what == "subgroup" else None
        assert synchronize(model, group) == ["1"]
        other = copy.deepcopy(model)
        assert other[1].process_group.group is group
        if what != "deepcopy":
            file = io.BytesIO()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                torch.save(model, file)
            told = any("synchronize(model, group)" in str(w.message) for w in caught)
            assert told == (what == "subgroup")
            file.seek(0)
            other = torch.load(file, weights_only=False)  # saved a line before
            assert (other[1].process_group is None) == (what == "subgroup")
        x = images()
        torch.testing.assert_close(other(x), alone(x), rtol=1e-4, atol=1e-5)
    finally:
        if started:
            dist.destroy_process_group()
    if what == "pickle":  # loaded where nothing is distributed
        other(images()).sum().backward()
