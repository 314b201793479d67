"""All learnable values of a layer in one vector, and their own names."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
from torch import Tensor, nn

from afn.normalization.heads.head import Layout


class FlatParameters(nn.Module):
    """A layer whose learnable values lie in one parameter, `flat`: one update instead of twenty.

    To torch it is a parameter like any other: `named_parameters`, `state_dict`, averages of weights
    and `torch.func.functional_call` know it as ``flat``. `logical_parameters` shows the parts under
    the names of the paper (``stan_encoder.weight``, ``gamma_bias``, ``lambda_mu``, ...), and
    `load_state_dict` takes these names, too.
    """

    flat: nn.Parameter
    layout: Layout
    initial: dict[str, float | None]
    slots: dict[str, tuple[int, tuple[int, ...]]]

    def _lay_out(self, layout: Layout, initial: dict[str, float | None]) -> None:
        self.layout, self.initial, self.slots = layout, initial, layout.slots()
        self.flat = nn.Parameter(torch.empty(layout.size()))

    def logical_parameters(self) -> dict[str, Tensor]:
        """Views of the learnable values, by the paper's names; writing into them is allowed."""
        flat = self.flat.detach()
        return {
            name: flat[start : start + math.prod(shape)].view(shape)
            for name, (start, shape) in self.slots.items()
        }

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw fresh values: encoders and decoders as `torch.nn.Linear` does.

        One number is taken from torch's global generator; each tensor then has a stream of its own
        that depends on that number, its name and its shape only. So layers with different options
        start equal wherever they have a tensor of the same name and shape (a decoder's bias: up to
        its range, which in Linear follows the width of the bottleneck). On the meta device nothing
        is drawn.
        """
        if self.flat.is_meta:
            return
        root = int(torch.randint(2**62, (), device="cpu"))
        named = self.logical_parameters()
        for name, tensor in named.items():
            if "coder." in name:
                fan_in = named[name.replace(".bias", ".weight")].shape[1]
                tensor.copy_(_drawn(f"{root}/{name}/{tuple(tensor.shape)}", tensor.shape, fan_in))
            elif name.startswith("lambda"):
                kind = "lambda_mu" if name in ("lambda_mu", "lambda_sigma") else "lambda_gamma"
                value = self.initial[kind]
                assert value is not None, f"a layer with {name} says where it starts"
                tensor.fill_(value)
            else:
                tensor.fill_(1.0 if name == "gamma_bias" else 0.0)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        named = {name: state_dict.get(prefix + name) for name in self.slots}
        if prefix + "flat" not in state_dict and any(t is not None for t in named.values()):
            missing, errors = args[2], args[4]  # (metadata, strict, missing, unexpected, errors)
            joined = self._joined(named, prefix, missing, errors)
            state_dict = {k: v for k, v in state_dict.items() if k[len(prefix) :] not in self.slots}
            state_dict[prefix + "flat"] = joined
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _joined(
        self,
        named: dict[str, Tensor | None],
        prefix: str,
        missing: list[str],
        errors: list[str],
    ) -> Tensor:
        """`flat` from tensors by the paper's names; what is missing or misshapen is told and
        keeps its present value."""
        like = next(t for t in named.values() if t is not None)
        pieces = []
        for name, own in self.logical_parameters().items():
            given = named[name]
            if given is None:
                missing.append(prefix + name)
            elif given.shape != own.shape:
                errors.append(
                    f"{prefix}{name}: shape {tuple(given.shape)}, expected {tuple(own.shape)}"
                )
            else:
                own = given
            pieces.append(
                torch.zeros_like(own, device=like.device) if own.is_meta else own.to(like.device)
            )
        return torch.cat([piece.reshape(-1) for piece in pieces])


def _drawn(key: str, shape: tuple[int, ...], fan_in: int) -> Tensor:
    """Values of a layer with ``fan_in`` inputs, from a stream of their own."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big")
    generator = torch.Generator(device="cpu").manual_seed(seed)
    empty = torch.empty(shape, dtype=torch.float32, device="cpu")
    return empty.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)
