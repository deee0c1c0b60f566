/* Attention of some rows over one head's keys and values, in blocks of KEY_BLOCK positions with a running largest score.
 *
 * Of words both products are of whole numbers: a row's queries and each key have lengths whose product fits in 32 bits
 * (`to_words`); the shares of a block add up to 32767, so that their sums of values fit, too. Part of kernels.c.
 */

enum { ROWS_ATTEND = WIDTH == 16 ? MOST_ROWS_ATTEND : 4, SHARES = 32767 };

/* What `attend` needs of one thread, see `dp_attend_room`. Rows are filled up to whole blocks of ROWS_ATTEND; what those hold that
 * are too many does not matter. Of words, shares lie where scores did, and queries as [block of rows][dim/2][ROWS_ATTEND][2]. */
typedef struct {
    float *scores, *out, *largest, *total, *query_scales, *share_scales, *value_scales;
    int16_t *queries;
} Scratch;

INLINE Scratch scratch_of(const Attention *a, int rows, float *memory) {
    Scratch s;
    ptrdiff_t all = (rows + ROWS_ATTEND - 1) / ROWS_ATTEND * ROWS_ATTEND;
    s.scores = memory;
    s.out = s.scores + all * KEY_BLOCK;
    s.queries = (int16_t *)(void *)(s.out + all * a->dim_padded);
    s.value_scales = s.out + all * a->dim_padded * 2;
    s.largest = s.value_scales + KEY_BLOCK;
    s.total = s.largest + all;
    s.query_scales = s.total + all;
    s.share_scales = s.query_scales + all;
    return s;
}

INLINE const float *query_of(const Attention *a, int kv_head, int first, int row) {
    int group = a->heads / a->kv_heads;
    return a->queries + (first + row / group) * a->query_stride + (ptrdiff_t)(kv_head * group + row % group) * a->dim;
}

/* The words of one block of keys or values; behind them its scales. */
INLINE const int16_t *words_of(const Attention *a, const void *all, size_t block, int kv_head, int dim) {
    return (const int16_t *)all + (block * (size_t)a->kv_heads + (size_t)kv_head) * ((size_t)dim * PANEL + BLOCK_SCALES);
}

/* scores of up to ROWS_ATTEND rows with the 32 keys of a block */
INLINE void score_floats(const Attention *a, size_t block, int kv_head, const float *const *q, int rows, float *out) {
    const float *keys = (const float *)a->keys + (block * (size_t)a->kv_heads + (size_t)kv_head) * (size_t)a->dim * PANEL;
    for (int part = 0; part < PARTS; part++) {
        const float *at = keys + part * COLUMNS;
        F acc[ROWS_ATTEND][VECTORS];
        UNROLL for (int r = 0; r < ROWS_ATTEND; r++) acc[r][0] = acc[r][1] = f_set(0);
        for (int k = 0; k < a->dim; k++, at += PANEL) {
            F w0 = f_load(at), w1 = f_load(at + WIDTH);
            UNROLL for (int r = 0; r < ROWS_ATTEND; r++) {
                F x = f_set(q[r][k]);
                acc[r][0] = f_fma(x, w0, acc[r][0]);
                acc[r][1] = f_fma(x, w1, acc[r][1]);
            }
        }
        for (int r = 0; r < rows; r++) {
            f_store(out + r * KEY_BLOCK + part * COLUMNS, acc[r][0]);
            f_store(out + r * KEY_BLOCK + part * COLUMNS + WIDTH, acc[r][1]);
        }
    }
}

/* the same of ROWS_ATTEND rows of words */
INLINE void score_words(const Attention *a, size_t block, int kv_head, const int16_t *q, const float *q_scales, float *out) {
    const int16_t *keys = words_of(a, a->keys, block, kv_head, a->dim);
    const float *scales = (const float *)(const void *)(keys + a->dim * PANEL);
    for (int part = 0; part < PARTS; part++) {
        const int16_t *at = keys + part * COLUMNS * 2;
        I acc[ROWS_ATTEND][VECTORS];
        UNROLL for (int r = 0; r < ROWS_ATTEND; r++) acc[r][0] = acc[r][1] = i_set(0);
        for (int k = 0; k < a->dim; k += 2, at += 2 * PANEL) {
            I w0 = i_load((const uint8_t *)at), w1 = i_load((const uint8_t *)(at + 2 * WIDTH));
            UNROLL for (int r = 0; r < ROWS_ATTEND; r++) {
                I x = i_set(load32(q + k * ROWS_ATTEND + 2 * r));
                acc[r][0] = dot_words(acc[r][0], w0, x);
                acc[r][1] = dot_words(acc[r][1], w1, x);
            }
        }
        F s0 = f_load(scales + part * COLUMNS), s1 = f_load(scales + part * COLUMNS + WIDTH);
        UNROLL for (int r = 0; r < ROWS_ATTEND; r++) {
            F own = f_set(q_scales[r]);
            f_store(out + r * KEY_BLOCK + part * COLUMNS, f_mul(f_mul(f_from_sums(acc[r][0]), s0), own));
            f_store(out + r * KEY_BLOCK + part * COLUMNS + WIDTH, f_mul(f_mul(f_from_sums(acc[r][1]), s1), own));
        }
    }
}

/* out[rows][dim_padded] += shares[rows][count] * values of `count` positions, a multiple of 32, from block on */
INLINE void weigh_floats(const Attention *a, size_t block, int count, int kv_head, const float *shares, int rows, float *out) {
    const float *own[ROWS_ATTEND]; /* rows that are missing repeat the first one */
    for (int r = 0; r < ROWS_ATTEND; r++) own[r] = shares + (r < rows ? r : 0) * KEY_BLOCK;
    for (int column = 0; column < a->dim_padded; column += COLUMNS) {
        F acc[ROWS_ATTEND][VECTORS];
        UNROLL for (int r = 0; r < ROWS_ATTEND; r++) {
            const float *o = out + (r < rows ? r : 0) * (ptrdiff_t)a->dim_padded + column;
            acc[r][0] = f_load(o);
            acc[r][1] = f_load(o + WIDTH);
        }
        for (int first = 0; first < count; first += PANEL) {
            size_t lines = ((block + (size_t)(first / PANEL)) * (size_t)a->kv_heads + (size_t)kv_head) * PANEL;
            const float *at = (const float *)a->values + lines * (size_t)a->dim_padded + column;
            for (int k = first; k < first + PANEL; k++, at += a->dim_padded) {
                F w0 = f_load(at), w1 = f_load(at + WIDTH);
                UNROLL for (int r = 0; r < ROWS_ATTEND; r++) {
                    F x = f_set(own[r][k]);
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

/* the same of ROWS_ATTEND rows of words; each row's sum times its scale is added */
INLINE void weigh_words(const Attention *a, size_t block, int count, int kv_head, const int16_t *shares, const float *scales, float *out) {
    for (int column = 0; column < a->dim_padded; column += COLUMNS) {
        I acc[ROWS_ATTEND][VECTORS];
        UNROLL for (int r = 0; r < ROWS_ATTEND; r++) acc[r][0] = acc[r][1] = i_set(0);
        for (int first = 0; first < count; first += PANEL) {
            const int16_t *at = words_of(a, a->values, block + (size_t)(first / PANEL), kv_head, a->dim_padded) + 2 * column;
            for (int k = first; k < first + PANEL; k += 2, at += 2 * a->dim_padded) {
                I w0 = i_load((const uint8_t *)at), w1 = i_load((const uint8_t *)(at + 2 * WIDTH));
                UNROLL for (int r = 0; r < ROWS_ATTEND; r++) {
                    I x = i_set(load32(shares + r * (2 * KEY_BLOCK) + k));
                    acc[r][0] = dot_words(acc[r][0], w0, x);
                    acc[r][1] = dot_words(acc[r][1], w1, x);
                }
            }
        }
        UNROLL for (int r = 0; r < ROWS_ATTEND; r++) {
            float *o = out + r * (ptrdiff_t)a->dim_padded + column;
            F scale = f_set(scales[r]);
            f_store(o, f_fma(f_from_sums(acc[r][0]), scale, f_load(o)));
            f_store(o + WIDTH, f_fma(f_from_sums(acc[r][1]), scale, f_load(o + WIDTH)));
        }
    }
}

/* Which keys a row sees: from *low to before *high. */
INLINE void visible(const Attention *a, int row, int *low, int *high) {
    int own = a->start + row;
    *high = a->canvas ? a->start + a->canvas : own + 1;
    int query = a->canvas ? a->start : own; /* a canvas sees the window before its first place, and all of itself */
    *low = a->window && query - a->window + 1 > 0 ? query - a->window + 1 : 0;
}

/* A row's scores of one block become shares; what was summed before is brought to the new largest score. */
INLINE void share_row(const Attention *a, const Scratch *s, int r, int from, int to, const int words) {
    float *row = s->scores + (ptrdiff_t)r * KEY_BLOCK;
    F most = f_set(s->largest[r]);
    for (int i = from; i < to; i += WIDTH) most = f_max(most, f_load(row + i));
    float best = f_largest(most);
    F sum = f_set(0), weighed = f_set(0), b = f_set(best);
    for (int i = from; i < to; i += WIDTH) {
        F e = f_exp(f_sub(f_load(row + i), b));
        sum = f_add(sum, e);
        if (words) {
            e = f_mul(e, f_load(s->value_scales + i));
            weighed = f_add(weighed, e);
        }
        f_store(row + i, e);
    }
    if (best > s->largest[r]) {
        float shrink = expf(s->largest[r] - best), *o = s->out + (ptrdiff_t)r * a->dim_padded;
        s->total[r] *= shrink;
        for (int i = 0; i < a->dim_padded; i++) o[i] *= shrink;
        s->largest[r] = best;
    }
    s->total[r] += f_sum(sum);
    if (!words) return;
    float all = f_sum(weighed);
    int16_t *shares = (int16_t *)(void *)row;
    F factor = f_set(all > 1e-30f ? SHARES / all : 0);
    s->share_scales[r] = all > 1e-30f ? all / SHARES : all; /* nothing to speak of, or NaN */
    for (int i = from; i < to; i += WIDTH) i_to_words(shares + i, f_to_ints(f_mul(f_load(row + i), factor)));
}

INLINE void attend_typed(const Attention *a, int kv_head, int first, int last, float *memory, const int words) {
    int group = a->heads / a->kv_heads, rows = (last - first) * group, low, high, unused;
    const Scratch s = scratch_of(a, rows, memory);
    visible(a, first, &low, &unused);
    visible(a, last - 1, &unused, &high);
    for (int r = 0; r < rows; r++) s.largest[r] = -1e30f, s.total[r] = 0;
    for (int r = 0; r < rows && words; r++) {
        int16_t *own = (int16_t *)(void *)s.out, *to = s.queries + (ptrdiff_t)(r / ROWS_ATTEND * ROWS_ATTEND) * a->dim + 2 * (r % ROWS_ATTEND);
        s.query_scales[r] = to_words(query_of(a, kv_head, first, r), a->dim, own);
        for (int i = 0; i < a->dim; i += 2) memcpy(to + i * ROWS_ATTEND, own + i, 4);
    }
    for (ptrdiff_t i = 0; i < (ptrdiff_t)rows * a->dim_padded; i++) s.out[i] = 0;
    for (int key = low / KEY_BLOCK * KEY_BLOCK; key < high; key += KEY_BLOCK) {
        if (atomic_load_explicit(a->stop, memory_order_relaxed)) return;
        int from = key > low ? 0 : (low - key) / PANEL * PANEL;
        int to = high - key < KEY_BLOCK ? (high - key + PANEL - 1) / PANEL * PANEL : KEY_BLOCK;
        size_t place = (size_t)(key % a->ring) / PANEL; /* no block of keys lies on both sides of the ring's end */
        for (int p = from; p < to && words; p += PANEL) {
            const int16_t *values = words_of(a, a->values, place + (size_t)(p / PANEL), kv_head, a->dim_padded);
            memcpy(s.value_scales + p, values + PANEL * a->dim_padded, PANEL * sizeof(float));
        }
        for (int i = from; i < low - key; i++) s.value_scales[i] = 0; /* what nobody sees may hold anything */
        for (int i = high - key; i < to; i++) s.value_scales[i] = 0;
        for (int r = 0; r < rows; r += ROWS_ATTEND) {
            int now = rows - r < ROWS_ATTEND ? rows - r : ROWS_ATTEND;
            const float *q[ROWS_ATTEND];
            for (int i = 0; i < ROWS_ATTEND; i++) q[i] = query_of(a, kv_head, first, r + (i < now ? i : 0));
            for (int p = from; p < to; p += PANEL) {
                float *out = s.scores + (ptrdiff_t)r * KEY_BLOCK + p;
                size_t block = place + (size_t)(p / PANEL);
                if (words) score_words(a, block, kv_head, s.queries + (ptrdiff_t)r * a->dim, s.query_scales + r, out);
                else score_floats(a, block, kv_head, q, now, out);
            }
        }
        for (int r = 0; r < rows; r++) {
            float *row = s.scores + (ptrdiff_t)r * KEY_BLOCK;
            int least, end;
            visible(a, first + r / group, &least, &end);
            for (int i = from; i < least - key && i < to; i++) row[i] = -2e30f;
            for (int i = end - key > from ? end - key : from; i < to; i++) row[i] = -2e30f;
            share_row(a, &s, r, from, to, words);
        }
        for (int r = 0; r < rows; r += ROWS_ATTEND) {
            int now = rows - r < ROWS_ATTEND ? rows - r : ROWS_ATTEND;
            float *shares = s.scores + (ptrdiff_t)r * KEY_BLOCK, *out = s.out + (ptrdiff_t)r * a->dim_padded;
            size_t block = place + (size_t)(from / PANEL);
            if (words) weigh_words(a, block, to - from, kv_head, (int16_t *)(void *)shares + from, s.share_scales + r, out);
            else weigh_floats(a, block, to - from, kv_head, shares + from, now, out);
        }
    }
    for (int r = 0; r < rows; r++) {
        float *o = a->out + (first + r / group) * a->out_stride + (ptrdiff_t)(kv_head * group + r % group) * a->dim;
        for (int i = 0; i < a->dim; i++) o[i] = s.out[(ptrdiff_t)r * a->dim_padded + i] / s.total[r];
    }
}

static void attend(const Attention *a, int kv_head, int first, int last, float *memory) {
    if (a->words) attend_typed(a, kv_head, first, last, memory, 1);
    else attend_typed(a, kv_head, first, last, memory, 0);
}
