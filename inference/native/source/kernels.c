/* The work of one thread on one piece, compiled once for each instruction set (DP_ISA); see native.h for the layouts. */
#include "simd.h"

enum {
    VECTORS = 2,                         /* of a block of columns */
    COLUMNS = VECTORS * WIDTH,           /* 32, or half a panel */
    PARTS = PANEL / COLUMNS,
    ROWS_INT4 = WIDTH == 16 ? 4 : 2,
    ROWS_INT8 = WIDTH == 16 ? 8 : 4,
    ROWS_FLOAT = WIDTH == 16 ? 8 : 4,
    ROWS_MOST = 8,
    KEY_BLOCK = 256,
    WIDE_BIAS = DP_ISA == 1 ? 0 : -128   /* AVX2 takes the bias off the weights themselves */
};

typedef struct {
    const int8_t *bytes[ROWS_MOST];
    const int32_t *sums[ROWS_MOST];
    const float *scales[ROWS_MOST], *values[ROWS_MOST];
} Block;

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* 32 columns of a quantised matrix over `rows` rows, to out[rows][32] */
INLINE void quantised_panel(const Matrix *m, int panel, const Block *b, const int by_group, const int single, const int int4,
                            const int rows, float *out) {
    const int step = int4 ? 8 : 4;
    const size_t line = PANEL * 4;
    for (int part = 0; part < PARTS; part++) {
        const uint8_t *w = m->weights + (size_t)panel * (size_t)(m->k / step) * line + (size_t)part * COLUMNS * 4;
        F total[ROWS_MOST][VECTORS];
        if (!single) {
            UNROLL for (int r = 0; r < rows; r++) total[r][0] = total[r][1] = f_set(0);
        }
        for (int g = 0; g < (single ? 1 : m->groups); g++) {
            int from = single ? 0 : g * m->group, to = single || from + m->group > m->k ? m->k : from + m->group;
            if (by_group) {
                float any = 0;
                UNROLL for (int r = 0; r < rows; r++) any += b->scales[r][g];
                if (any == 0) continue;
            }
            I acc[ROWS_MOST][VECTORS];
            UNROLL for (int r = 0; r < rows; r++) acc[r][0] = acc[r][1] = i_set((int4 ? -8 : WIDE_BIAS) * b->sums[r][g]);
            for (int k = from; k < to; k += 32) {
                const uint8_t *z = w + (size_t)(k / step) * line;
                if (int4) {
                    Sub sub[ROWS_MOST][VECTORS];
                    UNROLL for (int r = 0; r < rows; r++) {
                        sub[r][0] = sub_begin(acc[r][0]);
                        sub[r][1] = sub_begin(acc[r][1]);
                    }
                    UNROLL for (int j = 0; j < 4; j++) {
                        I z0 = i_load(z + (size_t)j * line), z1 = i_load(z + (size_t)j * line + WIDTH * 4);
                        __builtin_prefetch(z + (size_t)j * line + 1024);
                        __builtin_prefetch(z + (size_t)j * line + 1088);
                        I l0 = i_low(z0), h0 = i_high(z0), l1 = i_low(z1), h1 = i_high(z1);
                        UNROLL for (int r = 0; r < rows; r++) {
                            I x = i_set(load32(b->bytes[r] + k + 8 * j)), y = i_set(load32(b->bytes[r] + k + 8 * j + 4));
                            sub[r][0] = dot_narrow(sub[r][0], l0, x);
                            sub[r][1] = dot_narrow(sub[r][1], l1, x);
                            sub[r][0] = dot_narrow(sub[r][0], h0, y);
                            sub[r][1] = dot_narrow(sub[r][1], h1, y);
                        }
                    }
                    UNROLL for (int r = 0; r < rows; r++) {
                        acc[r][0] = sub_end(acc[r][0], sub[r][0]);
                        acc[r][1] = sub_end(acc[r][1], sub[r][1]);
                    }
                } else {
                    UNROLL for (int j = 0; j < 8; j++) {
                        I w0 = wide_prepared(i_load(z + (size_t)j * line));
                        I w1 = wide_prepared(i_load(z + (size_t)j * line + WIDTH * 4));
                        UNROLL for (int r = 0; r < rows; r++) {
                            I x = i_set(load32(b->bytes[r] + k + 4 * j));
                            acc[r][0] = dot_wide(acc[r][0], w0, x);
                            acc[r][1] = dot_wide(acc[r][1], w1, x);
                        }
                    }
                }
            }
            size_t at = ((size_t)panel * (size_t)m->groups + (size_t)g) * PANEL + (size_t)part * COLUMNS;
            F s0 = int4 ? f_half((const uint16_t *)m->scales + at) : f_load((const float *)m->scales + at);
            F s1 = int4 ? f_half((const uint16_t *)m->scales + at + WIDTH) : f_load((const float *)m->scales + at + WIDTH);
            UNROLL for (int r = 0; r < rows; r++) {
                F x0 = f_from_sums(acc[r][0]), x1 = f_from_sums(acc[r][1]);
                if (by_group) {
                    F own = f_set(b->scales[r][g]);
                    x0 = f_mul(x0, own);
                    x1 = f_mul(x1, own);
                }
                total[r][0] = single ? f_mul(x0, s0) : f_fma(x0, s0, total[r][0]);
                total[r][1] = single ? f_mul(x1, s1) : f_fma(x1, s1, total[r][1]);
            }
        }
        UNROLL for (int r = 0; r < rows; r++) {
            F own = f_set(by_group ? 1.0f : b->scales[r][0]);
            f_store(out + r * PANEL + part * COLUMNS, f_mul(total[r][0], own));
            f_store(out + r * PANEL + part * COLUMNS + WIDTH, f_mul(total[r][1], own));
        }
    }
}

INLINE F weight_load(const uint8_t *w, size_t at, const int bf16) {
    return bf16 ? f_bf16((const uint16_t *)(const void *)w + at) : f_load((const float *)(const void *)w + at);
}

INLINE void float_panel(const Matrix *m, int panel, const Block *b, const int bf16, const int rows, float *out) {
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
            f_store(out + r * PANEL + part * COLUMNS, acc[r][0]);
            f_store(out + r * PANEL + part * COLUMNS + WIDTH, acc[r][1]);
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

static void product(const Product *p, int first_panel, int last_panel, int first_row, int last_row) {
    const Matrix *m = p->matrix;
    const Rows *in = p->input;
    int most = m->type == TYPE_INT4 ? ROWS_INT4 : m->type == TYPE_INT8 ? ROWS_INT8 : ROWS_FLOAT;
    ptrdiff_t scale_stride = in->by_group ? m->groups : 1;
    float made[ROWS_MOST * PANEL];
    Block b;
    for (int panel = first_panel; panel < last_panel; panel++)
        for (int row = first_row; row < last_row; row += most) {
            int rows = last_row - row < most ? last_row - row : most;
            for (int r = 0; r < most; r++) { /* rows that are missing repeat the first one */
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
            if (m->type == TYPE_INT4)
                quantised_panel(m, panel, &b, 0, 0, 1, ROWS_INT4, made);
            else if (m->type == TYPE_INT8 && in->by_group)
                quantised_panel(m, panel, &b, 1, 0, 0, ROWS_INT8, made);
            else if (m->type == TYPE_INT8 && m->groups == 1)
                quantised_panel(m, panel, &b, 0, 1, 0, ROWS_INT8, made);
            else if (m->type == TYPE_INT8)
                quantised_panel(m, panel, &b, 0, 0, 0, ROWS_INT8, made);
            else if (m->type == TYPE_BF16)
                float_panel(m, panel, &b, 1, ROWS_FLOAT, made);
            else
                float_panel(m, panel, &b, 0, ROWS_FLOAT, made);
            store_rows(p, panel, row, rows, made);
        }
}

/* ---- rows: n is a multiple of 32 --------------------------------------------------------------------------------- */

static void quantise(const float *x, int n, int group, int by_group, int8_t *bytes, int32_t *sums, float *scales) {
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
        for (int i = from; i < to; i += WIDTH) f_to_bytes(bytes + i, finite ? f_mul(f_load(x + i), inverse) : f_set(0));
        int32_t sum = 0;
        for (int i = from; i < to; i++) sum += bytes[i];
        sums[g] = sum;
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

static void to_half(const float *x, uint16_t *out, int n) {
    int i = 0;
    for (; i + WIDTH <= n; i += WIDTH) f_to_half(out + i, f_load(x + i));
    for (; i < n; i++) out[i] = dp_float_to_half(x[i]);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

INLINE F cache_load(const void *p, size_t at, const int half) {
    return half ? f_half((const uint16_t *)p + at) : f_load((const float *)p + at);
}

/* scores of up to ROWS_FLOAT rows with the 32 keys of a block */
INLINE void score_block(const Attention *a, size_t block, int kv_head, const float *const *q, int rows, int half, float *out, ptrdiff_t stride) {
    size_t base = (block * (size_t)a->kv_heads + (size_t)kv_head) * (size_t)a->dim * PANEL;
    for (int part = 0; part < PARTS; part++) {
        size_t at = base + (size_t)part * COLUMNS;
        F acc[ROWS_FLOAT][VECTORS];
        UNROLL for (int r = 0; r < ROWS_FLOAT; r++) acc[r][0] = acc[r][1] = f_set(0);
        for (int k = 0; k < a->dim; k++, at += PANEL) {
            F w0 = cache_load(a->keys, at, half), w1 = cache_load(a->keys, at + WIDTH, half);
            UNROLL for (int r = 0; r < ROWS_FLOAT; r++) {
                F x = f_set(q[r][k]);
                acc[r][0] = f_fma(x, w0, acc[r][0]);
                acc[r][1] = f_fma(x, w1, acc[r][1]);
            }
        }
        for (int r = 0; r < rows; r++) {
            f_store(out + r * stride + part * COLUMNS, acc[r][0]);
            f_store(out + r * stride + part * COLUMNS + WIDTH, acc[r][1]);
        }
    }
}

/* out[rows][dim_padded] += shares[rows][count] * values of `count` positions, a multiple of 32, from block on */
INLINE void weigh_values(const Attention *a, size_t block, int count, int kv_head, const float *shares, int rows, int half, float *out) {
    for (int column = 0; column < a->dim_padded; column += COLUMNS) {
        F acc[ROWS_FLOAT][VECTORS];
        UNROLL for (int r = 0; r < ROWS_FLOAT; r++) {
            const float *o = out + (r < rows ? r : 0) * (ptrdiff_t)a->dim_padded + column;
            acc[r][0] = f_load(o);
            acc[r][1] = f_load(o + WIDTH);
        }
        for (int first = 0; first < count; first += PANEL) {
            size_t lines = ((block + (size_t)(first / PANEL)) * (size_t)a->kv_heads + (size_t)kv_head) * PANEL;
            size_t at = lines * (size_t)a->dim_padded + (size_t)column;
            for (int k = first; k < first + PANEL; k++, at += (size_t)a->dim_padded) {
                F w0 = cache_load(a->values, at, half), w1 = cache_load(a->values, at + WIDTH, half);
                UNROLL for (int r = 0; r < ROWS_FLOAT; r++) {
                    F x = f_set(shares[(r < rows ? r : 0) * KEY_BLOCK + k]);
                    acc[r][0] = f_fma(x, w0, acc[r][0]);
                    acc[r][1] = f_fma(x, w1, acc[r][1]);
                }
            }
        }
        for (int r = 0; r < rows; r++) {
            float *o = out + r * (ptrdiff_t)a->dim_padded + column;
            f_store(o, acc[r][0]);
            f_store(o + WIDTH, acc[r][1]);
        }
    }
}

/* Which keys a row sees: from *low to before *high. */
INLINE void visible(const Attention *a, int row, int *low, int *high) {
    int own = a->start + row;
    *high = a->canvas ? a->start + a->count : own + 1;
    int query = a->canvas ? a->start : own; /* a canvas sees the window before its first place, and all of itself */
    *low = a->window && query - a->window + 1 > 0 ? query - a->window + 1 : 0;
}

INLINE void attend_typed(const Attention *a, int kv_head, int first, int last, float *scratch, const int half) {
    int group = a->heads / a->kv_heads, rows = (last - first) * group;
    float *scores = scratch, *out = scores + (ptrdiff_t)rows * KEY_BLOCK;
    float *largest = out + (ptrdiff_t)rows * a->dim_padded, *total = largest + rows;
    int low, high, unused;
    visible(a, first, &low, &unused);
    visible(a, last - 1, &unused, &high);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)rows * a->dim_padded; i++) out[i] = 0;
    for (int r = 0; r < rows; r++) largest[r] = -1e30f, total[r] = 0;
    for (int key = low / KEY_BLOCK * KEY_BLOCK; key < high; key += KEY_BLOCK) {
        if (atomic_load_explicit(a->stop, memory_order_relaxed)) return;
        int from = key > low ? 0 : (low - key) / PANEL * PANEL;
        int to = high - key < KEY_BLOCK ? (high - key + PANEL - 1) / PANEL * PANEL : KEY_BLOCK;
        for (int r = 0; r < rows; r += ROWS_FLOAT) {
            int now = rows - r < ROWS_FLOAT ? rows - r : ROWS_FLOAT;
            const float *q[ROWS_FLOAT];
            for (int i = 0; i < ROWS_FLOAT; i++) {
                int row = r + (i < now ? i : 0);
                q[i] = a->queries + (first + row / group) * a->query_stride + (ptrdiff_t)(kv_head * group + row % group) * a->dim;
            }
            for (int p = from; p < to; p += PANEL)
                score_block(a, (size_t)(key + p) / PANEL, kv_head, q, now, half, scores + (ptrdiff_t)r * KEY_BLOCK + p, KEY_BLOCK);
        }
        for (int r = 0; r < rows; r++) {
            float *s = scores + (ptrdiff_t)r * KEY_BLOCK;
            int least, end;
            visible(a, first + r / group, &least, &end);
            for (int i = from; i < least - key && i < to; i++) s[i] = -2e30f;
            for (int i = end - key > from ? end - key : from; i < to; i++) s[i] = -2e30f;
            F most = f_set(largest[r]);
            for (int i = from; i < to; i += WIDTH) most = f_max(most, f_load(s + i));
            float best = f_largest(most);
            F sum = f_set(0), b = f_set(best);
            for (int i = from; i < to; i += WIDTH) {
                F e = f_exp(f_sub(f_load(s + i), b));
                sum = f_add(sum, e);
                f_store(s + i, e);
            }
            if (best > largest[r]) {
                float shrink = expf(largest[r] - best), *o = out + (ptrdiff_t)r * a->dim_padded;
                total[r] *= shrink;
                for (int i = 0; i < a->dim_padded; i++) o[i] *= shrink;
                largest[r] = best;
            }
            total[r] += f_sum(sum);
        }
        for (int r = 0; r < rows; r += ROWS_FLOAT) {
            int now = rows - r < ROWS_FLOAT ? rows - r : ROWS_FLOAT;
            weigh_values(a, (size_t)(key + from) / PANEL, to - from, kv_head, scores + (ptrdiff_t)r * KEY_BLOCK + from, now, half,
                         out + (ptrdiff_t)r * a->dim_padded);
        }
    }
    for (int r = 0; r < rows; r++) {
        float *o = a->out + (first + r / group) * a->out_stride + (ptrdiff_t)(kv_head * group + r % group) * a->dim;
        for (int i = 0; i < a->dim; i++) o[i] = out[(ptrdiff_t)r * a->dim_padded + i] / total[r];
    }
}

static void attend(const Attention *a, int kv_head, int first, int last, float *scratch) {
    if (a->kv_half) attend_typed(a, kv_head, first, last, scratch, 1);
    else attend_typed(a, kv_head, first, last, scratch, 0);
}

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
        f_to_bytes(signed_codes, f_min(f_max(f_mul(f_load(x + i), inverse), f_set(least)), f_set(high)));
        for (int j = 0; j < WIDTH; j++) codes[i + j] = (uint8_t)(signed_codes[j] + (int)bias);
    }
    return 1;
}

const Kernels DP_TABLE = {product, attend, quantise, square_sum, scale_by, add_scaled, head_row, add_row, pack_group, to_half};
