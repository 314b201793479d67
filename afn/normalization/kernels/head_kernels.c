/* The head of one AFN layer on C-vectors, forward and backward, and the pass that makes dx.
 *
 * In: addresses of contiguous float32 or float64 arrays, laid out as head.Layout says, and a Config.
 * Out: written into arrays of the caller. Called by heads/c_head.py through ctypes; needs no Python.h.
 * The arithmetic is that of head.TorchHead, for one row of statistics. Sums have several
 * accumulators in a fixed order, so the bits follow from the processor model alone.
 *
 * The file includes itself once per type, and with it the head for many rows (rows_kernels.h, its
 * products in product_kernels.h) and the passes over x per sample (sample_kernels.h); what all are
 * made with stands in vector_kernels.h.
 */
#ifndef T

#include "vector_kernels.h"

typedef struct {
    long long c, s, r;                     /* channels, widths of the two bottlenecks */
    long long shared, learned, scaled;     /* as in head.Layout */
    long long released, alone;             /* as in head.Fusion */
    double frozen, eps;                    /* weight of what is learned, where it is frozen */
} Config;

#define T float
#define SUFFIX _float32
#define EXP expf
#define TANH tanhf
#define SQRT sqrtf
#define BITS int
#define MANTISSA 23
#define EXPONENT_OF_1 127
#define TANH_IS_1 10.0
#define LN2_HIGH 0.693145751953125
#define LN2_LOW 1.428606765330187e-06
#include "head_kernels.c"
#undef T
#undef SUFFIX
#undef EXP
#undef TANH
#undef SQRT
#undef BITS
#undef MANTISSA
#undef EXPONENT_OF_1
#undef TANH_IS_1
#undef LN2_HIGH
#undef LN2_LOW

#define T double
#define SUFFIX _float64
#define EXP exp
#define TANH tanh
#define SQRT sqrt
#define BITS long long
#define MANTISSA 52
#define EXPONENT_OF_1 1023
#define TANH_IS_1 20.0
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#include "head_kernels.c"

/* A library that Python's build tools make must name this; nobody imports it. */
EXPORT void *PyInit_head_kernels(void) { return NULL; }

#else

typedef struct {
    const T *e, *e0, *d, *d0, *u, *u0, *bias, *l_stan, *l_rescale;
} NAME(Parts);

INLINE NAME(Parts) NAME(parts)(const Config *f, const T *flat) {
    const long long c = f->c, s = f->s, r = f->r, k = s + r * (f->shared ? 1 : 2);
    NAME(Parts) p;
    p.e = flat;
    p.e0 = p.e + k * c;
    p.d = p.e0 + k;
    p.d0 = p.d + 2 * c * s;
    p.u = p.d0 + (s ? 2 * c : 0);
    p.u0 = p.u + 2 * c * r;
    p.bias = p.u0 + (r ? 2 * c : 0);
    p.l_stan = p.bias + 2 * c;
    p.l_rescale = p.l_stan + (s && f->learned ? 2 : 0);
    return p;
}

INLINE T NAME(dot)(const T *restrict x, const T *restrict y, long long n) {
    T lane[LANES], sum = 0;
    long long j = 0;
    if (n >= LANES) {
        for (int i = 0; i < LANES; i++) lane[i] = 0;
        for (; j + LANES <= n; j += LANES)
            for (int i = 0; i < LANES; i++) lane[i] += x[j + i] * y[j + i];
        for (int step = LANES / 2; step; step /= 2)
            for (int i = 0; i < step; i++) lane[i] += lane[i + step];
        sum = lane[0];
    }
    for (; j < n; j++) sum += x[j] * y[j];
    return sum;
}

/* out += w * x and made = w * y */
INLINE void NAME(both)(T *restrict out, const T *restrict x, T *restrict made,
                       const T *restrict y, T w, long long n) {
    for (long long j = 0; j < n; j++) {
        out[j] += w * x[j];
        made[j] = w * y[j];
    }
}

/* max(x, 0), and NaN where x is NaN */
INLINE T NAME(relu)(T x) { return x < 0 ? 0 : x; }

/* 1 / (1 + exp(-x)); at x and -x the two add up to 1 without cancellation */
INLINE T NAME(sigmoid)(T x) {
    if (x >= 0) return 1 / (1 + EXP(-x));
    const T small = EXP(x);
    return small / (1 + small);
}

INLINE void NAME(weights)(const Config *f, const T *raw, T *weight, T *rest) {
    for (int i = 0; i < 2; i++) {
        weight[i] = f->learned ? NAME(sigmoid)(raw[i]) : (T)f->frozen;
        rest[i] = f->learned ? NAME(sigmoid)(-raw[i]) : (T)(1 - f->frozen);
    }
}

/* a and b of a * (x - mean) + b; into kept what the backward pass needs:
 * seen (2, c), dropped (2, c), hidden (2, k), learned (2, c), hat (2, c), act (2, c). */
INLINE void NAME(forward_body)(const Config *f, const T *flat, const T *mean, const T *var, const T
        *mask, T *a, T *b, T *kept, double unbiased) {
    const long long c = f->c, s = f->s, r = f->r, k = s + r * (f->shared ? 1 : 2);
    const NAME(Parts) p = NAME(parts)(f, flat);
    T *seen = kept, *dropped = seen + 2 * c, *learned = dropped + 2 * c, *hat = learned + 2 * c;
    T *act = hat + 2 * c, *hidden = act + 2 * c;
    T weight[2], rest[2];

    for (long long j = 0; j < c; j++) seen[j] = mean[j];
    if (f->released)
        for (long long j = 0; j < c; j++) seen[c + j] = SQRT(var[j] * (T)unbiased) + (T)f->eps;
    else
        for (long long j = 0; j < c; j++) seen[c + j] = SQRT(var[j] + (T)f->eps);
    if (mask)
        for (long long j = 0; j < 2 * c; j++) dropped[j] = seen[j] * mask[j];
    const T *fed = mask ? dropped : seen;
    for (long long h = 0; h < k; h++)
        for (int i = 0; i < 2; i++) {
            const T *row = (h < s ? fed : seen) + i * c;
            hidden[i * k + h] = NAME(relu)(NAME(dot)(p.e + h * c, row, c) + p.e0[h]);
        }
    for (long long j = 0; j < 2 * c; j++) hat[j] = seen[j];
    if (s) {
        for (int i = 0; i < 2; i++)
            for (long long j = 0; j < c; j++) {
                const T z = NAME(dot)(p.d + (i * c + j) * s, hidden + i * k, s) + p.d0[i * c + j];
                learned[i * c + j] = i ? NAME(relu)(z) : z;
            }
        if (f->alone) {
            for (long long j = 0; j < c; j++) {
                hat[j] = learned[j];
                hat[c + j] = SQRT(learned[c + j] * learned[c + j] + (T)f->eps);
            }
        } else {
            NAME(weights)(f, p.l_stan, weight, rest);
            for (int i = 0; i < 2; i++)
                for (long long j = i * c; j < (i + 1) * c; j++)
                    hat[j] = weight[i] * learned[j] + rest[i] * seen[j];
        }
    }
    for (int i = 0; i < 2; i++) {
        const T *h = hidden + i * k + s + (i && !f->shared ? r : 0);
        T *out = i ? a : b;
        for (long long j = 0; j < c; j++) {
            T value = p.bias[i * c + j];
            if (r) {
                const T z = NAME(dot)(p.u + (i * c + j) * r, h, r) + p.u0[i * c + j];
                const T t = i ? NAME(sigmoid)(z) : TANH(z);
                act[i * c + j] = t;
                value += f->scaled ? p.l_rescale[i] * t : t;
            }
            out[j] = value;
        }
    }
    for (long long j = 0; j < c; j++) {
        a[j] = a[j] / hat[c + j];
        b[j] += a[j] * (seen[j] - hat[j]);
    }
}

VARIANTS(NAME(forward), NAME(forward_body), NAME(forward_body),
         (const Config *f, const T *flat, const T *mean, const T *var, const T *mask, T *a, T *b, T
          *kept, double unbiased),
         (f, flat, mean, var, mask, a, b, kept, unbiased))

/* c1, c2 and the gradient of flat, from those of a and b; room holds 5 c + 2 k values. */
INLINE void NAME(backward_body)(const Config *f, const T *flat, const T *a, const T *kept, const T
        *mask, const T *g_a, const T *g_b, T *c1, T *c2, T *grad, T *room, double unbiased, double
        count) {
    const long long c = f->c, s = f->s, r = f->r, k = s + r * (f->shared ? 1 : 2);
    const NAME(Parts) p = NAME(parts)(f, flat);
    const NAME(Parts) q = NAME(parts)(f, grad);
    const T *seen = kept, *dropped = seen + 2 * c, *learned = dropped + 2 * c;
    const T *hat = learned + 2 * c, *act = hat + 2 * c, *hidden = act + 2 * c;
    T *against = room, *g_drop = room + 2 * c, *g_hidden = room + 4 * c;
    T *g_out = (T *)q.bias, *ge = (T *)q.e, *g_seen[2] = {c1, c2};
    T weight[2], rest[2];

    for (long long j = 0; j < c; j++) {
        g_out[j] = g_b[j];
        g_out[c + j] = (g_a[j] + (seen[j] - hat[j]) * g_b[j]) / hat[c + j];
    }
    for (int i = 0; i < 2; i++)
        for (long long j = 0; j < c; j++) against[i * c + j] = g_out[i * c + j] * a[j];
    for (long long j = 0; j < 2 * k; j++) g_hidden[j] = 0;
    if (r)
        for (int i = 0; i < 2; i++) {
            const long long from = i * k + s + (i && !f->shared ? r : 0);
            const T scale = f->scaled ? p.l_rescale[i] : 1;
            T *gu = (T *)q.u + i * c * r, *gu0 = (T *)q.u0 + i * c;
            if (f->scaled)
                ((T *)q.l_rescale)[i] = NAME(dot)(g_out + i * c, act + i * c, c);
            for (long long j = 0; j < c; j++) {
                const T t = act[i * c + j], slope = (1 - t) * (t + (i ? 0 : 1));
                gu0[j] = slope * scale * g_out[i * c + j];
                NAME(both)(g_hidden + from, p.u + (i * c + j) * r, gu + j * r, hidden + from,
                           gu0[j], r);
            }
        }
    if (!s) {
        for (int i = 0; i < 2; i++)
            for (long long j = 0; j < c; j++) g_seen[i][j] = -against[i * c + j];
    } else {
        if (!f->alone) NAME(weights)(f, p.l_stan, weight, rest);
        for (int i = 0; i < 2; i++) {
            T *gd = (T *)q.d + i * c * s, *gd0 = (T *)q.d0 + i * c;
            const T *at = against + i * c, *l = learned + i * c;
            if (f->alone) {
                for (long long j = 0; j < c; j++) {
                    gd0[j] = i ? -at[j] * (l[j] / hat[c + j]) : -at[j];
                    g_seen[i][j] = 0;
                }
            } else {
                if (f->learned) {
                    T *gap = g_drop; /* free until the end */
                    for (long long j = 0; j < c; j++) gap[j] = seen[i * c + j] - l[j];
                    ((T *)q.l_stan)[i] = NAME(dot)(gap, at, c) * (weight[i] * rest[i]);
                }
                for (long long j = 0; j < c; j++) {
                    gd0[j] = i && !(l[j] > 0) ? 0 : -weight[i] * at[j];
                    g_seen[i][j] = -rest[i] * at[j];
                }
            }
            for (long long j = 0; j < c; j++)
                NAME(both)(g_hidden + i * k, p.d + (i * c + j) * s, gd + j * s, hidden + i * k,
                           gd0[j], s);
        }
    }
    for (long long j = 0; j < 2 * c; j++) g_drop[j] = 0;
    for (long long h = 0; h < k; h++) {
        const int through = mask && h < s;
        const T w0 = hidden[h] > 0 ? g_hidden[h] : 0;
        const T w1 = hidden[k + h] > 0 ? g_hidden[k + h] : 0;
        const T *restrict row = p.e + h * c;
        const T *restrict x0 = through ? dropped : seen, *restrict x1 = x0 + c;
        T *restrict o0 = through ? g_drop : c1, *restrict o1 = through ? g_drop + c : c2;
        T *restrict made = ge + h * c;
        ((T *)q.e0)[h] = w0 + w1;
        for (long long j = 0; j < c; j++) {
            o0[j] += w0 * row[j];
            o1[j] += w1 * row[j];
            made[j] = w0 * x0[j] + w1 * x1[j];
        }
    }
    if (mask)
        for (long long j = 0; j < c; j++) {
            c1[j] += g_drop[j] * mask[j];
            c2[j] += g_drop[c + j] * mask[c + j];
        }
    /* d sigma / d var = 1 / (2 sigma), so the slope in x - mean is g_sigma / (sigma * count) */
    const T share = (T)(1 / count);
    for (long long j = 0; j < c; j++) {
        c1[j] *= share;
        c2[j] = c2[j] * share / seen[c + j];
    }
    if (f->released)
        for (long long j = 0; j < c; j++)
            c2[j] *= (T)unbiased * seen[c + j] / (seen[c + j] - (T)f->eps);
}

VARIANTS(NAME(backward), NAME(backward_body), NAME(backward_body),
         (const Config *f, const T *flat, const T *a, const T *kept, const T *mask, const T *g_a,
          const T *g_b, T *c1, T *c2, T *grad, T *room, double unbiased, double count),
         (f, flat, a, kept, mask, g_a, g_b, c1, c2, grad, room, unbiased, count))

#include "rows_kernels.h"
#include "sample_kernels.h"

#endif
