/* Small text matters: sizes for people, JSON strings from any bytes, whole files. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *text_bytes(uint64_t bytes, char buf[32])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1024 && u + 1 < sizeof unit / sizeof *unit) {
        v /= 1024;
        u++;
    }
    snprintf(buf, 32, u == 0 ? "%.0f %s" : "%.2f %s", v, unit[u]);
    return buf;
}

/* Length of the well-formed UTF-8 character at s, or 0. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80) return 1;
    size_t len;
    unsigned min;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2, min = 0x80;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        len = 3, min = 0x800;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4, min = 0x10000;
    else
        return 0;
    if (n < len) return 0;
    unsigned c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    return c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

json_t *text_json(const char *s, size_t len)
{
    json_t *whole = json_stringn(s, len);
    if (whole != NULL) return whole;
    char *clean = malloc(3 * len + 1);
    if (clean == NULL) return NULL;
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        const size_t k = utf8_len((const unsigned char *)s + i, len - i);
        if (k == 0)
            memcpy(clean + n, "\xef\xbf\xbd", 3);
        else
            memcpy(clean + n, s + i, k);
        n += k == 0 ? 3 : k;
        i += k == 0 ? 1 : k;
    }
    json_t *j = json_stringn(clean, n);
    free(clean);
    return j;
}

json_t *text_json_z(const char *s)
{
    return text_json(s, strlen(s));
}

void text_print_json(json_t *j)
{
    if (j == NULL) {
        term_say("error: the result does not fit into memory");
        return;
    }
    json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(j);
}

nap_status text_error(nap_error *e, nap_status code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    e->offset = NAP_NO_OFFSET;
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return code;
}

nap_status text_read_file(const char *path, char **out, size_t *len, nap_error *e)
{
    const bool std = strcmp(path, "-") == 0;
    const char *shown = std ? "standard input" : path;
    FILE *f = std ? stdin : fopen(path, "rb");
    *out = NULL;
    *len = 0;
    if (f == NULL) return text_error(e, NAP_ERR_IO, "opening %s: %s", path, strerror(errno));
    size_t cap = 1 << 16;
    char *buf = malloc(cap);
    nap_status status = NAP_OK;
    while (buf != NULL) {
        const size_t n = fread(buf + *len, 1, cap - *len - 1, f);
        *len += n;
        if (ferror(f)) {
            status = errno == EINTR && term_interrupted()
                         ? text_error(e, NAP_ERR_CANCELLED, "interrupted")
                         : text_error(e, NAP_ERR_IO, "reading %s: %s", shown, strerror(errno));
            break;
        }
        if (n == 0 || feof(f)) break; /* a terminal would ask for its end again */
        if (cap - *len < 2) {
            char *more = cap > SIZE_MAX / 2 ? NULL : realloc(buf, cap * 2);
            if (more == NULL) {
                free(buf);
                buf = NULL;
                break;
            }
            buf = more;
            cap *= 2;
        }
    }
    if (!std)
        fclose(f);
    else
        clearerr(f);
    if (buf == NULL) return text_error(e, NAP_ERR_MEMORY, "%s does not fit into memory", shown);
    if (status != NAP_OK) {
        free(buf);
        return status;
    }
    buf[*len] = '\0';
    *out = buf;
    return NAP_OK;
}

double text_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static nap_status write_all(int fd, const char *path, const char *text, size_t len, nap_error *e)
{
    while (len > 0) {
        const ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return text_error(e, NAP_ERR_IO, "writing %s: %s", path, strerror(errno));
        text += n;
        len -= (size_t)n;
    }
    return NAP_OK;
}

nap_status text_write_file(const char *path, const char *text, size_t len, nap_error *e)
{
    struct stat st;
    const bool there = stat(path, &st) == 0, beside = !there || S_ISREG(st.st_mode);
    char *real = there ? realpath(path, NULL) : strdup(path); /* a link stays a link */
    char *name = real != NULL ? malloc(strlen(real) + 32) : NULL;
    if (name == NULL) {
        free(real);
        return text_error(e, NAP_ERR_MEMORY, "no memory for the name of %s", path);
    }
    sprintf(name, beside ? "%s.new-%ld" : "%s", real, (long)getpid());
    nap_status s = NAP_OK;
    const int fd = open(name, O_WRONLY | O_CLOEXEC | (beside ? O_CREAT | O_EXCL : 0),
                        there && beside ? st.st_mode & 0777 : 0666);
    if (fd < 0) s = text_error(e, NAP_ERR_IO, "opening %s: %s", path, strerror(errno));
    if (s == NAP_OK) s = write_all(fd, path, text, len, e);
    if (s == NAP_OK && beside && fsync(fd) != 0)
        s = text_error(e, NAP_ERR_IO, "writing %s: %s", path, strerror(errno));
    if (fd >= 0 && close(fd) != 0 && s == NAP_OK)
        s = text_error(e, NAP_ERR_IO, "writing %s: %s", path, strerror(errno));
    if (s == NAP_OK && beside && rename(name, real) != 0)
        s = text_error(e, NAP_ERR_IO, "writing %s: %s", path, strerror(errno));
    if (s != NAP_OK && beside && fd >= 0) (void)unlink(name);
    free(name);
    free(real);
    return s;
}
