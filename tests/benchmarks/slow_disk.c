/* A disk that takes its time: preloaded (LD_PRELOAD), fsync and fdatasync take CICONIA_FSYNC_US microseconds longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int later(const char *name, int fd) {
    const char *longer = getenv("CICONIA_FSYNC_US");
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (longer) usleep((useconds_t)atoi(longer));
    return real(fd);
}

int fsync(int fd) { return later("fsync", fd); }
int fdatasync(int fd) { return later("fdatasync", fd); }
