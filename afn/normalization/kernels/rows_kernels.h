/* The head for many rows of statistics (ASR, groups of test batches): `forward` and `backward`
 * of head_kernels.c for g rows, the matrix-vector products being matrix products here.
 *
 * Included by head_kernels.c once per type. Between the products everything is done row by row, so
 * that a row is in the nearest cache.
 */

#define BYTES 64
#define MR 8
#define KIND _wide
#include "product_kernels.h"
#define BYTES 32
#define MR 6
#define KIND _narrow
#include "product_kernels.h"

VARIANTS(NAME(product), JOIN(multiply_wide, SUFFIX), JOIN(multiply_narrow, SUFFIX),
         (long long m, long long n, long long k, const T *a, long long ar, long long ac, const T *b,
          long long br, long long bc, T *out, long long ld, int add, T *room),
         (m, n, k, a, ar, ac, b, br, bc, out, ld, add, room))

/* tanh as e / (e + 2) with e = exp(2 x) - 1, in operations that the compiler turns into vectors.
 * exp is a power of two times a Taylor polynomial about 0 over half an octave; NaN goes through. */
INLINE T NAME(smooth_tanh)(T x) {
    x = x > (T)TANH_IS_1 ? (T)TANH_IS_1 : x;
    x = x < -(T)TANH_IS_1 ? -(T)TANH_IS_1 : x;
    union {
        T value;
        BITS bits;
    } shifted, magic = {(T)1.5 * ((BITS)1 << MANTISSA)}, power;
    shifted.value = x * (T)2.8853900817779268 + magic.value; /* 2 / ln 2; rounds to whole numbers */
    const T whole = shifted.value - magic.value;
    const T r = (2 * x - whole * (T)LN2_HIGH) - whole * (T)LN2_LOW;
    T q = 1;
#define TERM(i) q = 1 + q * (r * (T)(1.0 / i));
    if (sizeof(T) > 4) { TERM(14) TERM(13) TERM(12) TERM(11) TERM(10) TERM(9) TERM(8) }
    TERM(7) TERM(6) TERM(5) TERM(4) TERM(3) TERM(2)
#undef TERM
    q *= r; /* exp(r) - 1 */
    power.bits = (shifted.bits - magic.bits + EXPONENT_OF_1) << MANTISSA;
    const T e = power.value * q + (power.value - 1);
    return e / (e + 2);
}

typedef struct {
    T *seen, *learned, *hat, *act, *hidden, *dropped;
} NAME(Kept);

/* What the backward pass needs: (2, g, c) each, hidden (2, g, k), dropped only with a mask. */
INLINE NAME(Kept) NAME(kept_rows)(T *kept, long long gc, long long gk) {
    return (NAME(Kept)){kept,          kept + 2 * gc, kept + 4 * gc,
                        kept + 6 * gc, kept + 8 * gc, kept + 8 * gc + 2 * gk};
}

INLINE void NAME(fuse_row)(const Config *f, const T *weight, const T *rest, int i, const T *bias,
                           const T *seen, T *learned, T *hat) {
    const T w = weight[i], other = rest[i], eps = (T)f->eps;
    const long long c = f->c;
    if (!f->s)
        INDEPENDENT for (long long j = 0; j < c; j++) hat[j] = seen[j];
    else if (f->alone && i)
        INDEPENDENT for (long long j = 0; j < c; j++) {
            learned[j] = NAME(relu)(learned[j] + bias[j]);
            hat[j] = SQRT(learned[j] * learned[j] + eps);
        }
    else if (f->alone)
        INDEPENDENT for (long long j = 0; j < c; j++) hat[j] = learned[j] = learned[j] + bias[j];
    else if (i)
        INDEPENDENT for (long long j = 0; j < c; j++) {
            learned[j] = NAME(relu)(learned[j] + bias[j]);
            hat[j] = w * learned[j] + other * seen[j];
        }
    else
        INDEPENDENT for (long long j = 0; j < c; j++) {
            learned[j] += bias[j];
            hat[j] = w * learned[j] + other * seen[j];
        }
}

/* out = bias + scale * act, with act = tanh(act + u0) or its sigmoid, tanh(z / 2) / 2 + 1/2 */
INLINE void NAME(rescale_row)(long long c, int sigmoid, T scale, const T *u0, const T *bias, T *act,
                              T *out) {
    const T half = sigmoid ? (T)0.5 : 1, shift = sigmoid ? (T)0.5 : 0;
    INDEPENDENT for (long long j = 0; j < c; j++) {
        act[j] = half * NAME(smooth_tanh)(half * (act[j] + u0[j])) + shift;
        out[j] = scale * act[j] + bias[j];
    }
}

INLINE void NAME(rows_forward_body)(const Config *f, const T *flat, const T *mean, const T *var,
        const T *mask, T *a, T *b, T *kept, T *room, long long g, double unbiased) {
    const long long c = f->c, s = f->s, r = f->r, k = s + r * (f->shared ? 1 : 2), gc = g * c;
    const NAME(Parts) p = NAME(parts)(f, flat);
    const NAME(Kept) q = NAME(kept_rows)(kept, gc, g * k);
    const T eps = (T)f->eps, more = (T)unbiased;
    const T scale[2] = {f->scaled && r ? p.l_rescale[0] : 1, f->scaled && r ? p.l_rescale[1] : 1};
    T weight[2] = {0, 0}, rest[2] = {0, 0};
    if (s && !f->alone) NAME(weights)(f, p.l_stan, weight, rest);

    INDEPENDENT for (long long j = 0; j < gc; j++) q.seen[j] = mean[j];
    if (f->released)
        INDEPENDENT for (long long j = 0; j < gc; j++) q.seen[gc + j] = SQRT(var[j] * more) + eps;
    else
        INDEPENDENT for (long long j = 0; j < gc; j++) q.seen[gc + j] = SQRT(var[j] + eps);
    const long long apart = mask ? s : 0; /* so many encoder rows read the dropped statistics */
    if (apart) {
        INDEPENDENT for (long long j = 0; j < 2 * gc; j++) q.dropped[j] = q.seen[j] * mask[j];
        NAME(product)(2 * g, s, c, q.dropped, c, 1, p.e, 1, c, q.hidden, k, 0, room);
    }
    if (k > apart)
        NAME(product)(2 * g, k - apart, c, q.seen, c, 1, p.e + apart * c, 1, c, q.hidden + apart, k,
                      0, room);
    for (long long n = 0; n < 2 * g; n++)
        INDEPENDENT for (long long j = 0; j < k; j++)
            q.hidden[n * k + j] = NAME(relu)(q.hidden[n * k + j] + p.e0[j]);
    for (int i = 0; i < 2; i++) {
        const T *h = q.hidden + i * g * k;
        if (s)
            NAME(product)(g, c, s, h, k, 1, p.d + i * c * s, 1, s, q.learned + i * gc, c, 0, room);
        if (r)
            NAME(product)(g, c, r, h + s + (i && !f->shared ? r : 0), k, 1, p.u + i * c * r, 1, r,
                          q.act + i * gc, c, 0, room);
    }
    for (long long n = 0; n < g; n++) {
        const long long at = n * c;
        T *hat = q.hat + at, *hat1 = hat + gc, *seen = q.seen + at, *left = a + at, *right = b + at;
        for (int i = 0; i < 2; i++) {
            const long long of = i * gc + at;
            NAME(fuse_row)(f, weight, rest, i, p.d0 + i * c, q.seen + of, q.learned + of, q.hat + of);
            if (r)
                NAME(rescale_row)(c, i, scale[i], p.u0 + i * c, p.bias + i * c, q.act + of,
                                  i ? left : right);
            else
                for (long long j = 0; j < c; j++) (i ? left : right)[j] = p.bias[i * c + j];
        }
        INDEPENDENT for (long long j = 0; j < c; j++) {
            left[j] = left[j] / hat1[j];
            right[j] += left[j] * (seen[j] - hat[j]);
        }
    }
}

VARIANTS(NAME(rows_forward), NAME(rows_forward_body), NAME(rows_forward_body),
         (const Config *f, const T *flat, const T *mean, const T *var, const T *mask, T *a, T *b, T
          *kept, T *room, long long g, double unbiased),
         (f, flat, mean, var, mask, a, b, kept, room, g, unbiased))

/* One row of one half: the gradients of z (the rescale decoder's), learned and seen from g_out, and
 * their sums over rows. `sums`: of g_out * act and of (seen - learned) * against. */
INLINE void NAME(back_row)(const Config *f, int i, T scale, T w, T other, const T *a, const T *g_out,
                           const T *act, const T *seen, const T *learned, const T *hat, T *g_z,
                           T *g_learned, T *g_seen, T *gu0, T *gd0, T *sums) {
    const long long c = f->c;
    const T one = i ? 0 : 1;
    T *weighed = sums + c;
    if (f->r)
        INDEPENDENT for (long long j = 0; j < c; j++) {
            g_z[j] = (1 - act[j]) * (act[j] + one) * (scale * g_out[j]);
            gu0[j] += g_z[j];
            sums[j] += g_out[j] * act[j];
        }
    /* g_out * a is minus the gradient of hat */
    if (!f->s)
        INDEPENDENT for (long long j = 0; j < c; j++) g_seen[j] = -(g_out[j] * a[j]);
    else if (f->alone)
        INDEPENDENT for (long long j = 0; j < c; j++) {
            const T against = g_out[j] * a[j];
            g_learned[j] = i ? -against * (learned[j] / hat[j]) : -against;
            gd0[j] += g_learned[j];
            g_seen[j] = 0;
        }
    else
        INDEPENDENT for (long long j = 0; j < c; j++) {
            const T against = g_out[j] * a[j];
            const T slope = -w * against;
            g_learned[j] = i && !(learned[j] > 0) ? 0 : slope;
            gd0[j] += g_learned[j];
            g_seen[j] = -other * against;
            weighed[j] += (seen[j] - learned[j]) * against;
        }
}

/* out (2, g, c): c1 and c2; and the gradient of flat. work: 6 g c + 2 g k + 6 c values. */
INLINE void NAME(rows_backward_body)(const Config *f, const T *flat, const T *a, T *kept, const T
        *mask, const T *g_a, const T *g_b, T *out, T *grad, T *room, T *work, long long g, double
        unbiased, double count) {
    const long long c = f->c, s = f->s, r = f->r, k = s + r * (f->shared ? 1 : 2), gc = g * c;
    const NAME(Parts) p = NAME(parts)(f, flat);
    const NAME(Parts) w = NAME(parts)(f, grad);
    const NAME(Kept) q = NAME(kept_rows)(kept, gc, g * k);
    T *g_z = work, *g_learned = work + 2 * gc, *g_drop = work + 4 * gc, *g_hidden = work + 6 * gc;
    T *g_out = g_hidden + 2 * g * k, *sums = g_out + 2 * c;
    const T scale[2] = {f->scaled && r ? p.l_rescale[0] : 1, f->scaled && r ? p.l_rescale[1] : 1};
    T weight[2] = {0, 0}, rest[2] = {0, 0};
    if (s && !f->alone) NAME(weights)(f, p.l_stan, weight, rest);

    for (T *at = grad; at < (T *)w.l_rescale; at++) *at = 0; /* e and the decoders are written over */
    for (long long j = 0; j < 4 * c; j++) sums[j] = 0;
    for (long long n = 0; n < g; n++) {
        const long long at = n * c;
        const T *seen = q.seen + at, *hat = q.hat + at, *hat1 = hat + gc, *up = g_a + at;
        const T *level = g_b + at;
        T *bias = (T *)w.bias;
        INDEPENDENT for (long long j = 0; j < c; j++) {
            g_out[j] = level[j];
            g_out[c + j] = (up[j] + (seen[j] - hat[j]) * level[j]) / hat1[j];
            bias[j] += g_out[j];
            bias[c + j] += g_out[c + j];
        }
        for (int i = 0; i < 2; i++) {
            const long long of = i * gc + at;
            NAME(back_row)(f, i, scale[i], weight[i], rest[i], a + at, g_out + i * c, q.act + of,
                           q.seen + of, q.learned + of, q.hat + of, g_z + of, g_learned + of,
                           out + of, (T *)w.u0 + i * c, (T *)w.d0 + i * c, sums + 2 * i * c);
        }
    }
    for (int i = 0; i < 2; i++) {
        T scaled = 0, weighed = 0;
        for (long long j = 0; j < c; j++) {
            scaled += sums[2 * i * c + j];
            weighed += sums[(2 * i + 1) * c + j];
        }
        if (r && f->scaled) ((T *)w.l_rescale)[i] = scaled;
        if (s && f->learned) ((T *)w.l_stan)[i] = weighed * (weight[i] * rest[i]);
    }
    if (r && !f->shared) /* two parts of it are nobody's */
        for (long long j = 0; j < 2 * g * k; j++) g_hidden[j] = 0;
    for (int i = 0; i < 2; i++) {
        const long long from = i * g * k, to = from + s + (i && !f->shared ? r : 0);
        const T *z = g_z + i * gc, *l = g_learned + i * gc;
        if (r) {
            NAME(product)(c, r, g, z, 1, c, q.hidden + to, k, 1, (T *)w.u + i * c * r, r, 0, room);
            NAME(product)(g, r, c, z, c, 1, p.u + i * c * r, r, 1, g_hidden + to, k, 0, room);
        }
        if (s) {
            NAME(product)(c, s, g, l, 1, c, q.hidden + from, k, 1, (T *)w.d + i * c * s, s, 0, room);
            NAME(product)(g, s, c, l, c, 1, p.d + i * c * s, s, 1, g_hidden + from, k, 0, room);
        }
    }
    for (long long n = 0; n < 2 * g; n++) {
        T *slope = g_hidden + n * k, *sum = (T *)w.e0;
        const T *hidden = q.hidden + n * k;
        INDEPENDENT for (long long j = 0; j < k; j++) {
            slope[j] = hidden[j] > 0 ? slope[j] : 0;
            sum[j] += slope[j];
        }
    }
    const long long apart = mask ? s : 0;
    if (apart) {
        NAME(product)(s, c, 2 * g, g_hidden, 1, k, q.dropped, c, 1, (T *)w.e, c, 0, room);
        NAME(product)(2 * g, c, s, g_hidden, k, 1, p.e, c, 1, g_drop, c, 0, room);
        INDEPENDENT for (long long j = 0; j < 2 * gc; j++) out[j] += g_drop[j] * mask[j];
    }
    if (k > apart) {
        T *ge = (T *)w.e + apart * c;
        NAME(product)(k - apart, c, 2 * g, g_hidden + apart, 1, k, q.seen, c, 1, ge, c, 0, room);
        NAME(product)(2 * g, c, k - apart, g_hidden + apart, k, 1, p.e + apart * c, c, 1, out, c, 1,
                      room);
    }
    /* as in backward: the slope in x - mean is g_sigma / (sigma * count) */
    const T share = (T)(1 / count), more = (T)unbiased, eps = (T)f->eps;
    const T *sigma = q.seen + gc;
    INDEPENDENT for (long long j = 0; j < gc; j++) {
        out[j] *= share;
        out[gc + j] = out[gc + j] * share / sigma[j];
    }
    if (f->released)
        INDEPENDENT for (long long j = 0; j < gc; j++)
            out[gc + j] *= more * sigma[j] / (sigma[j] - eps);
}

VARIANTS(NAME(rows_backward), NAME(rows_backward_body), NAME(rows_backward_body),
         (const Config *f, const T *flat, const T *a, T *kept, const T *mask, const T *g_a, const T
          *g_b, T *out, T *grad, T *room, T *work, long long g, double unbiased, double count),
         (f, flat, a, kept, mask, g_a, g_b, out, grad, room, work, g, unbiased, count))
