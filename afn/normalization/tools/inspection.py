"""What a layer does, or shares with others, beyond what its class says: reasons to leave it alone.

In: modules. Out: a reason in words, or None. Called by conversion and folding, which replace a
layer by another one and would lose all this without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_TENSOR_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
_TENSORS = {"weight", "bias", "flat", "running_mean", "running_var", "num_batches_tracked"}
_COMPUTES_NOTHING = {
    *("__init__", "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
    *("__firstlineno__", "__static_attributes__", "__parameters__", "__orig_bases__"),
    *("__abstractmethods__", "_abc_impl", "__constants__", "_version", "__repr__", "extra_repr"),
    *("reset_parameters", "statistics", "parameter_rules"),
}
"""What a subclass may define without computing anything else."""


def addition(layer: nn.Module, known: tuple[type[nn.Module], ...]) -> str | None:
    """What a layer adds to the one of the ``known`` classes that it is or is derived from.

    A subclass that changes defaults only adds nothing. Parametrisations, hooks, methods and tensors
    of its own do.
    """
    if nn.utils.parametrize.is_parametrized(layer):
        return "its tensors are computed by a parametrisation"
    if "forward" in vars(layer):
        return "its forward was replaced"
    if any(getattr(layer, name, None) for name in _HOOKS):
        return "it carries hooks"
    for name, tensor in layer._parameters.items():
        if tensor is not None and any(getattr(tensor, hooks, None) for hooks in _TENSOR_HOOKS):
            return f"its {name} carries hooks"
    for ancestor in type(layer).__mro__:
        if ancestor in known:
            break
        own = sorted(set(vars(ancestor)) - _COMPUTES_NOTHING)
        if own:
            return f"is a {type(layer).__name__}, whose own {', '.join(own)} may compute more"
    own = {*layer._parameters, *layer._buffers, *layer._modules} - _TENSORS  # type: ignore[assignment]
    if own:
        return f"is a {type(layer).__name__}, which also holds {', '.join(sorted(own))}"
    return None


def held(model: nn.Module) -> Iterator[tuple[int, str]]:
    """Modules in lists, dicts and plain attributes of modules: replacing a registered one leaves
    them as they are."""
    own = set(vars(nn.Module()))
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in own:
                for found in _modules_in(value, 3):
                    yield id(found), f"{path}.{name}" if path else name


def _modules_in(value: object, depth: int) -> Iterator[nn.Module]:
    value = getattr(value, "__self__", value)  # of a bound method
    if isinstance(value, nn.Module):
        yield value
    elif depth and isinstance(value, dict | list | tuple | set):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _modules_in(inner, depth - 1)


class Tensors:
    """Which modules of a model hold which memory, and which attributes hold modules beside the
    registered ones (``held``, by the module's id)."""

    def __init__(self, model: nn.Module) -> None:
        self.held = dict(held(model))
        self.holders: dict[int, dict[int, str]] = {}
        for path, module in model.named_modules():
            for name, tensor in _own(module):
                holders = self.holders.setdefault(_memory(tensor), {})
                holders.setdefault(id(module), f"{path}.{name}" if path else name)

    def shared(self, layer: nn.Module) -> str | None:
        """Which of a layer's tensors another module holds, too."""
        for name, tensor in _own(layer):
            holders = self.holders.get(_memory(tensor), {})
            others = [path for module, path in holders.items() if module != id(layer)]
            if others:
                return f"its {name} is shared with {others[0]}"
        return None


def _own(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    for name, tensor in (*module._parameters.items(), *module._buffers.items()):
        if isinstance(tensor, Tensor):
            yield name, tensor


def _memory(tensor: Tensor) -> int:
    """The address of the memory behind a tensor; of the tensor itself where there is none."""
    if tensor.is_meta or nn.parameter.is_lazy(tensor):
        return id(tensor)
    try:
        return tensor.untyped_storage().data_ptr() or id(tensor)
    except (RuntimeError, NotImplementedError):  # subclasses without memory of their own
        return id(tensor)
