/* One pass of the model over some rows: embedding, layers, head; all threads run `forward` together.
 *
 * A phase is a list of tasks that threads take from a counter, and ends at a barrier; after a stop all threads leave at the
 * same barrier. Every number is computed by one thread in one order: results do not depend on the number of threads.
 */
#include "library.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, ROW_CHUNK = 256, TASK_WORK = 6000000, SMALL_TASK_WORK = 2000000, SMALL = 512 << 10, ATTEND_ROWS = 32 };
enum { M_QKV, M_O, M_GATE_UP, M_DOWN, M_ROUTER, MATRICES };
enum { V_INPUT, V_QUERY, V_KEY, V_POST_ATTENTION, V_PRE, V_PRE_2, V_POST_1, V_POST_2, V_POST, V_EXPERT_SCALE, VECTORS_A_LAYER };

typedef struct {
    int sliding, kv_heads, dim;
    float scalar, encoder_scalar;
    Matrix matrix[MATRICES], *gate_up, *down;
    const float *vector[VECTORS_A_LAYER];
    void *keys, *values; /* of the run; see Attention */
    int ring;
    const float *cosines, *sines;
} Layer;

typedef struct {
    int count, start, canvas, words, kept, with_head;
    const int64_t *ids; /* of the vocabulary, which Python checked */
    const float *soft, *uniforms; /* soft: NULL where there was no step before */
    float temperature;
    float *hidden;
    int64_t *argmax, *sampled, *top_ids;
    float *entropy, *top_probs, *soft_out;
} Run;

typedef struct Model {
    int layers, hidden, hidden_true, heads, inner, experts, top, expert_inner, vocab, vocab_stride, window;
    float softcap, eps, embed_scale;
    const Kernels *own;
    Pool *pool;
    Layer *layer;
    Matrix mix_gate_up, mix_down, head, soft;
    const float *mix_norm, *final_norm;
    const void *table;
    int table_type, room, head_rows;
    void *memory, *head_memory;
    float *x, *normed, *normed_2, *buffer, *attended, *made, *dense_inner, *expert_inner_rows, *expert_out;
    Rows in_1, in_2, in_o, in_down, in_expert;
    int32_t *chosen, *place, *order, *first;
    float *share;
    Product *products;
    int product_count, product_tasks;
    float *scratch; /* of each thread */
    size_t scratch_stride;
    float *logits, *blocks, *top_soft;
    Rows in_head, in_soft;
    Run run;
} Model;

static int padded(int n, int to) { return (n + to - 1) / to * to; }
static int least(int a, int b) { return a < b ? a : b; }
static int most_of(int a, int b) { return a > b ? a : b; }
static int quantised(const Matrix *m) { return m->type >= TYPE_INT8; }

/* ---- small steps ------------------------------------------------------------------------------------------------- */

static float norm_factor(const Model *m, const float *x, int n, int true_n) {
    return 1 / sqrtf(m->own->square_sum(x, n) / (float)true_n + m->eps);
}

static void put_row(const Model *m, const Matrix *matrix, const Rows *rows, ptrdiff_t row) {
    if (!quantised(matrix)) return;
    m->own->quantise(rows->values + row * rows->stride, matrix->k, matrix->type, matrix->group, rows->by_group,
                     rows->bytes + row * rows->stride, rows->sums + row * matrix->groups, rows->scales + row * (rows->by_group ? matrix->groups : 1));
}

/* factor of x's own norm times a weight, into a row that a product reads */
static void put_normed(const Model *m, const float *x, const float *weight, const Matrix *matrix, const Rows *rows, ptrdiff_t row) {
    m->own->scale_by(x, weight, norm_factor(m, x, m->hidden, m->hidden_true), rows->values + row * rows->stride, m->hidden);
    put_row(m, matrix, rows, row);
}

static int shares(int all, int each) { return (all + each - 1) / each; }

/* Of a matrix that a core's caches hold, a task is few rows by all panels: they are read and written in their order, which costs a
 * twentieth less. Of a large one it is few panels by many rows, so that its weights come from memory once. */
static int tasks_of(Product *p) {
    static const int sizes[] = {[TYPE_F32] = 8, [TYPE_BF16] = 4, [TYPE_INT8] = 2, [TYPE_INT4] = 1};
    int panels = p->matrix->n / PANEL, rows = least(p->count, ROW_CHUNK);
    size_t panel = (size_t)p->matrix->k * PANEL * (size_t)sizes[p->matrix->type] / 2;
    double work = (double)p->matrix->k * PANEL;
    if (panel * (size_t)panels <= SMALL) {
        p->panels_a_task = panels;
        rows = least(rows, most_of(1, (int)(SMALL_TASK_WORK / work / panels / ROWS)) * ROWS);
    } else {
        p->panels_a_task = least(panels, most_of(1, (int)(TASK_WORK / work / most_of(1, rows))));
    }
    p->rows_a_task = most_of(1, rows);
    return shares(panels, p->panels_a_task) * shares(p->count, p->rows_a_task);
}

static void multiply(const Model *m, const Product *list, int count, int tasks) {
    for (int task; (task = dp_pool_take(m->pool)) < tasks && !dp_pool_stopping(m->pool);) {
        int low = 0, high = count - 1;
        while (low < high) {
            int middle = (low + high + 1) / 2;
            if (list[middle].first_task <= task) low = middle;
            else high = middle - 1;
        }
        const Product *p = &list[low];
        int chunks = shares(p->count, p->rows_a_task), own = task - p->first_task;
        int panel = own / chunks * p->panels_a_task, row = own % chunks * p->rows_a_task;
        m->own->product(p, panel, least(panel + p->panels_a_task, p->matrix->n / PANEL), row, least(row + p->rows_a_task, p->count));
    }
}

static int multiply_one(const Model *m, const Matrix *matrix, const Rows *in, int count, int geglu, float *out, ptrdiff_t stride) {
    Product p = {matrix, in, NULL, count, geglu, 0, 1, 1, out, stride};
    multiply(m, &p, 1, tasks_of(&p));
    return dp_pool_barrier(m->pool);
}

/* the rows of the next task of this phase; 0 when there are none left */
static int next_rows(const Model *m, int count, int *from, int *to) {
    int task = dp_pool_take(m->pool);
    if (task >= (count + ROWS - 1) / ROWS || dp_pool_stopping(m->pool)) return 0;
    *from = task * ROWS;
    *to = least(*from + ROWS, count);
    return 1;
}

/* ---- layer ------------------------------------------------------------------------------------------------------- */

static void head_norm(const Model *m, float *x, int dim, const float *weight) {
    if (dim % 32 == 0) {
        m->own->scale_by(x, weight, norm_factor(m, x, dim, dim), x, dim);
        return;
    }
    float sum = 0;
    for (int i = 0; i < dim; i++) sum += x[i] * x[i];
    float factor = 1 / sqrtf(sum / (float)dim + m->eps);
    for (int i = 0; i < dim; i++) x[i] *= weight ? factor * weight[i] : factor;
}

static void turn(float *x, int dim, const float *cosines, const float *sines) {
    int half = dim / 2;
    for (int i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cosines[i] - b * sines[i];
        x[i + half] = b * cosines[i] + a * sines[i];
    }
}

/* a key is a column of its block of 32 positions, a value a line */
static void put_in_cache(const Model *m, const Layer *l, int kv_head, int position, const float *key, const float *value, float *scratch) {
    int dim = l->dim, wide = padded(dim, PANEL);
    size_t block = (size_t)(position % l->ring / PANEL) * (size_t)l->kv_heads + (size_t)kv_head, lane = (size_t)(position % PANEL);
    if (!m->run.words) {
        float *keys = (float *)l->keys + block * (size_t)dim * PANEL + lane;
        for (int i = 0; i < dim; i++) keys[(size_t)i * PANEL] = key[i];
        memcpy((float *)l->values + (block * PANEL + lane) * (size_t)wide, value, (size_t)dim * 4);
        return;
    }
    int16_t *words = (int16_t *)(void *)scratch;
    int16_t *keys = (int16_t *)l->keys + block * ((size_t)dim * PANEL + BLOCK_SCALES);
    int16_t *values = (int16_t *)l->values + block * ((size_t)wide * PANEL + BLOCK_SCALES);
    float *key_scales = (float *)(void *)(keys + dim * PANEL), *value_scales = (float *)(void *)(values + wide * PANEL);
    key_scales[lane] = m->own->to_words(key, dim, words);
    for (int i = 0; i < dim; i += 2) memcpy(keys + ((size_t)i / 2 * PANEL + lane) * 2, words + i, 4);
    value_scales[lane] = m->own->to_words(value, dim, words);
    values += lane / 2 * 2 * (size_t)wide + lane % 2;
    for (int i = 0; i < dim; i++) values[2 * i] = words[i];
}

/* norms and rotary embedding of the rows of one block of positions; keys and values go into the cache */
static void place_rows(const Model *m, const Layer *l, int from, int to, float *scratch) {
    int width = l->matrix[M_QKV].n, heads = m->heads, kv = l->kv_heads, dim = l->dim;
    for (int row = from; row < to; row++) {
        float *q = m->buffer + (ptrdiff_t)row * width, *k = q + (ptrdiff_t)heads * dim;
        float *v = l->sliding ? k + (ptrdiff_t)kv * dim : scratch; /* full layers: values are keys before their norm */
        const float *c = l->cosines + (ptrdiff_t)row * (dim / 2), *s = l->sines + (ptrdiff_t)row * (dim / 2);
        if (!l->sliding) memcpy(v, k, (size_t)kv * (size_t)dim * 4);
        for (int h = 0; h < heads; h++) {
            head_norm(m, q + (ptrdiff_t)h * dim, dim, l->vector[V_QUERY]);
            turn(q + (ptrdiff_t)h * dim, dim, c, s);
        }
        for (int g = 0; g < kv; g++) {
            float *key = k + (ptrdiff_t)g * dim, *value = v + (ptrdiff_t)g * dim;
            head_norm(m, key, dim, l->vector[V_KEY]);
            turn(key, dim, c, s);
            head_norm(m, value, dim, NULL);
            put_in_cache(m, l, g, m->run.start + row, key, value, scratch + (ptrdiff_t)kv * dim);
        }
    }
}

static int attention(const Model *m, const Layer *l, float *scratch) {
    const Run *run = &m->run;
    int first_block = run->start / PANEL, blocks = (run->start + run->count - 1) / PANEL - first_block + 1;
    for (int task; (task = dp_pool_take(m->pool)) < blocks && !dp_pool_stopping(m->pool);) {
        int from = (first_block + task) * PANEL - run->start, to = least(from + PANEL, run->count);
        place_rows(m, l, from < 0 ? 0 : from, to, scratch);
    }
    if (dp_pool_barrier(m->pool)) return 1;
    int group = m->heads / l->kv_heads, tokens = group < ATTEND_ROWS ? ATTEND_ROWS / group : 1;
    int pieces = (run->count + tokens - 1) / tokens;
    Attention a = {run->count, m->heads, l->kv_heads, l->dim, padded(l->dim, PANEL), run->words, run->start, run->canvas,
                   l->sliding ? m->window : 0, m->buffer, l->matrix[M_QKV].n, l->matrix[M_O].k, l->keys, l->values, l->ring,
                   m->attended, dp_pool_stop_flag(m->pool)};
    for (int task; (task = dp_pool_take(m->pool)) < pieces * l->kv_heads && !dp_pool_stopping(m->pool);) {
        int from = task % pieces * tokens;
        m->own->attend(&a, task / pieces, from, least(from + tokens, run->count), scratch);
    }
    return dp_pool_barrier(m->pool);
}

/* the experts of one row, from its scores; ids are good whatever the scores hold */
static void choose(const Model *m, const Layer *l, int row, float *scores) {
    int32_t *ids = m->chosen + (ptrdiff_t)row * m->top;
    float *shares = m->share + (ptrdiff_t)row * m->top, sum = 0, best = 0;
    for (int k = 0; k < m->top; k++) {
        int found = -1;
        for (int e = 0; e < m->experts; e++) {
            int taken = 0;
            for (int j = 0; j < k && !taken; j++) taken = ids[j] == e;
            if (!taken && (found < 0 || scores[e] > scores[found])) found = e;
        }
        ids[k] = found;
        if (k == 0) best = scores[found];
        shares[k] = expf(scores[found] - best);
        sum += shares[k];
    }
    for (int k = 0; k < m->top; k++) shares[k] *= l->vector[V_EXPERT_SCALE][ids[k]] / sum;
}

/* residual after attention; inputs of dense MLP and experts; the router, which reads the residual itself */
static int route(const Model *m, const Layer *l, float *scratch) {
    int n = m->hidden, wide = l->matrix[M_ROUTER].n;
    float *raw = scratch, *scores = scratch + (ptrdiff_t)ROWS * n;
    for (int from, to; next_rows(m, m->run.count, &from, &to);) {
        for (int row = from; row < to; row++) {
            float *x = m->x + (ptrdiff_t)row * n, *a = m->made + (ptrdiff_t)row * n;
            m->own->add_scaled(x, a, l->vector[V_POST_ATTENTION], norm_factor(m, a, n, m->hidden_true), n);
            put_normed(m, x, l->vector[V_PRE], &l->matrix[M_GATE_UP], &m->in_1, row);
            put_normed(m, x, l->vector[V_PRE_2], &l->gate_up[0], &m->in_2, row);
            m->own->scale_by(x, NULL, norm_factor(m, x, n, m->hidden_true), raw + (ptrdiff_t)(row - from) * n, n);
        }
        Rows in = {raw, NULL, NULL, NULL, n, 0};
        Product p = {&l->matrix[M_ROUTER], &in, NULL, to - from, 0, 0, 1, 1, scores, wide};
        m->own->product(&p, 0, wide / PANEL, 0, to - from);
        for (int row = from; row < to; row++) choose(m, l, row, scores + (ptrdiff_t)(row - from) * wide);
    }
    return dp_pool_barrier(m->pool);
}

/* which rows each expert gets, in their order, and the two lists of products */
static void sort_tokens(Model *m) {
    int slots = m->run.count * m->top;
    memset(m->first, 0, sizeof(int32_t) * ((size_t)m->experts + 1));
    for (int i = 0; i < slots; i++) m->first[m->chosen[i] + 1]++;
    for (int e = 0; e < m->experts; e++) m->first[e + 1] += m->first[e];
    for (int i = 0; i < slots; i++) {
        int e = m->chosen[i];
        m->place[i] = m->first[e];
        m->order[m->first[e]++] = i / m->top;
    }
    for (int e = m->experts; e > 0; e--) m->first[e] = m->first[e - 1];
    m->first[0] = 0;
}

static void list_products(Model *m, const Layer *l, int second) {
    int n = m->run.count, count = 0, tasks = 0;
    Product dense = second ? (Product){&l->matrix[M_DOWN], &m->in_down, NULL, n, 0, 0, 1, 1, m->made, m->hidden}
                           : (Product){&l->matrix[M_GATE_UP], &m->in_1, NULL, n, 1, 0, 1, 1, m->dense_inner, m->inner};
    tasks = tasks_of(&dense);
    m->products[count++] = dense;
    for (int e = 0; e < m->experts; e++) {
        int from = m->first[e], rows = m->first[e + 1] - from;
        if (!rows) continue;
        Product p = {second ? &l->down[e] : &l->gate_up[e], second ? &m->in_expert : &m->in_2, m->order + from, rows, !second, tasks, 1, 1,
                     m->expert_inner_rows + (ptrdiff_t)from * m->expert_inner, m->expert_inner};
        if (second) { /* rows of the experts' own list; `first` is added through the index of places */
            p.index = m->place + (ptrdiff_t)m->run.count * m->top + from;
            p.out = m->expert_out + (ptrdiff_t)from * m->hidden;
            p.stride = m->hidden;
        }
        tasks += tasks_of(&p);
        m->products[count++] = p;
    }
    m->product_count = count;
    m->product_tasks = tasks;
}

static int feed_forward(Model *m, const Layer *l, int thread) {
    int n = m->run.count, slots = n * m->top;
    if (thread == 0) {
        sort_tokens(m);
        list_products(m, l, 0);
    }
    if (dp_pool_barrier(m->pool)) return 1;
    multiply(m, m->products, m->product_count, m->product_tasks);
    if (dp_pool_barrier(m->pool)) return 1;
    for (int from, to; next_rows(m, n, &from, &to);) {
        for (int row = from; row < to; row++) put_row(m, &l->matrix[M_DOWN], &m->in_down, row);
        for (int row = from * m->top; row < to * m->top && row < slots; row++) put_row(m, &l->down[0], &m->in_expert, row);
    }
    if (thread == 0) list_products(m, l, 1);
    if (dp_pool_barrier(m->pool)) return 1;
    multiply(m, m->products, m->product_count, m->product_tasks);
    return dp_pool_barrier(m->pool);
}

/* dense and experts joined, and the first norm of the next layer */
static int combine(const Model *m, const Layer *l, const Layer *next, float *mixed) {
    int n = m->hidden;
    float scalar = m->run.canvas ? l->scalar : l->encoder_scalar;
    for (int from, to; next_rows(m, m->run.count, &from, &to);)
        for (int row = from; row < to; row++) {
            float *x = m->x + (ptrdiff_t)row * n, *dense = m->made + (ptrdiff_t)row * n;
            memset(mixed, 0, (size_t)n * 4);
            for (int k = 0; k < m->top; k++) {
                ptrdiff_t slot = (ptrdiff_t)row * m->top + k;
                m->own->add_scaled(mixed, m->expert_out + (ptrdiff_t)m->place[slot] * n, NULL, m->share[slot], n);
            }
            m->own->scale_by(dense, l->vector[V_POST_1], norm_factor(m, dense, n, m->hidden_true), dense, n);
            m->own->add_scaled(dense, mixed, l->vector[V_POST_2], norm_factor(m, mixed, n, m->hidden_true), n);
            m->own->add_scaled(x, dense, l->vector[V_POST], norm_factor(m, dense, n, m->hidden_true), n);
            m->own->scale_by(x, NULL, scalar, x, n);
            if (next) put_normed(m, x, next->vector[V_INPUT], &next->matrix[M_QKV], &m->in_1, row);
        }
    return dp_pool_barrier(m->pool);
}

static int layer(Model *m, int number, int thread, float *scratch) {
    const Layer *l = &m->layer[number];
    int n = m->run.count, wide = l->matrix[M_O].k, used = m->heads * l->dim;
    if (multiply_one(m, &l->matrix[M_QKV], &m->in_1, n, 0, m->buffer, l->matrix[M_QKV].n)) return 1;
    if (attention(m, l, scratch)) return 1;
    Rows in = m->in_o;
    in.stride = wide;
    for (int from, to; next_rows(m, n, &from, &to);)
        for (int row = from; row < to; row++) {
            memset(in.values + (ptrdiff_t)row * wide + used, 0, sizeof(float) * (size_t)(wide - used));
            put_row(m, &l->matrix[M_O], &in, row);
        }
    if (dp_pool_barrier(m->pool)) return 1;
    if (multiply_one(m, &l->matrix[M_O], &in, n, 0, m->made, m->hidden)) return 1;
    if (route(m, l, scratch)) return 1;
    if (feed_forward(m, l, thread)) return 1;
    return combine(m, l, number + 1 < m->layers ? l + 1 : NULL, scratch);
}

/* ---- both ends --------------------------------------------------------------------------------------------------- */

/* y += factor times the embedding of a token, as it is stored */
static void add_token(const Model *m, float *y, int64_t id, float factor) {
    size_t size = m->table_type == TYPE_F32 ? 4 : 2;
    m->own->add_row(y, (const char *)m->table + (size_t)id * (size_t)m->hidden_true * size, m->table_type, factor, m->hidden_true);
}

static int embed(const Model *m) {
    const Run *run = &m->run;
    int n = m->hidden, mixing = run->canvas && run->soft != NULL;
    const Layer *first = &m->layer[0];
    for (int from, to; next_rows(m, run->count, &from, &to);)
        for (int row = from; row < to; row++) {
            float *x = m->x + (ptrdiff_t)row * n, *soft = m->made + (ptrdiff_t)row * n;
            memset(x, 0, (size_t)n * 4);
            memset(soft, 0, (size_t)n * 4);
            add_token(m, x, run->ids[row], m->embed_scale);
            if (!mixing) continue;
            memcpy(soft, run->soft + (ptrdiff_t)row * m->hidden_true, (size_t)m->hidden_true * 4);
            put_normed(m, soft, m->mix_norm, &m->mix_gate_up, &m->in_1, row);
        }
    if (dp_pool_barrier(m->pool)) return 1;
    if (mixing) {
        if (multiply_one(m, &m->mix_gate_up, &m->in_1, run->count, 1, m->dense_inner, m->inner)) return 1;
        for (int from, to; next_rows(m, run->count, &from, &to);)
            for (int row = from; row < to; row++) put_row(m, &m->mix_down, &m->in_down, row);
        if (dp_pool_barrier(m->pool)) return 1;
        if (multiply_one(m, &m->mix_down, &m->in_down, run->count, 0, m->made, n)) return 1;
    }
    for (int from, to; next_rows(m, run->count, &from, &to);)
        for (int row = from; row < to; row++) {
            float *x = m->x + (ptrdiff_t)row * n;
            if (run->canvas) {
                if (mixing) m->own->add_scaled(x, m->made + (ptrdiff_t)row * n, NULL, 1, n);
                m->own->scale_by(x, NULL, norm_factor(m, x, n, m->hidden_true), x, n);
            }
            put_normed(m, x, first->vector[V_INPUT], &first->matrix[M_QKV], &m->in_1, row);
        }
    return dp_pool_barrier(m->pool);
}

/* one row of logits to probabilities, and the row that the product with the table reads */
static void settle_row(const Model *m, int row, int piece_row, int thread) {
    const Run *run = &m->run;
    float *y = m->logits + (ptrdiff_t)piece_row * m->vocab_stride, *soft = m->top_soft + (ptrdiff_t)piece_row * m->hidden;
    int64_t *ids = run->top_ids + (ptrdiff_t)row * run->kept;
    float *probs = run->top_probs + (ptrdiff_t)row * run->kept;
    HeadRow h = {m->vocab, m->vocab_stride, run->kept, m->softcap, run->temperature, run->uniforms[row], run->argmax + row,
                 run->sampled + row, ids, run->entropy + row, probs, m->blocks + (ptrdiff_t)thread * (m->vocab_stride / 64)};
    m->own->head_row(y, &h);
    memset(soft, 0, (size_t)m->hidden * 4);
    if (!quantised(&m->soft)) return;
    /* the most likely tokens exactly; then what is left is small, and a byte a token holds it */
    for (int k = 0; k < run->kept; k++) {
        add_token(m, soft, ids[k], probs[k]);
        y[ids[k]] = 0;
    }
    put_row(m, &m->soft, &m->in_soft, piece_row);
    /* groups whose share is below anything that counts are left out of the product */
    float none = 1e-5f / (float)m->vocab / 127;
    float *scales = m->in_soft.scales + (ptrdiff_t)piece_row * m->soft.groups;
    for (int g = 0; g < m->soft.groups; g++)
        if (scales[g] < none) scales[g] = 0;
}

static int predict(const Model *m, int thread) {
    const Run *run = &m->run;
    int n = m->hidden;
    for (int from, to; next_rows(m, run->count, &from, &to);)
        for (int row = from; row < to; row++) put_normed(m, m->x + (ptrdiff_t)row * n, m->final_norm, &m->head, &m->in_head, row);
    if (dp_pool_barrier(m->pool)) return 1;
    for (int first = 0; first < run->count; first += m->head_rows) {
        int count = least(m->head_rows, run->count - first);
        Rows in = m->in_head;
        in.values += (ptrdiff_t)first * in.stride;
        if (quantised(&m->head)) {
            in.bytes += (ptrdiff_t)first * in.stride;
            in.sums += (ptrdiff_t)first * m->head.groups;
            in.scales += first;
        }
        if (multiply_one(m, &m->head, &in, count, 0, m->logits, m->vocab_stride)) return 1;
        for (int row; (row = dp_pool_take(m->pool)) < count && !dp_pool_stopping(m->pool);) settle_row(m, first + row, row, thread);
        if (dp_pool_barrier(m->pool)) return 1;
        if (multiply_one(m, &m->soft, &m->in_soft, count, 0, m->made + (ptrdiff_t)first * n, n)) return 1;
        for (int from, to; next_rows(m, count, &from, &to);)
            for (int row = from; row < to; row++) {
                const float *top = m->top_soft + (ptrdiff_t)row * n, *rest = m->made + (ptrdiff_t)(first + row) * n;
                float *out = run->soft_out + (ptrdiff_t)(first + row) * m->hidden_true;
                for (int i = 0; i < m->hidden_true; i++) out[i] = (top[i] + rest[i]) * m->embed_scale;
            }
        if (dp_pool_barrier(m->pool)) return 1;
    }
    return 0;
}

static void forward(void *context, int thread) {
    Model *m = context;
    float *scratch = m->scratch + (size_t)thread * m->scratch_stride;
    if (embed(m)) return;
    for (int number = 0; number < m->layers; number++)
        if (layer(m, number, thread, scratch)) return;
    if (m->run.hidden && thread == 0)
        for (int row = 0; row < m->run.count; row++)
            memcpy(m->run.hidden + (ptrdiff_t)row * m->hidden_true, m->x + (ptrdiff_t)row * m->hidden, (size_t)m->hidden_true * 4);
    if (m->run.with_head) predict(m, thread);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static size_t taken(size_t *total, size_t bytes) { /* where a part of `bytes` lies in one piece of memory */
    size_t at = *total;
    *total += (bytes + 63) / 64 * 64;
    return at;
}

typedef struct {
    void *at;
    size_t place;
} Part;

static void rows_part(Part *parts, int *count, size_t *total, Rows *rows, ptrdiff_t stride, size_t many, size_t groups, int by_group) {
    rows->stride = stride;
    rows->by_group = by_group;
    parts[(*count)++] = (Part){&rows->bytes, taken(total, many * (size_t)stride)};
    parts[(*count)++] = (Part){&rows->sums, taken(total, many * groups * 4)};
    parts[(*count)++] = (Part){&rows->scales, taken(total, many * (by_group ? groups : 1) * 4)};
}

static void *lay_out(Part *parts, int count, size_t total) {
    char *memory = dp_allocate(total);
    for (int i = 0; i < count && memory; i++) *(void **)parts[i].at = memory + parts[i].place;
    return memory;
}

static int make_room(Model *m, int rows) {
    int qkv = 0, o = 0, dim = 0, wide = 0, group = 1, groups = 1;
    if (rows <= m->room) return 1;
    for (int i = 0; i < m->layers; i++) {
        const Layer *l = &m->layer[i];
        qkv = most_of(qkv, l->matrix[M_QKV].n), o = most_of(o, l->matrix[M_O].k), wide = most_of(wide, l->matrix[M_ROUTER].n);
        dim = most_of(dim, padded(l->dim, PANEL)), group = most_of(group, m->heads / l->kv_heads);
    }
    groups = most_of(most_of(m->hidden, o), most_of(m->inner, m->expert_inner)) / 32;
    size_t many = (size_t)rows, slots = many * (size_t)m->top, total = 0;
    int kv_width = 0, count = 0;
    for (int i = 0; i < m->layers; i++) kv_width = most_of(kv_width, (m->layer[i].kv_heads + 1) * m->layer[i].dim);
    size_t attend = dp_attend_room(most_of(ATTEND_ROWS, group), dim), routing = ROWS * (size_t)(m->hidden + wide);
    m->scratch_stride = (attend > routing ? attend : routing) + (size_t)kv_width + (size_t)m->hidden + 64;
    m->scratch_stride = (m->scratch_stride + 15) / 16 * 16;
    Part parts[64];
    struct { float **at; size_t floats; } plain[] = {
        {&m->x, many * (size_t)m->hidden}, {&m->normed, many * (size_t)m->hidden}, {&m->normed_2, many * (size_t)m->hidden},
        {&m->buffer, many * (size_t)qkv}, {&m->attended, many * (size_t)o}, {&m->made, many * (size_t)m->hidden},
        {&m->dense_inner, many * (size_t)m->inner}, {&m->expert_inner_rows, slots * (size_t)m->expert_inner},
        {&m->expert_out, slots * (size_t)m->hidden}, {&m->share, slots},
        {&m->scratch, m->scratch_stride * (size_t)dp_pool_threads(m->pool)}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) parts[count++] = (Part){plain[i].at, taken(&total, plain[i].floats * 4)};
    parts[count++] = (Part){&m->chosen, taken(&total, slots * 4)};
    parts[count++] = (Part){&m->place, taken(&total, 2 * slots * 4)};
    parts[count++] = (Part){&m->order, taken(&total, slots * 4)};
    rows_part(parts, &count, &total, &m->in_1, m->hidden, many, (size_t)groups, 0);
    rows_part(parts, &count, &total, &m->in_2, m->hidden, many, (size_t)groups, 0);
    rows_part(parts, &count, &total, &m->in_o, o, many, (size_t)groups, 0);
    rows_part(parts, &count, &total, &m->in_down, m->inner, many, (size_t)groups, 0);
    rows_part(parts, &count, &total, &m->in_expert, m->expert_inner, slots, (size_t)groups, 0);
    void *memory = lay_out(parts, count, total);
    if (!memory) return 0;
    dp_release(m->memory);
    m->memory = memory;
    m->room = rows;
    m->in_1.values = m->normed, m->in_2.values = m->normed_2, m->in_o.values = m->attended;
    m->in_down.values = m->dense_inner, m->in_expert.values = m->expert_inner_rows;
    m->in_head = m->in_1;
    return 1;
}

static int make_head_room(Model *m, int rows) {
    size_t row = (size_t)m->vocab_stride * 4, total = 0, limit = (size_t)128 << 20;
    int piece = (int)(limit / row), count = 0;
    piece = least(most_of(piece, 8), rows);
    if (piece <= m->head_rows) return 1;
    size_t many = (size_t)piece;
    Part parts[8];
    parts[count++] = (Part){&m->logits, taken(&total, many * row)};
    parts[count++] = (Part){&m->blocks, taken(&total, (size_t)dp_pool_threads(m->pool) * (row / 64))};
    parts[count++] = (Part){&m->top_soft, taken(&total, many * (size_t)m->hidden * 4)};
    if (quantised(&m->soft)) rows_part(parts, &count, &total, &m->in_soft, m->vocab_stride, many, (size_t)m->soft.groups, 1);
    else m->in_soft.stride = m->vocab_stride;
    void *memory = lay_out(parts, count, total);
    if (!memory) return 0;
    dp_release(m->head_memory);
    m->head_memory = memory;
    m->head_rows = piece;
    m->in_soft.values = m->logits;
    return 1;
}

/* ---- what Python calls ------------------------------------------------------------------------------------------- */

/* shape: layers, hidden, heads, inner, experts, top, expert inner, vocabulary, window; then of each layer: sliding, kv heads,
 * head size. constants: softcap, eps, scale of the embedding. All true sizes. */
DP_EXPORT Model *dp_model_new(const int32_t *shape, const float *constants, int isa, Pool *pool) {
    Model *m = dp_allocate(sizeof *m);
    if (!m) return NULL;
    m->own = dp_kernels(isa);
    m->pool = pool;
    m->layers = shape[0], m->hidden_true = shape[1], m->heads = shape[2], m->experts = shape[4], m->top = shape[5];
    m->hidden = padded(shape[1], PANEL), m->inner = padded(shape[3], PANEL), m->expert_inner = padded(shape[6], PANEL);
    m->vocab = shape[7], m->vocab_stride = padded(shape[7], 128), m->window = shape[8];
    m->softcap = constants[0], m->eps = constants[1], m->embed_scale = constants[2];
    m->layer = dp_allocate(sizeof(Layer) * (size_t)m->layers);
    m->products = dp_allocate(sizeof(Product) * ((size_t)m->experts + 1));
    m->first = dp_allocate(sizeof(int32_t) * ((size_t)m->experts + 1));
    Matrix *matrices = dp_allocate(sizeof(Matrix) * 2 * (size_t)m->experts * (size_t)m->layers);
    if (!m->own || !m->layer || !m->products || !m->first || !matrices) {
        dp_release(m->layer), dp_release(m->products), dp_release(m->first), dp_release(matrices), dp_release(m);
        return NULL;
    }
    for (int i = 0; i < m->layers; i++) {
        Layer *l = &m->layer[i];
        l->sliding = shape[9 + 3 * i], l->kv_heads = shape[10 + 3 * i], l->dim = shape[11 + 3 * i];
        l->gate_up = matrices + 2 * (size_t)i * (size_t)m->experts;
        l->down = l->gate_up + m->experts;
    }
    return m;
}

DP_EXPORT void dp_model_free(Model *m) {
    dp_release(m->layer[0].gate_up);
    dp_release(m->layer), dp_release(m->products), dp_release(m->first), dp_release(m->memory), dp_release(m->head_memory);
    dp_release(m);
}

/* which: 0..4 a layer's matrix, 5 and 6 an expert's; layer -1: 0 and 1 self-conditioning, 2 head, 3 table */
DP_EXPORT void dp_model_matrix(Model *m, int number, int which, int expert, int type, int k, int n, int group, const uint8_t *weights,
                               const void *scales) {
    Matrix made = {type, k, n, group, type >= TYPE_INT8 ? (k + group - 1) / group : 1, weights, scales};
    Matrix *own[] = {&m->mix_gate_up, &m->mix_down, &m->head, &m->soft};
    if (number < 0) *own[which] = made;
    else if (which < MATRICES) m->layer[number].matrix[which] = made;
    else (which == MATRICES ? m->layer[number].gate_up : m->layer[number].down)[expert] = made;
}

/* layer -1: 0 norm of the self-conditioning, 1 last norm. Padded with zeros. */
DP_EXPORT void dp_model_vector(Model *m, int number, int which, const float *values) {
    if (number >= 0) m->layer[number].vector[which] = values;
    else if (which == 0) m->mix_norm = values;
    else m->final_norm = values;
}

DP_EXPORT void dp_model_scalars(Model *m, int number, float scalar, float encoder_scalar) {
    m->layer[number].scalar = scalar;
    m->layer[number].encoder_scalar = encoder_scalar;
}

DP_EXPORT void dp_model_table(Model *m, const void *table, int type) {
    m->table = table;
    m->table_type = type;
}

/* what a layer reads of the runs from now on: its blocks, which begin again after `ring` positions, with room for all that are
 * seen, and the rotary tables [count][dim / 2] */
DP_EXPORT void dp_run_layer(Model *m, int number, void *keys, void *values, int ring, const float *cosines, const float *sines) {
    Layer *l = &m->layer[number];
    l->keys = keys, l->values = values, l->ring = ring, l->cosines = cosines, l->sines = sines;
}

/* numbers: count, start, canvas, words, kept. With `argmax` the head runs, too. Returns STATE_RUNNING or STATE_NO_MEMORY. */
DP_EXPORT int dp_run_start(Model *m, const int32_t *numbers, float temperature, const int64_t *ids, const float *soft,
                           const float *uniforms, float *hidden, int64_t *argmax, int64_t *sampled, float *entropy, int64_t *top_ids,
                           float *top_probs, float *soft_out) {
    m->run = (Run){numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], argmax != NULL, ids, soft, uniforms, temperature,
                   hidden, argmax, sampled, top_ids, entropy, top_probs, soft_out};
    if (!make_room(m, m->run.count) || (argmax && !make_head_room(m, m->run.count))) return STATE_NO_MEMORY;
    /* the index of the experts' own rows is 0, 1, 2 ...; it lies behind the places */
    int slots = m->run.count * m->top;
    for (int i = 0; i < slots; i++) m->place[slots + i] = i;
    dp_pool_start(m->pool, forward, m);
    return STATE_RUNNING;
}

DP_EXPORT int dp_run_wait(Model *m, int milliseconds) {
    if (!dp_pool_wait(m->pool, milliseconds)) return STATE_RUNNING;
    return dp_pool_stopping(m->pool) ? STATE_STOPPED : STATE_DONE;
}

DP_EXPORT void dp_run_stop(Model *m) { dp_pool_stop(m->pool); }
DP_EXPORT Pool *dp_threads_new(int threads, const int32_t *cpus, int count, int lower) { return dp_pool_new(threads, cpus, count, lower); }
DP_EXPORT void dp_threads_free(Pool *pool) { dp_pool_free(pool); }
