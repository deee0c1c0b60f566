/* What the parts of the library share: matrices, items of work, the table of kernels, the pool, the model.
 *
 * Every width is padded to a multiple of 32, with zeros; a matrix of K inputs and N outputs lies in panels of 32 outputs:
 *   F32, BF16  [N/32][K][32]
 *   INT8       [N/32][K/4][32][4], value + 128; one scale (float) a column and group of K, [N/32][groups][32]
 *   INT4       [N/32][K/8][32][4], value + 8, inputs 8i..8i+3 in the low halves of the four bytes, 8i+4..8i+7 in the
 *              high ones; one scale (fp16) a column and group
 * A block of 32 keys lies as float [dim][32] or words [dim/2][32][2], its values as float [32][dim_padded] or words
 * [16][dim_padded][2]; behind words stand 32 floats, what those of each position are to be multiplied with (BLOCK_SCALES words).
 * So every instruction set reads one file. `dp_model_new`, `dp_pool_new` and `dp_run_start` (for more rows than before)
 * allocate, and in library.c packing and single kernels; the threads of a pass never do.
 */
#ifndef DEWPOINT_NATIVE_H
#define DEWPOINT_NATIVE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { PANEL = 32, KEY_BLOCK = 256, BLOCK_SCALES = 64, MOST_ROWS_ATTEND = 8, TYPE_F32 = 0, TYPE_BF16 = 1, TYPE_F16 = 2, TYPE_INT8 = 3, TYPE_INT4 = 4 };
enum { ISA_PLAIN = 0, ISA_AVX2 = 1, ISA_AVXVNNI = 2, ISA_VNNI256 = 3, ISA_AVX512 = 4, ISA_COUNT = 5 };
enum { STATE_RUNNING = 0, STATE_DONE = 1, STATE_STOPPED = 2, STATE_NO_MEMORY = -1 };

typedef struct {
    int type, k, n, group, groups; /* k and n padded; group and groups of INT8 and INT4 */
    const uint8_t *weights;
    const void *scales;
} Matrix;

/* Rows that a product reads: floats, or bytes with a sum of each group, times what makes good the codes' bias, and a scale of each row (or row and group). */
typedef struct {
    float *values;
    int8_t *bytes;
    int32_t *sums;
    float *scales;
    ptrdiff_t stride;
    int by_group; /* whether scales are [rows][groups] */
} Rows;

typedef struct {
    const Matrix *matrix;
    const Rows *input;
    const int32_t *index; /* which rows of `input`; NULL: the first `count` */
    int count, geglu, first_task, panels_a_task, rows_a_task;
    float *out;
    ptrdiff_t stride;
} Product;

typedef struct {
    int count, heads, kv_heads, dim, dim_padded, words; /* words: keys and values are of 16 bits, else float */
    int start, canvas, window; /* of the new rows; canvas: how many of its places are seen, 0: none; window 0: none */
    const float *queries;
    ptrdiff_t query_stride, out_stride;
    const void *keys, *values; /* [block of 32 positions][kv_heads], then as below */
    int ring; /* positions, a multiple of KEY_BLOCK, after which a layer's blocks begin again */
    float *out;
    const atomic_int *stop;
} Attention;

typedef struct {
    int vocab, stride, kept;
    float softcap, temperature, uniform;
    int64_t *argmax, *sampled, *top_ids;
    float *entropy, *top_probs, *blocks; /* blocks: scratch, one of each 64 tokens */
} HeadRow;

typedef struct {
    void (*product)(const Product *, int first_panel, int last_panel, int first_row, int last_row);
    void (*attend)(const Attention *, int kv_head, int first_token, int last_token, float *scratch);
    void (*quantise)(const float *x, int n, int type, int group, int by_group, int8_t *bytes, int32_t *sums, float *scales);
    float (*square_sum)(const float *x, int n);
    void (*scale_by)(const float *x, const float *weight, float factor, float *out, int n); /* weight may be NULL */
    void (*add_scaled)(float *y, const float *x, const float *weight, float factor, int n);
    void (*head_row)(float *logits, const HeadRow *);
    void (*add_row)(float *y, const void *row, int type, float factor, int n);
    int (*pack_group)(const float *x, int n, int type, uint8_t *codes, float *scale);
    float (*to_words)(const float *x, int n, int16_t *out);
    float (*exp_shares)(const float *x, int n, float *out, double *total, double *weighted);
} Kernels;

extern const Kernels kernels_plain;
#ifdef DP_X86
extern const Kernels kernels_avx2, kernels_avxvnni, kernels_vnni256, kernels_avx512;
#endif
const Kernels *dp_kernels(int isa); /* NULL where this processor lacks it */

/* pool.c */
typedef struct Pool Pool;
typedef void (*Work)(void *context, int thread);
Pool *dp_pool_new(int threads, const int32_t *cpus, int cpu_count, int lower);
void dp_pool_free(Pool *);
int dp_pool_threads(const Pool *);
void dp_pool_start(Pool *, Work, void *context);
int dp_pool_wait(Pool *, int milliseconds); /* 1: done */
void dp_pool_stop(Pool *);
const atomic_int *dp_pool_stop_flag(const Pool *);
int dp_pool_barrier(Pool *); /* 1: the run was stopped; the same for every thread */
int dp_pool_take(Pool *);    /* the next task of this phase */
int dp_pool_stopping(const Pool *);

size_t dp_attend_room(int rows, int dim_padded); /* floats of scratch that `attend` takes for so many rows (tokens times heads) */
float dp_half_to_float(uint16_t);
uint16_t dp_float_to_half(float);
void *dp_allocate(size_t bytes); /* zeros, aligned to 64; NULL: no memory */
void dp_release(void *);

#endif
