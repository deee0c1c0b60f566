/* A pool of threads that run one function together, with barriers between its phases and a counter of tasks in each.
 *
 * Waiting spins for some microseconds, then sleeps: on a busy machine a spinning thread takes the core from the one that
 * it waits for. A stop is noted at a barrier by its last thread, so that all threads leave at the same place.
 */
#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "native.h"
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
typedef SRWLOCK Lock;
typedef CONDITION_VARIABLE Condition;
typedef HANDLE Thread;
#define lock_new(l) InitializeSRWLock(l)
#define lock_take(l) AcquireSRWLockExclusive(l)
#define lock_give(l) ReleaseSRWLockExclusive(l)
#define condition_new(c) InitializeConditionVariable(c)
#define condition_wait(c, l) SleepConditionVariableSRW(c, l, INFINITE, 0)
#define condition_wake(c) WakeAllConditionVariable(c)
#else
#include <errno.h>
#include <pthread.h>
#include <time.h>
typedef pthread_mutex_t Lock;
typedef pthread_cond_t Condition;
typedef pthread_t Thread;
#define lock_new(l) pthread_mutex_init(l, NULL)
#define lock_take(l) pthread_mutex_lock(l)
#define lock_give(l) pthread_mutex_unlock(l)
#define condition_wait(c, l) pthread_cond_wait(c, l)
#define condition_wake(c) pthread_cond_broadcast(c)
#ifdef __linux__
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

enum { SPINS = 4000, SHARE_NICE = 5 };

typedef struct {
    Pool *pool;
    int number;
} Seat;

struct Pool {
    _Alignas(64) atomic_int next;
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_uint phase;
    atomic_int sleepers, stop, stopped;
    Lock lock;
    Condition passed, wanted, finished;
    Work work;
    void *context;
    unsigned runs;
    int threads, made, running, ending, lower, cpu_count;
    int32_t cpus[256];
    Thread *handles;
    Seat *seats;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void settle(const Pool *pool) {
#if defined(_WIN32)
    if (pool->lower) SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
    DWORD_PTR mask = 0;
    for (int i = 0; i < pool->cpu_count; i++)
        if (pool->cpus[i] < (int)(8 * sizeof mask)) mask |= (DWORD_PTR)1 << pool->cpus[i];
    if (mask) SetThreadAffinityMask(GetCurrentThread(), mask);
#elif defined(__linux__)
    if (pool->lower) setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), SHARE_NICE);
    if (pool->cpu_count) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (int i = 0; i < pool->cpu_count; i++)
            if (pool->cpus[i] < CPU_SETSIZE) CPU_SET(pool->cpus[i], &set);
        sched_setaffinity(0, sizeof set, &set);
    }
#else
    (void)pool;
#endif
}

static void serve(Seat *seat) {
    Pool *pool = seat->pool;
    unsigned seen = 0;
    settle(pool);
    for (;;) {
        lock_take(&pool->lock);
        while (pool->runs == seen && !pool->ending) condition_wait(&pool->wanted, &pool->lock);
        if (pool->ending) {
            lock_give(&pool->lock);
            return;
        }
        seen = pool->runs;
        lock_give(&pool->lock);
        pool->work(pool->context, seat->number);
        lock_take(&pool->lock);
        int last = --pool->running == 0;
        lock_give(&pool->lock);
        if (last) condition_wake(&pool->finished); /* who is woken takes the lock at once */
    }
}

#ifdef _WIN32
static DWORD WINAPI entry(LPVOID seat) {
    serve(seat);
    return 0;
}
#else
static void *entry(void *seat) {
    serve(seat);
    return NULL;
}
#endif

static int begin(Pool *pool, int number) {
    pool->seats[number] = (Seat){pool, number};
#ifdef _WIN32
    pool->handles[number] = CreateThread(NULL, 1 << 20, entry, &pool->seats[number], 0, NULL);
    return pool->handles[number] != NULL;
#else
    return pthread_create(&pool->handles[number], NULL, entry, &pool->seats[number]) == 0;
#endif
}

Pool *dp_pool_new(int threads, const int32_t *cpus, int cpu_count, int lower) {
    Pool *pool = dp_allocate(sizeof *pool);
    if (!pool) return NULL;
    pool->threads = threads;
    pool->lower = lower;
    pool->cpu_count = cpu_count < 256 ? cpu_count : 256;
    if (cpu_count) memcpy(pool->cpus, cpus, sizeof(int32_t) * (size_t)pool->cpu_count);
    pool->handles = dp_allocate(sizeof(Thread) * (size_t)threads);
    pool->seats = dp_allocate(sizeof(Seat) * (size_t)threads);
    lock_new(&pool->lock);
#ifdef _WIN32
    condition_new(&pool->passed);
    condition_new(&pool->wanted);
    condition_new(&pool->finished);
#else
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->passed, &clock);
    pthread_cond_init(&pool->wanted, &clock);
    pthread_cond_init(&pool->finished, &clock);
    pthread_condattr_destroy(&clock);
#endif
    if (pool->handles && pool->seats)
        while (pool->made < threads && begin(pool, pool->made)) pool->made++;
    if (pool->made == threads) return pool;
    dp_pool_free(pool);
    return NULL;
}

void dp_pool_free(Pool *pool) {
    lock_take(&pool->lock);
    pool->ending = 1;
    condition_wake(&pool->wanted);
    lock_give(&pool->lock);
    for (int i = 0; i < pool->made; i++) {
#ifdef _WIN32
        WaitForSingleObject(pool->handles[i], INFINITE);
        CloseHandle(pool->handles[i]);
#else
        pthread_join(pool->handles[i], NULL);
#endif
    }
#ifndef _WIN32
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->passed);
    pthread_cond_destroy(&pool->wanted);
    pthread_cond_destroy(&pool->finished);
#endif
    dp_release(pool->handles);
    dp_release(pool->seats);
    dp_release(pool);
}

int dp_pool_threads(const Pool *pool) { return pool->threads; }
const atomic_int *dp_pool_stop_flag(const Pool *pool) { return &pool->stop; }
int dp_pool_stopping(const Pool *pool) { return atomic_load_explicit(&pool->stop, memory_order_relaxed); }
void dp_pool_stop(Pool *pool) { atomic_store(&pool->stop, 1); }
int dp_pool_take(Pool *pool) { return atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed); }

void dp_pool_start(Pool *pool, Work work, void *context) {
    lock_take(&pool->lock);
    atomic_store(&pool->next, 0);
    atomic_store(&pool->stop, 0);
    atomic_store(&pool->stopped, 0);
    pool->work = work;
    pool->context = context;
    pool->running = pool->threads;
    pool->runs++;
    lock_give(&pool->lock);
    condition_wake(&pool->wanted);
}

int dp_pool_wait(Pool *pool, int milliseconds) {
    lock_take(&pool->lock);
#ifdef _WIN32
    if (pool->running) SleepConditionVariableSRW(&pool->finished, &pool->lock, (DWORD)milliseconds, 0);
#else
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += milliseconds % 1000 * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000L;
    }
    while (pool->running && pthread_cond_timedwait(&pool->finished, &pool->lock, &end) != ETIMEDOUT) continue;
#endif
    int done = pool->running == 0;
    lock_give(&pool->lock);
    return done;
}

int dp_pool_barrier(Pool *pool) {
    unsigned phase = atomic_load(&pool->phase);
    if (atomic_fetch_add(&pool->arrived, 1) == pool->threads - 1) {
        atomic_store(&pool->arrived, 0);
        atomic_store(&pool->next, 0);
        atomic_store(&pool->stopped, atomic_load(&pool->stop));
        atomic_store(&pool->phase, phase + 1);
        if (atomic_load(&pool->sleepers)) {
            lock_take(&pool->lock);
            condition_wake(&pool->passed);
            lock_give(&pool->lock);
        }
    } else {
        for (int i = 0; i < SPINS && atomic_load_explicit(&pool->phase, memory_order_acquire) == phase; i++) relax();
        if (atomic_load(&pool->phase) == phase) {
            lock_take(&pool->lock);
            atomic_fetch_add(&pool->sleepers, 1);
            while (atomic_load(&pool->phase) == phase) condition_wait(&pool->passed, &pool->lock);
            atomic_fetch_sub(&pool->sleepers, 1);
            lock_give(&pool->lock);
        }
    }
    return atomic_load(&pool->stopped);
}
