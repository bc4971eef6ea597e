/* The published templates of a llama.cpp source tree, named by NAPIER_LLAMA_TREE, against the
 * recorded hashes of what jinja2 makes of them. Skips without the tree. */
#include "napier/template.h"
#include "napier/tokenizer.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *dir, const char *name, const char *suffix)
{
    char path[1200];
    (void)snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix);
    FILE *f = fopen(path, "rb");
    size_t n = 0, got;
    char *p = malloc(1 << 20);
    if (!f || !p) {
        if (f) (void)fclose(f);
        free(p);
        return NULL;
    }
    while (n < (1 << 20) - 1 && (got = fread(p + n, 1, (1 << 20) - 1 - n, f)) > 0) n += got;
    p[n] = '\0';
    (void)fclose(f);
    return p;
}

/* "<16 hex digits> <bytes>" */
static void digest(const char *p, size_t n, char out[64])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(hash, (const unsigned char *)p, n);
    for (int i = 0; i < 8; i++) (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    (void)snprintf(out + 16, 48, " %zu", n);
}

static bool check(const char *tree, json_t *conversations, const char *const head[3],
                  const char *want, size_t want_n)
{
    const nap_template_limits limits = {.now = 1721995200};
    char *text = read_file(tree, head[0], ".jinja"), *out = NULL, found[512] = "";
    char *json = json_dumps(json_object_get(conversations, head[1]), 0);
    nap_template *t = NULL;
    size_t n = 0;
    nap_error e = {.text = ""};
    nap_status s = NAP_ERR_IO;
    if (text && json) s = nap_template_parse(&t, text, strlen(text), &e);
    if (s == NAP_OK) s = nap_template_render(t, json, strlen(json), &limits, &out, &n, &e);
    if (s == NAP_OK) digest(out, n, found);
    if (s == NAP_ERR_TEMPLATE) (void)snprintf(found, sizeof found, "%s", e.text);
    const char *kind = s == NAP_OK ? "ok" : s == NAP_ERR_TEMPLATE ? "refused" : "failed";
    const size_t most = sizeof e.text - 1, cut = want_n < most ? want_n : most;
    const bool ok = strcmp(kind, head[2]) == 0 && strlen(found) == cut &&
                    memcmp(found, want, cut) == 0 && s != NAP_ERR_IO;
    if (!ok)
        (void)printf("%s, %s: %s %s (%s), expected %s %.*s\n", head[0], head[1], kind, found,
                     e.text, head[2], (int)want_n, want);
    nap_text_free(out);
    nap_template_free(t);
    free(json);
    free(text);
    return ok;
}

int main(void)
{
    const char *root = getenv("NAPIER_SOURCE_DIR"), *llama = getenv("NAPIER_LLAMA_TREE");
    char tree[1024], dir[1024];
    if (!llama || !*llama) {
        (void)printf("skipped: NAPIER_LLAMA_TREE names no llama.cpp source tree\n");
        return 77;
    }
    (void)setenv("TZ", "UTC", 1);
    (void)snprintf(tree, sizeof tree, "%s/models/templates", llama);
    (void)snprintf(dir, sizeof dir, "%s/tests/template", root ? root : ".");
    char *golden = read_file(dir, "golden/published", ".txt"), *at = golden;
    char *all = read_file(dir, "conversations", ".json");
    json_t *conversations = all ? json_loads(all, 0, NULL) : NULL;
    int count = 0, bad = 0;
    if (!golden || !conversations || sodium_init() < 0) {
        (void)printf("cannot read the recorded results\n");
        return 1;
    }
    while (*at) {
        char head[3][128];
        size_t n;
        int used;
        if (sscanf(at, "%127s %127s %127s %zu%n", head[0], head[1], head[2], &n, &used) != 4) {
            (void)printf("a malformed record: %.80s\n", at);
            return 1;
        }
        const char *const fields[3] = {head[0], head[1], head[2]};
        bad += !check(tree, conversations, fields, at + used + 1, n);
        count++;
        at += (size_t)used + 1 + n + 1;
    }
    (void)printf("%d renderings compared, %d differ\n", count, bad);
    json_decref(conversations);
    free(all);
    free(golden);
    return bad || count < 70 * 6 ? 1 : 0;
}
