/* Cell libraries in Liberty format: as much as the flow itself has to know.
 *
 * Yosys, abc and OpenSTA read the files; here only the library's name, its units and cells' areas
 * are looked up, and a library that comes in several files (ASAP7) is merged into one: the first
 * file whole, of the others the cells and the templates the first does not have. What the mapper
 * is told about a library (its full adder, the cell that drives inputs) is in a table; a library
 * that is not in it works without. */
#include "rtl/synth_impl.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIBERTY_MAX = 256 << 20 };

static const char osu018_path[] = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

/* Known libraries. Loads are two input pins of a small NAND. Clocks are such that the slowest unit
 * of the study meets them: the study compares netlists recovered for area. */
static const struct known {
    const char *found, *name, *adder, *driver, *buffer, *pins[2];
    double clock_ns, load_ff;
} known[] = {
    {"osu018_stdcells",
     "osu018",
     "  FAX1 fa (.A(a), .B(b), .C(c), .YC(co), .YS(s));\n",
     "BUFX2",
     "BUFX4",
     {"A", "Y"},
     40,
     25},
    {"NangateOpenCellLibrary",
     "nangate45",
     "  FA_X1 fa (.A(a), .B(b), .CI(c), .CO(co), .S(s));\n",
     "BUF_X2",
     "BUF_X4",
     {"A", "Z"},
     8,
     3.2},
    {"asap7sc7p5t",
     "asap7",
     "  wire con, sn;\n"
     "  FAx1_ASAP7_75t_R fa (.A(a), .B(b), .CI(c), .CON(con), .SN(sn));\n"
     "  assign co = ~con;\n"
     "  assign s = ~sn;\n",
     "BUFx2_ASAP7_75t_R",
     "BUFx4_ASAP7_75t_R",
     {"A", "Y"},
     20,
     1.2},
};

/* ---- A scanner of statements: "name : value;", "name (args);" and "name (args) { ... }". */
static const char *skip_blank(const char *p)
{
    for (;;) {
        while (isspace((unsigned char)*p) || *p == ';' || *p == '\\') p++;
        if (strncmp(p, "/*", 2) != 0) return p;
        const char *end = strstr(p + 2, "*/");
        p = end != NULL ? end + 2 : p + strlen(p);
    }
}

/* Past one statement that starts at p; *open is where its '{' is, or NULL. */
static const char *skip_statement(const char *p, const char **open)
{
    unsigned depth = 0;
    *open = NULL;
    for (; *p != '\0'; p++) {
        if (strncmp(p, "/*", 2) == 0) {
            const char *end = strstr(p + 2, "*/");
            if (end == NULL) return p + strlen(p);
            p = end + 1;
        } else if (*p == '"') {
            const char *end = strchr(p + 1, '"');
            if (end == NULL) return p + strlen(p);
            p = end;
        } else if (*p == '{') {
            if (depth++ == 0) *open = p;
        } else if (*p == '}') {
            if (depth == 0) return p;
            if (--depth == 0) return p + 1;
        } else if (depth == 0 && (*p == ';' || (*p == '\n' && *open == NULL))) {
            /* a line may end a statement without ';' (after ')'), never start a group */
            const char *q = skip_blank(p + 1);
            if (*p == ';' || *q != '{') return p + 1;
        }
    }
    return p;
}

static const char *library_of(const char *text)
{
    const char *p = skip_blank(text);
    return strncmp(p, "library", 7) == 0 ? p : NULL;
}

static const char *body_of(const char *text)
{
    const char *p = library_of(text);
    return p != NULL ? strchr(p, '{') : NULL;
}

/* The word after the statement's "(" or ":", without quotes. */
static void argument(const char *p, const char *end, char *out, size_t cap)
{
    while (p < end && *p != '(' && *p != ':') p++;
    while (p < end && (*p == '(' || *p == ':' || *p == '"' || isspace((unsigned char)*p))) p++;
    size_t n = 0;
    while (p + n < end && strchr("\"),; \t\r\n", p[n]) == NULL && n + 1 < cap) n++;
    (void)snprintf(out, cap, "%.*s", (int)n, p);
}

static bool starts(const char *p, const char *key)
{
    const size_t n = strlen(key);
    return strncmp(p, key, n) == 0 && strchr(" \t(:", p[n]) != NULL;
}

/* Is there a top-level group `kind (name)` in the text from `body` on? */
static const char *find_group(const char *body, const char *kind, const char *name)
{
    for (const char *p = skip_blank(body + 1); *p != '\0' && *p != '}';) {
        const char *open, *next = skip_statement(p, &open);
        char found[128];
        if (open != NULL && starts(p, kind)) {
            argument(p, open, found, sizeof found);
            if (strcmp(found, name) == 0) return p;
        }
        p = skip_blank(next);
    }
    return NULL;
}

/* Does the library's group end before the text does? A file that was cut does not say so itself. */
static nap_status check_whole(const char *text, const char *path, nap_error *e)
{
    const char *p = body_of(text), *open = NULL;
    unsigned line = 1, depth = 0;
    for (const char *q = text; q < p; q++) line += *q == '\n';
    const char *what = "a group, expected '}'";
    for (; *p != '\0'; p++) {
        const bool comment = strncmp(p, "/*", 2) == 0;
        if (comment || *p == '"') {
            open = p;
            p = comment ? strstr(p + 2, "*/") : strchr(p + 1, '"');
            if (p == NULL) what = comment ? "a comment, expected '*/'" : "a string, expected '\"'";
            if (p == NULL) p = open + strlen(open);
            for (const char *q = open; q < p; q++) line += *q == '\n';
            if (*p == '\0') break;
            p += comment;
        } else if (*p == '{') {
            depth++;
        } else if (*p == '}' && --depth == 0) {
            return NAP_OK;
        }
        line += *p == '\n';
    }
    return nap_fail(e, NAP_ERR_FORMAT, (uint64_t)(p - text),
                    "%s:%u: found the end of the file inside %s: it is truncated", path, line,
                    what);
}

static nap_status merge_one(nap_buf *out, const char *text, const char *path, nap_error *e)
{
    const char *body = body_of(text), *first = body_of(out->data);
    if (body == NULL || first == NULL)
        return nap_fail(e, NAP_ERR_FORMAT, 0, "%s: found no 'library' group, expected Liberty",
                        path);
    nap_buf more = {0};
    for (const char *p = skip_blank(body + 1); *p != '\0' && *p != '}';) {
        const char *open, *next = skip_statement(p, &open);
        bool take = open != NULL && starts(p, "cell");
        if (open != NULL && !take && strstr(p, "_template") != NULL &&
            strstr(p, "_template") < open) {
            char kind[64], name[128];
            (void)snprintf(kind, sizeof kind, "%.*s", (int)strcspn(p, " (\t"), p);
            argument(p, open, name, sizeof name);
            take = find_group(first, kind, name) == NULL;
        }
        if (take) {
            nap_buf_putc(&more, '\n');
            nap_buf_put(&more, p, (size_t)(next - p));
        }
        p = skip_blank(next);
    }
    while (out->len > 0 && out->data[out->len - 1] != '}') out->len--;
    if (out->len > 0) out->len--;
    if (more.len > 0) nap_buf_put(out, more.data, more.len);
    nap_buf_puts(out, "\n}\n");
    const bool bad = more.failed || out->failed;
    nap_buf_free(&more);
    return bad ? nap_fail_memory(e, out->len, path) : NAP_OK;
}

/* All files of a comma-separated list as one text. */
static nap_status read_all(const char *paths, nap_buf *out, nap_error *e)
{
    for (const char *p = paths; *p != '\0';) {
        const size_t n = strcspn(p, ",");
        char *path = nap_strndup(p, n), *text = NULL;
        size_t len = 0;
        if (path == NULL) return nap_fail_memory(e, n, "path");
        nap_status s = nap_read_whole(path, LIBERTY_MAX, &text, &len, e);
        if (s == NAP_OK && body_of(text) == NULL)
            s = nap_fail(e, NAP_ERR_FORMAT, 0,
                         "%s: found no 'library' group, expected Liberty text (not compressed)",
                         path);
        if (s == NAP_OK) s = check_whole(text, path, e);
        if (s == NAP_OK && out->data == NULL)
            s = nap_buf_put(out, text, len) ? NAP_OK : nap_fail_memory(e, len, path);
        else if (s == NAP_OK)
            s = merge_one(out, text, path, e);
        nap_free(text);
        nap_free(path);
        if (s != NAP_OK) return s;
        p += n + (p[n] == ',');
    }
    return out->data != NULL ? NAP_OK
                             : nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                                        "liberty: found an empty path, expected a file");
}

static void read_head(nap_library *l, const char *text)
{
    const char *body = body_of(text);
    char value[64];
    l->time_scale = 1; /* of 1 ns */
    l->cap_scale = 0.001;
    for (const char *p = skip_blank(body + 1); *p != '\0' && *p != '}';) {
        const char *open, *next = skip_statement(p, &open);
        if (starts(p, "time_unit")) {
            argument(p, next, value, sizeof value);
            l->time_scale = strstr(value, "ps") != NULL ? 1000 / strtod(value, NULL) : 1;
        } else if (starts(p, "capacitive_load_unit")) {
            argument(p, next, value, sizeof value);
            const char *unit = memchr(p, ',', (size_t)(next - p));
            while (unit != NULL && (*unit == ',' || *unit == ' ' || *unit == '"')) unit++;
            const double one = strtod(value, NULL) > 0 ? strtod(value, NULL) : 1;
            l->cap_scale = (unit != NULL && *unit == 'f' ? 1 : 0.001) / one;
        }
        p = skip_blank(next);
    }
}

static double cell_area(const char *text, const char *cell)
{
    const char *p = find_group(body_of(text), "cell", cell);
    if (p == NULL) return 0;
    const char *open;
    (void)skip_statement(p, &open);
    for (p = skip_blank(open + 1); *p != '\0' && *p != '}';) {
        const char *inner, *next = skip_statement(p, &inner);
        char value[64];
        if (starts(p, "area")) {
            argument(p, next, value, sizeof value);
            return strtod(value, NULL);
        }
        p = skip_blank(next);
    }
    return 0;
}

static nap_status describe(nap_library *l, const char *text, nap_error *e)
{
    char found[48];
    argument(library_of(text), body_of(text), found, sizeof found);
    (void)snprintf(l->name, sizeof l->name, "%s", found);
    l->clock_ns = 10;
    l->load_ff = 10;
    read_head(l, text);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(found, known[i].found, strlen(known[i].found)) != 0) continue;
        (void)snprintf(l->name, sizeof l->name, "%s", known[i].name);
        l->adder = known[i].adder;
        l->driver = known[i].driver;
        l->buffer = known[i].buffer;
        l->buffer_pins[0] = known[i].pins[0];
        l->buffer_pins[1] = known[i].pins[1];
        l->clock_ns = known[i].clock_ns;
        l->load_ff = known[i].load_ff;
        l->buffer_area = cell_area(text, l->buffer);
        if (l->buffer_area <= 0)
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "library %s: found no cell '%s'; are all its files given?", found,
                            l->buffer);
    }
    return NAP_OK;
}

nap_status nap_library_open(const char *paths, const char *cache, nap_library *out, nap_error *e)
{
    memset(out, 0, sizeof *out);
    if (paths == NULL) paths = osu018_path;
    nap_buf text = {0}, merged = {0};
    nap_status s = read_all(paths, &text, e);
    if (s == NAP_ERR_NOT_FOUND && paths == osu018_path)
        s = nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
                     "%s: not found; install qflow-tech-osu018, or name a Liberty file", paths);
    if (s == NAP_OK) s = describe(out, text.data, e);
    if (s == NAP_OK) {
        out->hash = nap_hash_text(nap_hash_start(), text.data);
        if (strchr(paths, ',') == NULL) {
            out->path = nap_strdup(paths);
        } else {
            char name[33];
            nap_hash_name(out->hash, name);
            nap_buf_printf(&merged, "%s/%s.lib", cache, name);
            out->path = nap_buf_take(&merged, NULL);
            if (out->path != NULL) s = nap_write_whole(out->path, text.data, text.len, e);
        }
        if (s == NAP_OK && out->path == NULL) s = nap_fail_memory(e, strlen(paths), "path");
    }
    nap_buf_free(&text);
    if (s != NAP_OK) nap_library_close(out);
    return s;
}

void nap_library_close(nap_library *l)
{
    nap_free(l->path);
    nap_free(l->models);
    memset(l, 0, sizeof *l);
}
