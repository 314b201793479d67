"""The head of switchable normalisation as Triton kernels: two launches forward, two backward.

In and out: as in `triton_mixed`, for the head of `methods.switchable`. ``layer`` (2, N) holds the
layer statistics of each sample, ``batch`` (2, groups, C) the batch statistics of each group.
"""

from __future__ import annotations

import triton
import triton.language as tl

from afn.normalization.kernels.triton_mixed import pooled, put, tile

SIZES = ["N", "C", "groups", "count", "down"]


@triton.jit
def softmax(raw):
    """The softmax of three numbers."""
    x, y, z = tl.load(raw), tl.load(raw + 1), tl.load(raw + 2)
    most = tl.maximum(tl.maximum(x, y), z)
    x, y, z = tl.exp(x - most), tl.exp(y - most), tl.exp(z - most)
    total = x + y + z
    return x / total, y / total, z / total


@triton.jit
def of_layer(mean, var, layer, m, N, C, M: tl.constexpr, W: tl.constexpr):
    """Layer mean and variance of some rows, stored in ``layer`` (2, N)."""
    dtype = mean.dtype.element_ty
    total, spread = tl.zeros((M,), dtype), tl.zeros((M,), dtype)
    for start in range(0, C, W):
        total += tl.sum(tile(mean, m, start + tl.arange(0, W), N, C), 1)
    centre = total / C.to(dtype)
    for start in range(0, C, W):
        c = start + tl.arange(0, W)
        away = tile(mean, m, c, N, C) - centre[:, None]
        value = tile(var, m, c, N, C) + away * away
        spread += tl.sum(tl.where((c < C)[None, :], value, 0.0), 1)
    tl.store(layer + m, centre, mask=m < N)
    tl.store(layer + N + m, spread / C.to(dtype), mask=m < N)


@triton.jit(do_not_specialize=SIZES)
def switchable_statistics(
    mean, var, layer, batch, N, C, groups, down,
    RUNNING: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """Layer statistics in the first ``down`` programs, batch statistics in the others."""
    p = tl.program_id(0)
    if p < down:
        of_layer(mean, var, layer, p * M + tl.arange(0, M), N, C, M, W)
    else:
        if not RUNNING:
            p -= down
            c = p // groups * W + tl.arange(0, W)
            pooled(mean, var, batch, p % groups, c, N, C, groups, M, W)


@triton.jit
def mixed(
    mean, var, layer, batch, raw_p, raw_q, m, c, N, C, groups,
    RUNNING: tl.constexpr, EPS: tl.constexpr,
):  # fmt: skip
    """mean - mixed mean, and 1 / sqrt(mixed variance + eps), of a tile."""
    p0, p1, p2 = softmax(raw_p)
    q0, q1, q2 = softmax(raw_q)
    rows = 1 if RUNNING else groups
    group = m // (N // groups) * (0 if RUNNING else 1)
    there = (m < N)[:, None] & (c < C)[None, :]
    at = group[:, None] * C + c[None, :]
    centre = p2 * tl.load(batch + at, mask=there, other=0.0)
    spread = q2 * tl.load(batch + rows * C + at, mask=there, other=1.0)
    own = tile(mean, m, c, N, C)
    centre += p0 * own + p1 * tl.load(layer + m, mask=m < N, other=0.0)[:, None]
    spread += q0 * tile(var, m, c, N, C)
    spread += q1 * tl.load(layer + N + m, mask=m < N, other=1.0)[:, None]
    return own - centre, 1 / tl.sqrt(spread + EPS)


@triton.jit(do_not_specialize=SIZES)
def switchable(
    mean, var, layer, batch, weight, bias, raw_p, raw_q, a, b, N, C, groups,
    RUNNING: tl.constexpr, EPS: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """a and b; a program per tile."""
    m = tl.program_id(0) * M + tl.arange(0, M)
    c = tl.program_id(1) * W + tl.arange(0, W)
    moved, inverse = mixed(mean, var, layer, batch, raw_p, raw_q, m, c, N, C, groups, RUNNING, EPS)
    factor = tl.load(weight + c, mask=c < C, other=0.0)[None, :] * inverse
    put(a, factor, m, c, N, C)
    put(b, tl.load(bias + c, mask=c < C, other=0.0)[None, :] + factor * moved, m, c, N, C)


@triton.jit
def slopes(
    mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, m, c, N, C, groups,
    RUNNING: tl.constexpr, EPS: tl.constexpr,
):  # fmt: skip
    """Of a tile: minus the slope of the mixed mean, the slope of the mixed variance, and what the
    weight's gradient sums."""
    moved, inverse = mixed(mean, var, layer, batch, raw_p, raw_q, m, c, N, C, groups, RUNNING, EPS)
    factor = tl.load(weight + c, mask=c < C, other=0.0)[None, :] * inverse
    below = tile(g_b, m, c, N, C)
    step = below * moved + tile(g_a, m, c, N, C)
    return below * factor, -0.5 * step * factor * inverse * inverse, step * inverse


@triton.jit
def sums_of_rows(
    mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, over, p, N, C, groups,
    RUNNING: tl.constexpr, EPS: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """Sums of `slopes` over channels, in ``over`` (2, N)."""
    m = p * M + tl.arange(0, M)
    dtype = mean.dtype.element_ty
    by_mean, by_var = tl.zeros((M,), dtype), tl.zeros((M,), dtype)
    for start in range(0, C, W):
        minus, g_var, _ = slopes(
            mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b,
            m, start + tl.arange(0, W), N, C, groups, RUNNING, EPS,
        )  # fmt: skip
        by_mean += tl.sum(minus, 1)
        by_var += tl.sum(g_var, 1)
    tl.store(over + m, by_mean, mask=m < N)
    tl.store(over + N + m, by_var, mask=m < N)


@triton.jit
def sums_of_channels(
    mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, below, dots, g_weight, g_bias,
    p, N, C, groups,
    RUNNING: tl.constexpr, EPS: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """Sums of `slopes` over the rows of each group, in ``below`` (2, groups, C); sums of their
    products with the statistics, in ``dots`` (4, C); and the gradients of weight and bias."""
    c = p * W + tl.arange(0, W)
    dtype = mean.dtype.element_ty
    n = N // groups
    by_weight, by_bias = tl.zeros((W,), dtype), tl.zeros((W,), dtype)
    dot_mean, dot_var = tl.zeros((W,), dtype), tl.zeros((W,), dtype)
    dot_batch, dot_spread = tl.zeros((W,), dtype), tl.zeros((W,), dtype)
    for group in range(groups):
        by_mean, by_var = tl.zeros((W,), dtype), tl.zeros((W,), dtype)
        for start in range(0, n, M):
            m = group * n + start + tl.arange(0, M)
            minus, g_var, step = slopes(
                mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, m, c, N, C, groups,
                RUNNING, EPS,
            )  # fmt: skip
            there = (m < (group + 1) * n)[:, None]
            minus, g_var = tl.where(there, minus, 0.0), tl.where(there, g_var, 0.0)
            by_weight += tl.sum(tl.where(there, step, 0.0), 0)
            by_bias += tl.sum(tile(g_b, m, c, (group + 1) * n, C), 0)
            by_mean += tl.sum(minus, 0)
            by_var += tl.sum(g_var, 0)
            dot_mean += tl.sum(minus * tile(mean, m, c, N, C), 0)
            dot_var += tl.sum(g_var * tile(var, m, c, N, C), 0)
        tl.store(below + group * C + c, by_mean, mask=c < C)
        tl.store(below + (groups + group) * C + c, by_var, mask=c < C)
        rows, row = (1 if RUNNING else groups), group * (0 if RUNNING else 1)
        dot_batch += by_mean * tl.load(batch + row * C + c, mask=c < C, other=0.0)
        dot_spread += by_var * tl.load(batch + (rows + row) * C + c, mask=c < C, other=0.0)
    tl.store(g_weight + c, by_weight, mask=c < C)
    tl.store(g_bias + c, by_bias, mask=c < C)
    tl.store(dots + c, dot_mean, mask=c < C)
    tl.store(dots + C + c, dot_var, mask=c < C)
    tl.store(dots + 2 * C + c, dot_batch, mask=c < C)
    tl.store(dots + 3 * C + c, dot_spread, mask=c < C)


@triton.jit(do_not_specialize=SIZES)
def switchable_sums(
    mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, over, below, dots, g_weight, g_bias,
    N, C, groups, down,
    RUNNING: tl.constexpr, EPS: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """Sums over channels in the first ``down`` programs, over rows in the others."""
    p = tl.program_id(0)
    if p < down:
        sums_of_rows(
            mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, over, p, N, C, groups,
            RUNNING, EPS, M, W,
        )  # fmt: skip
    else:
        sums_of_channels(
            mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, below, dots, g_weight, g_bias,
            p - down, N, C, groups, RUNNING, EPS, M, W,
        )  # fmt: skip


@triton.jit
def total(values, weights, n, WEIGHTED: tl.constexpr, W: tl.constexpr):
    """The sum of n values, or of their products with others, in one order."""
    acc = tl.zeros((W,), values.dtype.element_ty)
    for start in range(0, n, W):
        at = start + tl.arange(0, W)
        value = tl.load(values + at, mask=at < n, other=0.0)
        if WEIGHTED:
            value *= tl.load(weights + at, mask=at < n, other=0.0)
        acc += value
    return tl.sum(acc, 0)


@triton.jit
def put_softmax(pointer, raw, x, y, z):
    """The gradient of three raw weights from that of their softmax."""
    p0, p1, p2 = softmax(raw)
    mean = p0 * x + p1 * y + p2 * z
    tl.store(pointer, p0 * (x - mean))
    tl.store(pointer + 1, p1 * (y - mean))
    tl.store(pointer + 2, p2 * (z - mean))


@triton.jit(do_not_specialize=SIZES)
def switchable_back(
    mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, over, below, dots, c1, c2, g_p, g_q,
    N, C, groups, count,
    RUNNING: tl.constexpr, EPS: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """What the statistics hand to x, a program per tile; the weights' gradients in the first."""
    m = tl.program_id(0) * M + tl.arange(0, M)
    c = tl.program_id(1) * W + tl.arange(0, W)
    dtype = mean.dtype.element_ty
    minus, g_var, _ = slopes(
        mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, m, c, N, C, groups, RUNNING, EPS
    )
    p0, p1, p2 = softmax(raw_p)
    q0, q1, q2 = softmax(raw_q)
    own = tile(mean, m, c, N, C)
    rows = tl.load(over + m, mask=m < N, other=0.0)[:, None]
    columns = tl.load(over + N + m, mask=m < N, other=0.0)[:, None]
    centre = tl.load(layer + m, mask=m < N, other=0.0)[:, None]
    channels, n = C.to(dtype), (N // groups).to(dtype)
    g_mean = -p0 * minus - p1 / channels * rows + (own - centre) * (2 * q1 / channels) * columns
    new_var = q0 * g_var + q1 / channels * columns
    if not RUNNING:
        there = (m < N)[:, None] & (c < C)[None, :]
        at = (m // (N // groups))[:, None] * C + c[None, :]
        g_mean -= p2 / n * tl.load(below + at, mask=there, other=0.0)
        spread = tl.load(below + groups * C + at, mask=there, other=0.0)
        g_mean += (own - tl.load(batch + at, mask=there, other=0.0)) * (2 * q2 / n) * spread
        new_var += q2 / n * spread
    put(c1, g_mean / count.to(dtype), m, c, N, C)
    put(c2, new_var * (2 / count.to(dtype)), m, c, N, C)
    if tl.program_id(0) + tl.program_id(1) == 0:
        x, y = total(dots, dots, C, False, W), total(dots + C, dots, C, False, W)
        layers, spreads = total(over, layer, N, True, W), total(over + N, layer + N, N, True, W)
        batches = total(dots + 2 * C, dots, C, False, W)
        wide = total(dots + 3 * C, dots, C, False, W)
        put_softmax(g_p, raw_p, -x, -layers, -batches)
        put_softmax(g_q, raw_q, y, spreads, wide)
