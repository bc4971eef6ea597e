/* Geometry of a core and the templates its modules are written with. */
#include "rtl/core.h"

#include "rtl/verilog.h"

#include <stdio.h>
#include <string.h>

unsigned nap_bits_for(unsigned values)
{
    unsigned bits = 1;
    while (bits < 32 && (1u << bits) < values) bits++;
    return bits;
}

static unsigned beats_of(const nap_core *c, nap_frag f)
{
    return (unsigned)(nap_frag_bytes(c, f, c->wbits) / c->bus_bytes);
}

void nap_core_geometry(const nap_core *c, nap_coregeo *g)
{
    static const nap_frag frag[] = {NAP_FRAG_A, NAP_FRAG_T, NAP_FRAG_W, NAP_FRAG_C, NAP_FRAG_S};
    const unsigned regs[] = {c->a_regs, c->t_regs, c->w_regs, c->c_regs, c->s_regs};
    memset(g, 0, sizeof *g);
    g->core = c;
    g->lut = c->method == NAP_METHOD_LUT;
    g->sums = !nap_act_is_float(c->act);
    g->bus = c->bus_bytes * 8;
    for (unsigned f = 0; f < NAP_RF_COUNT; f++) {
        const bool absent = (f == NAP_RF_T && !g->lut) || (f == NAP_RF_S && !g->sums);
        g->regs[f] = absent ? 0 : regs[f];
        g->index[f] = nap_bits_for(regs[f]);
        if (absent) continue;
        g->image[f] = (unsigned)nap_frag_bits(c, frag[f], c->wbits);
        g->bits[f] = f == NAP_RF_C ? c->m * c->n * nap_acc_bits(c->acc) : g->image[f];
        g->beats[f] = beats_of(c, frag[f]);
        if (g->beats[f] > g->max_beats) g->max_beats = g->beats[f];
    }
    g->beat_bits = nap_bits_for(g->max_beats);
    g->time_bits = nap_bits_for(g->max_beats + c->mem_latency + 2);
    g->planes = nap_core_planes(c, c->wbits);
    g->planes_vary = c->wtype == NAP_W_BITS && g->planes > 1;
    g->sto = g->sums && (c->wtype != NAP_W_TERNARY &&
                         (g->lut || c->method == NAP_METHOD_LUT_CONV ||
                          c->method == NAP_METHOD_UNPU_HALF || c->method == NAP_METHOD_UNPU_REMAP));
    g->tables = c->m * c->depth;
    g->groups = (g->tables + c->pre_units - 1) / c->pre_units;
    g->group_bits = nap_bits_for(g->groups);
    g->entries = nap_core_entries(c);
    g->entry_bits = nap_core_entry_bits(c);
}

unsigned nap_core_lane(const nap_coregeo *g, nap_rfile f)
{
    const unsigned lane = f == NAP_RF_C ? g->bus / 32 * nap_acc_bits(g->core->acc) : g->bus;
    return g->bits[f] < lane ? g->bits[f] : lane;
}

void nap_tvar_text(nap_tvars *t, const char *key, const char *value)
{
    if (t->count == sizeof t->v / sizeof *t->v) return;
    nap_tvar *v = &t->v[t->count++];
    snprintf(v->key, sizeof v->key, "%s", key);
    snprintf(v->value, sizeof v->value, "%s", value);
}

void nap_tvar_uint(nap_tvars *t, const char *key, unsigned value)
{
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    nap_tvar_text(t, key, text);
}

void nap_tvar_sized(nap_tvars *t, const char *key, unsigned bits, unsigned value)
{
    char text[32];
    snprintf(text, sizeof text, "%u'd%u", bits, value);
    nap_tvar_text(t, key, text);
}

void nap_expand(nap_buf *b, const char *text, const nap_tvars *t)
{
    nap_vvar list[sizeof t->v / sizeof *t->v + 1];
    unsigned n = 0;
    /* the latest value of a key counts: it comes first */
    for (unsigned i = t->count; i-- > 0;)
        list[n++] = (nap_vvar){.name = t->v[i].key, .text = t->v[i].value};
    list[n] = (nap_vvar){0};
    nap_v_put(b, text, list);
}

void nap_tvars_core(nap_tvars *t, const nap_coregeo *g)
{
    static const char file[] = "ATWCS";
    t->count = 0;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s_core", g->core->name);
    nap_tvar_text(t, "N", g->core->name);
    nap_tvar_text(t, "P", prefix);
    nap_tvar_uint(t, "BUS-1", g->bus - 1);
    nap_tvar_uint(t, "BEAT-1", g->beat_bits - 1);
    for (unsigned f = 0; f < NAP_RF_COUNT; f++) {
        char key[16];
        snprintf(key, sizeof key, "%cI-1", file[f]);
        nap_tvar_uint(t, key, g->index[f] - 1);
        if (g->regs[f] == 0) continue;
        snprintf(key, sizeof key, "%cW-1", file[f]);
        nap_tvar_uint(t, key, g->bits[f] - 1);
        snprintf(key, sizeof key, "%cW", file[f]);
        nap_tvar_uint(t, key, g->bits[f]);
    }
    const nap_rfile x = g->lut ? NAP_RF_T : NAP_RF_A; /* the file lmma's second operand is in */
    nap_tvar_uint(t, "XI-1", g->index[x] - 1);
    nap_tvar_uint(t, "XW-1", g->bits[x] - 1);
    nap_tvar_uint(t, "G-1", g->group_bits - 1);
    nap_tvar_uint(t, "TIME-1", g->time_bits - 1);
}
