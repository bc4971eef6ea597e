/* Renders templates in bulk for the Python tools that compare with jinja2.
 *
 * Standard input holds records: a line "TEMPLATE_BYTES JSON_BYTES", then the two texts. For each,
 * standard output gets a line "STATUS BYTES" and then the rendered text, or the error's message.
 * The clock stands at 2024-07-26 12:00:00 UTC. */
#include "napier/template.h"
#include "napier/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_bytes(size_t n)
{
    char *p = malloc(n + 1);
    if (p && fread(p, 1, n, stdin) != n) {
        free(p);
        return NULL;
    }
    if (p) p[n] = '\0';
    return p;
}

static void answer(nap_status status, const char *p, size_t n)
{
    (void)printf("%d %zu\n", (int)status, n);
    (void)fwrite(p, 1, n, stdout);
    (void)fflush(stdout);
}

int main(void)
{
    const nap_template_limits limits = {.now = 1721995200};
    size_t tn, jn;
    while (scanf("%zu %zu", &tn, &jn) == 2 && getchar() == '\n') {
        char *text = read_bytes(tn), *json = read_bytes(jn), *out = NULL;
        size_t len = 0;
        nap_template *t = NULL;
        nap_error e = {.text = ""};
        if (!text || !json) {
            (void)fprintf(stderr, "template_batch: a truncated record\n");
            return 1;
        }
        nap_status s = nap_template_parse(&t, text, tn, &e);
        if (s == NAP_OK) s = nap_template_render(t, json, jn, &limits, &out, &len, &e);
        answer(s, s == NAP_OK ? out : e.text, s == NAP_OK ? len : strlen(e.text));
        nap_text_free(out);
        nap_template_free(t);
        free(text);
        free(json);
    }
    return 0;
}
