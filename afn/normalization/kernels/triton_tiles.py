"""Tiles of AFN's head: what the kernels of `triton_fusion`, whose names are explained there, share.

In: pointers, and which tile. Out: its values, or what is stored of them. Called by those kernels.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def product(x, y, acc, DOT: tl.constexpr):
    """acc (A, B) + x (A, L) times y (B, L) transposed."""
    if DOT:
        acc = tl.dot(x, tl.trans(y), acc, input_precision="ieee", out_dtype=acc.dtype)
    else:
        acc += tl.sum(x[:, None, :] * y[None, :, :], 2)
    return acc


@triton.jit
def sigmoid(z):
    """Without overflow, whatever z."""
    small = tl.exp(-tl.abs(z))
    return tl.where(z >= 0, 1.0, small) / (1.0 + small)


@triton.jit
def seen_tile(mean, var, t, m, c, inside, C, count, EPS: tl.constexpr, RELEASED: tl.constexpr):
    """Mean (t = 0) or sigma (t = 1) of a tile; 1 outside."""
    at = m[:, None] * C + c[None, :]
    if t == 0:
        value = tl.load(mean + at, mask=inside, other=1.0)
    else:
        v = tl.load(var + at, mask=inside, other=1.0)
        if RELEASED:
            value = tl.sqrt(v * (count.to(v.dtype) / (count - 1).to(v.dtype))) + EPS
        else:
            value = tl.sqrt(v + EPS)
    return value


@triton.jit
def columns(block, S, K, W: tl.constexpr):
    """The columns of hidden in a block, their end, and whether they are the standardisation's: no
    block has columns of both."""
    stan = block < tl.cdiv(S, W)
    start = tl.where(stan, block * W, S + (block - tl.cdiv(S, W)) * W)
    return start + tl.arange(0, W), tl.where(stan, S, K), stan


@triton.jit
def decoded(
    hidden, d, d0, t, m, c, G, C, K, first, width,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """hidden[t, :, first : first + width] d[t]' + d0[t] of a tile."""
    acc = tl.zeros((M, N), hidden.dtype.element_ty)
    for start in range(0, width, W):
        k = start + tl.arange(0, W)
        there = (m < G)[:, None] & (k < width)[None, :]
        at = (t * G + m[:, None]) * K + first + k[None, :]
        h = tl.load(hidden + at, mask=there, other=0.0)
        there = (c < C)[:, None] & (k < width)[None, :]
        rows = tl.load(d + (t * C + c[:, None]) * width + k[None, :], mask=there, other=0.0)
        acc = product(h, rows, acc, DOT)
    return acc + tl.load(d0 + t * C + c, mask=c < C, other=0.0)[None, :]


@triton.jit
def fused(
    learned, seen, lambdas, t, EPS: tl.constexpr, FROZEN: tl.constexpr, LEARNED: tl.constexpr
):
    """A statistic from the learned and the seen one; a weight of 1 leaves the learned one alone."""
    if FROZEN == 1.0:
        if t == 0:
            hat = learned
        else:
            hat = tl.sqrt(learned * learned + EPS)
    else:
        if LEARNED:
            raw = tl.load(lambdas + t)
            hat = sigmoid(raw) * learned + sigmoid(-raw) * seen
        else:
            hat = FROZEN * learned + (1 - FROZEN) * seen
    return hat


@triton.jit
def outer(
    slope, hidden, grad, t, p, block, G, C, K, first, width,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """A tile of a decoder's gradient: over the rows, slope[t]' hidden[t, :, first : ...]."""
    c, k = p * N + tl.arange(0, N), block * W + tl.arange(0, W)
    acc = tl.zeros((N, W), slope.dtype.element_ty)
    for start in range(0, G, M):
        m = start + tl.arange(0, M)
        there = (c < C)[:, None] & (m < G)[None, :]
        left = tl.load(slope + (t * G + m[None, :]) * C + c[:, None], mask=there, other=0.0)
        there = (k < width)[:, None] & (m < G)[None, :]
        at = (t * G + m[None, :]) * K + first + k[:, None]
        acc = product(left, tl.load(hidden + at, mask=there, other=0.0), acc, DOT)
    there = (c < C)[:, None] & (k < width)[None, :]
    tl.store(grad + (t * C + c[:, None]) * width + k[None, :], acc, mask=there)


@triton.jit
def through(
    slope, weights, t, m, k, G, C, width, acc,
    N: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """acc + slope[t] weights[t] of a tile: back through a decoder. ``k`` counts its own columns;
    those outside give nothing."""
    for start in range(0, C, N):
        c = start + tl.arange(0, N)
        there = (m < G)[:, None] & (c < C)[None, :]
        left = tl.load(slope + (t * G + m[:, None]) * C + c[None, :], mask=there, other=0.0)
        there = ((k >= 0) & (k < width))[:, None] & (c < C)[None, :]
        at = (t * C + c[None, :]) * width + k[:, None]
        acc = product(left, tl.load(weights + at, mask=there, other=0.0), acc, DOT)
    return acc


@triton.jit
def back_to_hidden(
    g_learned, g_act, hidden, d, u, g_hidden, t, p, second, G, C, S, R, K,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
    STAN: tl.constexpr, RESCALE: tl.constexpr,
):  # fmt: skip
    """A tile of the slopes of hidden."""
    own = tl.cdiv(S, W) + tl.cdiv(K - S, W)
    m = p // own * M + tl.arange(0, M)
    k, end, stan = columns(p % own, S, K, W)
    acc = tl.zeros((M, W), hidden.dtype.element_ty)
    if STAN:
        acc = through(g_learned, d, t, m, tl.where(stan, k, S), G, C, S, acc, N, DOT)
    if RESCALE:
        acc = through(g_act, u, t, m, tl.where(stan, R, k - second), G, C, R, acc, N, DOT)
    there = (m < G)[:, None] & (k < end)[None, :]
    at = (t * G + m[:, None]) * K + k[None, :]
    lit = tl.load(hidden + at, mask=there, other=0.0) > 0
    tl.store(g_hidden + at, tl.where(lit, acc, 0.0), mask=there)


@triton.jit
def encoder_gradient(
    mean, var, mask, g_hidden, g_e, g_e0, p, G, C, S, K, count,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
    MASKED: tl.constexpr, EPS: tl.constexpr, RELEASED: tl.constexpr,
):  # fmt: skip
    """A tile of the encoders' gradient; the biases' with the first channels."""
    across = tl.cdiv(C, N)
    dtype = g_hidden.dtype.element_ty
    c = p % across * N + tl.arange(0, N)
    k, end, stan = columns(p // across, S, K, W)
    acc, by_bias = tl.zeros((W, N), dtype), tl.zeros((W,), dtype)
    for t in range(2):
        for start in range(0, G, M):
            m = start + tl.arange(0, M)
            inside = (m < G)[:, None] & (c < C)[None, :]
            x = seen_tile(mean, var, t, m, c, inside, C, count, EPS, RELEASED)
            if MASKED:
                own = (t * G + m[:, None]) * C + c[None, :]
                x = tl.where(stan, x * tl.load(mask + own, mask=inside, other=0.0), x)
            x = tl.where(inside, x, 0.0)
            there = (k < end)[:, None] & (m < G)[None, :]
            at = (t * G + m[None, :]) * K + k[:, None]
            left = tl.load(g_hidden + at, mask=there, other=0.0)
            by_bias += tl.sum(left, 1)
            acc = product(left, tl.trans(x), acc, DOT)
    inside = (k < end)[:, None] & (c < C)[None, :]
    tl.store(g_e + k[:, None] * C + c[None, :], acc, mask=inside)
    tl.store(g_e0 + k, by_bias, mask=(k < end) & (p % across == 0))


@triton.jit
def back_to_x(
    mean, var, mask, e, g_hidden, g_seen, c1, c2, p, G, C, S, K, count,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
    MASKED: tl.constexpr, EPS: tl.constexpr, RELEASED: tl.constexpr,
):  # fmt: skip
    """A tile of c1 or c2: the slopes of mean and variance, shared among the values of x."""
    across = tl.cdiv(C, N)
    dtype = g_seen.dtype.element_ty
    t = p % 2
    m, c = p // 2 // across * M + tl.arange(0, M), p // 2 % across * N + tl.arange(0, N)
    inside = (m < G)[:, None] & (c < C)[None, :]
    at = m[:, None] * C + c[None, :]
    slope = tl.load(g_seen + t * G * C + at, mask=inside, other=0.0)
    kept = tl.zeros((M, N), dtype)
    for block in range(tl.cdiv(S, W) + tl.cdiv(K - S, W)):
        k, end, stan = columns(block, S, K, W)
        there = (m < G)[:, None] & (k < end)[None, :]
        left = tl.load(g_hidden + (t * G + m[:, None]) * K + k[None, :], mask=there, other=0.0)
        there_too = (c < C)[:, None] & (k < end)[None, :]
        rows = tl.load(e + k[None, :] * C + c[:, None], mask=there_too, other=0.0)
        back = product(left, rows, tl.zeros((M, N), dtype), DOT)
        kept += tl.where(stan, back, 0.0)
        slope += tl.where(stan, 0.0, back)
    if MASKED:
        kept *= tl.load(mask + t * G * C + at, mask=inside, other=0.0)
    slope = (slope + kept) / count.to(dtype)
    if t == 0:
        tl.store(c1 + at, slope, mask=inside)
    else:
        sigma = seen_tile(mean, var, 1, m, c, inside, C, count, EPS, RELEASED)
        if RELEASED:  # d sigma / d var = count / (count - 1) / (2 (sigma - eps))
            slope *= count.to(dtype) / (count - 1).to(dtype) / (sigma - EPS)
        else:
            slope /= sigma
        tl.store(c2 + at, slope, mask=inside)


@triton.jit
def summed(values, n, N: tl.constexpr):
    """The sum of n values in one order."""
    acc = tl.zeros((N,), values.dtype.element_ty)
    for start in range(0, n, N):
        at = start + tl.arange(0, N)
        acc += tl.load(values + at, mask=at < n, other=0.0)
    return tl.sum(acc, 0)
