/* The work of one thread on one piece, compiled once for each instruction set (DP_ISA); see native.h for the layouts. */
#include "simd.h"

enum {
    VECTORS = 2,                         /* of a block of columns */
    COLUMNS = VECTORS * WIDTH,           /* 32, or half a panel */
    PARTS = PANEL / COLUMNS,
    ROWS_INT4 = WIDTH == 16 ? 10 : 2,
    AHEAD = 2048,                        /* bytes of INT4 weights: memory is some hundred cycles away */
    ROWS_INT8 = WIDTH == 16 ? 8 : 4,
    ROWS_FLOAT = WIDTH == 16 ? 8 : 4,
    ROWS_MOST = 12,
    WIDE_BIAS = DP_ISA == 1 ? 0 : -128   /* AVX2 takes the bias off the weights themselves */
};

typedef struct {
    const int8_t *bytes[ROWS_MOST];
    const int32_t *sums[ROWS_MOST];
    const float *scales[ROWS_MOST], *values[ROWS_MOST];
} Block;

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* 32 columns of a quantised matrix over `rows` rows, to out[rows][32]; each number is summed in one order, whatever the shape */
INLINE void quantised_panel(const Matrix *m, int panel, const Block *b, const int by_group, const int single, const int int4, const int small,
                            const int rows, float *out, ptrdiff_t stride) {
    const int step = int4 ? 8 : 4;
    const size_t line = PANEL * 4;
    for (int part = 0; part < PARTS; part++) {
        const uint8_t *w = m->weights + (size_t)panel * (size_t)(m->k / step) * line + (size_t)part * (size_t)COLUMNS * 4;
        F total[ROWS_MOST][VECTORS];
        if (!single) {
            UNROLL for (int r = 0; r < rows; r++) {
                UNROLL for (int v = 0; v < VECTORS; v++) total[r][v] = f_set(0);
            }
        }
        for (int g = 0; g < (single ? 1 : m->groups); g++) {
            int from = single ? 0 : g * m->group, to = single || from + m->group > m->k ? m->k : from + m->group;
            if (by_group) {
                float any = 0;
                UNROLL for (int r = 0; r < rows; r++) any += b->scales[r][g];
                if (any == 0) continue;
            }
            I acc[ROWS_MOST][VECTORS];
            UNROLL for (int r = 0; r < rows; r++) {
                UNROLL for (int v = 0; v < VECTORS; v++) acc[r][v] = i_set(b->sums[r][g]);
            }
            int k = from;
            do {
                const uint8_t *z = w + (size_t)(k / step) * line;
                if (int4) {
                    Sub sub[ROWS_MOST][VECTORS];
                    UNROLL for (int r = 0; r < rows; r++) {
                        UNROLL for (int v = 0; v < VECTORS; v++) sub[r][v] = sub_begin(acc[r][v]);
                    }
                    UNROLL for (int j = 0; j < 4; j++) {
                        I low[VECTORS], high[VECTORS];
                        UNROLL for (int v = 0; v < VECTORS; v++) {
                            const uint8_t *at = z + (size_t)j * line + (size_t)v * WIDTH * 4;
                            I codes = i_load(at);
                            if (v * WIDTH * 4 % 64 == 0) __builtin_prefetch(at + AHEAD);
                            low[v] = i_low(codes), high[v] = i_high(codes);
                        }
                        UNROLL for (int r = 0; r < rows; r++) {
                            I x = i_set(load32(b->bytes[r] + k + 8 * j));
                            UNROLL for (int v = 0; v < VECTORS; v++) sub[r][v] = dot_narrow(sub[r][v], low[v], x);
                        }
                        UNROLL for (int r = 0; r < rows; r++) {
                            I x = i_set(load32(b->bytes[r] + k + 8 * j + 4));
                            UNROLL for (int v = 0; v < VECTORS; v++) sub[r][v] = dot_narrow(sub[r][v], high[v], x);
                        }
                    }
                    UNROLL for (int r = 0; r < rows; r++) {
                        UNROLL for (int v = 0; v < VECTORS; v++) acc[r][v] = sub_end(acc[r][v], sub[r][v]);
                    }
                } else {
                    UNROLL for (int j = 0; j < 8; j++) {
                        I codes[VECTORS];
                        UNROLL for (int v = 0; v < VECTORS; v++)
                            codes[v] = wide_prepared(i_load(z + (size_t)j * line + (size_t)v * WIDTH * 4));
                        UNROLL for (int r = 0; r < rows; r++) {
                            I x = i_set(load32(b->bytes[r] + k + 4 * j));
                            UNROLL for (int v = 0; v < VECTORS; v++) acc[r][v] = dot_wide(acc[r][v], codes[v], x);
                        }
                    }
                }
                k += 32;
            } while (!(int4 && small) && k < to);
            size_t at = ((size_t)panel * (size_t)m->groups + (size_t)g) * PANEL + (size_t)part * (size_t)COLUMNS;
            UNROLL for (int v = 0; v < VECTORS; v++, at += WIDTH) {
                F scale = int4 ? f_half((const uint16_t *)m->scales + at) : f_load((const float *)m->scales + at);
                UNROLL for (int r = 0; r < rows; r++) {
                    F x = f_from_sums(acc[r][v]);
                    if (by_group) x = f_mul(x, f_set(b->scales[r][g]));
                    total[r][v] = single ? f_mul(x, scale) : f_fma(x, scale, total[r][v]);
                }
            }
        }
        UNROLL for (int r = 0; r < rows; r++) {
            F own = f_set(by_group ? 1.0f : b->scales[r][0]);
            UNROLL for (int v = 0; v < VECTORS; v++)
                f_store(out + r * stride + part * COLUMNS + v * WIDTH, f_mul(total[r][v], own));
        }
    }
}

INLINE F weight_load(const uint8_t *w, size_t at, const int bf16) {
    return bf16 ? f_bf16((const uint16_t *)(const void *)w + at) : f_load((const float *)(const void *)w + at);
}

INLINE void float_panel(const Matrix *m, int panel, const Block *b, const int bf16, const int rows, float *out, ptrdiff_t stride) {
    for (int part = 0; part < PARTS; part++) {
        size_t at = (size_t)panel * (size_t)m->k * PANEL + (size_t)part * COLUMNS;
        F acc[ROWS_MOST][VECTORS];
        UNROLL for (int r = 0; r < rows; r++) acc[r][0] = acc[r][1] = f_set(0);
        for (int k = 0; k < m->k; k++, at += PANEL) {
            F w0 = weight_load(m->weights, at, bf16), w1 = weight_load(m->weights, at + WIDTH, bf16);
            UNROLL for (int r = 0; r < rows; r++) {
                F x = f_set(b->values[r][k]);
                acc[r][0] = f_fma(x, w0, acc[r][0]);
                acc[r][1] = f_fma(x, w1, acc[r][1]);
            }
        }
        UNROLL for (int r = 0; r < rows; r++) {
            f_store(out + r * stride + part * COLUMNS, acc[r][0]);
            f_store(out + r * stride + part * COLUMNS + WIDTH, acc[r][1]);
        }
    }
}

static void store_rows(const Product *p, int panel, int row, int rows, const float *made) {
    for (int r = 0; r < rows; r++, made += PANEL) {
        float *out = p->out + (row + r) * p->stride + (ptrdiff_t)panel * (p->geglu ? PANEL / 2 : PANEL);
        if (p->geglu)
            for (int i = 0; i < PANEL / 2; i += WIDTH)
                f_store(out + i, f_mul(f_gelu(f_load(made + i)), f_load(made + PANEL / 2 + i)));
        else
            for (int i = 0; i < PANEL; i += WIDTH) f_store(out + i, f_load(made + i));
    }
}

/* Whether blocks have any number of rows; all others have one, and the first row stands for those that are missing. */
INLINE int exact_rows(const Matrix *m) { return m->type == TYPE_INT4 && m->group == PANEL; }

/* INT4 rows in blocks of their own number: experts get few rows each, and rows repeated to fill a block would be a fifth of them */
INLINE void int4_panel(const Matrix *m, int panel, const Block *b, int rows, float *out, ptrdiff_t stride) {
    switch (rows) {
#if DP_ISA == 4
    case 10: quantised_panel(m, panel, b, 0, 0, 1, 1, 10, out, stride); break;
    case 9: quantised_panel(m, panel, b, 0, 0, 1, 1, 9, out, stride); break;
    case 8: quantised_panel(m, panel, b, 0, 0, 1, 1, 8, out, stride); break;
    case 7: quantised_panel(m, panel, b, 0, 0, 1, 1, 7, out, stride); break;
    case 6: quantised_panel(m, panel, b, 0, 0, 1, 1, 6, out, stride); break;
    case 5: quantised_panel(m, panel, b, 0, 0, 1, 1, 5, out, stride); break;
    case 4: quantised_panel(m, panel, b, 0, 0, 1, 1, 4, out, stride); break;
    case 3: quantised_panel(m, panel, b, 0, 0, 1, 1, 3, out, stride); break;
#endif
    case 2: quantised_panel(m, panel, b, 0, 0, 1, 1, 2, out, stride); break;
    default: quantised_panel(m, panel, b, 0, 0, 1, 1, 1, out, stride);
    }
}

INLINE void any_panel(const Matrix *m, int panel, const Block *b, int by_group, int rows, float *out, ptrdiff_t stride) {
    if (exact_rows(m))
        int4_panel(m, panel, b, rows, out, stride);
    else if (m->type == TYPE_INT4)
        quantised_panel(m, panel, b, 0, 0, 1, 0, ROWS_INT4, out, stride);
    else if (m->type == TYPE_INT8 && by_group)
        quantised_panel(m, panel, b, 1, 0, 0, 0, ROWS_INT8, out, stride);
    else if (m->type == TYPE_INT8 && m->groups == 1)
        quantised_panel(m, panel, b, 0, 1, 0, 0, ROWS_INT8, out, stride);
    else if (m->type == TYPE_INT8)
        quantised_panel(m, panel, b, 0, 0, 0, 0, ROWS_INT8, out, stride);
    else if (m->type == TYPE_BF16)
        float_panel(m, panel, b, 1, ROWS_FLOAT, out, stride);
    else
        float_panel(m, panel, b, 0, ROWS_FLOAT, out, stride);
}

static void product(const Product *p, int first_panel, int last_panel, int first_row, int last_row) {
    const Matrix *m = p->matrix;
    const Rows *in = p->input;
    int count = last_row - first_row, most = m->type == TYPE_INT4 ? ROWS_INT4 : m->type == TYPE_INT8 ? ROWS_INT8 : ROWS_FLOAT;
    int blocks = (count + most - 1) / most, exact = exact_rows(m);
    ptrdiff_t scale_stride = in->by_group ? m->groups : 1;
    float made[ROWS_MOST * PANEL];
    Block b;
    for (int block = 0; block < blocks; block++) {
        int row = block * most, rows = count - row < most ? count - row : most;
        if (exact) row = count * block / blocks, rows = count * (block + 1) / blocks - row; /* of nearly one size */
        row += first_row;
        for (int r = 0; r < most; r++) {
            int place = row + (r < rows ? r : 0);
            ptrdiff_t from = p->index ? p->index[place] : place;
            if (m->type < TYPE_INT8) {
                b.values[r] = in->values + from * in->stride;
                continue;
            }
            b.bytes[r] = in->bytes + from * in->stride;
            b.sums[r] = in->sums + from * m->groups;
            b.scales[r] = in->scales + from * scale_stride;
        }
        for (int panel = first_panel; panel < last_panel; panel++) {
            if (p->geglu || (!exact && rows < most)) {
                any_panel(m, panel, &b, in->by_group, rows, made, PANEL);
                store_rows(p, panel, row, rows, made);
            } else {
                any_panel(m, panel, &b, in->by_group, rows, p->out + row * p->stride + (ptrdiff_t)panel * PANEL, p->stride);
            }
        }
    }
}

/* ---- rows: n is a multiple of 32 --------------------------------------------------------------------------------- */

static void quantise(const float *x, int n, int type, int group, int by_group, int8_t *bytes, int32_t *sums, float *scales) {
    int bias = type == TYPE_INT4 ? -8 : WIDE_BIAS;
    F most = f_set(0), odd = f_set(0);
    for (int i = 0; i < n; i += WIDTH) {
        F v = f_load(x + i);
        most = f_max(most, f_abs(v));
        odd = f_fma(v, f_set(0), odd);
    }
    float largest = f_largest(most);
    int finite = f_sum(odd) == 0; /* else the scale says so: NaN must not become a number on its way */
    for (int g = 0, from = 0; from < n; g++, from += group) {
        int to = from + group < n ? from + group : n;
        if (by_group) {
            most = f_set(0);
            for (int i = from; i < to; i += WIDTH) most = f_max(most, f_abs(f_load(x + i)));
            largest = f_largest(most);
        }
        F inverse = f_set(finite && largest > 1e-30f ? 127 / largest : 0);
        I sum = i_set(0);
        for (int i = from; i < to; i += WIDTH) {
            I whole = f_to_ints(finite ? f_mul(f_load(x + i), inverse) : f_set(0));
            i_to_bytes(bytes + i, whole);
            sum = i_add(sum, whole);
        }
        sums[g] = bias * i_sum(sum);
        if (by_group) scales[g] = finite ? largest / 127 : NAN;
    }
    if (!by_group) scales[0] = finite ? largest / 127 : NAN;
}

static float square_sum(const float *x, int n) {
    F a = f_set(0), b = f_set(0);
    for (int i = 0; i < n; i += 2 * WIDTH) {
        F u = f_load(x + i), v = f_load(x + i + WIDTH);
        a = f_fma(u, u, a);
        b = f_fma(v, v, b);
    }
    return f_sum(f_add(a, b));
}

static void scale_by(const float *x, const float *weight, float factor, float *out, int n) {
    F f = f_set(factor);
    for (int i = 0; i < n; i += WIDTH) {
        F y = f_mul(f_load(x + i), f);
        f_store(out + i, weight ? f_mul(y, f_load(weight + i)) : y);
    }
}

static void add_scaled(float *y, const float *x, const float *weight, float factor, int n) {
    F f = f_set(factor);
    for (int i = 0; i < n; i += WIDTH) {
        F a = f_mul(f_load(x + i), f);
        f_store(y + i, f_add(f_load(y + i), weight ? f_mul(a, f_load(weight + i)) : a));
    }
}

/* y += factor * row; n as it is, since the table's rows are not padded */
static void add_row(float *y, const void *row, int type, float factor, int n) {
    int i = 0;
    F f = f_set(factor);
    for (; i + WIDTH <= n; i += WIDTH) {
        F w = type == TYPE_F32    ? f_load((const float *)row + i)
              : type == TYPE_BF16 ? f_bf16((const uint16_t *)row + i)
                                  : f_half((const uint16_t *)row + i);
        f_store(y + i, f_fma(w, f, f_load(y + i)));
    }
    for (; i < n; i++) {
        float w;
        if (type == TYPE_F32) w = ((const float *)row)[i];
        else if (type == TYPE_F16) w = dp_half_to_float(((const uint16_t *)row)[i]);
        else {
            uint32_t bits = (uint32_t)((const uint16_t *)row)[i] << 16;
            memcpy(&w, &bits, 4);
        }
        y[i] += factor * w;
    }
}

/* Whole numbers of 16 bits; returns what they are to be multiplied with, NaN where x is not finite. The length of what is made is
 * below 46,300, so that no sum of products of two such rows leaves 32 bits. */
static float to_words(const float *x, int n, int16_t *out) {
    int i = 0;
    float length = 0, largest = 0;
    F squares = f_set(0), most = f_set(0);
    for (; i + WIDTH <= n; i += WIDTH) {
        F v = f_load(x + i);
        squares = f_fma(v, v, squares);
        most = f_max(most, f_abs(v));
    }
    for (int j = i; j < n; j++) {
        length += x[j] * x[j];
        largest = fabsf(x[j]) > largest ? fabsf(x[j]) : largest;
    }
    length = sqrtf(length + f_sum(squares));
    most = f_max(f_set(largest), most);
    largest = f_largest(most);
    int finite = length <= 1e18f, any = length > 1e-18f;
    float factor = finite && any ? 46000 / length : 0;
    if (factor * largest > 32767) factor = 32767 / largest;
    F by = f_set(factor);
    for (i = 0; i + WIDTH <= n; i += WIDTH) i_to_words(out + i, f_to_ints(finite ? f_mul(f_load(x + i), by) : f_set(0)));
    for (; i < n; i++) out[i] = finite ? (int16_t)lrintf(x[i] * factor) : 0;
    return !finite ? NAN : any ? 1 / factor : 0;
}

#include "attention.h"

/* ---- head -------------------------------------------------------------------------------------------------------- */

enum { DRAW_BLOCK = 64 };

/* Puts the block's candidates into the list of the kept ones, best first. */
static void keep_best(const float *y, int from, int to, int kept, int64_t *ids, float *probs) {
    for (int j = from; j < to; j++) {
        if (!(y[j] > probs[kept - 1])) continue;
        int place = kept - 1;
        for (; place > 0 && y[j] > probs[place - 1]; place--) {
            probs[place] = probs[place - 1];
            ids[place] = ids[place - 1];
        }
        probs[place] = y[j];
        ids[place] = j;
    }
}

/* Softcap, temperature, probabilities (left in y), entropy in nats, the most likely tokens and a draw.
 *
 * A logit that is NaN or infinite makes entropy and probabilities NaN: the softcap would make a good number of an infinite
 * one. The tokens are of the vocabulary even then. */
static void head_row(float *y, const HeadRow *h) {
    F cap = f_set(1 / h->softcap), tempered = f_set(h->softcap / h->temperature), most = f_set(-1e30f), odd = f_set(0);
    for (int j = h->vocab; j < h->stride; j++) y[j] = 0;
    for (int j = 0; j < h->stride; j += WIDTH) {
        F v = f_load(y + j);
        odd = f_fma(v, f_set(0), odd);
        f_store(y + j, f_mul(f_tanh(f_mul(v, cap)), tempered));
    }
    for (int j = h->vocab; j < h->stride; j++) y[j] = -1e30f;
    for (int j = 0; j < h->stride; j += WIDTH) most = f_max(most, f_load(y + j));
    F best = f_set(f_largest(most) + f_sum(odd)); /* odd: 0, or NaN */
    for (int k = 0; k < h->kept; k++) h->top_ids[k] = k, h->top_probs[k] = -1;
    double total = 0, weighted = 0;
    int blocks = (h->vocab + DRAW_BLOCK - 1) / DRAW_BLOCK; /* none that is all padding: each may be drawn from */
    for (int b = 0; b < blocks; b++) {
        F sum = f_set(0), by_log = f_set(0), peak = f_set(0);
        for (int j = b * DRAW_BLOCK; j < (b + 1) * DRAW_BLOCK; j += WIDTH) {
            F z = f_sub(f_load(y + j), best), e = f_exp(z);
            z = f_max(z, f_set(-87.0f));
            peak = f_max(peak, e);
            sum = f_add(sum, e);
            by_log = f_fma(e, z, by_log);
            f_store(y + j, e);
        }
        h->blocks[b] = f_sum(sum);
        total += h->blocks[b];
        weighted += f_sum(by_log);
        int end = (b + 1) * DRAW_BLOCK < h->vocab ? (b + 1) * DRAW_BLOCK : h->vocab;
        if (f_largest(peak) > h->top_probs[h->kept - 1]) keep_best(y, b * DRAW_BLOCK, end, h->kept, h->top_ids, h->top_probs);
    }
    h->argmax[0] = h->top_ids[0];
    h->entropy[0] = (float)(log(total) - weighted / total);
    double draw = h->uniform * total, before = 0; /* the sum of all blocks is `total` to the bit, so one lies above the draw */
    int b = 0;
    while (b < blocks - 1 && before + h->blocks[b] <= draw) before += h->blocks[b++];
    int j = b * DRAW_BLOCK, last = j + DRAW_BLOCK - 1 < h->vocab - 1 ? j + DRAW_BLOCK - 1 : h->vocab - 1;
    while (j < last && before + y[j] <= draw) before += y[j++];
    h->sampled[0] = j;
    F share = f_set((float)(1 / total));
    for (int i = 0; i < h->stride; i += WIDTH) f_store(y + i, f_mul(f_load(y + i), share));
    for (int i = h->vocab; i < h->stride; i++) y[i] = 0;
    for (int k = 0; k < h->kept; k++) h->top_probs[k] /= (float)total;
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

/* Codes of one group of one column, and its scale; n is a multiple of 32. Returns 0 where a value is not finite.
 *
 * INT4: the least squares step of the best of three shares of absmax/7; a smaller step saturates few large weights and
 * serves all others better (trt_engines/weights/block_scales.py, where this was measured). */
static int pack_group(const float *x, int n, int type, uint8_t *codes, float *scale) {
    static const float shares[3] = {1.0f, 0.92f, 0.84f};
    F most = f_set(0), odd = f_set(0);
    for (int i = 0; i < n; i += WIDTH) {
        F v = f_load(x + i);
        most = f_max(most, f_abs(v));
        odd = f_add(odd, f_mul(v, f_set(0)));
    }
    float largest = f_largest(most);
    if (!(f_sum(odd) == 0)) return 0;
    float step = largest / 127, least = -127, high = 127, bias = 128;
    if (type == TYPE_INT4) {
        float best = -1;
        for (int s = 0; s < 3 && largest > 0; s++) {
            F inverse = f_set(7 / (shares[s] * largest)), along = f_set(0), length = f_set(0), unit = f_set(1 / largest);
            for (int i = 0; i < n; i += WIDTH) {
                F v = f_load(x + i), q = f_min(f_max(f_round(f_mul(v, inverse)), f_set(-8)), f_set(7));
                along = f_fma(f_mul(v, unit), q, along);
                length = f_fma(q, q, length);
            }
            float a = f_sum(along), l = f_sum(length);
            if (l > 0 && a * a / l > best) best = a * a / l, step = a / l * largest;
        }
        if (largest == 0) step = 0;
        step = dp_half_to_float(dp_float_to_half(step));
        least = -8, high = 7, bias = 8;
        if (!(step <= 65504.0f)) return 0;
    }
    *scale = step;
    F inverse = f_set(step > 0 ? 1 / step : 0);
    int8_t signed_codes[WIDTH];
    for (int i = 0; i < n; i += WIDTH) {
        i_to_bytes(signed_codes, f_to_ints(f_min(f_max(f_mul(f_load(x + i), inverse), f_set(least)), f_set(high))));
        for (int j = 0; j < WIDTH; j++) codes[i + j] = (uint8_t)(signed_codes[j] + (int)bias);
    }
    return 1;
}

/* ---- shares of tokens within a class ------------------------------------------------------------------------------ */

/* out = exp(x - top), exactly 0 from 87 below; their sum, and that of each times x - top, in doubles. Returns top. */
static float exp_shares(const float *x, int n, float *out, double *total, double *weighted) {
    F most = f_set(-1e30f);
    float last[WIDTH], top;
    int whole = n / WIDTH * WIDTH;
    for (int i = 0; i < WIDTH; i++) last[i] = whole + i < n ? x[whole + i] : -1e30f;
    for (int i = 0; i < whole; i += WIDTH) most = f_max(f_load(x + i), most);
    top = f_largest(f_max(f_load(last), most));
    *total = *weighted = 0;
    for (int from = 0; from < n; from += 64 * WIDTH) {
        F sum = f_set(0), by_log = f_set(0);
        for (int i = from; i < n && i < from + 64 * WIDTH; i += WIDTH) {
            F z = f_max(f_sub(f_load(i < whole ? x + i : last), f_set(top)), f_set(-1e30f));
            F e = f_max(f_sub(f_exp(z), f_set(2e-38f)), f_set(0)); /* f_exp is never less than 1.6e-38 */
            sum = f_add(sum, e);
            by_log = f_fma(e, z, by_log);
            if (i < whole) f_store(out + i, e);
            else f_store(last, e);
        }
        *total += f_sum(sum), *weighted += f_sum(by_log);
    }
    memcpy(out + whole, last, (size_t)(n - whole) * sizeof(float));
    return top;
}

const Kernels DP_TABLE = {product, attend, quantise, square_sum, scale_by, add_scaled, head_row, add_row, pack_group, to_words, exp_shares};
