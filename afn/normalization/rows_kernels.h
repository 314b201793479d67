/* The head for many rows of statistics (ASR, groups of test batches): `forward`, `finish` and
 * `backward` of head_kernels.c for g rows, the matrix-vector products being matrix products here.
 *
 * Included by head_kernels.c once per type. Between rows_forward and rows_finish the caller takes
 * the tanh of `act`: torch's is a vector function, the C library's is not.
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

INLINE void NAME(fill_rows)(T *restrict out, const T *restrict row, long long g, long long c) {
    for (long long i = 0; i < g; i++, out += c)
        for (long long j = 0; j < c; j++) out[j] = row[j];
}

typedef struct {
    T *seen, *learned, *hat, *act, *hidden, *dropped;
} NAME(Kept);

/* What the backward pass needs: (2, g, c) each, hidden (2, g, k), dropped only with a mask. */
INLINE NAME(Kept) NAME(kept_rows)(T *kept, long long gc, long long gk) {
    return (NAME(Kept)){kept,          kept + 2 * gc, kept + 4 * gc,
                        kept + 6 * gc, kept + 8 * gc, kept + 8 * gc + 2 * gk};
}

WIDE EXPORT void NAME(rows_forward)(const Config *f, const T *flat, const T *mean, const T *var,
                                    const T *mask, T *kept, T *room, long long g,
                                    double unbiased) {
    const long long c = f->c, s = f->s, r = f->r, k = s + r * (f->shared ? 1 : 2), gc = g * c;
    const NAME(Parts) p = NAME(parts)(f, flat);
    const NAME(Kept) q = NAME(kept_rows)(kept, gc, g * k);
    T *restrict seen = q.seen, *restrict hidden = q.hidden, *restrict learned = q.learned;
    T *restrict act = q.act, *restrict hat = q.hat;
    T weight[2], rest[2];

    for (long long j = 0; j < gc; j++) seen[j] = mean[j];
    if (f->released)
        for (long long j = 0; j < gc; j++) seen[gc + j] = SQRT(var[j] * (T)unbiased) + (T)f->eps;
    else
        for (long long j = 0; j < gc; j++) seen[gc + j] = SQRT(var[j] + (T)f->eps);
    NAME(fill_rows)(hidden, p.e0, 2 * g, k);
    const long long apart = mask ? s : 0; /* so many encoder rows read the dropped statistics */
    if (apart) {
        for (long long j = 0; j < 2 * gc; j++) q.dropped[j] = seen[j] * mask[j];
        NAME(product)(2 * g, s, c, q.dropped, c, 1, p.e, 1, c, hidden, k, 1, room);
    }
    if (k > apart)
        NAME(product)(2 * g, k - apart, c, seen, c, 1, p.e + apart * c, 1, c, hidden + apart, k, 1,
                      room);
    for (long long j = 0; j < 2 * g * k; j++) hidden[j] = NAME(relu)(hidden[j]);

    if (!s) {
        for (long long j = 0; j < 2 * gc; j++) hat[j] = seen[j];
    } else {
        for (int i = 0; i < 2; i++) {
            NAME(fill_rows)(learned + i * gc, p.d0 + i * c, g, c);
            NAME(product)(g, c, s, hidden + i * g * k, k, 1, p.d + i * c * s, 1, s, learned + i * gc,
                          c, 1, room);
        }
        for (long long j = gc; j < 2 * gc; j++) learned[j] = NAME(relu)(learned[j]);
        if (f->alone) {
            for (long long j = 0; j < gc; j++) {
                hat[j] = learned[j];
                hat[gc + j] = SQRT(learned[gc + j] * learned[gc + j] + (T)f->eps);
            }
        } else {
            NAME(weights)(f, p.l_stan, weight, rest);
            for (int i = 0; i < 2; i++)
                for (long long j = i * gc; j < (i + 1) * gc; j++)
                    hat[j] = weight[i] * learned[j] + rest[i] * seen[j];
        }
    }
    for (int i = 0; r && i < 2; i++) {
        const T *h = hidden + i * g * k + s + (i && !f->shared ? r : 0);
        NAME(fill_rows)(act + i * gc, p.u0 + i * c, g, c);
        NAME(product)(g, c, r, h, k, 1, p.u + i * c * r, 1, r, act + i * gc, c, 1, room);
    }
    if (r) /* sigmoid(z) = tanh(z / 2) / 2 + 1/2 */
        for (long long j = gc; j < 2 * gc; j++) act[j] *= (T)0.5;
}

/* a and b, once `act` holds the tanh of what rows_forward left there. */
WIDE EXPORT void NAME(rows_finish)(const Config *f, const T *flat, T *kept, T *restrict a,
                                   T *restrict b, long long g) {
    const long long c = f->c, gc = g * c, r = f->r;
    const NAME(Parts) p = NAME(parts)(f, flat);
    const NAME(Kept) q = NAME(kept_rows)(kept, gc, 0);
    const T scale[2] = {f->scaled && r ? p.l_rescale[0] : 1, f->scaled && r ? p.l_rescale[1] : 1};
    for (long long n = 0; n < g; n++, a += c, b += c) {
        T *restrict low = q.act + n * c, *restrict high = low + gc;
        const T *restrict seen = q.seen + n * c, *restrict hat = q.hat + n * c;
        const T *restrict hat1 = hat + gc, *restrict add0 = p.bias, *restrict add1 = p.bias + c;
        if (r)
            for (long long j = 0; j < c; j++) {
                high[j] = (T)0.5 * high[j] + (T)0.5;
                a[j] = (scale[1] * high[j] + add1[j]) / hat1[j];
                b[j] = scale[0] * low[j] + add0[j];
            }
        else
            for (long long j = 0; j < c; j++) {
                a[j] = add1[j] / hat1[j];
                b[j] = add0[j];
            }
        for (long long j = 0; j < c; j++) b[j] += a[j] * (seen[j] - hat[j]);
    }
}

/* sums[j] += of every row of x, or of x * y */
INLINE void NAME(add_rows)(T *restrict sums, const T *restrict x, const T *restrict y, long long g,
                           long long c) {
    for (long long j = 0; j < c; j++) sums[j] = 0;
    for (long long n = 0; n < g; n++)
        for (long long j = 0; j < c; j++) sums[j] += y ? x[n * c + j] * y[n * c + j] : x[n * c + j];
}

INLINE T NAME(all_rows)(T *sums, const T *x, const T *y, long long g, long long c) {
    T total = 0;
    NAME(add_rows)(sums, x, y, g, c);
    for (long long j = 0; j < c; j++) total += sums[j];
    return total;
}

/* c (2, g, c): c1 and c2; and the gradient of flat. room: that of the products, then 8 g c + 2 g k
 * + c values. */
WIDE EXPORT void NAME(rows_backward)(const Config *f, const T *flat, const T *a, T *kept,
                                     const T *mask, const T *g_a, const T *g_b, T *out, T *grad,
                                     T *room, T *work, long long g, double unbiased,
                                     double count) {
    const long long c = f->c, s = f->s, r = f->r, k = s + r * (f->shared ? 1 : 2), gc = g * c;
    const NAME(Parts) p = NAME(parts)(f, flat);
    const NAME(Parts) w = NAME(parts)(f, grad);
    const NAME(Kept) q = NAME(kept_rows)(kept, gc, g * k);
    T *restrict g_out = work, *restrict against = work + 2 * gc, *restrict step = work + 4 * gc;
    T *restrict g_drop = work + 6 * gc, *restrict g_hidden = work + 8 * gc;
    T *restrict sums = g_hidden + 2 * g * k;
    const T *restrict seen = q.seen, *restrict hat = q.hat, *restrict learned = q.learned;
    T weight[2], rest[2];

    for (long long j = 0; j < gc; j++) {
        g_out[j] = g_b[j];
        g_out[gc + j] = (g_a[j] + (seen[j] - hat[j]) * g_b[j]) / hat[gc + j];
        against[j] = g_out[j] * a[j]; /* minus the gradient of hat */
        against[gc + j] = g_out[gc + j] * a[j];
    }
    for (int i = 0; i < 2; i++) NAME(add_rows)((T *)w.bias + i * c, g_out + i * gc, NULL, g, c);
    for (long long j = 0; j < 2 * g * k; j++) g_hidden[j] = 0;
    for (int i = 0; r && i < 2; i++) {
        const long long from = i * g * k + s + (i && !f->shared ? r : 0);
        const T scale = f->scaled ? p.l_rescale[i] : 1, one = i ? 0 : 1;
        const T *restrict act = q.act + i * gc, *restrict go = g_out + i * gc;
        if (f->scaled) ((T *)w.l_rescale)[i] = NAME(all_rows)(sums, go, act, g, c);
        for (long long j = 0; j < gc; j++)
            step[j] = (1 - act[j]) * (act[j] + one) * (scale * go[j]);
        NAME(add_rows)((T *)w.u0 + i * c, step, NULL, g, c);
        NAME(product)(c, r, g, step, 1, c, q.hidden + from, k, 1, (T *)w.u + i * c * r, r, 0, room);
        NAME(product)(g, r, c, step, c, 1, p.u + i * c * r, r, 1, g_hidden + from, k, 0, room);
    }
    if (s && !f->alone) NAME(weights)(f, p.l_stan, weight, rest);
    for (int i = 0; i < 2; i++) {
        const T *restrict at = against + i * gc, *restrict l = learned + i * gc;
        T *restrict o = out + i * gc;
        if (!s) {
            for (long long j = 0; j < gc; j++) o[j] = -at[j];
            continue;
        }
        if (f->alone) {
            for (long long j = 0; j < gc; j++) o[j] = 0;
            for (long long j = 0; j < gc; j++)
                step[j] = i ? -at[j] * (l[j] / hat[gc + j]) : -at[j];
        } else {
            if (f->learned) {
                for (long long j = 0; j < gc; j++) step[j] = seen[i * gc + j] - l[j];
                ((T *)w.l_stan)[i] = NAME(all_rows)(sums, step, at, g, c) * (weight[i] * rest[i]);
            }
            const T own = -weight[i], kept_part = -rest[i];
            for (long long j = 0; j < gc; j++) o[j] = kept_part * at[j];
            if (i)
                for (long long j = 0; j < gc; j++) step[j] = l[j] > 0 ? own * at[j] : 0;
            else
                for (long long j = 0; j < gc; j++) step[j] = own * at[j];
        }
        NAME(add_rows)((T *)w.d0 + i * c, step, NULL, g, c);
        NAME(product)(c, s, g, step, 1, c, q.hidden + i * g * k, k, 1, (T *)w.d + i * c * s, s, 0,
                      room);
        NAME(product)(g, s, c, step, c, 1, p.d + i * c * s, s, 1, g_hidden + i * g * k, k, 0, room);
    }
    for (long long j = 0; j < 2 * g * k; j++) g_hidden[j] = q.hidden[j] > 0 ? g_hidden[j] : 0;
    NAME(add_rows)((T *)w.e0, g_hidden, NULL, 2 * g, k);
    const long long apart = mask ? s : 0;
    if (apart) {
        NAME(product)(s, c, 2 * g, g_hidden, 1, k, q.dropped, c, 1, (T *)w.e, c, 0, room);
        NAME(product)(2 * g, c, s, g_hidden, k, 1, p.e, c, 1, g_drop, c, 0, room);
        for (long long j = 0; j < 2 * gc; j++) out[j] += g_drop[j] * mask[j];
    }
    if (k > apart) {
        NAME(product)(k - apart, c, 2 * g, g_hidden + apart, 1, k, seen, c, 1,
                      (T *)w.e + apart * c, c, 0, room);
        NAME(product)(2 * g, c, k - apart, g_hidden + apart, k, 1, p.e + apart * c, c, 1, out, c, 1,
                      room);
    }
    /* as in backward: the slope in x - mean is g_sigma / (sigma * count) */
    const T share = (T)(1 / count);
    for (long long j = 0; j < gc; j++) {
        out[j] *= share;
        out[gc + j] = out[gc + j] * share / seen[gc + j];
    }
    if (f->released)
        for (long long j = gc; j < 2 * gc; j++)
            out[j] *= (T)unbiased * seen[j] / (seen[j] - (T)f->eps);
}
