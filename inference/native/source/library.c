/* What is neither a kernel nor a forward pass: memory, fp16, which instruction set this processor has, packing, one product. */
#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "library.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { LARGE_PAGE = 2 << 20 };

void *dp_allocate(size_t bytes) {
    size_t to = bytes < LARGE_PAGE ? 64 : LARGE_PAGE; /* rows lie pages apart: on small ones a fortieth of a step is spent on finding them */
    uint8_t *raw = malloc(bytes + 2 * to);
    if (!raw) return NULL;
    uint8_t *p = raw + to + (to - (uintptr_t)raw % to);
#ifdef __linux__
    if (to == LARGE_PAGE) madvise(p, bytes, MADV_HUGEPAGE);
#endif
    ((void **)(void *)p)[-1] = raw;
    memset(p, 0, bytes);
    return p;
}

void dp_release(void *p) {
    if (p) free(((void **)p)[-1]);
}

float dp_half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, part = h & 1023, bits;
    if (exponent == 0) {
        float small = (float)part * 5.9604645e-8f;
        return sign ? -small : small;
    }
    bits = exponent == 31 ? sign | 0x7F800000u | part << 13 : sign | (exponent + 112) << 23 | part << 13;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

uint16_t dp_float_to_half(float f) { /* to the nearest, ties to even */
    uint32_t bits;
    memcpy(&bits, &f, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float a = fabsf(f);
    if (!(a <= 65519.996f)) return sign | (a != a ? 0x7E00 : 0x7C00);
    if (a < 6.1035156e-5f) return sign | (uint16_t)lrintf(a * 16777216.0f);
    bits &= 0x7FFFFFFF;
    bits += 0xFFF + (bits >> 13 & 1);
    return sign | (uint16_t)((bits >> 13) - (112 << 10));
}

#ifdef DP_X86
#include <cpuid.h>

static unsigned enabled_state(void) { /* which registers the system saves */
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* A set of DP_ISA numbers, as bits. */
static unsigned instruction_sets(void) {
    unsigned a, b, c, d, found = 1;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
    if (!(c >> 27 & 1) || !(c >> 28 & 1) || !(c >> 12 & 1) || !(c >> 29 & 1)) return found; /* OSXSAVE, AVX, FMA, F16C */
    unsigned state = enabled_state(), b7, c7;
    if ((state & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d) || !(b7 >> 5 & 1)) return found;
    found |= 1u << ISA_AVX2;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1)) found |= 1u << ISA_AVXVNNI;
    unsigned wanted = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* AVX-512 F, DQ, BW, VL */
    if ((state & 0xE6) == 0xE6 && (b7 & wanted) == wanted && (c7 >> 11 & 1)) found |= 1u << ISA_AVX512 | 1u << ISA_VNNI256;
    return found;
}
#endif

const Kernels *dp_kernels(int isa) {
    if (isa == ISA_PLAIN) return &kernels_plain;
#ifdef DP_X86
    static const Kernels *const all[ISA_COUNT] = {&kernels_plain, &kernels_avx2, &kernels_avxvnni, &kernels_vnni256, &kernels_avx512};
    if (isa > 0 && isa < ISA_COUNT && (instruction_sets() >> isa & 1)) return all[isa];
#endif
    return NULL;
}

DP_EXPORT int dp_version(void) { return 5; }

DP_EXPORT int dp_has(int isa) { return dp_kernels(isa) != NULL; }

/* Columns first..last-1 (whole panels) of a matrix. `rows` [source][k] float; column c takes source row order[c - first], or zeros
 * where that is negative. `weights` and `scales` are those of the whole matrix. Returns 0 where a value is not finite. */
DP_EXPORT int dp_pack(int isa, int type, int k, int k_padded, int group, const float *rows, const int32_t *order, int first, int last,
                      uint8_t *weights, void *scales) {
    const Kernels *own = dp_kernels(isa);
    int groups = type >= TYPE_INT8 ? (k_padded + group - 1) / group : 0, step = type == TYPE_INT4 ? 8 : 4, good = own != NULL;
    float *x = dp_allocate((size_t)k_padded * 4);
    uint8_t *codes = dp_allocate((size_t)k_padded);
    for (int c = first; c < last && good && x && codes; c++) {
        size_t panel = (size_t)(c / PANEL), lane = (size_t)(c % PANEL);
        if (order[c - first] < 0) memset(x, 0, (size_t)k_padded * 4);
        else memcpy(x, rows + (size_t)order[c - first] * (size_t)k, (size_t)k * 4);
        for (int g = 0; g < groups && good; g++) {
            int from = g * group, count = from + group < k_padded ? group : k_padded - from;
            float scale;
            good = own->pack_group(x + from, count, type, codes + from, &scale);
            size_t at = (panel * (size_t)groups + (size_t)g) * PANEL + lane;
            if (type == TYPE_INT4) ((uint16_t *)scales)[at] = dp_float_to_half(scale);
            else ((float *)scales)[at] = scale;
        }
        for (int i = 0; i < k_padded; i++) {
            size_t base = panel * (size_t)k_padded;
            if (type == TYPE_F32) ((float *)(void *)weights)[(base + (size_t)i) * PANEL + lane] = x[i];
            else if (type == TYPE_BF16) {
                uint32_t bits;
                memcpy(&bits, &x[i], 4);
                ((uint16_t *)(void *)weights)[(base + (size_t)i) * PANEL + lane] = (uint16_t)(bits >> 16);
            } else {
                uint8_t *line = weights + ((base / (size_t)step + (size_t)(i / step)) * PANEL + lane) * 4 + i % 4;
                if (type == TYPE_INT8) *line = codes[i];
                else if (i % 8 < 4) *line = codes[i];
                else *line |= (uint8_t)(codes[i] << 4);
            }
        }
    }
    good = good && x && codes;
    dp_release(x);
    dp_release(codes);
    return good;
}

/* For tests and measurements: out[count][n] of `count` rows [count][k] of floats (k padded), quantised where the matrix is;
 * `bytes` [count][k] and `sums` may be asked for. Returns 0 where this processor lacks the instruction set. */
DP_EXPORT int dp_product(int isa, int type, int k, int n, int group, const uint8_t *weights, const void *scales, float *rows, int count,
                         int by_group, int geglu, const int32_t *index, int chosen, float *out, int8_t *bytes, int32_t *sums) {
    const Kernels *own = dp_kernels(isa);
    if (!own) return 0;
    Matrix m = {type, k, n, group, type >= TYPE_INT8 ? (k + group - 1) / group : 1, weights, scales};
    size_t scale_count = (size_t)count * (size_t)(by_group ? m.groups : 1);
    float *row_scales = dp_allocate(scale_count * 4);
    if (!row_scales) return 0;
    Rows in = {rows, bytes, sums, row_scales, k, by_group};
    if (type >= TYPE_INT8)
        for (int r = 0; r < count; r++)
            own->quantise(rows + (ptrdiff_t)r * k, k, type, group, by_group, bytes + (ptrdiff_t)r * k, sums + (ptrdiff_t)r * m.groups,
                          row_scales + (ptrdiff_t)r * (by_group ? m.groups : 1));
    Product p = {&m, &in, index, chosen, geglu, 0, 1, chosen, out, geglu ? n / 2 : n};
    own->product(&p, 0, n / PANEL, 0, chosen);
    dp_release(row_scales);
    return 1;
}

size_t dp_attend_room(int rows, int dim_padded) {
    return (size_t)(rows + MOST_ROWS_ATTEND - 1) * (KEY_BLOCK + 2 * (size_t)dim_padded + 4) + KEY_BLOCK;
}

/* For tests and measurements: attention of `count` new rows over keys and values in the cache's layout. */
DP_EXPORT int dp_attend(int isa, int count, int heads, int kv_heads, int dim, int words, int start, int canvas, int window,
                        int ring, const float *queries, const void *keys, const void *values, float *out) {
    const Kernels *own = dp_kernels(isa);
    int padded = (dim + 31) / 32 * 32, group = heads / kv_heads;
    atomic_int stop = 0;
    if (!own) return 0;
    float *scratch = dp_allocate(dp_attend_room(group, padded) * 4);
    if (!scratch) return 0;
    Attention a = {count, heads, kv_heads, dim, padded, words, start, canvas, window, queries, heads * dim, heads * dim, keys, values, ring, out, &stop};
    for (int row = 0; row < count; row++)
        for (int g = 0; g < kv_heads; g++) own->attend(&a, g, row, row + 1, scratch);
    dp_release(scratch);
    return 1;
}
