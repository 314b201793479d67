"""The head by hand in NumPy, forward and backward, for the CPU.

On vectors of some hundred values a NumPy call costs a fifth of a dispatched torch operation, and
nothing is traced. The arithmetic is that of `head.TorchHead`, which stays the reference and serves
every other case (other devices and types, compilers, second derivatives). What counts here is the
number of calls: whole (2, G, C) arrays instead of rows, gradients written where they belong.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from afn.normalization.heads.head import Fusion, Layout, TorchHead
from afn.normalization.heads.interface import Factors, Saved, Slopes

_TYPES = (torch.float32, torch.float64)
_quiet = np.errstate(all="ignore")  # a diverging network says so by its loss, as with torch
# sigmoid(z) = tanh(z / 2) / 2 + 1/2: with these, beta's tanh and gamma's sigmoid are one call
_HALF = np.array([1.0, 0.5]).reshape(2, 1, 1)
_SHIFT = np.array([0.0, 0.5]).reshape(2, 1, 1)
_ONE = np.array([1.0, 0.0]).reshape(2, 1, 1)  # derivatives: (1 - t)(1 + t) and (1 - s)(0 + s)
_CONSTANTS = {
    np.dtype(t): tuple(a.astype(t) for a in (_HALF, _SHIFT, _ONE)) for t in (np.float32, float)
}

_ABSENT: np.ndarray = np.empty(0)
"""Stands for what a layer without that half has not."""
_Weights: TypeAlias = tuple[np.ndarray, np.ndarray] | tuple[float, float]
"""Of the learned and of the seen statistics."""


class NumpySaved(NamedTuple):
    """What `NumpyHead.forward` leaves for `NumpyHead.backward`; arrays are (2, G, ...), the mean's
    row first. ``weights`` is None where the learned statistics stand alone."""

    flat: Tensor
    seen: np.ndarray
    hidden: np.ndarray
    dropped: np.ndarray
    mask: np.ndarray | None
    learned: np.ndarray
    hat: np.ndarray
    weights: _Weights | None
    act: np.ndarray
    a: np.ndarray
    moved: np.ndarray


def _slices(layout: Layout, flat: np.ndarray) -> tuple[np.ndarray, ...]:
    """Views of a flat vector, shaped for the products below."""
    c, s, r, k = layout.channels, layout.stan, layout.rescale, layout.hidden
    shapes = [(k, c), (k,), (2, c, s), (2, -1, c), (2, c, r), (2, -1, c), (2, 1, c)]
    shapes += [(-1, 1, 1), (-1, 1, 1)]
    ends = np.cumsum(list(layout.sizes().values()))[:-1]
    parts = np.split(flat, ends)
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


def _sigmoids(raw: float) -> tuple[float, float]:
    """sigmoid(raw) and 1 - sigmoid(raw), without cancellation or overflow."""
    small = math.exp(-abs(raw))
    pair = 1 / (1 + small), small / (1 + small)
    return pair if raw > 0 else pair[::-1]


def _encode(rows: np.ndarray, e: np.ndarray) -> np.ndarray:
    """rows (M, C) @ e.T (C, K); two rows, as in training, as two matrix-vector products, which
    need not copy a wide e."""
    if len(rows) != 2:
        whole: np.ndarray = rows.dot(e.T)
        return whole
    out = np.empty((2, len(e)), e.dtype)
    np.dot(e, rows[0], out=out[0])
    np.dot(e, rows[1], out=out[1])
    return out


def _decode(rows: np.ndarray, e: np.ndarray) -> np.ndarray:
    """rows (M, K) @ e (K, C), likewise."""
    if len(rows) != 2 or e.size < 8192:
        whole: np.ndarray = rows.dot(e)
        return whole
    out = np.empty((2, e.shape[1]), e.dtype)
    np.dot(rows[0], e, out=out[0])
    np.dot(rows[1], e, out=out[1])
    return out


def _outer(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """left (2, G, C) transposed times right (2, G, K), into out (2, C, K)."""
    if left.shape[1] > 1:
        np.matmul(left.transpose(0, 2, 1), right, out=out)
    elif out.size < 8192:
        np.multiply(left.transpose(0, 2, 1), right, out=out)
    else:  # the same bits, five times faster
        pair = torch.from_numpy(left).mT, torch.from_numpy(right)
        torch.mul(*pair, out=torch.from_numpy(out))


class NumpyHead(TorchHead):
    """`TorchHead` with a hand-written forward and backward for float32 and float64 on the CPU."""

    def __init__(self, layout: Layout, fusion: Fusion) -> None:
        super().__init__(layout, fusion)
        self.size = layout.size()
        ends = np.cumsum([0, *layout.sizes().values()]).tolist()
        self.spans = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self._seen: tuple[int, tuple[np.ndarray, ...]] = (0, ())

    def __reduce__(self) -> tuple[object, ...]:  # a copy or a pickle has views of its own
        return type(self), (self.layout, self.fusion)

    def _parameters(self, flat: Tensor) -> tuple[np.ndarray, ...]:
        """Views of the parameters. They hold the memory, so its address stays theirs."""
        address = flat.data_ptr()
        if self._seen[0] != address:
            self._seen = address, _slices(self.layout, flat.detach().numpy())
        return self._seen[1]

    def _rescale_part(self, hidden: np.ndarray) -> np.ndarray:
        """What the rescale encoders gave: (2, G, r), beta's from mu, gamma's from sigma."""
        s, r = self.layout.stan, self.layout.rescale
        if self.layout.shared:
            return hidden[:, :, s:]
        # row 0 from column s on, row 1 from column s + r on: one view with a longer stride
        _, g, k = hidden.shape
        item = hidden.itemsize
        strides = ((g * k + r) * item, k * item, item)
        return np.ndarray((2, g, r), hidden.dtype, hidden, s * item, strides)

    @staticmethod
    def _serves(mean: Tensor, flat: Tensor) -> bool:
        return flat.device.type == "cpu" and flat.dtype in _TYPES and mean.dtype == flat.dtype

    def factors(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, /, *params: Tensor
    ) -> Factors:
        if not self._serves(mean, *params):
            return super().factors(mean, var, count, mask, *params)
        return self.forward(mean, var, count, mask, *params)[:2]

    @_quiet
    def forward(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, /, *params: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        (flat,) = params
        if not self._serves(mean, flat):
            return super().forward(mean, var, count, mask, flat)
        lay, fusion = self.layout, self.fusion
        c, s = lay.channels, lay.stan
        e, e0, d, d0, u, u0, bias, l_stan, l_rescale = self._parameters(flat)
        mu = mean.numpy().reshape(-1, c)
        g = len(mu)
        seen = np.empty((2, g, c), mu.dtype)
        seen[0] = mu
        v = var.numpy().reshape(-1, c)
        if fusion.released:
            np.sqrt(v * (count / (count - 1)), out=seen[1])
            seen[1] += fusion.eps
        else:
            np.sqrt(v + fusion.eps, out=seen[1])

        hidden = dropped = learned = act = _ABSENT
        drop = None if mask is None else mask.to(flat.dtype).numpy()
        weights: _Weights | None = None
        if lay.hidden:
            hidden = _encode(seen.reshape(2 * g, c), e)
            if drop is not None:
                dropped = seen * drop
                hidden[:, :s] = dropped.reshape(2 * g, c).dot(e[:s].T)
            hidden += e0
            hidden = np.maximum(hidden, 0, out=hidden).reshape(2, g, -1)
        hat = seen
        if s:
            learned = np.matmul(hidden[:, :, :s], d.transpose(0, 2, 1))
            learned += d0
            np.maximum(learned[1], 0, out=learned[1])
            hat, weights = self._fuse_numpy(learned, seen, l_stan)
        out = bias
        if lay.rescale:
            half, shift, _ = _CONSTANTS[seen.dtype]
            act = np.matmul(self._rescale_part(hidden), u.transpose(0, 2, 1))
            act += u0
            act *= half
            np.tanh(act, out=act)
            act *= half
            act += shift
            out = act * l_rescale if lay.scaled else act
            out = out + bias
        a = out[1] / hat[1]
        moved = mu - hat[0]
        b = moved * a
        b += out[0]
        saved = NumpySaved(flat, seen, hidden, dropped, drop, learned, hat, weights, act, a, moved)
        shape = mean.shape
        return torch.from_numpy(a).view(shape), torch.from_numpy(b).view(shape), saved

    def _fuse_numpy(
        self, learned: np.ndarray, seen: np.ndarray, raw: np.ndarray
    ) -> tuple[np.ndarray, _Weights | None]:
        """hat = weight * learned + (1 - weight) * seen, and the two weights."""
        if self.fusion.alone:
            hat = learned.copy()
            hat[1] = np.sqrt(learned[1] ** 2 + self.fusion.eps)
            return hat, None
        weights: _Weights
        if self.fusion.frozen is not None:
            weights = self.fusion.frozen, 1 - self.fusion.frozen
        else:
            (m, not_m), (s, not_s) = map(_sigmoids, raw.ravel().tolist())
            pair = np.array((m, s, not_m, not_s), seen.dtype).reshape(2, 2, 1, 1)
            weights = pair[0], pair[1]
        fused: np.ndarray = weights[0] * learned
        fused += weights[1] * seen
        return fused, weights

    @_quiet
    def backward(self, saved: Saved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        if not isinstance(saved, NumpySaved):
            return super().backward(saved, g_a, g_b, count)
        flat, seen, hidden, dropped, mask, learned, hat, weights, act, a, moved = saved
        lay = self.layout
        c, s, g = lay.channels, lay.stan, len(a)
        e, _, d, _, u, _, _, _, l_rescale = self._parameters(flat)
        grad = np.empty(self.size, a.dtype)
        ge, ge0, gd, gd0, gu, gu0, gbias, gl_stan, gl_rescale = (grad[i] for i in self.spans)
        row = (2, 1, c)
        one = g == 1  # then a sum over rows is the row itself, and is made in its place

        # y = a * (x - hat[0]) + out[0] with a = out[1] / hat[1]
        g_out = gbias.reshape(row) if one else np.empty_like(seen)
        g_out[0] = g_b.numpy().reshape(g, c)
        step = moved * g_out[0]
        step += g_a.numpy().reshape(g, c)
        np.divide(step, hat[1], out=g_out[1])
        if not one:
            np.add.reduce(g_out, 1, out=gbias.reshape(2, c))
        against = g_out * a  # minus the gradient of hat
        g_hidden = _ABSENT
        if lay.hidden:
            whole = lay.shared or not lay.rescale  # else two parts of it stay empty
            g_hidden = (np.empty if whole else np.zeros)(hidden.shape, hidden.dtype)
        if lay.rescale:
            step = 1 - act
            step *= act + _CONSTANTS[a.dtype][2]
            if lay.scaled:
                flat_rows = act.reshape(2, -1, 1)
                np.matmul(g_out.reshape(2, 1, -1), flat_rows, out=gl_rescale.reshape(2, 1, 1))
                step *= l_rescale
            if one:
                step = np.multiply(step, g_out, out=gu0.reshape(row))
            else:
                step *= g_out
                np.add.reduce(step, 1, out=gu0.reshape(2, c))
            h = self._rescale_part(hidden)
            _outer(step, h, gu.reshape(u.shape))
            np.matmul(step, u, out=self._rescale_part(g_hidden))
        if s:
            g_learned, g_seen = self._unfuse(
                against, learned, seen, hat, weights, gd0.reshape(row) if one else None, gl_stan
            )
            if not one:
                np.add.reduce(g_learned, 1, out=gd0.reshape(2, c))
            _outer(g_learned, hidden[:, :, :s], gd.reshape(d.shape))
            np.matmul(g_learned, d, out=g_hidden[:, :, :s])
        else:
            g_seen = np.negative(against, out=against)
        if lay.hidden:
            g_hidden *= hidden > 0
            rows = g_hidden.reshape(2 * g, -1)
            if one:
                np.add(rows[0], rows[1], out=ge0)
            else:
                np.add.reduce(rows, 0, out=ge0)
            np.dot(rows.T, seen.reshape(2 * g, c), out=ge.reshape(e.shape))
            if mask is None:
                g_seen += _decode(rows, e).reshape(2, g, c)
            else:
                np.dot(rows[:, :s].T, dropped.reshape(2 * g, c), out=ge.reshape(e.shape)[:s])
                g_seen += rows[:, s:].dot(e[s:]).reshape(2, g, c)
                g_seen += rows[:, :s].dot(e[:s]).reshape(2, g, c) * mask
        # d sigma / d var = 1 / (2 sigma), so the slope in x - mean is g_sigma / (sigma * count)
        g_seen *= 1 / count
        g_seen[1] /= seen[1]
        if self.fusion.released:
            g_seen[1] *= (count / (count - 1)) * seen[1] / (seen[1] - self.fusion.eps)
        return torch.from_numpy(g_seen[0]), torch.from_numpy(g_seen[1]), (torch.from_numpy(grad),)

    def _unfuse(
        self,
        against: np.ndarray,
        learned: np.ndarray,
        seen: np.ndarray,
        hat: np.ndarray,
        weights: _Weights | None,
        out: np.ndarray | None,
        gl_stan: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gradients of the learned statistics and of the seen ones through the fusion."""
        if weights is None:
            g_learned = np.negative(against, out=out)
            g_learned[1] *= learned[1] / hat[1]
            return g_learned, np.zeros_like(seen)
        weight, rest = weights
        if self.layout.learned:
            gap = (seen - learned).reshape(2, 1, -1)
            g_weight = np.matmul(gap, against.reshape(2, -1, 1), out=gl_stan.reshape(2, 1, 1))
            g_weight *= weight * rest
        g_learned = np.multiply(against, -weight, out=out)
        g_learned[1] *= learned[1] > 0
        return g_learned, np.multiply(against, -rest, out=against)
