/* The operator graph: passes keep what is computed and do what they promise; the plan's waits and
 * places hold the rules of plan.h, checked from the outside. */
#include "cmocka_all.h"
#include "tiny.h"

#include "base/alloc.h"
#include "graph/passes.h"
#include "model/model.h"
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const models[] = {"llama",          "qwen2",  "qwen3",        "gemma3",
                                     "gemma3-softcap", "bitnet", "bitnet-b1.58", "type-f32"};

static nap_graph *graph_of(const char *name)
{
    nap_error e;
    nap_gguf *file;
    nap_graph *g;
    const char *arch;
    size_t len;
    char copy[32] = "";
    tiny_require(nap_gguf_open(&file, tiny_path(name), &e), &e);
    tiny_require(nap_gguf_string(file, "general.architecture", &arch, &len, &e), &e);
    assert_in_range(len, 1, sizeof copy - 1);
    memcpy(copy, arch, len);
    tiny_require(nap_arch_graph(file, copy, &g, NULL, &e), &e);
    nap_gguf_close(file);
    return g;
}

static size_t count(const nap_graph *g, nap_op op)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++) n += g->nodes[i].op == op;
    return n;
}

static char *dump(const nap_graph *g)
{
    nap_buf b = {0};
    nap_graph_dump(g, &b);
    char *text = nap_buf_take(&b, NULL);
    assert_non_null(text);
    return text;
}

/* ------------------------------------------------------------------ passes */

static void test_dump_is_golden(void **state)
{
    (void)state;
    char path[4096], *text, *expected;
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/engine/data/gemma3-softcap.graph", root ? root : ".");
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    expected = calloc(1, 65536);
    assert_non_null(expected);
    assert_in_range(fread(expected, 1, 65535, f), 1, 65534);
    fclose(f);
    nap_graph *g = graph_of("gemma3-softcap");
    text = dump(g);
    assert_string_equal(text, expected);
    nap_free(text);
    free(expected);
    nap_graph_destroy(g);
}

static void test_select(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        nap_graph *g = graph_of(models[m]);
        /* The attention's output and the residual of the last layer, nothing else. */
        assert_int_equal(count(g, NAP_OP_SELECT), 2);
        for (size_t i = 0; i < g->n_nodes; i++) {
            const nap_node *n = &g->nodes[i];
            if (n->op == NAP_OP_ATTENTION) assert_int_equal(n->rows, NAP_ROWS_ALL);
            if (n->layer < (int)g->caches - 1 && n->layer >= 0) {
                assert_int_equal(n->rows, NAP_ROWS_ALL);
            }
            if (strcmp(n->label, "ffn_down") == 0 && n->layer == (int)g->caches - 1) {
                assert_int_equal(n->rows, NAP_ROWS_SELECTED);
            }
        }
        nap_graph_destroy(g);
    }
}

static void test_drop_dead(void **state)
{
    (void)state;
    nap_error e;
    nap_graph *g = graph_of("llama");
    char *before = dump(g);
    /* Two nodes that lead nowhere, before the output. */
    const nap_node output = g->nodes[--g->n_nodes];
    nap_node dead = nap_node_make(NAP_OP_SCALE, -1, "dead", g->embed);
    dead.n_in = 1;
    dead.in[0] = 0;
    nap_node_id id;
    tiny_require(nap_graph_add_node(g, &dead, &id, &e), &e);
    dead.in[0] = id;
    tiny_require(nap_graph_add_node(g, &dead, &id, &e), &e);
    tiny_require(nap_graph_add_node(g, &output, &id, &e), &e);
    tiny_require(nap_graph_check(g, &e), &e);
    tiny_require(nap_pass_drop_dead(g, &e), &e);
    char *after = dump(g);
    assert_string_equal(after, before);
    nap_free(before);
    nap_free(after);
    nap_graph_destroy(g);
}

static int one_form(void *user, const nap_weight *w)
{
    (void)user;
    (void)w;
    return 1;
}

static void test_prepare_and_groups(void **state)
{
    (void)state;
    nap_error e;
    nap_graph *g = graph_of("qwen3");
    const size_t layers = g->caches;
    tiny_require(nap_pass_split_prepare(g, one_form, NULL, &e), &e);
    tiny_require(nap_pass_group_matmuls(g, &e), &e);
    tiny_require(nap_graph_check(g, &e), &e);
    /* q k v share one, the output projection, gate and up share one, down; and the head. */
    assert_int_equal(count(g, NAP_OP_PREPARE), 4 * layers + 1);
    uint32_t groups = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].group > groups) groups = g->nodes[i].group;
    }
    assert_int_equal(groups, 4 * layers + 1);
    nap_graph_destroy(g);
}

static void test_fold_softcap(void **state)
{
    (void)state;
    nap_error e;
    nap_graph *g = graph_of("gemma3-softcap");
    assert_int_equal(count(g, NAP_OP_SOFTCAP), 1);
    tiny_require(nap_pass_fold_softcap(g, &e), &e);
    tiny_require(nap_graph_check(g, &e), &e);
    assert_int_equal(count(g, NAP_OP_SOFTCAP), 0);
    assert_true(g->nodes[g->nodes[g->n_nodes - 1].in[0]].u.cap > 0);
    nap_graph_destroy(g);
}

static void test_cost(void **state)
{
    (void)state;
    nap_graph *g = graph_of("llama");
    const nap_cost c = nap_graph_cost(g, 10), longer = nap_graph_cost(g, 11);
    uint64_t macs = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const nap_node *n = &g->nodes[i];
        if (n->op == NAP_OP_MATMUL) macs += g->weights[n->weight].rows * g->weights[n->weight].cols;
    }
    assert_true(c.macs > macs);
    /* One more position: each layer's heads times key and value dimensions. */
    assert_int_equal(longer.macs - c.macs, 2 * 4 * (32 + 32));
    assert_int_equal(c.kv_bytes, 2 * 2 * 2 * (32 + 32));
    assert_int_equal(c.lookups, 1);
    nap_graph_destroy(g);
}

/* ------------------------------------------------------------------ the plan */

/* Two values that lie in the same place: the later one either is made there from the earlier (step
 * by step in place), or comes after all threads have met since the earlier one's last use. */
static void check_places(const nap_plan *p, const char *model)
{
    const nap_graph *g = p->graph;
    size_t *made = calloc(3 * g->n_nodes, sizeof *made), *used = made + g->n_nodes;
    size_t *origin = used + g->n_nodes;
    assert_non_null(made);
    for (size_t s = 0; s < p->n_steps; s++) {
        for (size_t k = 0; k < p->steps[s].count; k++) {
            const size_t id = p->steps[s].node + k;
            const nap_node *n = &g->nodes[id];
            const nap_place *at = &p->places[id];
            made[id] = used[id] = s;
            for (size_t j = 0; j < n->n_in; j++) used[n->in[j]] = s;
            const nap_place *from = n->n_in > 0 ? &p->places[n->in[0]] : at;
            const bool in_place = n->n_in > 0 && p->steps[s].kind == NAP_STEP_TOKENS &&
                                  from->offset == at->offset && from->stride == at->stride;
            origin[id] = in_place ? origin[n->in[0]] : id;
        }
    }
    for (size_t a = 0; a < g->n_nodes; a++) {
        for (size_t b = 0; b < g->n_nodes; b++) {
            const nap_place *x = &p->places[a], *y = &p->places[b];
            if (made[b] < made[a] || a == b || x->stride == 0 || y->stride == 0) continue;
            if (x->offset >= y->offset + y->stride || y->offset >= x->offset + x->stride) continue;
            if (origin[a] == origin[b] && used[a] <= made[b]) continue;
            bool met = false;
            for (size_t s = used[a] + 1; s <= made[b]; s++) {
                met = met || (p->steps[s].wait_wide && p->steps[s].wait_narrow);
            }
            if (!met) fail_msg("%s: values %zu and %zu collide", model, a, b);
        }
    }
    free(made);
}

static void test_plan(void **state)
{
    (void)state;
    nap_error e;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        nap_graph *g = graph_of(models[m]);
        nap_plan *p;
        tiny_require(nap_plan_create(&p, g, nap_cpu_tier(), false, &e), &e);
        check_places(p, models[m]);
        size_t narrow = 0, wide = 0;
        for (size_t s = 0; s < p->n_steps; s++) {
            narrow += p->steps[s].wait_narrow;
            wide += p->steps[s].wait_wide;
        }
        /* After the q/k/v group, the store, attention, its projection, gate/up, down. */
        assert_in_range(narrow, 1, 6 * g->caches);
        assert_true(wide >= narrow);
        assert_int_equal(p->head, p->n_steps - 1);
        nap_plan_destroy(p);
        nap_graph_destroy(g);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) { /* prints a model's graph: how the golden file is made */
        nap_graph *g = graph_of(argv[1]);
        char *text = dump(g);
        fputs(text, stdout);
        nap_free(text);
        nap_graph_destroy(g);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump_is_golden), cmocka_unit_test(test_select),
        cmocka_unit_test(test_drop_dead),      cmocka_unit_test(test_prepare_and_groups),
        cmocka_unit_test(test_fold_softcap),   cmocka_unit_test(test_cost),
        cmocka_unit_test(test_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
