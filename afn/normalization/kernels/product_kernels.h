/* Matrix products for the head of many rows: one thread, a fixed order of summation.
 *
 * In: addresses and strides. Out: out (m, n), its rows ld apart. Included by head_kernels.c once per
 * type (T) and size of tile: MR rows of two vectors of BYTES, which fit the registers of a kind of
 * processor. A general BLAS is slower here on some processors, and its bits may depend on more.
 */
#define NR (2 * BYTES / (long long)sizeof(T))
#define TYPED(base) JOIN(JOIN(base, KIND), SUFFIX)

typedef T TYPED(Vector) __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));

/* The tile at out of packed a (k, MR) and b (k, NR), of which mm rows and nn columns are real. */
INLINE void TYPED(tile)(const T *restrict a, const T *restrict b, long long k, T *restrict out,
                        long long ld, int add, long long mm, long long nn) {
    TYPED(Vector) sum[MR][2];
    UNROLLED for (int i = 0; i < MR; i++) sum[i][0] = sum[i][1] = (TYPED(Vector)){0};
    for (long long p = 0; p < k; p++, a += MR, b += NR) {
        const TYPED(Vector) left = *(const TYPED(Vector) *)b;
        const TYPED(Vector) right = *(const TYPED(Vector) *)(b + NR / 2);
        UNROLLED for (int i = 0; i < MR; i++) {
            sum[i][0] += a[i] * left;
            sum[i][1] += a[i] * right;
        }
    }
    if (mm == MR && nn == NR) {
        UNROLLED for (int i = 0; i < MR; i++)
            for (int half = 0; half < 2; half++) {
                TYPED(Vector) *at = (TYPED(Vector) *)(out + i * ld + half * (NR / 2));
                if (add) sum[i][half] += *at;
                *at = sum[i][half];
            }
        return;
    }
    T edge[MR * NR];
    UNROLLED for (int i = 0; i < MR; i++)
        for (int half = 0; half < 2; half++)
            *(TYPED(Vector) *)(edge + i * NR + half * (NR / 2)) = sum[i][half];
    for (long long i = 0; i < mm; i++)
        for (long long j = 0; j < nn; j++)
            out[i * ld + j] = add ? out[i * ld + j] + edge[i * NR + j] : edge[i * NR + j];
}

/* One panel of `width` rows (stride `across`) and k columns (stride `along`), zeros after `real`. */
INLINE void TYPED(pack)(const T *restrict from, T *restrict to, long long across, long long along,
                        long long k, long long real, long long width) {
    if (real < width)
        for (long long j = 0; j < k * width; j++) to[j] = 0;
    if (across == 1 && real == width) {
        for (long long p = 0; p < k; p++)
            for (long long i = 0; i < width; i++) to[p * width + i] = from[p * along + i];
        return;
    }
    for (long long start = 0; start < k; start += 8) { /* few lines of the panel at a time */
        const long long end = start + 8 < k ? start + 8 : k;
        for (long long i = 0; i < real; i++)
            for (long long p = start; p < end; p++)
                to[p * width + i] = from[i * across + p * along];
    }
}

/* out = or += a b, with a (m, k) and b (k, n) by the strides of their rows and columns. */
INLINE void TYPED(multiply)(long long m, long long n, long long k, const T *a, long long ar,
                                   long long ac, const T *b, long long br, long long bc, T *out,
                                   long long ld, int add, T *room) {
    T *panel = room, *packed = room + KC * NR;
    for (long long p = 0; p < k; p += KC, add = 1) {
        const long long depth = k - p < KC ? k - p : KC;
        for (long long i = 0; i < m; i += MR)
            TYPED(pack)(a + i * ar + p * ac, packed + i * depth, ar, ac, depth,
                        m - i < MR ? m - i : MR, MR);
        for (long long j = 0; j < n; j += NR) {
            const long long nn = n - j < NR ? n - j : NR;
            TYPED(pack)(b + p * br + j * bc, panel, bc, br, depth, nn, NR);
            for (long long i = 0; i < m; i += MR)
                TYPED(tile)(packed + i * depth, panel, depth, out + i * ld + j, ld, add,
                            m - i < MR ? m - i : MR, nn);
        }
    }
}

#undef NR
#undef TYPED
#undef BYTES
#undef MR
#undef KIND
