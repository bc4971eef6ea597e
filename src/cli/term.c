/* The terminal: colours, one progress bar, messages, Ctrl-C. Escapes are written only to a
 * terminal, never with NO_COLOR or TERM=dumb. */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static bool bar_drawn;

static void on_interrupt(int sig)
{
    (void)sig;
    /* A second Ctrl-C while the first has not been acted on ends the program at once. */
    if (interrupted) _exit(EXIT_INTERRUPTED);
    interrupted = 1;
    alarm(1);
}

/* A signal that comes just before a read begins does not end that read. So while a Ctrl-C waits to
 * be noticed, another signal follows every second. */
static void on_alarm(int sig)
{
    (void)sig;
    if (interrupted) alarm(1);
}

static void on_log(void *user, const char *line)
{
    (void)user;
    term_say("%s", line);
}

void term_init(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_interrupt; /* no SA_RESTART: a blocked read has to return */
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sa.sa_handler = on_alarm;
    sigaction(SIGALRM, &sa, NULL);
    nap_set_log(on_log, NULL);
}

bool term_is_tty(FILE *f)
{
    return isatty(fileno(f)) == 1;
}

bool term_colour(FILE *f)
{
    const char *none = getenv("NO_COLOR"), *kind = getenv("TERM");
    return term_is_tty(f) && (none == NULL || none[0] == '\0') && kind != NULL &&
           strcmp(kind, "dumb") != 0;
}

int term_width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

bool term_interrupted(void)
{
    return interrupted != 0;
}

void term_clear_interrupt(void)
{
    interrupted = 0;
    alarm(0);
}

void term_say(const char *fmt, ...)
{
    term_progress_end();
    va_list ap;
    va_start(ap, fmt);
    fputs("napier: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

int term_fail(const nap_error *e)
{
    term_progress_end();
    if (e->code == NAP_ERR_CANCELLED && term_interrupted()) {
        fputs("napier: interrupted\n", stderr);
        return EXIT_INTERRUPTED;
    }
    const bool colour = term_colour(stderr);
    fprintf(stderr, "napier: %serror:%s %s", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "",
            e->text);
    if (e->offset != NAP_NO_OFFSET)
        fprintf(stderr, " (at byte %llu)", (unsigned long long)e->offset);
    if (e->code == NAP_ERR_INTERNAL) fputs("; this is a bug, please report it", stderr);
    fputc('\n', stderr);
    return EXIT_WORK;
}

bool term_progress(void *unused, const char *stage, uint64_t done, uint64_t total)
{
    (void)unused;
    static double last;
    static char last_stage[32];
    if (interrupted) return false;
    if (!term_is_tty(stderr)) return true;
    const double now = text_now();
    if (now - last < 0.1 && (done != total || strcmp(stage, last_stage) == 0)) return true;
    /* Short work shows no bar: the first 0.1 s of a stage pass in silence. */
    if (strncmp(stage, last_stage, sizeof last_stage - 1) != 0) {
        snprintf(last_stage, sizeof last_stage, "%s", stage);
        last = now;
        return true;
    }
    last = now;
    bar_drawn = true;
    const int room = term_width() - 34;
    const int width = room < 10 ? 10 : room > 40 ? 40 : room;
    if (total == 0) {
        fprintf(stderr, "\r\033[K%s ...", stage);
    } else {
        const double share = done >= total ? 1.0 : (double)done / (double)total;
        const int full = (int)(share * width);
        fprintf(stderr, "\r\033[K%-12s [", stage);
        for (int i = 0; i < width; i++) fputc(i < full ? '#' : '.', stderr);
        fprintf(stderr, "] %3d %%", (int)(share * 100));
        if (total >= 10000000) fprintf(stderr, " of %.0f MB", (double)total / 1e6);
    }
    fflush(stderr);
    return true;
}

void term_progress_end(void)
{
    if (!bar_drawn) return;
    bar_drawn = false;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}

/* Why writing failed first: other calls have changed errno by the time it is told. */
static int lost_errno;

bool term_put(const char *text, size_t len)
{
    if ((len == 0 || fwrite(text, 1, len, stdout) == len) && fflush(stdout) == 0) return true;
    if (lost_errno == 0) lost_errno = errno;
    return false;
}

int term_flush(void)
{
    if (term_put("", 0) && !ferror(stdout)) return EXIT_OK;
    term_say("error: writing to standard output: %s", strerror(lost_errno != 0 ? lost_errno : EIO));
    return EXIT_WORK;
}
