/* Statistics per sample and channel, and what is done with them: each sample's map is read from
 * memory once per call and is in cache after that.
 *
 * x, dy, y and dx are n samples of (p, c) where `last` (channels_last memory), else of (c, p); the
 * vectors are (n, c). Included by head_kernels.c once per type.
 */

/* Channels last. Four sums stay in registers: `wide` vectors of channels (4 or 1), each with
 * 4 / wide accumulators, so that an addition seldom waits for the one before it. */
typedef T NAME(Channels) __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
#define V NAME(Channels)
#define WIDTH (64 / (long long)sizeof(T))
#define AT(base, row, v) (*(const V *)((base) + (row) * c + (v) * WIDTH))
#define OUT(base, row, v) (*(V *)((base) + (row) * c + (v) * WIDTH))

INLINE void NAME(join)(V *sum, T *out, int wide, T share) {
    if (wide == 1) sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    UNROLLED for (int v = 0; v < wide; v++) ((V *)out)[v] = sum[v] * share;
}

INLINE void NAME(block_moments)(const T *x, T *mean, T *var, long long p, long long c, int wide) {
    const T share = (T)1 / (T)p;
    V sum[4], centre[4];
    long long i = 0;
    UNROLLED for (int t = 0; t < 4; t++) sum[t] = (V){0};
    for (; i + 4 / wide <= p; i += 4 / wide)
        UNROLLED for (int t = 0; t < 4; t++) sum[t] += AT(x, i + t / wide, t % wide);
    for (; i < p; i++) sum[0] += AT(x, i, 0); /* only where wide is 1 */
    NAME(join)(sum, mean, wide, share);
    UNROLLED for (int t = 0; t < 4; t++) {
        centre[t] = AT(mean, 0, t % wide);
        sum[t] = (V){0};
    }
    for (i = 0; i + 4 / wide <= p; i += 4 / wide)
        UNROLLED for (int t = 0; t < 4; t++) {
            const V d = AT(x, i + t / wide, t % wide) - centre[t];
            sum[t] += d * d;
        }
    for (; i < p; i++) {
        const V d = AT(x, i, 0) - centre[0];
        sum[0] += d * d;
    }
    NAME(join)(sum, var, wide, share);
}

INLINE void NAME(block_slopes)(const T *dy, const T *x, const T *mean, T *g_a, T *g_b, long long p,
                               long long c, int wide) {
    V sum_a[4], sum_b[4], centre[4];
    long long i = 0;
    UNROLLED for (int t = 0; t < 4; t++) {
        centre[t] = AT(mean, 0, t % wide);
        sum_a[t] = sum_b[t] = (V){0};
    }
    for (; i + 4 / wide <= p; i += 4 / wide)
        UNROLLED for (int t = 0; t < 4; t++) {
            const V slope = AT(dy, i + t / wide, t % wide);
            sum_a[t] += slope * (AT(x, i + t / wide, t % wide) - centre[t]);
            sum_b[t] += slope;
        }
    for (; i < p; i++) {
        sum_a[0] += AT(dy, i, 0) * (AT(x, i, 0) - centre[0]);
        sum_b[0] += AT(dy, i, 0);
    }
    NAME(join)(sum_a, g_a, wide, 1);
    NAME(join)(sum_b, g_b, wide, 1);
}

INLINE void NAME(block_apply)(const T *x, const T *mean, const T *a, const T *b, T *y, long long p,
                              long long c, int wide) {
    V centre[4], factor[4], offset[4];
    UNROLLED for (int v = 0; v < wide; v++) {
        centre[v] = AT(mean, 0, v);
        factor[v] = AT(a, 0, v);
        offset[v] = AT(b, 0, v);
    }
    for (long long i = 0; i < p; i++)
        UNROLLED for (int v = 0; v < wide; v++)
            OUT(y, i, v) = factor[v] * (AT(x, i, v) - centre[v]) + offset[v];
}

INLINE void NAME(block_gradient)(const T *dy, const T *x, const T *mean, const T *a, const T *c1,
                                 const T *c2, T *dx, long long p, long long c, int wide) {
    V centre[4], factor[4], level[4], slope[4];
    UNROLLED for (int v = 0; v < wide; v++) {
        centre[v] = AT(mean, 0, v);
        factor[v] = AT(a, 0, v);
        level[v] = AT(c1, 0, v);
        slope[v] = AT(c2, 0, v);
    }
    for (long long i = 0; i < p; i++)
        UNROLLED for (int v = 0; v < wide; v++)
            OUT(dx, i, v) = factor[v] * AT(dy, i, v) +
                            (level[v] + slope[v] * (AT(x, i, v) - centre[v]));
}

INLINE void NAME(rows_moments)(const T *x, T *mean, T *var, long long p, long long c) {
    long long j = 0;
    for (; j + 4 * WIDTH <= c; j += 4 * WIDTH)
        NAME(block_moments)(x + j, mean + j, var + j, p, c, 4);
    for (; j + WIDTH <= c; j += WIDTH) NAME(block_moments)(x + j, mean + j, var + j, p, c, 1);
    for (; j < c; j++) {
        T sum = 0, squares = 0;
        for (long long i = 0; i < p; i++) sum += x[i * c + j];
        mean[j] = sum / (T)p;
        for (long long i = 0; i < p; i++) {
            const T d = x[i * c + j] - mean[j];
            squares += d * d;
        }
        var[j] = squares / (T)p;
    }
}

INLINE void NAME(rows_slopes)(const T *dy, const T *x, const T *mean, T *g_a, T *g_b, long long p,
                              long long c) {
    long long j = 0;
    for (; j + 4 * WIDTH <= c; j += 4 * WIDTH)
        NAME(block_slopes)(dy + j, x + j, mean + j, g_a + j, g_b + j, p, c, 4);
    for (; j + WIDTH <= c; j += WIDTH)
        NAME(block_slopes)(dy + j, x + j, mean + j, g_a + j, g_b + j, p, c, 1);
    for (; j < c; j++) {
        T sum_a = 0, sum_b = 0;
        for (long long i = 0; i < p; i++) {
            sum_a += dy[i * c + j] * (x[i * c + j] - mean[j]);
            sum_b += dy[i * c + j];
        }
        g_a[j] = sum_a;
        g_b[j] = sum_b;
    }
}

INLINE void NAME(rows_apply)(const T *x, const T *mean, const T *a, const T *b, T *y, long long p,
                             long long c) {
    long long j = 0;
    for (; j + 4 * WIDTH <= c; j += 4 * WIDTH)
        NAME(block_apply)(x + j, mean + j, a + j, b + j, y + j, p, c, 4);
    for (; j + WIDTH <= c; j += WIDTH)
        NAME(block_apply)(x + j, mean + j, a + j, b + j, y + j, p, c, 1);
    for (long long i = 0; i < p; i++)
        for (long long t = j; t < c; t++)
            y[i * c + t] = a[t] * (x[i * c + t] - mean[t]) + b[t];
}

INLINE void NAME(rows_gradient)(const T *dy, const T *x, const T *mean, const T *a, const T *c1,
                                const T *c2, T *dx, long long p, long long c) {
    long long j = 0;
    for (; j + 4 * WIDTH <= c; j += 4 * WIDTH)
        NAME(block_gradient)(dy + j, x + j, mean + j, a + j, c1 + j, c2 + j, dx + j, p, c, 4);
    for (; j + WIDTH <= c; j += WIDTH)
        NAME(block_gradient)(dy + j, x + j, mean + j, a + j, c1 + j, c2 + j, dx + j, p, c, 1);
    for (long long i = 0; i < p; i++)
        for (long long t = j; t < c; t++)
            dx[i * c + t] = a[t] * dy[i * c + t] + (c1[t] + c2[t] * (x[i * c + t] - mean[t]));
}

#undef V
#undef WIDTH
#undef AT
#undef OUT

/* Sums over one row of p values, with several accumulators in a fixed order. */
#define LANE 16
#define LANE_SUM(n, VALUE)                                   \
    T lane[LANE], sum = 0;                                   \
    long long j = 0;                                         \
    if (n >= LANE) {                                         \
        for (int i = 0; i < LANE; i++) lane[i] = 0;          \
        for (; j + LANE <= n; j += LANE)                     \
            for (int i = 0; i < LANE; i++) lane[i] += VALUE(j + i); \
        for (int step = LANE / 2; step; step /= 2)           \
            for (int i = 0; i < step; i++) lane[i] += lane[i + step]; \
        sum = lane[0];                                       \
    }                                                        \
    for (; j < n; j++) sum += VALUE(j);                      \
    return sum;

INLINE T NAME(total)(const T *restrict x, long long n) {
#define VALUE(at) x[at]
    LANE_SUM(n, VALUE)
#undef VALUE
}

INLINE T NAME(against_mean)(const T *y, const T *x, T y_mean, T x_mean, long long n) {
#define VALUE(at) ((y[at] - y_mean) * (x[at] - x_mean))
    LANE_SUM(n, VALUE)
#undef VALUE
}

INLINE void NAME(moments_body)(const T *x, T *mean, T *var, long long n, long long c,
                                      long long p, int last) {
    const T share = (T)1 / (T)p;
    for (long long i = 0; i < n; i++, x += p * c, mean += c, var += c) {
        if (last)
            NAME(rows_moments)(x, mean, var, p, c);
        else
            for (long long j = 0; j < c; j++) {
                mean[j] = NAME(total)(x + j * p, p) * share;
                var[j] = NAME(against_mean)(x + j * p, x + j * p, mean[j], mean[j], p) * share;
            }
    }
}

VARIANTS(NAME(sample_moments), NAME(moments_body), NAME(moments_body),
         (const T *x, T *mean, T *var, long long n, long long c, long long p, int last),
         (x, mean, var, n, c, p, last))

/* y = a * (x - mean) + b */
INLINE void NAME(apply_body)(const T *x, const T *mean, const T *a, const T *b, T *y, long long n,
                             long long c, long long p, int last) {
    for (long long i = 0; i < n; i++, x += p * c, y += p * c, mean += c, a += c, b += c) {
        if (last)
            NAME(rows_apply)(x, mean, a, b, y, p, c);
        else
            for (long long j = 0; j < c; j++)
                for (long long at = j * p; at < (j + 1) * p; at++)
                    y[at] = a[j] * (x[at] - mean[j]) + b[j];
    }
}

VARIANTS(NAME(sample_apply), NAME(apply_body), NAME(apply_body),
         (const T *restrict x, const T *restrict mean, const T *restrict a, const T *restrict b,
          T *restrict y, long long n, long long c, long long p, int last),
         (x, mean, a, b, y, n, c, p, last))

/* g_a = sum dy * (x - mean), g_b = sum dy */
INLINE void NAME(slopes_body)(const T *dy, const T *x, const T *mean, T *g_a, T *g_b,
                                     long long n, long long c, long long p, int last) {
    for (long long i = 0; i < n; i++, x += p * c, dy += p * c, mean += c, g_a += c, g_b += c) {
        if (last)
            NAME(rows_slopes)(dy, x, mean, g_a, g_b, p, c);
        else
            for (long long j = 0; j < c; j++) {
                g_b[j] = NAME(total)(dy + j * p, p);
                g_a[j] = NAME(against_mean)(dy + j * p, x + j * p, 0, mean[j], p);
            }
    }
}

VARIANTS(NAME(sample_slopes), NAME(slopes_body), NAME(slopes_body),
         (const T *dy, const T *x, const T *mean, T *g_a, T *g_b, long long n, long long c,
          long long p, int last),
         (dy, x, mean, g_a, g_b, n, c, p, last))

/* dx = a * dy + c1 + c2 * (x - mean) */
INLINE void NAME(gradient_body)(const T *dy, const T *x, const T *mean, const T *a, const T *c1,
                                const T *c2, T *dx, long long n, long long c, long long p,
                                int last) {
    for (long long i = 0; i < n; i++, mean += c, a += c, c1 += c, c2 += c) {
        if (last)
            NAME(rows_gradient)(dy, x, mean, a, c1, c2, dx, p, c);
        else
            for (long long j = 0; j < c; j++)
                for (long long at = j * p; at < (j + 1) * p; at++)
                    dx[at] = a[j] * dy[at] + (c1[j] + c2[j] * (x[at] - mean[j]));
        dy += p * c, x += p * c, dx += p * c;
    }
}

VARIANTS(NAME(sample_gradient), NAME(gradient_body), NAME(gradient_body),
         (const T *restrict dy, const T *restrict x, const T *restrict mean, const T *restrict a,
          const T *restrict c1, const T *restrict c2, T *restrict dx, long long n, long long c,
          long long p, int last),
         (dy, x, mean, a, c1, c2, dx, n, c, p, last))

/* The same for rows of c channels that share their vectors: as samples that fit a near cache. */
INLINE void NAME(spread_body)(const T *dy, const T *x, const T *mean, const T *a, const T *c1,
                              const T *c2, T *dx, long long rows, long long c) {
    const long long most = 1 + 32768 / (c * (long long)sizeof(T));
    for (long long i = 0; i < rows; i += most) {
        const long long at = i * c, p = rows - i < most ? rows - i : most;
        NAME(rows_gradient)(dy + at, x + at, mean, a, c1, c2, dx + at, p, c);
    }
}

VARIANTS(NAME(spread), NAME(spread_body), NAME(spread_body),
         (const T *restrict dy, const T *restrict x, const T *restrict mean, const T *restrict a,
          const T *restrict c1, const T *restrict c2, T *restrict dx, long long rows, long long c),
         (dy, x, mean, a, c1, c2, dx, rows, c))

#undef LANE
#undef LANE_SUM
