/* napier eval: perplexity, and KL divergence against another engine's logits. */
#include "cli/commands.h"

#include <stdlib.h>

enum { KEY_CHUNKS = 0x300, KEY_JSON, KEY_SAVE, KEY_BASE };

typedef struct eval_args {
    const char *model, *file, *save, *base;
    size_t chunks;
    bool json;
    engine_args engine;
} eval_args;

static void init(void *p)
{
    ((eval_args *)p)->engine.o = nap_engine_defaults();
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    eval_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[1] = &a->engine;
        return 0;
    case KEY_CHUNKS:
        return cli_size(state, "--chunks", arg, 1, (size_t)1 << 30, &a->chunks);
    case KEY_SAVE:
        a->save = arg;
        return 0;
    case KEY_BASE:
        a->base = arg;
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num == 1 && a->base == NULL)
            return cli_usage(state, "FILE is missing (only --logits goes without one)");
        break;
    default:
        break;
    }
    const char **slots[] = {&a->model, &a->file};
    static const char *const names[] = {"MODEL", "FILE"};
    return cli_positional(key, arg, state, slots, names, 2, 1);
}

static double started;

/* One status line on a terminal, a line per ten chunks elsewhere. */
static void on_chunk(void *user, size_t chunk, size_t chunks, double perplexity)
{
    (void)user;
    const double spent = text_now() - started;
    const double left = chunk > 0 ? spent / (double)chunk * (double)(chunks - chunk) : 0;
    if (term_is_tty(stderr))
        fprintf(stderr, "\r\033[Kchunk %zu of %zu, perplexity %.4f, %.0f s left", chunk, chunks,
                perplexity, left);
    else if (chunk % 10 == 0 || chunk == chunks)
        fprintf(stderr, "chunk %zu of %zu, perplexity %.4f, %.0f s left\n", chunk, chunks,
                perplexity, left);
    fflush(stderr);
}

static bool on_progress(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user, (void)stage, (void)done, (void)total;
    return !term_interrupted();
}

static void print_text(const nap_eval_result *r)
{
    printf("perplexity  %.4f +/- %.5f\n", r->perplexity, r->stderr_);
    printf("tokens      %zu, %zu scored, in %zu chunks\n", r->tokens, r->scored, r->chunks);
    printf("time        %.1f s, %.1f tok/s\n", r->seconds,
           r->seconds > 0 ? (double)r->tokens / r->seconds : 0.0);
    if (!r->compared) return;
    printf("base        perplexity %.4f\n", r->base_perplexity);
    printf("KL          mean %.6f +/- %.6f, median %.6f, 99 %% %.6f, max %.6f\n", r->kl_mean,
           r->kl_stderr, r->kl_median, r->kl_99, r->kl_max);
    printf("top-1       %.3f %%\n", 100.0 * r->top1);
}

static void print_json(const nap_eval_result *r)
{
    json_t *j =
        json_pack("{s:f, s:f, s:I, s:I, s:I, s:f}", "perplexity", r->perplexity, "stderr",
                  r->stderr_, "tokens", (json_int_t)r->tokens, "scored", (json_int_t)r->scored,
                  "chunks", (json_int_t)r->chunks, "seconds", r->seconds);
    if (r->compared) {
        json_t *more =
            json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "base_perplexity", r->base_perplexity,
                      "kl_mean", r->kl_mean, "kl_stderr", r->kl_stderr, "kl_median", r->kl_median,
                      "kl_99", r->kl_99, "kl_max", r->kl_max, "top1", r->top1);
        json_object_update(j, more);
        json_decref(more);
    }
    text_print_json(j);
}

static int run(void *p)
{
    eval_args *a = p;
    nap_error e = {0};
    loaded l = {0};
    char *text = NULL;
    size_t len = 0;
    nap_eval_result r = {0};
    nap_eval_options o = nap_eval_defaults();
    o.context = a->engine.o.context;
    /* The chunks of a file of logits may be of any length: the engine then keeps the model's. */
    if (o.context == 0 && a->base == NULL) a->engine.o.context = NAP_EVAL_CONTEXT;
    o.chunks = a->chunks;
    o.save_logits = a->save;
    o.base_logits = a->base;
    o.progress = on_progress;
    o.each = on_chunk;
    nap_status s = load_model(&l, a->model, &e);
    if (s == NAP_OK && a->file != NULL) s = text_read_file(a->file, &text, &len, &e);
    if (s == NAP_OK) s = load_engine(&l, &a->engine, &e);
    started = text_now();
    if (s == NAP_OK) s = nap_eval(l.engine, text, len, &o, &r, &e);
    if (term_is_tty(stderr)) fputs("\r\033[K", stderr);
    const int code = s == NAP_OK ? EXIT_OK : term_fail(&e);
    if (s == NAP_OK && a->json)
        print_json(&r);
    else if (s == NAP_OK)
        print_text(&r);
    free(text);
    load_free(&l);
    return code;
}

static const struct argp_option options[] = {
    {"chunks", KEY_CHUNKS, "N", 0, "Windows to score at most; default all", 1},
    {"save-logits", KEY_SAVE, "F", 0,
     "Write the logits, as llama-perplexity's "
     "--kl-divergence-base does",
     1},
    {"logits", KEY_BASE, "F", 0,
     "Compare with such a file: KL divergence and top-1 agreement; the "
     "tokens and --context come from it, and FILE may be left out; it is refused if it differs",
     1},
    {"json", KEY_JSON, NULL, 0, "Print JSON", 1},
    {0},
};
static const struct argp_child children[] = {
    {&cli_help_argp, 0, NULL, 0}, {&cli_engine_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 "MODEL FILE",
                                 "Measure perplexity on a text, in windows of --context tokens "
                                 "(default 512) of which the second "
                                 "half is scored, as llama-perplexity does.",
                                 children,
                                 NULL,
                                 NULL};

const command cmd_eval = {
    "eval", "Measure perplexity and KL divergence", &argp, sizeof(eval_args), init, run};
