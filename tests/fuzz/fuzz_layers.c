/* Any bytes as a layer table. What is accepted must write back to text that reads back to the same
 * layers, and small ones must simulate without breaking an invariant. */
#include "fuzz.h"

#include "base/buf.h"
#include "lutcore/sim.h"

#include <string.h>

static bool same(const nap_layer *a, const nap_layer *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->m == b->m && a->n == b->n &&
           a->k == b->k && a->wbits == b->wbits && a->act_bits == b->act_bits &&
           a->batch == b->batch && a->count == b->count && a->fuses == b->fuses &&
           a->inputs == b->inputs;
}

static bool small(const nap_layer *l)
{
    return l->m <= 4096 && l->n <= 4096 && l->k <= 4096 && l->batch <= 16;
}

static void simulate(const nap_layer *l)
{
    nap_machine m = nap_machine_default();
    m.lut = true;
    m.wbits = 2;
    m.act_bits = 8;
    nap_simrow tile, cycle;
    nap_error e;
    FUZZ_CHECK(nap_sim_tile_layer(&m, l, NAP_PRE_FUSED, NULL, &tile, &e) == NAP_OK);
    FUZZ_CHECK(nap_sim_cycle_layer(&m, l, NAP_PRE_FUSED, NULL, &cycle, &e) == NAP_OK);
    FUZZ_CHECK(tile.cycles <= cycle.cycles * (1 + 1e-9));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nap_layers l, again;
    nap_error e;
    const nap_status s = nap_layers_parse((const char *)data, size, "fuzz", &l, &e);
    if (s != NAP_OK) {
        FUZZ_CHECK(l.v == NULL && e.text[0] != '\0');
        return 0;
    }
    nap_buf text = {0};
    FUZZ_CHECK(nap_layers_write(&l, &text));
    FUZZ_CHECK(nap_layers_parse(text.data, text.len, "again", &again, &e) == NAP_OK);
    FUZZ_CHECK(again.count == l.count);
    for (size_t i = 0; i < l.count; i++) {
        FUZZ_CHECK(same(&l.v[i], &again.v[i]));
        if (i < 2 && small(&l.v[i])) simulate(&l.v[i]);
    }
    nap_buf_free(&text);
    nap_layers_free(&again);
    nap_layers_free(&l);
    return 0;
}
