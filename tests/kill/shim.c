/* What SQLite asks of the disk, counted from outside: preloaded (LD_PRELOAD), it sees each write, fsync, truncation, rename
   and removal of a file below one folder, numbers them from 1, and does at the n-th what it was armed for.

   KILL    end the process by SIGKILL: even n before the operation, odd n after it (so 2k and 2k+1 frame operation k)
   POWER   as KILL, but what no fsync has confirmed is taken back first: the machine lost its power
   LIE     as POWER, and fsync says that it did, and did not: the disk that a durable commit must not trust
   LOSE    the n-th fsync fails, once, and what it should have confirmed is lost for good, as Linux does it: later fsyncs say
           that all is well, and do not write it, unless it is written anew. `ciconia_power` ends the process as POWER does
   FAIL    from the n-th on, operations of a kind fail with an errno, until it is armed anew

   One lock holds all operations back, so that nothing is written while the power goes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OFF, KILL, POWER, LIE, FAIL, LOSE };
enum { WRITES = 1, SYNCS = 2, NAMES = 4 };

struct undo {            /* one write that no fsync confirmed: the octets that were there before */
    struct undo *before;
    int fd;              /* of our own, so that it outlives SQLite's */
    dev_t device;
    ino_t inode;
    off_t at, size;      /* size: of the file before */
    int lost;            /* an fsync failed on it */
    size_t length;
    char octets[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[4096];
static int mode = OFF, kinds = 0, error_number = 0;
static long target = 0, count = 0, synced = 0;
static struct undo *undone = NULL;

#define REAL(name) \
    static __typeof__(&name) real = NULL; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void ciconia_arm(const char *where, int what, long n, int which, int number) {
    pthread_mutex_lock(&lock);
    snprintf(folder, sizeof folder, "%s", where);
    mode = what; target = n; kinds = which; error_number = number; count = synced = 0;
    pthread_mutex_unlock(&lock);
}

static int below(const char *path) { return folder[0] && !strncmp(path, folder, strlen(folder)); }

static int ours(int fd) {
    char link[64], path[4096];
    if (mode == OFF) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static void take_back(void) {
    for (struct undo *one = undone; one; one = one->before) {
        static ssize_t (*put)(int, const void *, size_t, off_t) = NULL;
        if (!put) put = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
        static int (*cut)(int, off_t) = NULL;
        if (!cut) cut = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");
        if (one->length && put(one->fd, one->octets, one->length, one->at) < 0) continue;
        cut(one->fd, one->size);
    }
}

static void end(void) {
    if (mode == POWER || mode == LIE || mode == LOSE) take_back();
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Before an operation: 1 where it shall fail. The lock is held from here to `after`. */
static int before(int kind) {
    pthread_mutex_lock(&lock);
    count++;
    if (mode == FAIL && (kinds & kind) && count >= target) { errno = error_number; return 1; }
    if ((mode == KILL || mode == POWER || mode == LIE) && target == 2 * count) end();
    return 0;
}

static void after(void) {
    int kept = errno;
    if ((mode == KILL || mode == POWER || mode == LIE) && target == 2 * count + 1) end();
    pthread_mutex_unlock(&lock);
    errno = kept;
}

/* What a write or truncation is about to change. */
static void remember(int fd, off_t at, size_t length) {
    struct stat found;
    if ((mode != POWER && mode != LIE && mode != LOSE) || fstat(fd, &found)) return;
    for (struct undo **place = &undone; *place;) {   /* written anew: it is no longer lost */
        struct undo *old = *place;
        if (old->lost && old->inode == found.st_ino && at <= old->at && old->at + (off_t)old->length <= at + (off_t)length) {
            *place = old->before; close(old->fd); free(old);
        } else place = &old->before;
    }
    size_t there = at >= found.st_size ? 0 : (size_t)(found.st_size - at) < length ? (size_t)(found.st_size - at) : length;
    struct undo *one = malloc(sizeof *one + there);
    one->fd = fcntl(fd, F_DUPFD_CLOEXEC, 500);
    one->device = found.st_dev; one->inode = found.st_ino;
    one->lost = 0; one->at = at; one->size = found.st_size; one->length = there;
    ssize_t got = there ? pread(fd, one->octets, there, at) : 0;
    one->length = got < 0 ? 0 : (size_t)got;
    one->before = undone; undone = one;
}

static void confirmed(int fd) {
    struct stat found;
    if (mode == LIE || fstat(fd, &found)) return;
    for (struct undo **place = &undone; *place;) {
        struct undo *one = *place;
        if (!one->lost && one->inode == found.st_ino && one->device == found.st_dev) {
            *place = one->before;
            close(one->fd);
            free(one);
        } else place = &one->before;
    }
}

/* Whether this fsync is the one that fails: what it was for is lost from now on. */
static int loses(int fd) {
    struct stat found;
    if (mode != LOSE || ++synced != target || fstat(fd, &found)) return 0;
    for (struct undo *one = undone; one; one = one->before)
        if (one->inode == found.st_ino && one->device == found.st_dev) one->lost = 1;
    errno = EIO;
    return 1;
}

void ciconia_power(void) { pthread_mutex_lock(&lock); end(); }

ssize_t pwrite64(int fd, const void *octets, size_t length, off_t at) {
    REAL(pwrite64);
    if (!ours(fd)) return real(fd, octets, length, at);
    if (before(WRITES)) { after(); return -1; }
    remember(fd, at, length);
    ssize_t done = real(fd, octets, length, at);
    after();
    return done;
}

ssize_t pwrite(int fd, const void *octets, size_t length, off_t at) { return pwrite64(fd, octets, length, at); }

ssize_t write(int fd, const void *octets, size_t length) {
    REAL(write);
    if (!ours(fd)) return real(fd, octets, length);
    if (before(WRITES)) { after(); return -1; }
    remember(fd, lseek(fd, 0, SEEK_CUR), length);
    ssize_t done = real(fd, octets, length);
    after();
    return done;
}

int ftruncate64(int fd, off_t size) {
    REAL(ftruncate64);
    if (!ours(fd)) return real(fd, size);
    if (before(WRITES)) { after(); return -1; }
    struct stat found;
    if (!fstat(fd, &found) && size < found.st_size) remember(fd, size, (size_t)(found.st_size - size));
    int done = real(fd, size);
    after();
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
    REAL(fsync);
    if (!ours(fd)) return real(fd);
    if (before(SYNCS) || loses(fd)) { after(); return -1; }
    int done = mode == LIE ? 0 : real(fd);
    if (!done) confirmed(fd);
    after();
    return done;
}

int fdatasync(int fd) {
    REAL(fdatasync);
    if (!ours(fd)) return real(fd);
    if (before(SYNCS) || loses(fd)) { after(); return -1; }
    int done = mode == LIE ? 0 : real(fd);
    if (!done) confirmed(fd);
    after();
    return done;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (mode == OFF || !below(to)) return real(from, to);
    if (before(NAMES)) { after(); return -1; }
    int done = real(from, to);
    after();
    return done;
}

int unlink(const char *path) {
    REAL(unlink);
    if (mode == OFF || !below(path)) return real(path);
    if (before(NAMES)) { after(); return -1; }
    int done = real(path);
    after();
    return done;
}
