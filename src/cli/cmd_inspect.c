/* napier inspect: what is in a model file. */
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_JSON = 0x300, KEY_TENSORS, KEY_FULL };
enum { SHORT_ARRAY = 8 };

typedef struct inspect_args {
    const char *model;
    bool json, tensors, full;
} inspect_args;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    inspect_args *a = state->input;
    switch (key) {
    case KEY_JSON:
        a->json = true;
        return 0;
    case KEY_TENSORS:
        a->tensors = true;
        return 0;
    case KEY_FULL:
        a->full = true;
        return 0;
    default:
        break;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

/* Tensors of one type. */
typedef struct type_sum {
    const char *type;
    size_t count;
    uint64_t elems, bytes;
} type_sum;

enum { MAX_TYPES = 64 };

static size_t sum_types(const nap_model *m, type_sum sums[MAX_TYPES])
{
    size_t n = 0;
    for (size_t i = 0; i < nap_model_tensor_count(m); i++) {
        nap_tensor_view t;
        if (nap_model_tensor(m, i, &t, NULL) != NAP_OK) continue;
        size_t k = 0;
        while (k < n && strcmp(sums[k].type, t.type) != 0) k++;
        if (k == MAX_TYPES) continue;
        if (k == n) sums[n++] = (type_sum){.type = t.type};
        sums[k].count++;
        sums[k].elems += t.elems;
        sums[k].bytes += t.bytes;
    }
    return n;
}

static double bits_per_weight(uint64_t bytes, uint64_t elems)
{
    return elems == 0 ? 0.0 : 8.0 * (double)bytes / (double)elems;
}

static void shape_text(const nap_tensor_view *t, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t d = 0; d < t->n_dims && used < size; d++)
        used += (size_t)snprintf(out + used, size - used, d > 0 ? " x %llu" : "%llu",
                                 (unsigned long long)t->ne[d]);
}

/* ---- for people */

static void print_meta(const nap_model *m, bool full)
{
    puts("\nMetadata");
    for (size_t i = 0; i < nap_model_meta_count(m); i++) {
        char *value = NULL;
        nap_error e = {0};
        if (nap_model_meta_value(m, i, full ? SIZE_MAX : 4, &value, &e) != NAP_OK) {
            printf("  %-44s (%s)\n", nap_model_meta_key(m, i), e.text);
            continue;
        }
        const size_t n = strlen(value);
        const bool cut = !full && n > 100;
        /* Not in the middle of a character. */
        size_t shown = cut ? 97 : n;
        while (cut && shown > 0 && ((unsigned char)value[shown] & 0xc0) == 0x80) shown--;
        printf("  %-44s %-12s %.*s%s\n", nap_model_meta_key(m, i), nap_model_meta_type(m, i),
               (int)shown, value, cut ? "..." : "");
        nap_text_free(value);
    }
}

static void print_tensors(const nap_model *m)
{
    printf("\n%-44s %-8s %-24s %12s %14s\n", "Tensor", "Type", "Shape", "Bytes", "Offset");
    for (size_t i = 0; i < nap_model_tensor_count(m); i++) {
        nap_tensor_view t;
        nap_error e = {0};
        if (nap_model_tensor(m, i, &t, &e) != NAP_OK) {
            printf("(%s)\n", e.text);
            continue;
        }
        char shape[96];
        shape_text(&t, shape, sizeof shape);
        printf("%-44s %-8s %-24s %12llu %14llu\n", t.name, t.type, shape,
               (unsigned long long)t.bytes, (unsigned long long)t.offset);
    }
}

static void print_summary(const nap_model *m)
{
    char size[32];
    nap_error e = {0};
    const uint64_t bytes = nap_model_bytes(m), params = nap_model_params(m);
    printf("File          %s\nName          %s\nArchitecture  %s\nModel         %s\n",
           nap_model_path(m), nap_model_name(m),
           nap_model_arch(m)[0] != '\0' ? nap_model_arch(m) : "(none)", nap_model_description(m));
    printf("Parameters    %.2f M\nTensors       %zu, %s, %.3f bits per weight\n",
           (double)params / 1e6, nap_model_tensor_count(m), text_bytes(bytes, size),
           bits_per_weight(bytes, params));
    printf("Context       %zu\n", nap_model_context_length(m));
    const nap_vocab *v = nap_model_vocab(m, &e);
    if (v != NULL)
        printf("Vocabulary    %zu tokens, %s, pre-tokenizer %s\n", nap_vocab_size(v),
               nap_vocab_kind(v), nap_vocab_pre(v));
    else
        printf("Vocabulary    none usable: %s\n", e.text);
    const bool has = nap_model_template(m, &e) != NULL;
    printf("Template      %s\n", has ? "yes" : e.code == NAP_ERR_NOT_FOUND ? "none" : e.text);
    type_sum sums[MAX_TYPES];
    const size_t n = sum_types(m, sums);
    printf("\n%-8s %8s %14s %14s %8s\n", "Type", "Tensors", "Elements", "Bytes", "Bits");
    for (size_t i = 0; i < n; i++)
        printf("%-8s %8zu %14llu %14llu %8.3f\n", sums[i].type, sums[i].count,
               (unsigned long long)sums[i].elems, (unsigned long long)sums[i].bytes,
               bits_per_weight(sums[i].bytes, sums[i].elems));
}

/* ---- for programs */

static json_t *meta_json(const nap_model *m, size_t i, bool full)
{
    char *text = NULL;
    if (nap_model_meta_value(m, i, SIZE_MAX, &text, NULL) != NAP_OK) return json_null();
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (value == NULL) value = text_json_z(text); /* e.g. NaN: as text */
    nap_text_free(text);
    json_t *j = json_pack("{s:s}", "type", nap_model_meta_type(m, i));
    const size_t n = json_array_size(value);
    if (json_is_array(value)) json_object_set_new(j, "length", json_integer((json_int_t)n));
    if (!full && n > SHORT_ARRAY) {
        json_t *head = json_array();
        for (size_t k = 0; k < SHORT_ARRAY; k++) json_array_append(head, json_array_get(value, k));
        json_decref(value);
        value = head;
        json_object_set_new(j, "cut", json_true());
    }
    json_object_set_new(j, "value", value);
    return j;
}

/* Keys come from the file, so they may be any bytes. */
static void set_member(json_t *object, const char *key, json_t *value)
{
    json_t *clean = text_json_z(key);
    json_object_set_new(object, clean != NULL ? json_string_value(clean) : "?", value);
    json_decref(clean);
}

static json_t *tensor_json(const nap_model *m, size_t i)
{
    nap_tensor_view t;
    if (nap_model_tensor(m, i, &t, NULL) != NAP_OK) return json_null();
    json_t *shape = json_array();
    for (uint32_t d = 0; d < t.n_dims; d++)
        json_array_append_new(shape, json_integer((json_int_t)t.ne[d]));
    return json_pack("{s:o, s:s, s:o, s:I, s:I, s:I, s:i}", "name", text_json_z(t.name), "type",
                     t.type, "shape", shape, "elements", (json_int_t)t.elems, "bytes",
                     (json_int_t)t.bytes, "offset", (json_int_t)t.offset, "split", (int)t.split);
}

static json_t *vocab_json(const nap_model *m)
{
    const nap_vocab *v = nap_model_vocab(m, NULL);
    if (v == NULL) return json_null();
    return json_pack("{s:s, s:o, s:I, s:i, s:i, s:b, s:b}", "kind", nap_vocab_kind(v), "pre",
                     text_json_z(nap_vocab_pre(v)), "size", (json_int_t)nap_vocab_size(v), "bos",
                     nap_vocab_bos(v), "eos", nap_vocab_eos(v), "add_bos", nap_vocab_add_bos(v),
                     "add_eos", nap_vocab_add_eos(v));
}

static void print_json(const nap_model *m, bool full)
{
    const uint64_t bytes = nap_model_bytes(m), params = nap_model_params(m);
    json_t *meta = json_object(), *tensors = json_array(), *types = json_object();
    for (size_t i = 0; i < nap_model_meta_count(m); i++)
        set_member(meta, nap_model_meta_key(m, i), meta_json(m, i, full));
    for (size_t i = 0; i < nap_model_tensor_count(m); i++)
        json_array_append_new(tensors, tensor_json(m, i));
    type_sum sums[MAX_TYPES];
    const size_t n = sum_types(m, sums);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(types, sums[i].type,
                            json_pack("{s:I, s:I, s:I}", "tensors", (json_int_t)sums[i].count,
                                      "elements", (json_int_t)sums[i].elems, "bytes",
                                      (json_int_t)sums[i].bytes));
    text_print_json(json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:I, s:f, s:I, s:b, s:o, s:o, s:o, s:o}", "file",
        text_json_z(nap_model_path(m)), "name", text_json_z(nap_model_name(m)), "architecture",
        text_json_z(nap_model_arch(m)), "description", text_json_z(nap_model_description(m)),
        "parameters", (json_int_t)params, "bytes", (json_int_t)bytes, "bits_per_weight",
        bits_per_weight(bytes, params), "context_length", (json_int_t)nap_model_context_length(m),
        "chat_template", nap_model_template(m, NULL) != NULL, "vocabulary", vocab_json(m), "types",
        types, "metadata", meta, "tensors", tensors));
}

static int run(void *p)
{
    const inspect_args *a = p;
    nap_error e = {0};
    loaded l = {0};
    int code = EXIT_OK;
    if (load_model(&l, a->model, &e) != NAP_OK) {
        code = term_fail(&e);
    } else if (a->json) {
        print_json(l.model, a->full);
    } else {
        print_summary(l.model);
        print_meta(l.model, a->full);
        if (a->tensors) print_tensors(l.model);
    }
    load_free(&l);
    return code;
}

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "Print JSON: summary, metadata, types and every tensor", 1},
    {"tensors", KEY_TENSORS, NULL, 0, "List every tensor", 1},
    {"full", KEY_FULL, NULL, 0, "Print long values and arrays whole", 1},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 "MODEL",
                                 "Show what is in a model file: metadata, tensors, types, sizes, "
                                 "bits per weight.",
                                 children,
                                 NULL,
                                 NULL};

const command cmd_inspect = {
    "inspect", "Show what is in a model file", &argp, sizeof(inspect_args), NULL, run};
