/* Building simulators with Verilator: once per text, program and version, kept in the cache folder
 * under their hash. What every simulator shares, Verilator's run time, is compiled once. */
#include "rtl/cosim.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"
#include "rtl/simulate.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char hint[] = "install the Debian package 'verilator'";

static uint64_t hash(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001b3u; /* FNV-1a */
    return h;
}

/* What a tool prints, without the line's end. */
static nap_status ask(const char *const argv[], nap_buf *out, nap_error *e)
{
    int code = 0;
    NAP_TRY(nap_process_run(argv, NULL, out, &code, hint, e));
    while (out->len > 0 && out->data[out->len - 1] == '\n') out->data[--out->len] = '\0';
    if (out->failed) return nap_fail_memory(e, out->len, "a tool's output");
    if (code != 0) return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: exit code %d", argv[0], code);
    return NAP_OK;
}

nap_status nap_cosim_folder(char **folder, nap_error *e)
{
    char *base = NULL;
    NAP_TRY(nap_cache_folder("cosim", &base, e));
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/job-XXXXXX", base);
    nap_free(base);
    if (path.failed) {
        nap_buf_free(&path);
        return nap_fail_memory(e, 64, "a folder's name");
    }
    if (mkdtemp(path.data) == NULL) {
        const nap_status status =
            nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: no such folder can be made", path.data);
        nap_buf_free(&path);
        return status;
    }
    *folder = nap_buf_take(&path, NULL);
    return NAP_OK;
}

/* Two levels: what jobs make. */
static void empty(const char *path, unsigned depth)
{
    DIR *d = opendir(path);
    if (d == NULL) return;
    for (const struct dirent *f; (f = readdir(d)) != NULL;) {
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0) continue;
        nap_buf name = {0};
        nap_buf_printf(&name, "%s/%s", path, f->d_name);
        if (!name.failed && unlink(name.data) != 0 && depth > 0) {
            empty(name.data, depth - 1);
            (void)rmdir(name.data);
        }
        nap_buf_free(&name);
    }
    closedir(d);
}

void nap_cosim_forget(char *folder)
{
    if (folder == NULL) return;
    empty(folder, 2);
    (void)rmdir(folder);
    nap_free(folder);
}

/* The design's comment, which heads every file: the first lines, up to the blank line after them.
 * A text may have none: what stands right above a module is that module's. */
static size_t heading(const char *text)
{
    const char *p = text;
    while (strncmp(p, "//", 2) == 0) {
        const size_t line = strcspn(p, "\n");
        if (p[line] == '\0') return 0;
        p += line + 1;
    }
    return p > text && *p == '\n' ? (size_t)(p - text) : 0;
}

/* The text of the next module from `p` on: from its comment to its last line. NULL where `p` holds
 * no whole module. */
static const char *next_module(const char *p, size_t *len, char name[96])
{
    p += strspn(p, "\n");
    const char *m = p;
    while (m != NULL && strncmp(m, "module ", 7) != 0) {
        m = strchr(m, '\n');
        if (m != NULL) m++;
    }
    if (m == NULL) return NULL;
    const char *end = strstr(m, "\nendmodule\n");
    if (end == NULL) return NULL;
    const size_t n = strcspn(m + 7, " (\n");
    (void)snprintf(name, 96, "%.*s", (int)(n < 95 ? n : 95), m + 7);
    *len = (size_t)(end - p) + strlen("\nendmodule\n");
    return p;
}

nap_status nap_rtl_write_modules(const nap_rtl *r, const char *dir, nap_buf *list, nap_error *e)
{
    char name[96];
    size_t len = 0;
    nap_status status = NAP_OK;
    const size_t head = heading(r->text.data);
    const char *rest = r->text.data + head, *p;
    while (status == NAP_OK && (p = next_module(rest, &len, name)) != NULL) {
        nap_buf path = {0}, text = {0};
        nap_buf_put(&text, r->text.data, head);
        if (head > 0) nap_buf_putc(&text, '\n');
        nap_buf_put(&text, p, len);
        nap_buf_printf(&path, "%s/%s.v", dir, name);
        status = path.failed || text.failed ? nap_fail_memory(e, len, "a file")
                                            : nap_write_whole(path.data, text.data, text.len, e);
        nap_buf_free(&path);
        nap_buf_free(&text);
        nap_buf_printf(list, "%s.v\n", name);
        rest = p + len;
    }
    if (status == NAP_OK && rest[strspn(rest, "\n")] != '\0')
        status = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                          "%s: found '%.60s' after the last module, expected its end", r->top,
                          rest + strspn(rest, "\n"));
    if (status == NAP_OK && list->failed) status = nap_fail_memory(e, list->len, "the file list");
    return status;
}

nap_status nap_rtl_lint(const nap_rtl *r, nap_error *e)
{
    char *folder = NULL;
    nap_buf list = {0}, path = {0}, output = {0};
    int code = 0;
    NAP_TRY(nap_cosim_folder(&folder, e));
    nap_status status = nap_rtl_write_modules(r, folder, &list, e);
    nap_buf_printf(&path, "%s/files.f", folder);
    if (status == NAP_OK && !path.failed)
        status = nap_write_whole(path.data, list.data, list.len, e);
    if (status == NAP_OK) {
        const char *const argv[] = {"verilator", "--lint-only", "-Wall",   "--top-module",
                                    r->top,      "-f",          "files.f", NULL};
        status = nap_process_run(argv, folder, &output, &code, hint, e);
    }
    if (status == NAP_OK &&
        (code != 0 || (output.len > 0 && strstr(output.data, "%Warning") != NULL)))
        status = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "%s: verilator -Wall: %.300s", r->top,
                          output.data != NULL ? output.data : "failed");
    nap_buf_free(&output);
    nap_buf_free(&path);
    nap_buf_free(&list);
    nap_cosim_forget(folder);
    return status;
}

/* ------------------------------------------------------------------ the simulator */

typedef struct builder {
    nap_buf root, version; /* of Verilator */
    nap_buf include, include_dpi, run_time, target;
    char *cache, *folder;
} builder;

static void free_builder(builder *b)
{
    nap_buf_free(&b->root);
    nap_buf_free(&b->version);
    nap_buf_free(&b->include);
    nap_buf_free(&b->include_dpi);
    nap_buf_free(&b->run_time);
    nap_buf_free(&b->target);
    nap_free(b->cache);
    nap_cosim_forget(b->folder);
}

static nap_status prepare(builder *b, const nap_rtl *r, const char *top, const nap_buf *main_text,
                          nap_error *e)
{
    const char *const version[] = {"verilator", "--version", NULL};
    const char *const root[] = {"verilator", "--getenv", "VERILATOR_ROOT", NULL};
    NAP_TRY(ask(version, &b->version, e));
    NAP_TRY(ask(root, &b->root, e));
    NAP_TRY(nap_cache_folder("cosim", &b->cache, e));
    const uint64_t tool = hash(0xcbf29ce484222325u, b->version.data, b->version.len);
    uint64_t h[2] = {tool, ~tool};
    for (unsigned i = 0; i < 2; i++) {
        h[i] = hash(h[i], r->text.data, r->text.len);
        h[i] = hash(h[i], main_text->data, main_text->len);
        h[i] = hash(h[i], top, strlen(top));
    }
    nap_buf_printf(&b->include, "-I%s/include", b->root.data);
    nap_buf_printf(&b->include_dpi, "-I%s/include/vltstd", b->root.data);
    nap_buf_printf(&b->run_time, "%s/run-time-%016" PRIx64 ".o", b->cache, tool);
    nap_buf_printf(&b->target, "%s/%016" PRIx64 "%016" PRIx64, b->cache, h[0], h[1]);
    if (b->include.failed || b->include_dpi.failed || b->run_time.failed || b->target.failed)
        return nap_fail_memory(e, 256, "paths of the simulator");
    return NAP_OK;
}

/* Built in the job's folder and moved into place in one step, so that two processes that want the
 * same file cannot disturb each other. */
static nap_status move(const builder *b, const char *from, const char *to, nap_error *e)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/%s", b->folder, from);
    nap_status status = NAP_OK;
    if (path.failed)
        status = nap_fail_memory(e, 128, "a path");
    else if (rename(path.data, to) != 0)
        status = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot be moved to %s", path.data, to);
    nap_buf_free(&path);
    return status;
}

static nap_status write_in(const builder *b, const char *name, const nap_buf *text, nap_error *e)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/%s", b->folder, name);
    const nap_status status = path.failed || text->failed
                                  ? nap_fail_memory(e, text->len, name)
                                  : nap_write_whole(path.data, text->data, text->len, e);
    nap_buf_free(&path);
    return status;
}

static nap_status build_run_time(const builder *b, nap_error *e)
{
    nap_buf text = {0};
    nap_buf_puts(&text, "#include \"verilated.cpp\"\n#include \"verilated_threads.cpp\"\n");
    nap_status status = write_in(b, "run_time.cpp", &text, e);
    nap_buf_free(&text);
    if (status != NAP_OK) return status;
    const char *const argv[] = {
        "g++", "-O1",          "-std=gnu++17", b->include.data, b->include_dpi.data,
        "-c",  "run_time.cpp", "-o",           "run_time.o",    NULL};
    NAP_TRY(nap_rtl_tool(argv, b->folder, "install the Debian package 'g++'", e));
    return move(b, "run_time.o", b->run_time.data, e);
}

/* One translation unit: the model's files, then the program. */
static nap_status gather(const builder *b, const nap_buf *main_text, nap_error *e)
{
    nap_buf path = {0}, text = {0};
    nap_buf_printf(&path, "%s/obj", b->folder);
    DIR *d = path.failed ? NULL : opendir(path.data);
    nap_buf_free(&path);
    if (d == NULL)
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s/obj: Verilator left no files", b->folder);
    for (const struct dirent *f; (f = readdir(d)) != NULL;) {
        const size_t n = strlen(f->d_name);
        if (n > 4 && strcmp(f->d_name + n - 4, ".cpp") == 0)
            nap_buf_printf(&text, "#include \"obj/%s\"\n", f->d_name);
    }
    closedir(d);
    nap_buf_put(&text, main_text->data, main_text->len);
    const nap_status status = write_in(b, "main.cpp", &text, e);
    nap_buf_free(&text);
    return status;
}

static nap_status build_simulator(const builder *b, const nap_rtl *r, const char *top,
                                  const nap_buf *main_text, nap_error *e)
{
    NAP_TRY(write_in(b, "dut.v", &r->text, e));
    /* Registers start with random bits: nothing may depend on them. */
    const char *const verilate[] = {
        "verilator", "--cc", "-O3",    "-Wno-fatal", "--x-initial",  "unique", "--x-assign", "fast",
        "--prefix",  "Vdut", "--Mdir", "obj",        "--top-module", top,      "dut.v",      NULL};
    NAP_TRY(nap_rtl_tool(verilate, b->folder, hint, e));
    NAP_TRY(gather(b, main_text, e));
    const char *const compile[] = {"g++",
                                   "-O1",
                                   "-std=gnu++17",
                                   b->include.data,
                                   b->include_dpi.data,
                                   "-Iobj",
                                   "main.cpp",
                                   b->run_time.data,
                                   "-o",
                                   "simulate",
                                   "-pthread",
                                   NULL};
    NAP_TRY(nap_rtl_tool(compile, b->folder, "install the Debian package 'g++'", e));
    return move(b, "simulate", b->target.data, e);
}

nap_status nap_cosim_build(const nap_rtl *r, const char *top, const nap_buf *main_text, char **tool,
                           nap_error *e)
{
    builder b = {0};
    nap_status status = prepare(&b, r, top, main_text, e);
    if (status == NAP_OK && access(b.target.data, X_OK) != 0) {
        status = nap_cosim_folder(&b.folder, e);
        if (status == NAP_OK && access(b.run_time.data, R_OK) != 0) status = build_run_time(&b, e);
        if (status == NAP_OK) status = build_simulator(&b, r, top, main_text, e);
    }
    if (status == NAP_OK) *tool = nap_buf_take(&b.target, NULL);
    free_builder(&b);
    return status;
}
