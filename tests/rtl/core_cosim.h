/* Co-simulation: the same programs on the interpreter and on the core's RTL; memory and cycles must
 * be equal. */
#ifndef CORE_COSIM_H
#define CORE_COSIM_H

#include "cmocka_all.h"

#include "base/process.h"
#include "lutcore/config.h"
#include "random_program.h"
#include "rtl/simulate.h"

#include <stdio.h>

/* A design in one line: the default's values but for the text's. */
static inline nap_core design(const char *text)
{
    char full[512];
    nap_config config;
    nap_error e = {0};
    nap_core core;
    snprintf(full, sizeof full, "[core]\n%s", text);
    for (char *p = full; *p != '\0'; p++)
        if (*p == ';') *p = '\n';
    if (nap_config_parse(full, strlen(full), "design", &config, &e) != NAP_OK ||
        nap_core_read(&config, &core, &e) != NAP_OK)
        fail_msg("%s", e.text);
    nap_config_free(&config);
    return core;
}

typedef struct cosim {
    const nap_core *core;
    nap_rtl_job *jobs;
    nap_program *programs;
    uint8_t **expected;
    uint64_t *cycles;
    size_t count, room;
} cosim;

static inline void cosim_begin(cosim *s, const nap_core *core, size_t room)
{
    memset(s, 0, sizeof *s);
    s->core = core;
    s->room = room;
    s->jobs = nap_calloc(room, sizeof *s->jobs);
    s->programs = nap_calloc(room, sizeof *s->programs);
    s->expected = nap_calloc(room, sizeof *s->expected);
    s->cycles = nap_calloc(room, sizeof *s->cycles);
    assert_true(s->jobs && s->programs && s->expected && s->cycles);
}

/* Takes the program and a copy of the memory; false if the interpreter refuses it (an address that
 * only the run shows). */
static inline bool cosim_add(cosim *s, nap_program *program, const uint8_t *memory, size_t bytes)
{
    assert_true(s->count < s->room);
    uint8_t *expected = nap_alloc(bytes), *image = nap_alloc(bytes);
    nap_lutstat stat;
    assert_true(expected && image);
    memcpy(expected, memory, bytes);
    memcpy(image, memory, bytes);
    if (nap_lmma_run(program, s->core, expected, bytes, 1 << 20, &stat, NULL) != NAP_OK) {
        nap_free(expected);
        nap_free(image);
        nap_program_free(program);
        return false;
    }
    s->programs[s->count] = *program;
    s->expected[s->count] = expected;
    s->cycles[s->count] = stat.cycles;
    s->jobs[s->count] = (nap_rtl_job){.program = &s->programs[s->count],
                                      .memory = image,
                                      .bytes = bytes,
                                      .max_cycles = stat.cycles * 2 + 1000};
    s->count++;
    *program = (nap_program){0};
    return true;
}

static inline void cosim_random(cosim *s, size_t count, uint64_t seed, unsigned length,
                                size_t bytes)
{
    uint8_t *memory = nap_alloc(bytes);
    assert_non_null(memory);
    for (size_t i = 0; s->count < s->room && i < count; seed++) {
        nap_program p = {0};
        if (!random_program(s->core, seed, length, bytes, &p)) {
            nap_program_free(&p);
            continue;
        }
        random_memory(s->core, seed, memory, bytes);
        if (cosim_add(s, &p, memory, bytes)) i++;
    }
    nap_free(memory);
}

/* What went wrong with job i, or "". */
static inline const char *cosim_difference(const cosim *s, size_t i, char text[200])
{
    const nap_rtl_job *j = &s->jobs[i];
    static const char *const ends[] = {"done", "fault", "limit", "outside", "unknown"};
    text[0] = '\0';
    if (j->end != NAP_RTL_DONE) {
        snprintf(text, 200, "ended with %s at %llu, cycle %llu", ends[j->end],
                 (unsigned long long)j->at, (unsigned long long)j->cycles);
    } else if (memcmp(j->memory, s->expected[i], j->bytes) != 0) {
        size_t at = 0;
        while (j->memory[at] == s->expected[i][at]) at++;
        snprintf(text, 200, "memory differs at byte %zu: found %02x, expected %02x", at,
                 j->memory[at], s->expected[i][at]);
    } else if (j->cycles != s->cycles[i]) {
        snprintf(text, 200, "took %llu cycles, expected %llu", (unsigned long long)j->cycles,
                 (unsigned long long)s->cycles[i]);
    }
    return text;
}

static inline void cosim_print(const cosim *s, size_t i)
{
    nap_buf text = {0};
    if (nap_lmma_disassemble(&s->programs[i], &text, NULL) == NAP_OK)
        print_error("%s\n", text.data);
    nap_buf_free(&text);
}

static inline void cosim_end(cosim *s)
{
    for (size_t i = 0; i < s->count; i++) {
        nap_program_free(&s->programs[i]);
        nap_free(s->jobs[i].memory);
        nap_free(s->expected[i]);
    }
    nap_free(s->jobs);
    nap_free(s->programs);
    nap_free(s->expected);
    nap_free(s->cycles);
}

/* Runs them on the design's own RTL and expects no difference. */
static inline void cosim_check(cosim *s, nap_rtl_sim sim)
{
    nap_rtl rtl = {0};
    nap_error e = {0};
    char text[200];
    if (nap_rtl_core(s->core, &rtl, &e) != NAP_OK ||
        nap_rtl_run_jobs(&rtl, s->core, sim, s->jobs, s->count, NULL, NULL, &e) != NAP_OK)
        fail_msg("%s: %s", s->core->name, e.text);
    for (size_t i = 0; i < s->count; i++)
        if (cosim_difference(s, i, text)[0] != '\0') {
            cosim_print(s, i);
            fail_msg("%s: program %zu: %s", s->core->name, i, text);
        }
    nap_rtl_free(&rtl);
}

/* Verilator's linter, nothing waived, on one file a module, as it wants them. */
static inline bool core_lint(const nap_core *core, char *text, size_t room)
{
    nap_rtl rtl = {0};
    nap_error e = {0};
    char *base = NULL, folder[400], path[512];
    if (nap_rtl_core(core, &rtl, &e) != NAP_OK || nap_cache_folder("lint", &base, &e) != NAP_OK)
        fail_msg("%s: %s", core->name, e.text);
    snprintf(folder, sizeof folder, "%s/%s", base, core->name);
    assert_int_equal(nap_make_folder(folder, &e), NAP_OK);
    for (const char *at = rtl.text.data; (at = strstr(at, "\nmodule ")) != NULL;) {
        char module[96] = "";
        const char *end = strstr(at, "\nendmodule");
        assert_non_null(end);
        assert_int_equal(sscanf(at, "\nmodule %95[a-z0-9_]", module), 1);
        end += strlen("\nendmodule");
        snprintf(path, sizeof path, "%s/%s.v", folder, module);
        nap_buf file = {0};
        nap_buf_put(&file, at + 1, (size_t)(end - at - 1));
        nap_buf_putc(&file, '\n');
        assert_int_equal(nap_write_whole(path, file.data, file.len, &e), NAP_OK);
        nap_buf_free(&file);
        at = end;
    }
    snprintf(path, sizeof path, "%s/%s.v", folder, rtl.top);
    const char *const argv[] = {"verilator", "--lint-only", "-Wall", "-y", folder, path, NULL};
    nap_buf output = {0};
    int code = 1;
    assert_int_equal(nap_process_run(argv, NULL, &output, &code, NULL, &e), NAP_OK);
    snprintf(text, room, "%.*s", (int)room - 1, output.len > 0 ? output.data : "");
    const bool clean = code == 0 && output.len == 0;
    nap_buf_free(&output);
    nap_free(base);
    nap_rtl_free(&rtl);
    return clean;
}

static inline bool have(const char *tool)
{
    if (nap_process_exists(tool)) return true;
    print_message("SKIPPED: %s is not installed\n", tool);
    return false;
}

#endif
