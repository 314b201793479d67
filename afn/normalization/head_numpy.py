"""The head by hand in NumPy, forward and backward, for the CPU.

On vectors of some hundred values a NumPy call costs a fifth of a dispatched torch operation, and
nothing is traced. The arithmetic is that of `head.TorchHead`, which stays the reference and serves
every other case (other devices and types, compilers, second derivatives).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from afn.normalization.head import Fusion, Layout, TorchHead

_TYPES = (torch.float32, torch.float64)
_quiet = np.errstate(all="ignore")  # a diverging network says so by its loss, as with torch


class NumpyHead(TorchHead):
    """`TorchHead` with a hand-written forward and backward for float32 and float64 on the CPU."""

    def __init__(self, layout: Layout, fusion: Fusion):
        super().__init__(layout, fusion)
        self.ends = np.cumsum(self.parts).tolist()

    def _serves(self, mean: Tensor, flat: Tensor) -> bool:
        return flat.device.type == "cpu" and flat.dtype in _TYPES and mean.dtype == flat.dtype

    def _split(self, f: np.ndarray) -> tuple[np.ndarray, ...]:
        """Views of the flat vector, shaped for the products below."""
        lay = self.layout
        c, s, r, k = lay.channels, lay.stan, lay.rescale, lay.hidden
        p = self.ends
        return (
            f[: p[0]].reshape(k, c),
            f[p[0] : p[1]],
            f[p[1] : p[2]].reshape(2, c, s),
            f[p[2] : p[3]].reshape(2, -1, c),
            f[p[3] : p[4]].reshape(2, c, r),
            f[p[4] : p[5]].reshape(2, -1, c),
            f[p[5] : p[6]].reshape(2, 1, c),
            f[p[6] : p[7]],
            f[p[7] : p[8]],
        )

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

    @_quiet
    def forward(self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, flat: Tensor):
        if not self._serves(mean, flat):
            return super().forward(mean, var, count, mask, flat)
        lay, fusion = self.layout, self.fusion
        c, s, r = lay.channels, lay.stan, lay.rescale
        e, e0, d, d0, u, u0, bias, l_stan, l_rescale = self._split(flat.detach().numpy())
        mu, v = mean.numpy().reshape(-1, c), var.numpy().reshape(-1, c)
        g = len(mu)
        seen = np.empty((2, g, c), mu.dtype)
        seen[0] = mu
        sigma = seen[1]
        if fusion.released:
            np.multiply(v, count / (count - 1), out=sigma)
            np.sqrt(sigma, out=sigma)
            sigma += fusion.eps
        else:
            np.add(v, fusion.eps, out=sigma)
            np.sqrt(sigma, out=sigma)

        hidden = dropped = learned = weight = rest = act = None
        if lay.hidden:
            hidden = seen.reshape(2 * g, c).dot(e.T)
            if mask is not None:
                mask = mask.to(flat.dtype).numpy()
                dropped = seen * mask
                hidden[:, :s] = dropped.reshape(2 * g, c).dot(e[:s].T)
            hidden += e0
            np.maximum(hidden, 0, out=hidden)
            hidden = hidden.reshape(2, g, -1)
        hat = seen
        if s:
            learned = np.matmul(hidden[:, :, :s], d.transpose(0, 2, 1))
            learned += d0
            np.maximum(learned[1], 0, out=learned[1])
            hat, weight, rest = self._fuse_numpy(learned, seen, l_stan)
        out = bias
        if r:
            act = np.matmul(self._rescale_part(hidden), u.transpose(0, 2, 1))
            act += u0
            act[1] *= 0.5  # sigmoid(z) = tanh(z / 2) / 2 + 1/2
            np.tanh(act, out=act)
            act[1] *= 0.5
            act[1] += 0.5
            out = (l_rescale.reshape(2, 1, 1) * act if lay.scaled else act) + bias
        a = out[1] / hat[1]
        b = a * (seen[0] - hat[0])
        b += out[0]
        saved = (flat, seen, hidden, dropped, mask, learned, hat, weight, rest, act, a, count)
        shape = mean.shape
        return torch.from_numpy(a).view(shape), torch.from_numpy(b).view(shape), saved

    def _fuse_numpy(self, learned, seen, raw):
        """hat = weight * learned + rest * seen, and the two weights."""
        if self.fusion.alone:
            hat = learned.copy()
            hat[1] = np.sqrt(learned[1] ** 2 + self.fusion.eps)
            return hat, None, None
        if self.fusion.frozen is not None:
            weight, rest = self.fusion.frozen, 1 - self.fusion.frozen
        else:
            # both from exp of a negative number, so neither cancels nor overflows
            small = np.exp(-np.abs(raw)).reshape(2, 1, 1)
            big, small = 1 / (1 + small), small / (1 + small)
            up = (raw > 0).reshape(2, 1, 1)
            weight, rest = np.where(up, big, small), np.where(up, small, big)
        hat = weight * learned
        hat += rest * seen
        return hat, weight, rest

    @_quiet
    def backward(self, saved, g_a: Tensor, g_b: Tensor, count: int):
        if len(saved) != 12:
            return super().backward(saved, g_a, g_b, count)
        flat, seen, hidden, dropped, mask, learned, hat, weight, rest, act, a, _ = saved
        lay = self.layout
        c, s, r = lay.channels, lay.stan, lay.rescale
        e, _, d, _, u, _, _, _, l_rescale = self._split(flat.detach().numpy())
        grad = np.empty(lay.size(), a.dtype)
        ge, ge0, gd, gd0, gu, gu0, gbias, gl_stan, gl_rescale = self._split(grad)
        g = len(a)
        # y = out[1] * (x - hat[0]) / hat[1] + out[0]; by a's definition a * (x - hat[0]) + out[0]
        g_out = np.empty((2, g, c), a.dtype)
        g_out[0] = g_b.numpy().reshape(g, c)
        slope = (seen[0] - hat[0]) * g_out[0]
        slope += g_a.numpy().reshape(g, c)
        np.divide(slope, hat[1], out=g_out[1])
        g_hat = np.empty((2, g, c), a.dtype)
        np.multiply(g_out, a, out=g_hat)
        np.negative(g_hat, out=g_hat)
        g_seen = g_hat
        np.sum(g_out, 1, out=gbias[:, 0])
        g_hidden = None
        if lay.hidden:
            g_hidden = np.zeros_like(hidden) if r and not lay.shared else np.empty_like(hidden)
        if r:
            if lay.scaled:
                np.einsum("igc,igc->i", g_out, act, out=gl_rescale)
                g_act = l_rescale.reshape(2, 1, 1) * g_out
            else:
                g_act = g_out
            slope = np.empty_like(act)
            np.multiply(act[0], act[0], out=slope[0])
            np.subtract(1, slope[0], out=slope[0])
            np.subtract(1, act[1], out=slope[1])
            slope[1] *= act[1]
            slope *= g_act
            np.sum(slope, 1, out=gu0[:, 0])
            h = self._rescale_part(hidden)
            np.matmul(slope.transpose(0, 2, 1), h, out=gu)
            np.multiply(np.matmul(slope, u), h > 0, out=self._rescale_part(g_hidden))
        if s:
            if weight is None:
                g_learned = g_hat.copy()
                g_learned[1] *= learned[1] / hat[1]
                g_seen = np.zeros_like(g_hat)
            else:
                if lay.learned:
                    moved = (learned - seen) * g_hat
                    np.sum(moved.reshape(2, -1), 1, out=gl_stan)
                    gl_stan *= (weight * rest).reshape(2)
                g_learned = weight * g_hat
                g_seen = rest * g_hat
                g_learned[1] *= learned[1] > 0
            np.sum(g_learned, 1, out=gd0[:, 0])
            h = hidden[:, :, :s]
            np.matmul(g_learned.transpose(0, 2, 1), h, out=gd)
            np.multiply(np.matmul(g_learned, d), h > 0, out=g_hidden[:, :, :s])
        if lay.hidden:
            rows = g_hidden.reshape(2 * g, -1)
            np.sum(rows, 0, out=ge0)
            np.dot(rows.T, seen.reshape(2 * g, c), out=ge)
            if mask is None:
                g_seen = g_seen + rows.dot(e).reshape(2, g, c)
            else:
                np.dot(rows[:, :s].T, dropped.reshape(2 * g, c), out=ge[:s])
                g_seen = g_seen + rows[:, s:].dot(e[s:]).reshape(2, g, c)
                g_seen += rows[:, :s].dot(e[:s]).reshape(2, g, c) * mask
        # d sigma / d var = 1 / (2 sigma), so the slope in x - mean is g_sigma / (sigma * count)
        slope = g_seen[1] / (count * seen[1])
        offset = g_seen[0] / count
        if self.fusion.released:
            slope *= (count / (count - 1)) * seen[1] / (seen[1] - self.fusion.eps)
        return torch.from_numpy(offset), torch.from_numpy(slope), (torch.from_numpy(grad),)
