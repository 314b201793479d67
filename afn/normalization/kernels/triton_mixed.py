"""The head of batch-instance normalisation as Triton kernels: a launch forward, a launch backward.

In: instance statistics (N, C) in ``groups`` groups of rows, each with batch statistics of its own,
or with running ones; parameters and slopes, as `heads.triton_mixed` hands them over. Out: what the
head of `methods.batch_instance` computes, under the names that it uses. Every sum has one order.
``M`` rows and ``W`` channels in a tile. `triton_switchable` shares the tiles.
"""

from __future__ import annotations

import triton
import triton.language as tl

SIZES = ["N", "C", "groups", "count"]


@triton.jit
def tile(pointer, m, c, N, C):
    """Values (M, W) of a matrix, 0 outside."""
    there = (m < N)[:, None] & (c < C)[None, :]
    return tl.load(pointer + m[:, None] * C + c[None, :], mask=there, other=0.0)


@triton.jit
def put(pointer, values, m, c, N, C):
    """Store a tile."""
    there = (m < N)[:, None] & (c < C)[None, :]
    tl.store(pointer + m[:, None] * C + c[None, :], values, mask=there)


@triton.jit
def pooled(mean, var, batch, group, c, N, C, groups, M: tl.constexpr, W: tl.constexpr):
    """Batch mean and variance of a group, stored in ``batch`` (2, groups, C)."""
    n = N // groups
    dtype = mean.dtype.element_ty
    total, spread = tl.zeros((W,), dtype), tl.zeros((W,), dtype)
    for start in range(0, n, M):
        m = group * n + start + tl.arange(0, M)
        total += tl.sum(tile(mean, m, c, (group + 1) * n, C), 0)
    centre = total / n.to(dtype)
    for start in range(0, n, M):
        m = group * n + start + tl.arange(0, M)
        there = (m < (group + 1) * n)[:, None]
        away = tile(mean, m, c, (group + 1) * n, C) - centre[None, :]
        value = tile(var, m, c, (group + 1) * n, C) + away * away
        spread += tl.sum(tl.where(there, value, 0.0), 0)
    spread = spread / n.to(dtype)
    tl.store(batch + group * C + c, centre, mask=c < C)
    tl.store(batch + (groups + group) * C + c, spread, mask=c < C)
    return centre, spread


@triton.jit(do_not_specialize=SIZES)
def batch_instance(
    mean, var, weight, bias, gate, batch, a, b, N, C, groups,
    RUNNING: tl.constexpr, EPS: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """a and b; a program per group and channels. ``batch`` holds the running statistics, or gets
    those of the groups."""
    group = tl.program_id(0)
    c = tl.program_id(1) * W + tl.arange(0, W)
    n = N // groups
    if RUNNING:
        centre = tl.load(batch + c, mask=c < C, other=0.0)
        spread = tl.load(batch + C + c, mask=c < C, other=0.0)
    else:
        centre, spread = pooled(mean, var, batch, group, c, N, C, groups, M, W)
    w = tl.load(weight + c, mask=c < C, other=0.0)
    g = tl.load(gate + c, mask=c < C, other=0.0)
    slope = (w * g / tl.sqrt(spread + EPS))[None, :]
    offset = tl.load(bias + c, mask=c < C, other=0.0)[None, :]
    for start in range(0, n, M):
        m, end = group * n + start + tl.arange(0, M), (group + 1) * n
        own = (w * (1 - g))[None, :] / tl.sqrt(tile(var, m, c, end, C) + EPS)
        put(a, slope + own, m, c, end, C)
        put(b, offset + slope * (tile(mean, m, c, end, C) - centre[None, :]), m, c, end, C)


@triton.jit(do_not_specialize=SIZES)
def batch_instance_back(
    mean, var, weight, gate, batch, g_a, g_b, c1, c2, g_weight, g_bias, g_gate, N, C, groups, count,
    RUNNING: tl.constexpr, EPS: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """All gradients; a program per channels."""
    c = tl.program_id(0) * W + tl.arange(0, W)
    dtype = mean.dtype.element_ty
    n = N // groups
    w = tl.load(weight + c, mask=c < C, other=0.0)
    g = tl.load(gate + c, mask=c < C, other=0.0)
    all_own, all_batch = tl.zeros((W,), dtype), tl.zeros((W,), dtype)
    all_bias = tl.zeros((W,), dtype)
    for group in range(groups):
        row = group * (0 if RUNNING else 1)
        centre = tl.load(batch + row * C + c, mask=c < C, other=0.0)
        rows_of_batch = 1 if RUNNING else groups
        spread = tl.load(batch + (rows_of_batch + row) * C + c, mask=c < C, other=1.0)
        inverse = 1 / tl.sqrt(spread + EPS)
        by_own, by_batch = tl.zeros((W,), dtype), tl.zeros((W,), dtype)
        by_bias = tl.zeros((W,), dtype)
        end = (group + 1) * n
        for start in range(0, n, M):
            m = group * n + start + tl.arange(0, M)
            up, below = tile(g_a, m, c, end, C), tile(g_b, m, c, end, C)
            by_own += tl.sum(up / tl.sqrt(tile(var, m, c, end, C) + EPS), 0)
            by_batch += tl.sum(below * (tile(mean, m, c, end, C) - centre[None, :]) + up, 0)
            by_bias += tl.sum(below, 0)
        by_batch *= inverse
        all_own += by_own
        all_batch += by_batch
        all_bias += by_bias
        slope = w * g * inverse
        shared = -0.5 * w * g * by_batch * inverse * inverse / n.to(dtype)
        for start in range(0, n, M):
            m = group * n + start + tl.arange(0, M)
            up, below = tile(g_a, m, c, end, C), tile(g_b, m, c, end, C)
            own = 1 / tl.sqrt(tile(var, m, c, end, C) + EPS)
            away = tile(mean, m, c, end, C) - centre[None, :]
            g_var = up * own * own * own * (-0.5 * w * (1 - g))[None, :]
            g_mean = -below * (own * (w * (1 - g))[None, :])
            if not RUNNING:
                g_var += shared[None, :]
                g_mean += away * (2 * shared)[None, :] - (slope * by_bias / n.to(dtype))[None, :]
            put(c1, g_mean / count.to(dtype), m, c, end, C)
            put(c2, g_var * (2 / count.to(dtype)), m, c, end, C)
    tl.store(g_weight + c, g * all_batch + (1 - g) * all_own, mask=c < C)
    tl.store(g_bias + c, all_bias, mask=c < C)
    tl.store(g_gate + c, w * (all_batch - all_own), mask=c < C)
