"""AFN's head as five launches on a GPU, where torch takes a hundred: ``AFN_HEAD=triton``.

In and out: as `head.TorchHead`, whose arithmetic it is and which serves all that the kernels of
`kernels.triton_fusion` do not: other devices, other types than the statistics', compilers, second
derivatives. On a CPU the kernels run under Triton's interpreter only (``TRITON_INTERPRET=1``, set
before anything imports triton), which is how tests without a GPU see them. Called by the layers,
through `c_head.make_head`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from afn.normalization.heads.head import TorchHead
from afn.normalization.heads.interface import Factors, Saved, Slopes
from afn.normalization.kernels import native

FEW, MANY = (1, 64, 16, False), (16, 32, 16, True)
"""Rows, channels and columns of hidden in a tile, and whether matrix products are Triton's: for
fewer than 16 rows of statistics, and for more."""


def serves(mean: Tensor, *params: Tensor) -> bool:
    """Whether kernels may be launched for statistics and parameters like these."""
    if native.head_on(mean.device.type) != "triton" or torch.compiler.is_compiling():
        return False
    known = (torch.float32,) if mean.is_cuda else (torch.float32, torch.float64)
    return mean.dtype in known and all(p.dtype == mean.dtype for p in params)


class TritonSaved(NamedTuple):
    """What `TritonHead.forward` leaves for `TritonHead.backward`."""

    flat: Tensor
    mean: Tensor
    var: Tensor
    mask: Tensor | None
    hidden: Tensor
    learned: Tensor
    hat: Tensor
    act: Tensor
    a: Tensor


class TritonHead(TorchHead):
    """`TorchHead`, by kernels wherever they serve."""

    def __reduce__(self) -> tuple[object, ...]:
        from afn.normalization.heads.c_head import make_head

        return make_head, (self.layout, self.fusion)

    def _settings(self, rows: int) -> tuple[dict[str, object], dict[str, int]]:
        """Sizes and switches of all kernels, as they call them; and the size of tiles."""
        lay, fusion = self.layout, self.fusion
        m, n, w, dot = FEW if rows < 16 else MANY
        switches: dict[str, object] = {
            "STAN": lay.stan > 0,
            "RESCALE": lay.rescale > 0,
            "SHARED": lay.shared,
            "LEARNED": lay.learned and lay.stan > 0,
            "SCALED": lay.scaled and lay.rescale > 0,
            "FROZEN": 0.0 if fusion.frozen is None else float(fusion.frozen),
            "EPS": float(fusion.eps),
            "RELEASED": fusion.released,
        }
        return switches, {"M": m, "N": n, "W": w, "DOT": dot}

    def _blocks(self, w: int) -> tuple[int, int]:
        """Blocks of columns of hidden: of the standardisation, and in all."""
        lay = self.layout
        stan = -(-lay.stan // w)
        return stan, stan + -(-(lay.hidden - lay.stan) // w)

    def factors(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, /, *params: Tensor
    ) -> Factors:
        (flat,) = params
        if not serves(mean, flat):
            return super().factors(mean, var, count, mask, flat)
        return self.forward(mean, var, count, mask, flat.detach())[:2]

    def forward(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, /, *params: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        (flat,) = params
        if not serves(mean, flat):
            return super().forward(mean, var, count, mask, flat)
        from afn.normalization.kernels import triton_fusion as kernels

        lay = self.layout
        c, s, r, k = lay.channels, lay.stan, lay.rescale, lay.hidden
        flat, mean, var = flat.detach().contiguous(), mean.contiguous(), var.contiguous()
        mask = mask.to(flat.dtype).contiguous() if mask is not None and s else None
        g = mean.numel() // c
        parts = torch.split_with_sizes(flat, self.parts)
        e, e0, d, d0, u, u0, bias, l_stan, l_rescale = parts
        on, tile = self._settings(g)
        hidden = flat.new_empty((2, g, max(k, 1)))
        learned, hat, act = flat.new_empty((3, 2, g, c)).unbind()
        a, b = torch.empty_like(mean), torch.empty_like(mean)
        rows, across = -(-g // tile["M"]), -(-c // tile["N"])
        if k:
            kernels.encode[2, rows, self._blocks(tile["W"])[1]](
                *(mean, var, mean if mask is None else mask, e, e0, hidden, g, c, s, k, count),
                **tile,
                MASKED=mask is not None,
                **_only(on, "EPS", "RELEASED"),
            )
        kernels.decode[rows, across](
            *(mean, var, hidden, d, d0, u, u0, bias, l_stan, l_rescale, a, b, learned, hat, act),
            *(g, c, s, r, k, count),
            **tile,
            **on,
        )
        return a, b, TritonSaved(flat, mean, var, mask, hidden, learned, hat, act, a)

    def backward(self, saved: Saved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        if not isinstance(saved, TritonSaved):
            return super().backward(saved, g_a, g_b, count)
        from afn.normalization.kernels import triton_fusion as kernels

        flat, mean, var, mask, hidden, learned, hat, act, a = saved
        lay = self.layout
        c, s, r, k = lay.channels, lay.stan, lay.rescale, lay.hidden
        g = mean.numel() // c
        e, _, d, _, u, _, _, l_stan, l_rescale = torch.split_with_sizes(flat, self.parts)
        grad = torch.empty_like(flat)
        into = torch.split_with_sizes(grad, self.parts)
        g_e, g_e0, g_d, g_d0, g_u, g_u0, g_bias, g_stan, g_rescale = into
        on, tile = self._settings(g)
        g_seen, g_learned, g_act = flat.new_empty((3, 2, g, c)).unbind()
        sums, g_hidden = flat.new_empty((4, c)), torch.empty_like(hidden)
        c1, c2 = torch.empty_like(mean), torch.empty_like(mean)
        rows, across = -(-g // tile["M"]), -(-c // tile["N"])
        stan, blocks = self._blocks(tile["W"])
        kernels.slopes[2, across](
            *(mean, var, a, learned, hat, act, g_a.contiguous(), g_b.contiguous()),
            *(l_stan, l_rescale, g_seen, g_learned, g_act, g_d0, g_u0, g_bias, sums, g, c, count),
            **{key: tile[key] for key in ("M", "N")},
            **{key: value for key, value in on.items() if key != "SHARED"},
        )
        if k:
            own = stan + -(-r // tile["W"])
            kernels.decoders[2, across * own + rows * blocks](
                *(g_learned, g_act, hidden, d, u, g_d, g_u, g_hidden),
                *(g, c, s, r, k, across * own, own),
                **tile,
                **_only(on, "STAN", "RESCALE", "SHARED"),
            )
        tiles = across * blocks
        kernels.encoders[(tiles + 2 * rows * across,)](
            *(mean, var, mean if mask is None else mask, e, g_hidden, g_seen, sums, c1, c2),
            *(g_e, g_e0, g_stan, g_rescale, g, c, s, k, count, tiles),
            **tile,
            MASKED=mask is not None,
            **_only(on, "LEARNED", "SCALED", "EPS", "RELEASED"),
        )
        return c1, c2, (grad,)


def _only(settings: dict[str, object], *names: str) -> dict[str, object]:
    return {name: settings[name] for name in names}
