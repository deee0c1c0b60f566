/* Preloaded into a program: while the file that FAULT_CONTROL names holds an error number, writing below FAULT_BELOW
   fails with it. Bytes of the file: errno, then what fails: 1 writes, 2 syncs, 4 reads; each may be added. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile unsigned char *control;
static const char *below;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FAULT_CONTROL");
    below = getenv("FAULT_BELOW");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *seen = mmap(0, 2, PROT_READ, MAP_SHARED, file, 0);
        control = seen == MAP_FAILED ? 0 : seen;
        close(file);
    }
}

static int fails(int file, int what) {
    if (!control || !below || !control[0] || !(control[1] & what)) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (strncmp(path, below, strlen(below))) return 0;
    errno = control[0];
    return 1;
}

#define NEXT(type, name, ...) static type (*next)(__VA_ARGS__); if (!next) *(void **)&next = dlsym(RTLD_NEXT, name)

ssize_t write(int f, const void *b, size_t n) { NEXT(ssize_t, "write", int, const void *, size_t); return fails(f, 1) ? -1 : next(f, b, n); }
ssize_t pwrite(int f, const void *b, size_t n, off_t o) { NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t); return fails(f, 1) ? -1 : next(f, b, n, o); }
ssize_t pwrite64(int f, const void *b, size_t n, off64_t o) { NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t); return fails(f, 1) ? -1 : next(f, b, n, o); }
ssize_t writev(int f, const struct iovec *v, int c) { NEXT(ssize_t, "writev", int, const struct iovec *, int); return fails(f, 1) ? -1 : next(f, v, c); }
int ftruncate(int f, off_t n) { NEXT(int, "ftruncate", int, off_t); return fails(f, 1) ? -1 : next(f, n); }
int ftruncate64(int f, off64_t n) { NEXT(int, "ftruncate64", int, off64_t); return fails(f, 1) ? -1 : next(f, n); }
int posix_fallocate(int f, off_t o, off_t n) { NEXT(int, "posix_fallocate", int, off_t, off_t); return fails(f, 1) ? control[0] : next(f, o, n); }
int posix_fallocate64(int f, off64_t o, off64_t n) { NEXT(int, "posix_fallocate64", int, off64_t, off64_t); return fails(f, 1) ? control[0] : next(f, o, n); }
int fallocate64(int f, int m, off64_t o, off64_t n) { NEXT(int, "fallocate64", int, int, off64_t, off64_t); return fails(f, 1) ? -1 : next(f, m, o, n); }
int fsync(int f) { NEXT(int, "fsync", int); return fails(f, 2) ? -1 : next(f); }
int fdatasync(int f) { NEXT(int, "fdatasync", int); return fails(f, 2) ? -1 : next(f); }
ssize_t read(int f, void *b, size_t n) { NEXT(ssize_t, "read", int, void *, size_t); return fails(f, 4) ? -1 : next(f, b, n); }
ssize_t pread(int f, void *b, size_t n, off_t o) { NEXT(ssize_t, "pread", int, void *, size_t, off_t); return fails(f, 4) ? -1 : next(f, b, n, o); }
ssize_t pread64(int f, void *b, size_t n, off64_t o) { NEXT(ssize_t, "pread64", int, void *, size_t, off64_t); return fails(f, 4) ? -1 : next(f, b, n, o); }
