/* What every kernel is made with: a copy per vector width, chosen when a function is called, and
 * the names and pragmas that the bodies use. Included once, by head_kernels.c.
 */
#include <math.h>
#include <stddef.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* One copy per vector width, chosen by what the processor can do when a function is called. (The
 * compiler's own target_clones by architecture choose by maker and model, and never these.) */
#if defined(__x86_64__) && defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define FOR_512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma")))
#define FOR_256 __attribute__((target("avx2,fma")))
#define HAS_512 (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
#define HAS_256 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#else
#define INLINE static inline
#define FOR_512
#define FOR_256
#define HAS_512 0
#define HAS_256 0
#endif

/* The exported function `name`: compiled per width from two bodies, that for 512 bits and one for
 * fewer. */
#define VARIANTS(name, body_512, body, PARAMETERS, ARGUMENTS)           \
    FOR_512 static void JOIN(name, _512) PARAMETERS { body_512 ARGUMENTS; } \
    FOR_256 static void JOIN(name, _256) PARAMETERS { body ARGUMENTS; } \
    static void JOIN(name, _128) PARAMETERS { body ARGUMENTS; }         \
    EXPORT void name PARAMETERS {                                       \
        if (HAS_512)                                                    \
            JOIN(name, _512) ARGUMENTS;                                 \
        else if (HAS_256)                                               \
            JOIN(name, _256) ARGUMENTS;                                 \
        else                                                            \
            JOIN(name, _128) ARGUMENTS;                                 \
    }

#define LANES 32
#define KC 256 /* columns of a that a product takes at a time: two panels fit the nearest cache */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLLED _Pragma("GCC unroll 8")
#define INDEPENDENT _Pragma("GCC ivdep") /* the arrays of a loop do not overlap */
#else
#define UNROLLED
#define INDEPENDENT
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define NAME(base) JOIN(base, SUFFIX)
