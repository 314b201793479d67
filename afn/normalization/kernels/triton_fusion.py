"""AFN's head as Triton kernels: two launches forward, three backward, for one row and for many.

In: statistics (G, C), the flat parameters and their slopes, as `heads.triton_head` hands them over,
which also says how programs are shared out. Out: what `heads.head.TorchHead` computes. The names
are those of `heads.head`: seen (2, G, C) are mean and sigma, hidden (2, G, K) what the stacked
encoders give, of which the first S columns serve the standardisation; row t of a pair is mean or
beta (0), scale or gamma (1). Every sum has one order, so the same input gives the same bits.

Sums over rows and channels go tile by tile: ``M`` rows, ``N`` channels, ``W`` columns of hidden.
``DOT`` takes Triton's matrix product, which wants tiles of 16 at least.
"""

from __future__ import annotations

import triton
import triton.language as tl

from afn.normalization.kernels.triton_tiles import (
    back_to_hidden,
    back_to_x,
    columns,
    decoded,
    encoder_gradient,
    fused,
    outer,
    product,
    seen_tile,
    sigmoid,
    summed,
)

SIZES = ["G", "C", "S", "R", "K", "count", "tiles", "blocks"]
"""Arguments for whose values nothing is compiled anew."""


@triton.jit(do_not_specialize=SIZES)
def encode(
    mean, var, mask, e, e0, hidden, G, C, S, K, count,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
    MASKED: tl.constexpr, EPS: tl.constexpr, RELEASED: tl.constexpr,
):  # fmt: skip
    """hidden = relu(seen e' + e0), a program per statistic, rows and columns."""
    t = tl.program_id(0)
    m = tl.program_id(1) * M + tl.arange(0, M)
    k, end, stan = columns(tl.program_id(2), S, K, W)
    acc = tl.zeros((M, W), hidden.dtype.element_ty)
    for start in range(0, C, N):
        c = start + tl.arange(0, N)
        inside = (m < G)[:, None] & (c < C)[None, :]
        x = seen_tile(mean, var, t, m, c, inside, C, count, EPS, RELEASED)
        if MASKED:
            kept = tl.load(mask + (t * G + m[:, None]) * C + c[None, :], mask=inside, other=0.0)
            x = tl.where(stan, x * kept, x)
        x = tl.where(inside, x, 0.0)
        there = (k < end)[:, None] & (c < C)[None, :]
        rows = tl.load(e + k[:, None] * C + c[None, :], mask=there, other=0.0)
        acc = product(x, rows, acc, DOT)
    acc += tl.load(e0 + k, mask=k < end, other=0.0)[None, :]
    there = (m < G)[:, None] & (k < end)[None, :]
    tl.store(hidden + (t * G + m[:, None]) * K + k[None, :], tl.maximum(acc, 0.0), mask=there)


@triton.jit(do_not_specialize=SIZES)
def decode(
    mean, var, hidden, d, d0, u, u0, bias, l_stan, l_rescale, a, b, learned, hat, act,
    G, C, S, R, K, count,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
    STAN: tl.constexpr, RESCALE: tl.constexpr, SHARED: tl.constexpr, LEARNED: tl.constexpr,
    SCALED: tl.constexpr, FROZEN: tl.constexpr, EPS: tl.constexpr, RELEASED: tl.constexpr,
):  # fmt: skip
    """a and b, and what backward needs: learned, hat and act (2, G, C)."""
    m = tl.program_id(0) * M + tl.arange(0, M)
    c = tl.program_id(1) * N + tl.arange(0, N)
    inside = (m < G)[:, None] & (c < C)[None, :]
    at = m[:, None] * C + c[None, :]
    mu = seen_tile(mean, var, 0, m, c, inside, C, count, EPS, RELEASED)
    sigma = seen_tile(mean, var, 1, m, c, inside, C, count, EPS, RELEASED)
    mu_hat, sigma_hat = mu, sigma
    if STAN:
        mu_l = decoded(hidden, d, d0, 0, m, c, G, C, K, 0, S, M, N, W, DOT)
        sigma_l = decoded(hidden, d, d0, 1, m, c, G, C, K, 0, S, M, N, W, DOT)
        sigma_l = tl.maximum(sigma_l, 0.0)
        tl.store(learned + at, mu_l, mask=inside)
        tl.store(learned + G * C + at, sigma_l, mask=inside)
        mu_hat = fused(mu_l, mu, l_stan, 0, EPS, FROZEN, LEARNED)
        sigma_hat = fused(sigma_l, sigma, l_stan, 1, EPS, FROZEN, LEARNED)
    tl.store(hat + at, mu_hat, mask=inside)
    tl.store(hat + G * C + at, sigma_hat, mask=inside)
    beta = tl.load(bias + c, mask=c < C, other=0.0)[None, :]
    gamma = tl.load(bias + C + c, mask=c < C, other=0.0)[None, :]
    if RESCALE:
        z = decoded(hidden, u, u0, 0, m, c, G, C, K, S, R, M, N, W, DOT)
        beta_z = 2 * sigmoid(2 * z) - 1
        z = decoded(hidden, u, u0, 1, m, c, G, C, K, S if SHARED else S + R, R, M, N, W, DOT)
        gamma_z = sigmoid(z)
        tl.store(act + at, beta_z, mask=inside)
        tl.store(act + G * C + at, gamma_z, mask=inside)
        if SCALED:
            beta_z *= tl.load(l_rescale)
            gamma_z *= tl.load(l_rescale + 1)
        beta += beta_z
        gamma += gamma_z
    factor = gamma / sigma_hat
    tl.store(a + at, factor, mask=inside)
    tl.store(b + at, beta + factor * (mu - mu_hat), mask=inside)


@triton.jit(do_not_specialize=SIZES)
def slopes(
    mean, var, a, learned, hat, act, g_a, g_b, l_stan, l_rescale,
    g_seen, g_learned, g_act, g_d0, g_u0, g_bias, sums, G, C, count,
    M: tl.constexpr, N: tl.constexpr,
    STAN: tl.constexpr, RESCALE: tl.constexpr, LEARNED: tl.constexpr, SCALED: tl.constexpr,
    FROZEN: tl.constexpr, EPS: tl.constexpr, RELEASED: tl.constexpr,
):  # fmt: skip
    """A program per statistic and channels: slopes up to the decoders, and their sums over rows.

    ``sums`` (4, C) are those of the lambdas before the sum over channels.
    """
    t = tl.program_id(0)
    c = tl.program_id(1) * N + tl.arange(0, N)
    dtype = g_seen.dtype.element_ty
    by_bias, by_learned = tl.zeros((N,), dtype), tl.zeros((N,), dtype)
    by_act, by_stan = tl.zeros((N,), dtype), tl.zeros((N,), dtype)
    by_rescale = tl.zeros((N,), dtype)
    weight = tl.full((), FROZEN, dtype)
    rest = 1 - weight
    if LEARNED:
        weight, rest = sigmoid(tl.load(l_stan + t)), sigmoid(-tl.load(l_stan + t))
    for start in range(0, G, M):
        m = start + tl.arange(0, M)
        inside = (m < G)[:, None] & (c < C)[None, :]
        at = m[:, None] * C + c[None, :]
        own = t * G * C + at
        factor = tl.load(a + at, mask=inside, other=0.0)
        below = tl.load(g_b + at, mask=inside, other=0.0)
        statistic = tl.load(hat + own, mask=inside, other=1.0)
        if t == 0:
            out = below
        else:
            mu_hat = tl.load(hat + at, mask=inside, other=0.0)
            moved = tl.load(mean + at, mask=inside, other=0.0) - mu_hat
            out = (moved * below + tl.load(g_a + at, mask=inside, other=0.0)) / statistic
        by_bias += tl.sum(out, 0)
        against = out * factor
        if RESCALE:
            z = tl.load(act + own, mask=inside, other=0.0)
            step = out * (1 - z) * (z + (1 - t))  # of tanh (1 - z)(1 + z), of sigmoid (1 - z) z
            if SCALED:
                by_rescale += tl.sum(out * z, 0)
                step *= tl.load(l_rescale + t)
            by_act += tl.sum(step, 0)
            tl.store(g_act + own, step, mask=inside)
        if STAN:
            value = tl.load(learned + own, mask=inside, other=0.0)
            if FROZEN == 1.0:
                back = -against
                if t == 1:
                    back *= value / statistic
                left = tl.zeros_like(against)
            else:
                seen = seen_tile(mean, var, t, m, c, inside, C, count, EPS, RELEASED)
                by_stan += tl.sum(tl.where(inside, (seen - value) * against, 0.0), 0)
                back = -against * weight
                if t == 1:
                    back = tl.where(value > 0, back, 0.0)
                left = -against * rest
            by_learned += tl.sum(back, 0)
            tl.store(g_learned + own, back, mask=inside)
        else:
            left = -against
        tl.store(g_seen + own, left, mask=inside)
    tl.store(g_bias + t * C + c, by_bias, mask=c < C)
    if STAN:
        tl.store(g_d0 + t * C + c, by_learned, mask=c < C)
        tl.store(sums + t * C + c, by_stan * weight * rest, mask=c < C)
    if RESCALE:
        tl.store(g_u0 + t * C + c, by_act, mask=c < C)
        tl.store(sums + (2 + t) * C + c, by_rescale, mask=c < C)


@triton.jit(do_not_specialize=SIZES)
def decoders(
    g_learned, g_act, hidden, d, u, g_d, g_u, g_hidden, G, C, S, R, K, tiles, blocks,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
    STAN: tl.constexpr, RESCALE: tl.constexpr, SHARED: tl.constexpr,
):  # fmt: skip
    """Gradients of the decoders, and the slopes of hidden; a program per tile.

    The first ``tiles`` programs of a statistic make the gradients, ``blocks`` columns of tiles for
    each row of them; the others the slopes.
    """
    t, p = tl.program_id(0), tl.program_id(1)
    second = S + t * (0 if SHARED else R)
    if p < tiles:
        block, of_stan = p % blocks, tl.cdiv(S, W)
        if STAN:
            if block < of_stan:
                outer(g_learned, hidden, g_d, t, p // blocks, block, G, C, K, 0, S, M, N, W, DOT)
        if RESCALE:
            if block >= of_stan:
                block -= of_stan
                outer(g_act, hidden, g_u, t, p // blocks, block, G, C, K, second, R, M, N, W, DOT)
    else:
        back_to_hidden(
            g_learned, g_act, hidden, d, u, g_hidden, t, p - tiles, second, G, C, S, R, K,
            M, N, W, DOT, STAN, RESCALE,
        )  # fmt: skip


@triton.jit(do_not_specialize=SIZES)
def encoders(
    mean, var, mask, e, g_hidden, g_seen, sums, c1, c2, g_e, g_e0, g_stan, g_rescale,
    G, C, S, K, count, tiles,
    M: tl.constexpr, N: tl.constexpr, W: tl.constexpr, DOT: tl.constexpr,
    MASKED: tl.constexpr, LEARNED: tl.constexpr, SCALED: tl.constexpr,
    EPS: tl.constexpr, RELEASED: tl.constexpr,
):  # fmt: skip
    """Gradients of the encoders and of the lambdas, and what the statistics hand to x.

    The first ``tiles`` programs make the gradients.
    """
    p = tl.program_id(0)
    if p < tiles:
        encoder_gradient(
            mean, var, mask, g_hidden, g_e, g_e0, p, G, C, S, K, count,
            M, N, W, DOT, MASKED, EPS, RELEASED,
        )  # fmt: skip
    else:
        back_to_x(
            mean, var, mask, e, g_hidden, g_seen, c1, c2, p - tiles, G, C, S, K, count,
            M, N, W, DOT, MASKED, EPS, RELEASED,
        )  # fmt: skip
    if p == 0:
        if LEARNED:
            tl.store(g_stan, summed(sums, C, N))
            tl.store(g_stan + 1, summed(sums + C, C, N))
        if SCALED:
            tl.store(g_rescale, summed(sums + 2 * C, C, N))
            tl.store(g_rescale + 1, summed(sums + 3 * C, C, N))
