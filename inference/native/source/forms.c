/* One step of a canvas that keeps a form: what inference/forms/canvas.py computes (the reference), and the tokens of it.
 *
 * The chances of two rests differ by more than a double holds, so each number is a double times a power of two: whatever is
 * summed at a state is kept relative to the power of two just below that state's likeliest rest.
 */
#include "library.h"
#include <math.h>
#include <string.h>

enum { STEP_DONE = 0, STEP_NO_CANVAS = 1, STEP_NO_MEMORY = -1, SCALED_EACH = 16, LEAST_VECTOR = 16 };

/* An automaton over classes of tokens. Its pairs of states are sorted by source; each has a set of classes, which may be empty. */
typedef struct {
    int32_t states, pairs, sets, classes, live, ended, pad_class, longest; /* longest: tokens of a text; 0: no bound */
    const int32_t *first, *target, *set_of;       /* [states + 1], [pairs], [pairs] */
    const int32_t *set_first, *set_classes;       /* [sets + 1], the classes of each set */
    const int32_t *live_first;                    /* [classes + 1], where the tokens of each class begin */
} FormShape;

typedef struct {
    double value;
    int32_t power; /* of two */
} Wide;

typedef struct {
    double rest;  /* natural logarithm of the likeliest rest, -INFINITY: none */
    double ahead; /* sum of all rests, over 2^power and the place's scale */
    int32_t power;
} State;

typedef struct {
    const FormShape *form;
    int places, used; /* used: those that are not padding whatever is written */
    double *logs, *best, *inner; /* [places][classes] */
    double *highest;             /* [used][sets], the best of each set */
    Wide *mass, *summed;         /* [used][classes], [used][sets] */
    State *state;                /* [used + 1][states] */
} Step;

static double power_of_two(int64_t k) {
    if (k < -1022) return 0;
    uint64_t bits = (uint64_t)((k > 1023 ? 1023 : k) + 1023) << 52;
    double p;
    memcpy(&p, &bits, 8);
    return p;
}

static int32_t power_below(double logarithm) {
    double k = floor(logarithm * 1.4426950408889634);
    return k < -1e9 ? -1000000000 : (int32_t)k;
}

static Wide from_log(double x) {
    if (!(x > -1e8)) return (Wide){0, 0};
    int32_t k = power_below(x);
    return (Wide){exp((x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10), k};
}

/* ---- the logits, class by class ----------------------------------------------------------------------------------- */

static double look_at_class(const Kernels *own, const float *x, int n, float *share, double *total, double *inner) {
    if (n == 1) {
        share[0] = 1, *total = 1, *inner = 0;
        return x[0];
    }
    double weighted = 0;
    float top = -1e30f;
    *total = 0;
    if (n >= LEAST_VECTOR) top = own->exp_shares(x, n, share, total, &weighted);
    else {
        for (int i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
        for (int i = 0; i < n; i++) {
            float z = x[i] - top;
            share[i] = expf(z);
            *total += share[i];
            if (share[i] > 0) weighted += share[i] * (double)z;
        }
    }
    float part = (float)(1 / *total);
    for (int i = 0; i < n; i++) share[i] *= part;
    *inner = log(*total) - weighted / *total;
    *inner = *inner > 0 ? *inner : 0;
    return top;
}

static void look(const Kernels *own, const Step *s, const float *tempered, float *shares, float *unasked) {
    const FormShape *f = s->form;
    for (int t = 0; t < s->places; t++) {
        double *logs = s->logs + (size_t)t * (size_t)f->classes, *best = s->best + (size_t)t * (size_t)f->classes;
        double *inner = s->inner + (size_t)t * (size_t)f->classes, highest = -1e300, whole = 0, sum = 0;
        for (int k = 0; k < f->classes; k++) {
            size_t at = (size_t)t * (size_t)f->live + (size_t)f->live_first[k];
            best[k] = look_at_class(own, tempered + at, f->live_first[k + 1] - f->live_first[k], shares + at, logs + k, inner + k);
            highest = best[k] > highest ? best[k] : highest;
        }
        for (int k = 0; k < f->classes; k++) whole += exp(best[k] - highest) * logs[k];
        whole = highest + log(whole);
        for (int k = 0; k < f->classes; k++) {
            best[k] -= whole, logs[k] = best[k] + log(logs[k]);
            sum += exp(logs[k]) * (inner[k] - logs[k]);
        }
        unasked[t] = sum > 0 ? (float)sum : 0;
    }
}

static void look_at_sets(const Step *s) {
    const FormShape *f = s->form;
    for (int t = 0; t < s->used; t++) {
        const double *logs = s->logs + (size_t)t * (size_t)f->classes, *best = s->best + (size_t)t * (size_t)f->classes;
        Wide *mass = s->mass + (size_t)t * (size_t)f->classes, *summed = s->summed + (size_t)t * (size_t)f->sets;
        double *highest = s->highest + (size_t)t * (size_t)f->sets;
        for (int k = 0; k < f->classes; k++) mass[k] = from_log(logs[k]);
        for (int u = 0; u < f->sets; u++) {
            int32_t power = -1000000000;
            double sum = 0, high = -INFINITY;
            for (int i = f->set_first[u]; i < f->set_first[u + 1]; i++) {
                int k = f->set_classes[i];
                if (mass[k].value > 0 && mass[k].power > power) power = mass[k].power;
                high = best[k] > high ? best[k] : high;
            }
            for (int i = f->set_first[u]; i < f->set_first[u + 1]; i++) {
                Wide m = mass[f->set_classes[i]];
                sum += m.value * power_of_two((int64_t)m.power - power);
            }
            summed[u] = (Wide){sum, power}, highest[u] = high;
        }
    }
}

/* ---- backward and forward ----------------------------------------------------------------------------------------- */

static const State *states_at(const Step *s, int t) { return s->state + (size_t)t * (size_t)s->form->states; }

/* What a pair adds to the rests of its source, whose power of two is `power`. */
static double pair_weight(const Wide *summed, const State *next, const FormShape *f, int p, int32_t power) {
    Wide m = summed[f->set_of[p]];
    const State *to = next + f->target[p];
    return m.value * to->ahead * power_of_two((int64_t)m.power + to->power - power);
}

static int backward(const Step *s, const double *ends, int start, double *chance) {
    const FormShape *f = s->form;
    State *last = s->state + (size_t)s->used * (size_t)f->states;
    int64_t scale = 0;
    for (int i = 0; i < f->states; i++) {
        int may = s->used < s->places ? i == f->ended : ends[i] > 0;
        last[i] = (State){may ? 0 : -INFINITY, may, 0};
    }
    for (int t = s->used - 1; t >= 0; t--) {
        State *now = s->state + (size_t)t * (size_t)f->states;
        const State *next = now + f->states;
        const double *highest = s->highest + (size_t)t * (size_t)f->sets;
        const Wide *summed = s->summed + (size_t)t * (size_t)f->sets;
        double most = 0;
        for (int i = 0; i < f->states; i++) {
            double rest = -INFINITY, ahead = 0;
            for (int p = f->first[i]; p < f->first[i + 1]; p++) {
                double value = highest[f->set_of[p]] + next[f->target[p]].rest;
                rest = value > rest ? value : rest;
            }
            int32_t power = rest > -INFINITY ? power_below(rest) : 0;
            if (rest > -INFINITY)
                for (int p = f->first[i]; p < f->first[i + 1]; p++) ahead += pair_weight(summed, next, f, p, power);
            now[i] = (State){rest, ahead, power};
            most = ahead > most ? ahead : most;
        }
        if (t % SCALED_EACH == 0 && most > 0) {
            int exponent;
            frexp(most, &exponent);
            double by = power_of_two(-exponent);
            for (int i = 0; i < f->states; i++) now[i].ahead *= by;
            scale += exponent;
        }
    }
    const State *first = s->state + start;
    *chance = log(first->ahead) + (double)(first->power + scale) * 0.69314718055994530942;
    for (int t = s->used; t < s->places; t++) *chance += s->logs[(size_t)t * (size_t)f->classes + (size_t)f->pad_class];
    return first->ahead > 0;
}

/* Ways to each state, times what is likeliest from there, over what is likeliest of all; and the mass of each class. */
static void forward(const Step *s, int start, double *ways, double *by_set, double *marginals) {
    const FormShape *f = s->form;
    double *now = ways, *next = ways + f->states;
    memset(ways, 0, (size_t)f->states * 2 * sizeof(double));
    now[start] = 1;
    for (int t = 0; t < s->used; t++) {
        const State *here = states_at(s, t), *after = states_at(s, t + 1);
        const Wide *mass = s->mass + (size_t)t * (size_t)f->classes, *summed = s->summed + (size_t)t * (size_t)f->sets;
        double total = 0, most = 0, *found = marginals + (size_t)t * (size_t)f->classes;
        memset(by_set, 0, (size_t)f->sets * sizeof(double));
        memset(found, 0, (size_t)f->classes * sizeof(double));
        memset(next, 0, (size_t)f->states * sizeof(double));
        for (int i = 0; i < f->states; i++) {
            if (!(now[i] > 0)) continue;
            for (int p = f->first[i]; p < f->first[i + 1]; p++) {
                Wide m = summed[f->set_of[p]];
                const State *to = after + f->target[p];
                double way = now[i] * m.value * power_of_two((int64_t)m.power + to->power - here[i].power), share = way * to->ahead;
                next[f->target[p]] += way;
                by_set[f->set_of[p]] += share;
                total += share;
            }
        }
        for (int u = 0; u < f->sets; u++) {
            if (!(by_set[u] > 0)) continue;
            double part = by_set[u] / (total * summed[u].value);
            for (int i = f->set_first[u]; i < f->set_first[u + 1]; i++) {
                Wide m = mass[f->set_classes[i]];
                found[f->set_classes[i]] += part * m.value * power_of_two((int64_t)m.power - summed[u].power);
            }
        }
        for (int i = 0; i < f->states; i++) most = next[i] > most ? next[i] : most;
        if (most > 0)
            for (int i = 0; i < f->states; i++) next[i] /= most;
        double *swapped = now;
        now = next, next = swapped;
    }
    for (int t = s->used; t < s->places; t++) {
        double *found = marginals + (size_t)t * (size_t)f->classes;
        memset(found, 0, (size_t)f->classes * sizeof(double));
        found[f->pad_class] = 1;
    }
}

/* ---- one canvas --------------------------------------------------------------------------------------------------- */

/* Which of `count` shares a number in [0, 1) falls into; it becomes the place within that. */
static int drawn(const double *shares, int count, double *uniform) {
    if (count == 1) return 0;
    double total = 0;
    for (int i = 0; i < count; i++) total += shares[i];
    double wanted = *uniform * total;
    int found = 0;
    while (found < count - 1 && wanted >= shares[found]) wanted -= shares[found++];
    while (found > 0 && !(shares[found] > 0)) found--; /* rounding led behind the last one that is anything */
    *uniform = wanted / (shares[found] > 1e-300 ? shares[found] : 1e-300);
    *uniform = *uniform < 0 ? 0 : *uniform > 1 - 1e-9 ? 1 - 1e-9 : *uniform;
    return found;
}

static void sample(const Step *s, int state, const float *uniforms, const float *token_uniforms, const float *shares, double *scratch,
                   int64_t *tokens) {
    const FormShape *f = s->form;
    for (int t = 0; t < s->places; t++) {
        int class = f->pad_class;
        if (state != f->ended && t < s->used) {
            double uniform = uniforms[t];
            const Wide *mass = s->mass + (size_t)t * (size_t)f->classes, *summed = s->summed + (size_t)t * (size_t)f->sets;
            int low = f->first[state], count = f->first[state + 1] - low;
            for (int p = 0; p < count; p++)
                scratch[p] = pair_weight(summed, states_at(s, t + 1), f, low + p, states_at(s, t)[state].power);
            int pair = low + drawn(scratch, count, &uniform), set = f->set_of[pair];
            low = f->set_first[set], count = f->set_first[set + 1] - low;
            for (int i = 0; i < count; i++) {
                Wide m = mass[f->set_classes[low + i]];
                scratch[i] = m.value * power_of_two((int64_t)m.power - summed[set].power);
            }
            class = f->set_classes[low + drawn(scratch, count, &uniform)];
            state = f->target[pair];
        }
        int first = f->live_first[class], last = f->live_first[class + 1] - 1;
        const float *own = shares + (size_t)t * (size_t)f->live;
        double total = 0, wanted;
        for (int i = first; i <= last; i++) total += own[i];
        wanted = token_uniforms[t] * total;
        while (first < last && wanted >= own[first]) wanted -= own[first++];
        tokens[t] = first;
    }
}

static void likeliest(const Step *s, int state, const float *tempered, int64_t *tokens, int64_t *states) {
    const FormShape *f = s->form;
    states[0] = state;
    for (int t = 0; t < s->places; t++) {
        int class = f->pad_class;
        if (state != f->ended && t < s->used) {
            const double *highest = s->highest + (size_t)t * (size_t)f->sets, *best = s->best + (size_t)t * (size_t)f->classes;
            const State *next = states_at(s, t + 1);
            int pair = f->first[state];
            double most = -INFINITY;
            for (int p = f->first[state]; p < f->first[state + 1]; p++) {
                double value = highest[f->set_of[p]] + next[f->target[p]].rest;
                if (value > most) most = value, pair = p;
            }
            int set = f->set_of[pair];
            class = f->set_classes[f->set_first[set]];
            for (int i = f->set_first[set]; i < f->set_first[set + 1]; i++)
                if (best[f->set_classes[i]] > best[class]) class = f->set_classes[i];
            state = f->target[pair];
        }
        const float *own = tempered + (size_t)t * (size_t)f->live;
        int token = f->live_first[class];
        for (int i = token; i < f->live_first[class + 1]; i++) token = own[i] > own[token] ? i : token;
        tokens[t] = token, states[t + 1] = state;
    }
}

static void tell(const Step *s, const double *marginals, float *shares, float *entropy) {
    const FormShape *f = s->form;
    for (int t = 0; t < s->places; t++) {
        double sum = 0;
        for (int k = 0; k < f->classes; k++) {
            double m = marginals[(size_t)t * (size_t)f->classes + (size_t)k];
            if (m > 0) sum += m * (s->inner[(size_t)t * (size_t)f->classes + (size_t)k] - log(m > 1e-300 ? m : 1e-300));
            float part = (float)m, *own = shares + (size_t)t * (size_t)f->live;
            for (int i = f->live_first[k]; i < f->live_first[k + 1]; i++) own[i] *= part;
        }
        entropy[t] = sum > 0 ? (float)sum : 0;
    }
}

/* A step over `places` rows of finite logits [places][live], by temperature. `ends` [states]: more than 0 where the canvas may end.
 * Out: `marginals` and `best` [places][classes], `shares` [places][live], `entropy` [places] and `unasked`, that of the logits
 * alone, `sampled` and `argmax` [places] as places among the live tokens, `states` [places + 1] of `argmax`, the logarithm of the
 * form's `chance`. */
DP_EXPORT int dp_form_step(int isa, const FormShape *f, int places, int start, const double *ends, const float *tempered,
                           const float *uniforms, const float *token_uniforms, double *marginals, double *best, float *shares,
                           float *entropy, float *unasked, int64_t *sampled, int64_t *argmax, int64_t *states, double *chance) {
    const Kernels *own = dp_kernels(isa);
    int used = f->longest && f->longest < places ? f->longest : places, found = STEP_NO_MEMORY;
    size_t all = (size_t)places * (size_t)f->classes, rows = (size_t)used, scratch = (size_t)f->pairs + (size_t)f->classes;
    Step s = {f, places, used, dp_allocate(all * 8), best, dp_allocate(all * 8), dp_allocate(rows * (size_t)f->sets * 8),
              dp_allocate(rows * (size_t)f->classes * sizeof(Wide)), dp_allocate(rows * (size_t)f->sets * sizeof(Wide)),
              dp_allocate((rows + 1) * (size_t)f->states * sizeof(State))};
    double *loose = dp_allocate((scratch + 2 * (size_t)f->states + (size_t)f->sets) * 8);
    if (own && s.logs && s.inner && s.highest && s.mass && s.summed && s.state && loose) {
        look(own, &s, tempered, shares, unasked);
        look_at_sets(&s);
        found = backward(&s, ends, start, chance) ? STEP_DONE : STEP_NO_CANVAS;
        if (found == STEP_DONE) {
            forward(&s, start, loose + scratch, loose + scratch + 2 * f->states, marginals);
            sample(&s, start, uniforms, token_uniforms, shares, loose, sampled);
            likeliest(&s, start, tempered, argmax, states);
            tell(&s, marginals, shares, entropy);
        }
    }
    dp_release(s.logs), dp_release(s.inner), dp_release(s.highest), dp_release(s.mass), dp_release(s.summed), dp_release(s.state);
    dp_release(loose);
    return found;
}
