/* One vocabulary for all instruction sets (DP_ISA): F is a vector of WIDTH floats, I one of WIDTH int32 (or 4 * WIDTH bytes).
 *
 * `dot_narrow` and `dot_wide` add to WIDTH sums the products of four weights with four signed bytes: weights below 16, or of
 * any byte as `wide_prepared` returns it; `dot_words` those of two pairs of signed words. `Sub` is what a run of at most eight narrow steps is kept in (16-bit sums of AVX2),
 * brought home by `sub_end`. Where one of two is NaN, `f_max` and `f_min` return the second.
 */
#include "native.h"
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(DP_SMALL) || DP_ISA == 0 /* plain C is faster without, and compiled in a sixth of the time */
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

INLINE int32_t load32(const void *p) {
    int32_t v;
    memcpy(&v, p, 4);
    return v;
}

#if DP_ISA == 4
#include <immintrin.h>
enum { WIDTH = 16 };
typedef __m512 F;
typedef __m512i I;
typedef __m512i Sub;
INLINE F f_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void f_store(float *p, F a) { _mm512_storeu_ps(p, a); }
INLINE F f_set(float a) { return _mm512_set1_ps(a); }
INLINE F f_add(F a, F b) { return _mm512_add_ps(a, b); }
INLINE F f_sub(F a, F b) { return _mm512_sub_ps(a, b); }
INLINE F f_mul(F a, F b) { return _mm512_mul_ps(a, b); }
INLINE F f_div(F a, F b) { return _mm512_div_ps(a, b); }
INLINE F f_max(F a, F b) { return _mm512_max_ps(a, b); }
INLINE F f_min(F a, F b) { return _mm512_min_ps(a, b); }
INLINE F f_fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
INLINE F f_abs(F a) { return _mm512_abs_ps(a); }
INLINE F f_round(F a) { return _mm512_roundscale_ps(a, 8); }
INLINE F f_times_power(F a, F n) { return _mm512_scalef_ps(a, n); }
INLINE float f_sum(F a) { return _mm512_reduce_add_ps(a); }
INLINE float f_largest(F a) { return _mm512_reduce_max_ps(a); }
INLINE F f_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p)); }
INLINE F f_bf16(const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16));
}
INLINE I f_to_ints(F a) { return _mm512_cvtps_epi32(a); }
INLINE void i_to_bytes(int8_t *p, I a) { _mm_storeu_si128((void *)p, _mm512_cvtepi32_epi8(a)); }
INLINE void i_to_words(int16_t *p, I a) { _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(a)); }
INLINE I i_add(I a, I b) { return _mm512_add_epi32(a, b); }
INLINE int32_t i_sum(I a) { return _mm512_reduce_add_epi32(a); }
INLINE F f_from_sums(I a) { return _mm512_cvtepi32_ps(a); }
INLINE I i_set(int32_t a) { return _mm512_set1_epi32(a); }
INLINE I i_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE I i_low(I a) { return _mm512_and_si512(a, _mm512_set1_epi8(15)); }
INLINE I i_high(I a) { return _mm512_and_si512(_mm512_srli_epi16(a, 4), _mm512_set1_epi8(15)); }
INLINE Sub sub_begin(I a) { return a; }
INLINE I sub_end(I a, Sub s) { return (void)a, s; }
INLINE Sub dot_narrow(Sub s, I w, I x) { return _mm512_dpbusd_epi32(s, w, x); }
INLINE I dot_wide(I s, I w, I x) { return _mm512_dpbusd_epi32(s, w, x); }
INLINE I wide_prepared(I w) { return w; }
INLINE I dot_words(I s, I a, I b) { /* by GCC 12's own builtin the sums are moved about, or put aside, at every step */
    __asm__("vpdpwssd %2, %1, %0" : "+v"(s) : "v"(a), "v"(b));
    return s;
}

#elif DP_ISA == 1 || DP_ISA == 2 || DP_ISA == 3
#include <immintrin.h>
enum { WIDTH = 8 };
typedef __m256 F;
typedef __m256i I;
typedef __m256i Sub;
INLINE F f_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void f_store(float *p, F a) { _mm256_storeu_ps(p, a); }
INLINE F f_set(float a) { return _mm256_set1_ps(a); }
INLINE F f_add(F a, F b) { return _mm256_add_ps(a, b); }
INLINE F f_sub(F a, F b) { return _mm256_sub_ps(a, b); }
INLINE F f_mul(F a, F b) { return _mm256_mul_ps(a, b); }
INLINE F f_div(F a, F b) { return _mm256_div_ps(a, b); }
INLINE F f_max(F a, F b) { return _mm256_max_ps(a, b); }
INLINE F f_min(F a, F b) { return _mm256_min_ps(a, b); }
INLINE F f_fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
INLINE F f_abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
INLINE F f_round(F a) { return _mm256_round_ps(a, 8); }
INLINE F f_times_power(F a, F n) { /* n in -126..127 */
    return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23)));
}
INLINE float f_sum(F a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
INLINE float f_largest(F a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
INLINE F f_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p)); }
INLINE F f_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16));
}
INLINE I f_to_ints(F a) { return _mm256_cvtps_epi32(a); }
INLINE void i_to_bytes(int8_t *p, I a) {
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    _mm_storel_epi64((void *)p, _mm_packs_epi16(w, w));
}
INLINE void i_to_words(int16_t *p, I a) {
    _mm_storeu_si128((void *)p, _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
}
INLINE I i_add(I a, I b) { return _mm256_add_epi32(a, b); }
INLINE int32_t i_sum(I a) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 14));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 1)));
}
INLINE F f_from_sums(I a) { return _mm256_cvtepi32_ps(a); }
INLINE I i_set(int32_t a) { return _mm256_set1_epi32(a); }
INLINE I i_load(const uint8_t *p) { return _mm256_loadu_si256((const void *)p); }
INLINE I i_low(I a) { return _mm256_and_si256(a, _mm256_set1_epi8(15)); }
INLINE I i_high(I a) { return _mm256_and_si256(_mm256_srli_epi16(a, 4), _mm256_set1_epi8(15)); }
#if DP_ISA == 1
INLINE Sub sub_begin(I a) { return (void)a, _mm256_setzero_si256(); }
INLINE I sub_end(I a, Sub s) { return _mm256_add_epi32(a, _mm256_madd_epi16(s, _mm256_set1_epi16(1))); }
/* 8 * 2 * 15 * 127 = 30480 fits in 16 bits */
INLINE Sub dot_narrow(Sub s, I w, I x) { return _mm256_add_epi16(s, _mm256_maddubs_epi16(w, x)); }
/* |w| <= 127 after the bias is taken off again, so that a pair of products, 32258, does not saturate */
INLINE I wide_prepared(I w) { return _mm256_xor_si256(w, _mm256_set1_epi8((char)128)); }
INLINE I dot_wide(I s, I w, I x) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_add_epi32(s, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
INLINE I dot_words(I s, I a, I b) { return _mm256_add_epi32(s, _mm256_madd_epi16(a, b)); }
#else
INLINE Sub sub_begin(I a) { return a; }
INLINE I sub_end(I a, Sub s) { return (void)a, s; }
INLINE I wide_prepared(I w) { return w; }
#if DP_ISA == 2
INLINE Sub dot_narrow(Sub s, I w, I x) { return _mm256_dpbusd_avx_epi32(s, w, x); }
INLINE I dot_wide(I s, I w, I x) { return _mm256_dpbusd_avx_epi32(s, w, x); }
INLINE I dot_words(I s, I a, I b) { return _mm256_dpwssd_avx_epi32(s, a, b); }
#else
INLINE Sub dot_narrow(Sub s, I w, I x) { return _mm256_dpbusd_epi32(s, w, x); }
INLINE I dot_wide(I s, I w, I x) { return _mm256_dpbusd_epi32(s, w, x); }
INLINE I dot_words(I s, I a, I b) { return _mm256_dpwssd_epi32(s, a, b); }
#endif
#endif

#else /* plain C */
enum { WIDTH = 8 };
typedef struct { float v[8]; } F;
typedef struct { int32_t v[8]; } I;
typedef I Sub;
#define EACH for (int i_ = 0; i_ < 8; i_++)
INLINE F f_load(const float *p) { F r; memcpy(&r, p, sizeof r); return r; }
INLINE void f_store(float *p, F a) { memcpy(p, &a, sizeof a); }
INLINE F f_set(float a) { F r; EACH r.v[i_] = a; return r; }
INLINE F f_add(F a, F b) { EACH a.v[i_] += b.v[i_]; return a; }
INLINE F f_sub(F a, F b) { EACH a.v[i_] -= b.v[i_]; return a; }
INLINE F f_mul(F a, F b) { EACH a.v[i_] *= b.v[i_]; return a; }
INLINE F f_div(F a, F b) { EACH a.v[i_] /= b.v[i_]; return a; }
INLINE F f_max(F a, F b) { EACH a.v[i_] = a.v[i_] > b.v[i_] ? a.v[i_] : b.v[i_]; return a; }
INLINE F f_min(F a, F b) { EACH a.v[i_] = a.v[i_] < b.v[i_] ? a.v[i_] : b.v[i_]; return a; }
INLINE F f_fma(F a, F b, F c) { EACH c.v[i_] += a.v[i_] * b.v[i_]; return c; }
INLINE F f_abs(F a) { EACH a.v[i_] = fabsf(a.v[i_]); return a; }
INLINE F f_round(F a) { EACH a.v[i_] = nearbyintf(a.v[i_]); return a; }
INLINE F f_times_power(F a, F n) { EACH a.v[i_] = n.v[i_] == n.v[i_] ? ldexpf(a.v[i_], (int)n.v[i_]) : n.v[i_]; return a; }
INLINE float f_sum(F a) { float s = 0; EACH s += a.v[i_]; return s; }
INLINE float f_largest(F a) { float s = a.v[0]; EACH s = s > a.v[i_] ? s : a.v[i_]; return s; }
INLINE F f_half(const uint16_t *p) { F r; EACH r.v[i_] = dp_half_to_float(p[i_]); return r; }
INLINE F f_bf16(const uint16_t *p) {
    F r;
    EACH { uint32_t bits = (uint32_t)p[i_] << 16; memcpy(&r.v[i_], &bits, 4); }
    return r;
}
INLINE I f_to_ints(F a) { I r; EACH r.v[i_] = fabsf(a.v[i_]) < 32768 ? (int32_t)nearbyintf(a.v[i_]) : 0; return r; } /* NaN: 0 */
INLINE void i_to_bytes(int8_t *p, I a) { EACH p[i_] = (int8_t)a.v[i_]; }
INLINE void i_to_words(int16_t *p, I a) { EACH p[i_] = (int16_t)a.v[i_]; }
INLINE I i_add(I a, I b) { EACH a.v[i_] += b.v[i_]; return a; }
INLINE int32_t i_sum(I a) { int32_t s = 0; EACH s += a.v[i_]; return s; }
INLINE F f_from_sums(I a) { F r; EACH r.v[i_] = (float)a.v[i_]; return r; }
INLINE I i_set(int32_t a) { I r; EACH r.v[i_] = a; return r; }
INLINE I i_load(const uint8_t *p) { I r; memcpy(&r, p, sizeof r); return r; }
INLINE I i_low(I a) { EACH a.v[i_] &= 0x0F0F0F0F; return a; }
INLINE I i_high(I a) { EACH a.v[i_] = (int32_t)((uint32_t)a.v[i_] >> 4 & 0x0F0F0F0Fu); return a; }
INLINE Sub sub_begin(I a) { return a; }
INLINE I sub_end(I a, Sub s) { return (void)a, s; }
INLINE I wide_prepared(I w) { return w; }
INLINE I dot_wide(I s, I w, I x) {
    EACH {
        uint8_t a[4];
        int8_t b[4];
        memcpy(a, &w.v[i_], 4);
        memcpy(b, &x.v[i_], 4);
        s.v[i_] += a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
    }
    return s;
}
INLINE Sub dot_narrow(Sub s, I w, I x) { return dot_wide(s, w, x); }
INLINE I dot_words(I s, I a, I b) {
    EACH {
        int16_t u[2], v[2];
        memcpy(u, &a.v[i_], 4);
        memcpy(v, &b.v[i_], 4);
        s.v[i_] = (int32_t)((uint32_t)s.v[i_] + (uint32_t)(u[0] * v[0]) + (uint32_t)(u[1] * v[1]));
    }
    return s;
}
#endif

/* exp, to about 2e-6 of its value; below -87 it is as at -87 (1.6e-38); of NaN it is NaN, which the order of operands keeps */
INLINE F f_exp(F x) {
    x = f_min(f_set(88.0f), f_max(f_set(-87.0f), x));
    F n = f_round(f_mul(x, f_set(1.44269504f)));
    F r = f_fma(n, f_set(-0.693145752f), x);
    r = f_fma(n, f_set(-1.42860677e-6f), r);
    F p = f_set(1.0f / 720);
    p = f_fma(p, r, f_set(1.0f / 120));
    p = f_fma(p, r, f_set(1.0f / 24));
    p = f_fma(p, r, f_set(1.0f / 6));
    p = f_fma(p, r, f_set(0.5f));
    p = f_fma(p, r, f_set(1.0f));
    p = f_fma(p, r, f_set(1.0f));
    return f_times_power(p, n);
}
/* the tanh form of gelu: x / (1 + exp(-2u)) */
INLINE F f_gelu(F x) {
    const float a = -2 * 0.7978845608f;
    F u = f_mul(x, f_fma(f_mul(x, x), f_set(a * 0.044715f), f_set(a)));
    return f_div(x, f_add(f_set(1.0f), f_exp(u)));
}
INLINE F f_tanh(F x) {
    F e = f_exp(f_mul(x, f_set(-2.0f)));
    return f_div(f_sub(f_set(1.0f), e), f_add(f_set(1.0f), e));
}
