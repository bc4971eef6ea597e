/* napier bench: speed with the tests, the table and the field names of llama-bench, and beside
 * them what the machine's memory allows: decoding reads all weights once per token, so tokens/s
 * times bytes per token cannot exceed the read bandwidth measured in the same run. */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_LIST = 16, KEY_JSON = 0x300, KEY_NO_BANDWIDTH };

typedef enum output { OUTPUT_MD, OUTPUT_CSV, OUTPUT_JSON } output;

typedef struct bench_args {
    const char *model;
    size_t prompt[MAX_LIST], gen[MAX_LIST], depth[MAX_LIST], threads[MAX_LIST];
    size_t n_prompt, n_gen, n_depth, n_threads, repeats;
    output out;
    bool no_bandwidth;
    engine_args engine;
} bench_args;

static void init(void *p)
{
    bench_args *a = p;
    a->engine.o = nap_engine_defaults();
    a->prompt[0] = 512;
    a->gen[0] = 128;
    a->n_prompt = a->n_gen = a->n_depth = 1;
    a->repeats = 5;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    bench_args *a = state->input;
    const size_t most = (size_t)1 << 24;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[1] = &a->engine;
        return 0;
    case 'p':
        return cli_sizes(state, "-p", arg, 0, most, a->prompt, MAX_LIST, &a->n_prompt);
    case 'n':
        return cli_sizes(state, "-n", arg, 0, most, a->gen, MAX_LIST, &a->n_gen);
    case 'd':
        return cli_sizes(state, "-d", arg, 0, most, a->depth, MAX_LIST, &a->n_depth);
    case 't':
        return cli_sizes(state, "-t", arg, 1, 1024, a->threads, MAX_LIST, &a->n_threads);
    case 'r':
        return cli_size(state, "-r", arg, 1, 64, &a->repeats);
    case KEY_NO_BANDWIDTH:
        a->no_bandwidth = true;
        return 0;
    case 'o':
        if (strcmp(arg, "md") == 0)
            a->out = OUTPUT_MD;
        else if (strcmp(arg, "csv") == 0)
            a->out = OUTPUT_CSV;
        else if (strcmp(arg, "json") == 0)
            a->out = OUTPUT_JSON;
        else
            return cli_usage(state, "-o: found '%.60s', expected md, csv or json", arg);
        return 0;
    default:
        break;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

/* ---- what is measured */

typedef struct test_row {
    nap_bench_result r;
    size_t group; /* index into groups: one engine, one thread count */
    char time[24];
} test_row;

typedef struct group {
    int threads;
    uint64_t bytes_per_token, peak;
    double load_seconds, first_token_seconds;
    size_t first_token_prompt;
    nap_bandwidth bw;
} group;

typedef struct bench {
    const bench_args *args;
    loaded l;
    group groups[MAX_LIST];
    test_row *rows;
    size_t n_rows, n_groups;
} bench;

static void test_name(const nap_bench_result *r, char buf[48])
{
    const int n =
        snprintf(buf, 48, r->n_gen > 0 ? "tg%zu" : "pp%zu", r->n_gen > 0 ? r->n_gen : r->n_prompt);
    if (r->n_depth > 0) snprintf(buf + n, (size_t)(48 - n), " @ d%zu", r->n_depth);
}

/* "92.10 MiB" and "134.52 M", rounded as llama-bench does. */
static void model_size(uint64_t bytes, char buf[32])
{
    if (bytes >= 1ull << 30)
        snprintf(buf, 32, "%.2f GiB", (double)bytes / (1 << 30));
    else
        snprintf(buf, 32, "%.2f MiB", (double)bytes / (1 << 20));
}

static void model_params(uint64_t n, char buf[32])
{
    if (n < 1000000000)
        snprintf(buf, 32, "%.2f M", (double)n / 1e6);
    else
        snprintf(buf, 32, "%.2f B", (double)n / 1e9);
}

static void md_header(void)
{
    puts("| model                          |       size |     params | backend    | threads |"
         "            test |                  t/s |\n"
         "| ------------------------------ | ---------: | ---------: | ---------- | ------: |"
         " --------------: | -------------------: |");
}

static void md_row(const bench *b, const test_row *t)
{
    char size[32], params[32], test[48], speed[48];
    model_size(nap_model_bytes(b->l.model), size);
    model_params(nap_model_params(b->l.model), params);
    test_name(&t->r, test);
    snprintf(speed, sizeof speed, "%.2f \u00b1 %.2f", t->r.avg_ts, t->r.stddev_ts);
    /* One more column of width: the plus-minus sign is two bytes. */
    printf("| %-30s | %10s | %10s | %-10s | %7d | %15s | %21s |\n",
           nap_model_description(b->l.model), size, params, "CPU", t->r.threads, test, speed);
    fflush(stdout);
}

static nap_status run_test(bench *b, size_t prompt, size_t gen, size_t depth, nap_error *e)
{
    test_row *t = &b->rows[b->n_rows];
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(t->time, sizeof t->time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    t->group = b->n_groups;
    const nap_bench_options o = {.prompt = prompt,
                                 .gen = gen,
                                 .depth = depth,
                                 .repeats = b->args->repeats,
                                 .progress = term_progress};
    const nap_status s = nap_bench(b->l.engine, &o, &t->r, e);
    term_progress_end();
    if (s != NAP_OK) return s;
    t->r.threads = nap_engine_threads(b->l.engine);
    b->n_rows++;
    if (b->args->out != OUTPUT_MD) return NAP_OK;
    if (b->n_rows == 1) md_header(); /* not before there is a row: what fails prints no table */
    md_row(b, t);
    return NAP_OK;
}

static bool ignore_piece(void *user, const nap_piece *p)
{
    (void)user, (void)p;
    return false;
}

/* From the prompt being known to the first token being drawn, on a fresh session. */
static nap_status first_token(bench *b, group *g, nap_error *e)
{
    const bench_args *a = b->args;
    for (size_t i = 0; i < a->n_prompt; i++)
        if (a->prompt[i] > g->first_token_prompt) g->first_token_prompt = a->prompt[i];
    if (g->first_token_prompt == 0) g->first_token_prompt = 1;
    /* The token drawn needs its place as well. */
    if (g->first_token_prompt == nap_engine_context(b->l.engine)) g->first_token_prompt--;
    nap_token *ids = calloc(g->first_token_prompt, sizeof *ids);
    if (ids == NULL) return text_error(e, NAP_ERR_MEMORY, "out of memory");
    nap_generate_options o = nap_generate_defaults();
    nap_generate_stats stats = {0};
    o.sampler.temperature = 0;
    o.max_tokens = 1;
    nap_status s = load_session(&b->l, e);
    if (s == NAP_OK)
        s = nap_generate(b->l.session, ids, g->first_token_prompt, &o, ignore_piece, NULL, &stats,
                         e);
    g->first_token_seconds = stats.first_token_seconds;
    nap_session_destroy(b->l.session);
    b->l.session = NULL;
    free(ids);
    return s;
}

/* All tests of one thread count, in llama-bench's order: per depth, prompts then generations. */
static nap_status run_group(bench *b, size_t threads, nap_error *e)
{
    const bench_args *a = b->args;
    group *g = &b->groups[b->n_groups];
    *g = (group){0};
    engine_args ea = a->engine;
    ea.o.threads = (int)threads;
    nap_status s = load_engine(&b->l, &ea, e);
    if (s == NAP_OK) {
        g->threads = nap_engine_threads(b->l.engine);
        g->load_seconds = b->l.load_seconds;
        g->bytes_per_token = nap_engine_bytes_per_token(b->l.engine);
    }
    for (size_t d = 0; d < a->n_depth && s == NAP_OK; d++) {
        for (size_t i = 0; i < a->n_prompt && s == NAP_OK; i++)
            if (a->prompt[i] > 0) s = run_test(b, a->prompt[i], 0, a->depth[d], e);
        for (size_t i = 0; i < a->n_gen && s == NAP_OK; i++)
            if (a->gen[i] > 0) s = run_test(b, 0, a->gen[i], a->depth[d], e);
    }
    if (s == NAP_OK) s = first_token(b, g, e);
    g->peak = nap_peak_memory();
    nap_engine_destroy(b->l.engine);
    b->l.engine = NULL;
    if (s == NAP_OK) b->n_groups++;
    return s;
}

/* ---- the other outputs */

/* Of the read bandwidth; 0 where there is no such figure: prompts, or nothing to compare with. */
static double row_fraction(const bench *b, const test_row *t)
{
    const double read = b->groups[t->group].bw.read;
    return t->r.n_gen > 0 && read > 0 ? t->r.gb_per_second / read : 0.0;
}

static void md_more(const bench *b)
{
    /* Columns of what was not measured are left out. */
    const bool bandwidth = !b->args->no_bandwidth;
    printf(
        "\n| threads |            test | median t/s |     min |     max | MB/token |  GB/s |%s\n",
        bandwidth ? " of read |" : "");
    printf("| ------: | --------------: | ---------: | ------: | ------: | -------: | ----: |%s\n",
           bandwidth ? " ------: |" : "");
    for (size_t i = 0; i < b->n_rows; i++) {
        const test_row *t = &b->rows[i];
        char test[48], mb[24] = "", gbs[24] = "", share[24] = "";
        test_name(&t->r, test);
        if (t->r.n_gen > 0) {
            snprintf(mb, sizeof mb, "%.1f", (double)b->groups[t->group].bytes_per_token / 1e6);
            snprintf(gbs, sizeof gbs, "%.1f", t->r.gb_per_second);
            if (row_fraction(b, t) > 0)
                snprintf(share, sizeof share, "%.0f %%", 100 * row_fraction(b, t));
        }
        printf("| %7d | %15s | %10.2f | %7.1f | %7.1f | %8s | %5s |", t->r.threads, test,
               t->r.median_ts, t->r.min_ts, t->r.max_ts, mb, gbs);
        if (bandwidth) printf(" %7s |", share);
        putchar('\n');
    }
    printf("\n| threads |%s first token s (prompt) | load s |   peak MiB |\n",
           bandwidth ? " read GB/s | copy GB/s | triad GB/s |" : "");
    printf("| ------: |%s ---------------------: | -----: | ---------: |\n",
           bandwidth ? " --------: | --------: | ---------: |" : "");
    for (size_t i = 0; i < b->n_groups; i++) {
        const group *g = &b->groups[i];
        char first[48];
        snprintf(first, sizeof first, "%.3f (%zu)", g->first_token_seconds, g->first_token_prompt);
        printf("| %7d |", g->threads);
        if (bandwidth) printf(" %9.1f | %9.1f | %10.1f |", g->bw.read, g->bw.copy, g->bw.triad);
        printf(" %22s | %6.2f | %10.1f |\n", first, g->load_seconds, (double)g->peak / (1 << 20));
    }
    printf("\nbuild: %s; cpu: %s\n", nap_version_commit(), nap_version_cpu());
}

/* What was not measured is 0 here, and null there. */
static json_t *measured(double v)
{
    return v > 0 ? json_real(v) : json_null();
}

/* Field names and their meaning as llama-bench prints them, then ours. */
static json_t *row_json(const bench *b, const test_row *t)
{
    const nap_bench_result *r = &t->r;
    const group *g = &b->groups[t->group];
    const double tokens = (double)(r->n_prompt + r->n_gen);
    json_t *ns = json_array(), *ts = json_array();
    for (size_t i = 0; i < r->n_samples; i++) {
        json_array_append_new(ts, json_real(r->samples_ts[i]));
        json_array_append_new(
            ns,
            json_integer(r->samples_ts[i] > 0 ? (json_int_t)(1e9 * tokens / r->samples_ts[i]) : 0));
    }
    double sum = 0, squares = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        const double v = (double)json_integer_value(json_array_get(ns, i));
        sum += v;
        squares += v * v;
    }
    const double n = (double)r->n_samples, avg_ns = n > 0 ? sum / n : 0;
    const double var = n > 1 ? (squares - sum * avg_ns) / (n - 1) : 0;
    const size_t batch = b->args->engine.o.batch != 0 ? b->args->engine.o.batch : 512;
    json_t *j = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:s, s:I}",
        "build_commit", nap_version_commit(), "build_number", 0, "cpu_info", nap_version_cpu(),
        "gpu_info", "", "backends", "CPU", "model_filename",
        text_json_z(nap_model_path(b->l.model)), "model_type",
        text_json_z(nap_model_description(b->l.model)), "model_size",
        (json_int_t)nap_model_bytes(b->l.model), "model_n_params",
        (json_int_t)nap_model_params(b->l.model), "n_batch", (json_int_t)batch, "n_ubatch",
        (json_int_t)batch, "n_threads", r->threads, "n_prompt", (json_int_t)r->n_prompt, "n_gen",
        (json_int_t)r->n_gen, "n_depth", (json_int_t)r->n_depth, "test_time", t->time, "avg_ns",
        (json_int_t)avg_ns);
    json_t *more = json_pack(
        "{s:I, s:f, s:f, s:o, s:o, s:f, s:f, s:f, s:I, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:I}",
        "stddev_ns", (json_int_t)(var > 0 ? __builtin_sqrt(var) : 0), "avg_ts", r->avg_ts,
        "stddev_ts", r->stddev_ts, "samples_ns", ns, "samples_ts", ts, "median_ts", r->median_ts,
        "min_ts", r->min_ts, "max_ts", r->max_ts, "bytes_per_token", (json_int_t)g->bytes_per_token,
        "gb_per_second", measured(r->gb_per_second), "read_gb_per_second", measured(g->bw.read),
        "copy_gb_per_second", measured(g->bw.copy), "triad_gb_per_second", measured(g->bw.triad),
        "read_fraction", measured(row_fraction(b, t)), "load_seconds", g->load_seconds,
        "first_token_seconds", g->first_token_seconds, "peak_memory_bytes", (json_int_t)g->peak);
    json_object_update(j, more);
    json_decref(more);
    return j;
}

static void print_json(const bench *b)
{
    json_t *all = json_array();
    for (size_t i = 0; i < b->n_rows; i++) json_array_append_new(all, row_json(b, &b->rows[i]));
    text_print_json(all);
}

static void csv_value(const json_t *v)
{
    putchar('"');
    if (json_is_string(v)) {
        for (const char *s = json_string_value(v); *s != '\0'; s++) {
            if (*s == '"') putchar('"');
            putchar(*s);
        }
    } else if (json_is_integer(v)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (!json_is_null(v)) {
        printf("%.6f", json_real_value(v));
    }
    putchar('"');
}

/* The scalars of the JSON objects, in their order. */
static void print_csv(const bench *b)
{
    for (size_t i = 0; i < b->n_rows; i++) {
        json_t *j = row_json(b, &b->rows[i]), *v;
        const char *key, *sep = "";
        for (int header = i == 0; header >= 0; header--) {
            sep = "";
            json_object_foreach(j, key, v)
            {
                if (json_is_array(v)) continue;
                fputs(sep, stdout);
                if (header)
                    fputs(key, stdout);
                else
                    csv_value(v);
                sep = ",";
            }
            putchar('\n');
        }
        json_decref(j);
    }
}

static size_t most(const size_t *v, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i] > m) m = v[i];
    return m;
}

/* What the tests need, and one more for the first token after the longest prompt; but not if that
 * alone would go beyond what the model was trained with. */
static size_t context_for(const bench *b, size_t tokens)
{
    const size_t trained = nap_model_context_length(b->l.model);
    return trained != 0 && tokens >= trained && tokens > 1 ? tokens : tokens + 1;
}

static int run(void *p)
{
    bench_args *a = p;
    nap_error e = {0};
    bench b = {.args = a};
    if (a->n_threads == 0) {
        a->n_threads = 1;
        a->threads[0] = (size_t)a->engine.o.threads; /* 0: one per core */
    }
    const size_t work = most(a->prompt, a->n_prompt) > most(a->gen, a->n_gen)
                            ? most(a->prompt, a->n_prompt)
                            : most(a->gen, a->n_gen);
    if (work == 0) {
        fputs("napier bench: nothing to do: -p and -n are all 0\n", stderr);
        return EXIT_USAGE;
    }
    b.rows = calloc(a->n_threads * a->n_depth * (a->n_prompt + a->n_gen), sizeof *b.rows);
    nap_status s = b.rows == NULL ? text_error(&e, NAP_ERR_MEMORY, "out of memory")
                                  : load_model(&b.l, a->model, &e);
    if (s == NAP_OK) a->engine.o.context = context_for(&b, most(a->depth, a->n_depth) + work);
    for (size_t i = 0; i < a->n_threads && s == NAP_OK; i++) s = run_group(&b, a->threads[i], &e);
    /* After every engine is gone: the buffers are larger than many models. */
    for (size_t i = 0; i < b.n_groups && s == NAP_OK && !a->no_bandwidth; i++)
        s = nap_measure_bandwidth(b.groups[i].threads, 0, &b.groups[i].bw, &e);
    if (s == NAP_OK) {
        if (a->out == OUTPUT_MD) md_more(&b);
        if (a->out == OUTPUT_JSON) print_json(&b);
        if (a->out == OUTPUT_CSV) print_csv(&b);
    }
    const int code = s == NAP_OK ? EXIT_OK : term_fail(&e);
    free(b.rows);
    load_free(&b.l);
    return code;
}

static const struct argp_option options[] = {
    {"n-prompt", 'p', "N,...", 0, "Tokens of the prompt tests; 0 is none; default 512", 1},
    {"n-gen", 'n', "N,...", 0, "Tokens of the generation tests; 0 is none; default 128", 1},
    {"n-depth", 'd', "N,...", 0, "Tokens already in the context; default 0", 1},
    {"n-threads", 't', "N,...", 0, "Thread counts, one after another", 1},
    {"repetitions", 'r', "N", 0, "Repeats of each test, 1 to 64; default 5", 1},
    {"output", 'o', "FORMAT", 0, "md (default), csv or json", 1},
    {"no-bandwidth", KEY_NO_BANDWIDTH, NULL, 0, "Do not measure the memory's bandwidth", 1},
    {0},
};
static const struct argp_child children[] = {
    {&cli_help_argp, 0, NULL, 0}, {&cli_engine_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "MODEL",
    "Measure speed: the tests, the table and the field names of llama-bench, and the share of the "
    "memory's read bandwidth that generation reaches, measured in the same run.\v"
    "Lists are crossed. The context is what the tests need; --context has no effect here.",
    children,
    NULL,
    NULL};

const command cmd_bench = {"bench", "Measure speed", &argp, sizeof(bench_args), init, run};
