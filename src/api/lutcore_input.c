/* Real activations for a layer: the model reads a text, and a tap on the engine keeps what enters
 * the matrices. */
#include "api/lutcore_layer.h"

#include "base/alloc.h"
#include "base/error.h"
#include "run/engine.h"

#include <string.h>

enum { ROWS_MAX = 512 };

/* Public domain: the opening of "The Origin of Species" (C. Darwin, 1859). */
static const char text[] =
    "When on board H.M.S. Beagle, as naturalist, I was much struck with certain facts in the "
    "distribution of the inhabitants of South America, and in the geological relations of the "
    "present to the past inhabitants of that continent. These facts seemed to me to throw some "
    "light on the origin of species - that mystery of mysteries, as it has been called by one of "
    "our greatest philosophers.";

typedef struct collector {
    const nap_graph *graph;
    const char *tensor; /* NULL: all */
    nap_lut_inputs *out;
    bool failed;
} collector;

static nap_lut_input *input_of(nap_lut_inputs *in, const char *tensor)
{
    for (size_t i = 0; i < in->count; i++)
        if (strcmp(in->v[i].tensor, tensor) == 0) return &in->v[i];
    return NULL;
}

static nap_lut_input *new_input(collector *c, const nap_weight *w)
{
    nap_lut_inputs *in = c->out;
    nap_lut_input *grown = nap_realloc(in->v, in->count + 1, sizeof *grown);
    if (grown == NULL) return NULL;
    in->v = grown;
    nap_lut_input *x = &grown[in->count];
    *x = (nap_lut_input){.cols = w->cols, .stride = nap_act_bytes(NAP_ACT_Q8, w->cols)};
    x->tensor = nap_strdup(w->name);
    x->act = nap_alloc_aligned(x->stride * in->rows);
    if (x->tensor == NULL || x->act == NULL) {
        nap_free(x->tensor);
        nap_free(x->act);
        return NULL;
    }
    in->count++;
    return x;
}

static void on_input(void *user, nap_weight_id weight, size_t first, size_t rows, const void *act,
                     size_t stride)
{
    collector *c = user;
    const nap_weight *w = &c->graph->weights[weight];
    if (c->failed || (c->tensor != NULL && strcmp(c->tensor, w->name) != 0)) return;
    if (w->format->kind != NAP_FORMAT_BLOCK) return; /* floats enter it */
    nap_lut_input *x = input_of(c->out, w->name);
    if (x == NULL) x = new_input(c, w);
    c->failed = x == NULL;
    for (size_t i = 0; x != NULL && i < rows && first + i < c->out->rows; i++) {
        memcpy(x->act + (first + i) * x->stride, (const uint8_t *)act + i * stride, x->stride);
        if (first + i + 1 > x->rows) x->rows = first + i + 1;
    }
}

/* Tokens of the text, repeated as needed; without a vocabulary any ids will do. */
static nap_status make_tokens(const nap_model *m, size_t vocab, nap_lut_inputs *in,
                              nap_token *tokens, nap_error *e)
{
    const nap_vocab *v = nap_model_vocab(m, NULL);
    in->text = v != NULL;
    if (v == NULL) {
        for (size_t i = 0; i < in->rows; i++) tokens[i] = (nap_token)((i * 7919 + 1) % vocab);
        return NAP_OK;
    }
    nap_token *ids;
    size_t n;
    NAP_TRY(nap_tokenize(v, text, sizeof text - 1, NAP_TOKENIZE_ADD_SPECIAL, &ids, &n, e));
    for (size_t i = 0; i < in->rows; i++) tokens[i] = n > 0 ? ids[i % n] : 0;
    nap_tokens_free(ids);
    return NAP_OK;
}

static bool ignore_logits(void *user, size_t item, size_t index, const float *logits)
{
    (void)user, (void)item, (void)index, (void)logits;
    return true;
}

static nap_status read_text(nap_engine *g, const nap_token *tokens, size_t n, nap_error *e)
{
    nap_session *s;
    NAP_TRY(nap_session_create(&s, g, e));
    /* All logits are wanted, so that the last layers see every token as well. */
    const nap_step_item item = {.session = s, .tokens = tokens, .n = n, .all_logits = true};
    const nap_status status = nap_engine_step(g, &item, 1, ignore_logits, NULL, e);
    nap_session_destroy(s);
    return status;
}

static nap_status run_model(const nap_model *m, const char *tensor, nap_lut_inputs *out,
                            nap_error *e)
{
    nap_engine *g;
    nap_engine_options o = nap_engine_defaults();
    o.context = out->rows;
    o.batch = out->rows;
    NAP_TRY(nap_engine_create(&g, m, &o, e));
    collector c = {.graph = nap_engine_graph(g), .tensor = tensor, .out = out};
    g->tap = on_input;
    g->tap_user = &c;
    nap_token *tokens = nap_calloc(out->rows, sizeof *tokens);
    nap_status status = tokens != NULL ? make_tokens(m, nap_engine_vocab_size(g), out, tokens, e)
                                       : nap_fail_memory(e, out->rows * sizeof *tokens, "tokens");
    if (status == NAP_OK) status = read_text(g, tokens, out->rows, e);
    if (status == NAP_OK && c.failed) status = nap_fail_memory(e, 0, "activations");
    nap_free(tokens);
    nap_engine_destroy(g);
    return status;
}

nap_status nap_lut_inputs_capture(const nap_model *m, const char *tensor, size_t rows,
                                  nap_lut_inputs *out, nap_error *e)
{
    *out = (nap_lut_inputs){.rows = rows};
    if (rows < 1 || rows > ROWS_MAX)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "rows: found %zu, expected 1 to %d",
                        rows, ROWS_MAX);
    const nap_status status = run_model(m, tensor, out, e);
    if (status != NAP_OK) nap_lut_inputs_free(out);
    return status;
}

void nap_lut_inputs_free(nap_lut_inputs *x)
{
    for (size_t i = 0; i < x->count; i++) {
        nap_free(x->v[i].tensor);
        nap_free(x->v[i].act);
    }
    nap_free(x->v);
    *x = (nap_lut_inputs){0};
}
