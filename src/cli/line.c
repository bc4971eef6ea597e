/* libedit on a terminal, getline() elsewhere. The history file holds what was typed, so it is
 * readable by its owner only, and NAPIER_HISTORY=off keeps none. */
#include "cli/line.h"
#include "cli/cli.h"

#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HISTORY_SIZE = 1000 };

struct line_reader {
    const char *prompt;
    EditLine *el; /* NULL when not on a terminal */
    History *history;
    char *history_path;
    char *plain;
    size_t plain_cap;
    bool more; /* the prompt shows that a message goes on */
};

static char *show_prompt(EditLine *el)
{
    line_reader *r = NULL;
    el_get(el, EL_CLIENTDATA, &r);
    static char more[] = "... ", first[16];
    snprintf(first, sizeof first, "%s", r->prompt);
    return r->more ? more : first;
}

/* $XDG_STATE_HOME/napier/chat_history with its folders, or NULL. */
static char *find_history(void)
{
    const char *off = getenv("NAPIER_HISTORY"), *state = getenv("XDG_STATE_HOME"),
               *home = getenv("HOME");
    char dir[3072];
    if (off != NULL && strcmp(off, "off") == 0) return NULL;
    if (state != NULL && state[0] == '/')
        snprintf(dir, sizeof dir, "%.2048s/napier", state);
    else if (home != NULL && home[0] == '/')
        snprintf(dir, sizeof dir, "%.2048s/.local/state/napier", home);
    else
        return NULL;
    for (char *p = dir + 1; *p != '\0'; p++) {
        if (*p != '/') continue;
        *p = '\0';
        (void)mkdir(dir, 0700);
        *p = '/';
    }
    (void)mkdir(dir, 0700);
    const size_t need = strlen(dir) + sizeof "/chat_history";
    char *path = malloc(need);
    if (path != NULL) snprintf(path, need, "%s/chat_history", dir);
    return path;
}

line_reader *line_open(const char *prompt)
{
    line_reader *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->prompt = prompt;
    if (!term_is_tty(stdin) || !term_is_tty(stderr)) return r;
    r->el = el_init("napier", stdin, stderr, stderr);
    if (r->el == NULL) return r;
    r->history = history_init();
    HistEvent ev;
    el_set(r->el, EL_CLIENTDATA, r);
    el_set(r->el, EL_PROMPT, show_prompt);
    el_set(r->el, EL_EDITOR, "emacs");
    el_set(r->el, EL_SIGNAL, 0);
    if (r->history != NULL) {
        history(r->history, &ev, H_SETSIZE, HISTORY_SIZE);
        history(r->history, &ev, H_SETUNIQUE, 1);
        el_set(r->el, EL_HIST, history, r->history);
        r->history_path = find_history();
        if (r->history_path != NULL) history(r->history, &ev, H_LOAD, r->history_path);
    }
    return r;
}

void line_close(line_reader *r)
{
    if (r == NULL) return;
    HistEvent ev;
    if (r->history != NULL && r->history_path != NULL) {
        const mode_t old = umask(077);
        history(r->history, &ev, H_SAVE, r->history_path);
        umask(old);
    }
    if (r->history != NULL) history_end(r->history);
    if (r->el != NULL) el_end(r->el);
    free(r->history_path);
    free(r->plain);
    free(r);
}

/* One line without its newline, valid until the next call; NULL at the end. `again` is set when
 * Ctrl-C emptied the line. */
static const char *get_line(line_reader *r, bool *again)
{
    *again = false;
    if (r->el == NULL) {
        const ssize_t n = getline(&r->plain, &r->plain_cap, stdin);
        if (n < 0) return NULL;
        if (n > 0 && r->plain[n - 1] == '\n') r->plain[n - 1] = '\0';
        return r->plain;
    }
    int n = 0;
    const char *s = el_gets(r->el, &n);
    if (term_interrupted()) {
        term_clear_interrupt();
        fputs("\n(/quit or Ctrl-D leaves)\n", stderr);
        el_reset(r->el);
        clearerr(stdin);
        *again = true;
        return NULL;
    }
    if (s == NULL || n <= 0) {
        fputc('\n', stderr);
        return NULL;
    }
    HistEvent ev;
    if (r->history != NULL && n > 1) history(r->history, &ev, H_ENTER, s);
    free(r->plain);
    r->plain = strndup(s, (size_t)n - (s[n - 1] == '\n'));
    r->plain_cap = 0;
    return r->plain;
}

static bool append(char **text, size_t *len, const char *s, size_t n)
{
    char *more = realloc(*text, *len + n + 2);
    if (more == NULL) return false;
    memcpy(more + *len, s, n);
    *text = more;
    *len += n;
    more[*len] = '\0';
    return true;
}

char *line_read(line_reader *r, size_t *len)
{
    static const char fence[] = "\"\"\"";
    char *text = NULL;
    bool block = false, again = false, begun = false;
    *len = 0;
    r->more = false;
    for (;;) {
        const char *line = get_line(r, &again);
        if (line == NULL && again) {
            free(text);
            text = NULL;
            *len = 0;
            block = begun = r->more = false;
            continue;
        }
        if (line == NULL) return begun ? text : NULL; /* the end also ends an open message */
        size_t n = strlen(line);
        bool goes_on = false;
        if (!begun && strncmp(line, fence, 3) == 0) {
            line += 3;
            n -= 3;
            block = goes_on = true;
        }
        if (block) {
            const char *end = strstr(line, fence);
            goes_on = end == NULL;
            if (end != NULL) n = (size_t)(end - line);
        } else if (n > 0 && line[n - 1] == '\\') {
            goes_on = true;
            n--;
        }
        /* No newline before the first line, nor for a bare fence. */
        const bool bare = block && n == 0 && (!begun || !goes_on);
        if (begun && !bare && *len > 0 && !append(&text, len, "\n", 1)) break;
        if (!append(&text, len, line, n)) break;
        begun = true;
        if (!goes_on) return text;
        r->more = true;
    }
    free(text);
    return NULL;
}
