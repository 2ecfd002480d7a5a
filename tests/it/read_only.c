/* Preloaded into easel by a test: while a flag file exists, everything below a folder is as read-only as after a forced
 * remount, open files included. Linux refuses an ordinary remount while files are open for writing, and the forced one
 * of a failing disk can't be had in a test. Or the disk is full to the last byte, also where a file has room of its own.
 *
 * READ_ONLY_DIR: the folder, absolute. READ_ONLY_WHEN: the flag file, absolute, outside of the folder.
 * READ_ONLY_FULL: set = a full disk, on which only writing fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_below(const char *path) {
    const char *dir = getenv("READ_ONLY_DIR");
    size_t length = dir ? strlen(dir) : 0;
    return length > 0 && strncmp(path, dir, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int is_read_only_now(void) {
    const char *flag = getenv("READ_ONLY_WHEN");
    return flag && access(flag, F_OK) == 0;
}

static int refuses_path(const char *path) {
    char whole[2 * PATH_MAX];
    if (!path || !is_read_only_now()) return 0;
    if (path[0] == '/') return is_below(path);
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", here, path[0] == '.' && path[1] == '/' ? path + 2 : path);
    return is_below(whole);
}

static int refuses_file(int file) {
    char link[64], path[PATH_MAX];
    if (!is_read_only_now()) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    return is_below(path);
}

static int is_full(void) { return getenv("READ_ONLY_FULL") != NULL; }

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define REFUSE_IF(condition) \
    if (condition) { errno = is_full() ? ENOSPC : EROFS; return -1; }

#define ON_WRITE(result, name, parameters, arguments) \
    result name parameters { REAL(name); REFUSE_IF(refuses_file(file)); return real arguments; }
#define ON_FILE(result, name, parameters, arguments) \
    result name parameters { REAL(name); REFUSE_IF(!is_full() && refuses_file(file)); return real arguments; }
#define ON_PATH(result, name, parameters, arguments) \
    result name parameters { REAL(name); REFUSE_IF(!is_full() && refuses_path(path)); return real arguments; }
#define ON_OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        REFUSE_IF(!is_full() && (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) && refuses_path(path)); \
        return real(path, flags, mode); \
    }

ON_WRITE(ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))
ON_WRITE(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count))
ON_WRITE(ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at))
ON_WRITE(ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
ON_FILE(int, ftruncate, (int file, off_t length), (file, length))
ON_FILE(int, ftruncate64, (int file, off64_t length), (file, length))
ON_PATH(int, rename, (const char *path, const char *to), (path, to))
ON_PATH(int, unlink, (const char *path), (path))
ON_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(int, link, (const char *path, const char *to), (path, to))
ON_OPEN(open)
ON_OPEN(open64)
