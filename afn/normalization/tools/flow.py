"""The flow of a model, traced by torch.fx without a look into its normalisation layers.

In: a model in evaluation mode, perhaps an example input. Out: which node reads what, which tensors
are read beside their layers, and which nodes are known to give (N, C). Called by folding.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from afn.normalization.bases.fusion import FusionNorm
from afn.normalization.bases.test_time import BatchDependent
from afn.normalization.tools import inspection

_KEEP_RANK = (
    *(nn.Linear, nn.Identity, nn.Dropout, nn.AlphaDropout, nn.ReLU, nn.ReLU6, nn.LeakyReLU),
    *(nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh),
    *(nn.Hardswish, nn.Hardtanh, nn.Hardsigmoid, nn.Softplus, nn.Softmax, nn.LogSoftmax),
)
_KEEP_RANK_FUNCTIONS = {
    *(torch.relu, torch.tanh, torch.sigmoid, nn.functional.relu, nn.functional.gelu),
    *(nn.functional.silu, nn.functional.dropout, nn.functional.leaky_relu, nn.functional.elu),
}
_SAYS_NO_VALUE = {
    *(getattr(Tensor, name).__get__ for name in ("device", "dtype", "shape", "ndim", "layout")),
    *(getattr(Tensor, name).__get__ for name in ("requires_grad", "is_cuda", "is_meta")),
    *(Tensor.size, Tensor.dim, Tensor.numel, Tensor.stride, Tensor.is_floating_point),
    *(torch.is_floating_point, torch.numel, Tensor.__len__, Tensor.type, Tensor.new_zeros),
    *(Tensor.new_ones, Tensor.new_empty, torch.zeros_like, torch.ones_like, torch.empty_like),
}
"""What may be asked of a weight that is going to be replaced: types and sizes stay."""
_KEEP_RANK_METHODS = {"relu", "relu_", "tanh", "sigmoid", "contiguous", "clone", "float", "double"}


def is_norm(module: nn.Module) -> bool:
    """Whether folding looks at this layer."""
    return isinstance(module, FusionNorm | BatchDependent | _BatchNorm)


class _Tracer(fx.Tracer):
    """Stops at norms. With proxies for buffers, every statistic that is read beside its layer is
    seen as such; but some models branch on a buffer, and are traced without."""

    def __init__(self, model: nn.Module, buffers: bool) -> None:
        super().__init__()
        # Looked up before tracing: then a look at the modules of a model reads attributes of it.
        self.buffers = {id(t): name for name, t in model.named_buffers()} if buffers else {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_norm(m) or super().is_leaf_module(m, module_qualified_name)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        name = self.buffers.get(id(attr_val))
        if name is None:
            return super().getattr(attr, attr_val, parameter_proxy_cache)
        if name not in parameter_proxy_cache:
            parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
        return parameter_proxy_cache[name]


class _Reads(TorchFunctionMode):
    """Notes which tensors the code of a model computes with while it is traced, other than through
    the trace: what comes of them is a constant to it, such as the norm of ``parameters()``."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _SAYS_NO_VALUE:
            for value in pytree.tree_leaves((args, kwargs)):
                if isinstance(value, Tensor):
                    self.seen[id(value)] = value
        return func(*args, **kwargs)


def _traced(model: nn.Module, reads: _Reads) -> fx.Graph:
    try:
        with reads:
            return _Tracer(model, buffers=True).trace(model)
    except Exception:
        try:
            with reads:
                return _Tracer(model, buffers=False).trace(model)
        except Exception as error:
            raise ValueError(
                "torch.fx cannot trace this model, so it is not known what each norm reads: "
                f"{error}"
            ) from error


class Flow:
    """What reads what in a model.

    Parameters
    ----------
    model
        Any module in evaluation mode.
    example
        An input, or a tuple of all inputs, which gives the number of dimensions of every
        intermediate result; None to infer it where that is possible.

    Raises
    ------
    ValueError
        If the model cannot be traced, or not be run with the example.
    """

    def __init__(self, model: nn.Module, example: Tensor | tuple[Any, ...] | None = None) -> None:
        own, reads = set(vars(model)), _Reads()
        self.graph = _traced(model, reads)
        self.modules = dict(model.named_modules(remove_duplicate=False))
        called = [self.modules[n.target] for n in self.graph.nodes if n.op == "call_module"]
        self.calls = Counter(id(module) for module in called)
        self.inside = {
            id(inner): module for module in called for inner in module.modules() if inner != module
        }
        """Modules that others call, into which the trace does not look -> one of these."""
        self.held = dict(inspection.held(model))
        """Modules that attributes hold beside the registered ones -> such an attribute."""
        # One that nothing uses was only asked whether it is there.
        self.read = {n.target for n in self.graph.nodes if n.op == "get_attr" and n.users}
        self.reads = reads.seen
        self.measured = example is not None
        try:
            if example is not None:
                self._measure(model, example)
        finally:
            for name in set(vars(model)) - own:  # constants that tracing leaves on the model
                delattr(model, name)

    def _measure(self, model: nn.Module, example: Tensor | tuple[Any, ...]) -> None:
        inputs = example if isinstance(example, tuple) else (example,)
        try:
            with torch.no_grad():
                ShapeProp(fx.GraphModule(model, self.graph)).propagate(*inputs)
        except Exception as error:
            raise ValueError(f"the model cannot be run with the example: {error}") from error

    def module(self, node: object) -> nn.Module | None:
        """The module that a node calls."""
        if isinstance(node, fx.Node) and node.op == "call_module":
            found: nn.Module = self.modules[node.target]
            return found
        return None

    def is_read(self, path: str) -> bool:
        """Whether a tensor of the module at ``path`` is read beside the module."""
        module = self.modules[path]
        if any(
            id(t) in self.reads for t in (*module._parameters.values(), *module._buffers.values())
        ):
            return True
        paths = [name for name, other in self.modules.items() if other is module]
        return any(target.rpartition(".")[0] in paths for target in self.read)

    def rank(self, node: fx.Node) -> int | None:
        """How many dimensions a node has with the example; None where that is not known."""
        found = node.meta.get("tensor_meta")
        return None if found is None else len(found.shape)

    def flat(self, node: fx.Node) -> bool | None:
        """Whether a node gives (N, C); None if that is not known."""
        if self.measured:
            rank = self.rank(node)
            return None if rank is None else rank == 2
        return _flat(self, node)


def _flat(flow: Flow, node: object) -> bool | None:
    """`Flow.flat` from the operations before, as far as they tell."""
    while isinstance(node, fx.Node):
        module = flow.module(node)
        if module is not None and isinstance(module, nn.Flatten):
            return True if (module.start_dim, module.end_dim) == (1, -1) else None
        if node.op == "call_function" and node.target is torch.flatten:
            return True if _flattens(node) else None
        if node.op == "call_method" and node.target == "flatten":
            return True if _flattens(node) else None
        if node.op == "call_method" and node.target in ("view", "reshape"):
            sizes: Any = node.args[1:]
            sizes = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
            return len(sizes) == 2
        keeps = (
            (module is not None and (type(module) in _KEEP_RANK or is_norm(module)))
            or (node.op == "call_function" and node.target in _KEEP_RANK_FUNCTIONS)
            or (node.op == "call_method" and node.target in _KEEP_RANK_METHODS)
        )
        if not keeps or not node.args:
            return None
        node = node.args[0]
    return None


def _flattens(node: fx.Node) -> bool:
    """Whether a call of ``flatten`` leaves (N, rest)."""
    start = node.args[1] if len(node.args) > 1 else node.kwargs.get("start_dim", 0)
    end = node.args[2] if len(node.args) > 2 else node.kwargs.get("end_dim", -1)
    return (start, end) == (1, -1)
