/* The synthesis flow's parts, shared by synth*.c, activity.c and dse*.c.
 *
 * A flow is a library, tools and a cache folder. Every distinct unit goes through it once: its
 * text is made canonical (own modules only, names replaced, comments dropped), so that designs
 * which hold the same unit share the result. */
#ifndef NAP_RTL_SYNTH_IMPL_H
#define NAP_RTL_SYNTH_IMPL_H

#include "base/threads.h"
#include "rtl/synth.h"

/* 128 bits of FNV-1a in two lanes: names of cached results, nothing secret. */
typedef struct nap_hash {
    uint64_t a, b;
} nap_hash;
nap_hash nap_hash_start(void);
nap_hash nap_hash_add(nap_hash h, const void *bytes, size_t n);
nap_hash nap_hash_text(nap_hash h, const char *text); /* with its NUL */
void nap_hash_name(nap_hash h, char out[33]);

/* ---- Verilog texts (synth_text.c). */
typedef struct nap_vport {
    char name[64];
    unsigned width;
    bool input;
} nap_vport;

typedef struct nap_unit_text {
    nap_buf text;    /* the unit and what it instantiates; top module "unit" */
    nap_hash hash;   /* of text */
    nap_vport *port; /* of the unit, as declared */
    size_t ports;
} nap_unit_text;
/* Cuts a unit out of a design. The emitters' style is relied on: "module NAME (" at the start of a
 * line, one port a line, "endmodule" alone. */
nap_status nap_unit_cut(const char *design, const char *module, nap_unit_text *out, nap_error *e);
void nap_unit_text_free(nap_unit_text *u);
/* Where "module NAME" starts (at 'm') and ends (after "endmodule\n"); NULL: absent. */
const char *nap_module_find(const char *design, const char *module, size_t *len);
bool nap_module_ports(const char *text, size_t len, nap_vport **out, size_t *count);

/* ---- Liberty (liberty.c). */
typedef struct nap_library {
    char name[48];
    char *path;   /* one file: several given ones are merged into the cache */
    char *models; /* file of Verilog models of the cells, for simulation; made when needed */
    nap_hash hash;
    double clock_ns;    /* default target */
    double time_scale;  /* its units of time in a nanosecond */
    double cap_scale;   /* its units of capacitance in a femtofarad */
    const char *adder;  /* body of a full adder of a, b, c to co, s; NULL: none known */
    const char *driver; /* cell that drives inputs, NULL: unknown library */
    const char *buffer; /* cell of fan-out trees */
    const char *buffer_pins[2];
    double buffer_area;
    double load_ff; /* on outputs: the pins of one reader */
} nap_library;
nap_status nap_library_open(const char *paths, const char *cache, nap_library *out, nap_error *e);
void nap_library_close(nap_library *l);

/* ---- Flow (synth_flow.c). */
typedef struct nap_flow {
    nap_library library;
    char *cache;
    char yosys[256], sta[256];
    char tools[256];
    double clock_ns;
} nap_flow;
nap_status nap_flow_open(const nap_synth_options *o, nap_flow *f, nap_error *e);
void nap_flow_close(nap_flow *f);

/* A cell of a mapped unit: power with still nets (leakage and clock) and per change of all its
 * pins each cycle, in watts at the flow's clock. */
typedef struct nap_mapped {
    uint64_t cells;
    double area, delay_ns, leakage_w, seconds;
    char recipe[16];
    char dir[512]; /* net.v and power.txt */
    bool cached;
} nap_mapped;
nap_status nap_flow_map(const nap_flow *f, const nap_unit_text *u, nap_mapped *out, nap_error *e);
/* A tree of buffers from one net to `readers` units' pins: none for up to NAP_FANOUT_DIRECT. */
enum { NAP_FANOUT_DIRECT = 8, NAP_FANOUT_MAX = 16, NAP_FANOUT_READERS = 4096 };
typedef struct nap_fanout {
    uint64_t cells;
    double area, still_w, change_w; /* power at rest, and more per change each cycle */
} nap_fanout;
nap_status nap_flow_fanout(const nap_flow *f, uint64_t readers, nap_fanout *out, nap_error *e);
/* A scratch folder below the cache; removed with what it holds by nap_scratch_remove(). */
nap_status nap_scratch_make(const nap_flow *f, char out[512], nap_error *e);
void nap_scratch_remove(const char *dir);

/* ---- Activity (activity.c). */
typedef struct nap_trace_unit {
    char module[96];
    nap_hash hash; /* of the unit's canonical text */
    char *bits;    /* a line of 0, 1, x for every cycle, the first port declared on the left: the
                      inputs but clk_i, then the outputs, just before the clock's edge */
    size_t len, cycles;
    unsigned width;
} nap_trace_unit;
typedef struct nap_trace {
    nap_hash key; /* of the small array's text and the operands: names what power is cached by */
    bool ran;
    nap_trace_unit *unit; /* once it ran */
    size_t units;
    double x_changes, w_changes; /* mean changes per cycle and bit of the array's operands */
} nap_trace;
/* A small array of the same units (m at most 2, n at most 4) on operands: nap_trace_open() makes
 * the operands and the key, nap_trace_run() simulates. */
nap_status nap_trace_open(const nap_core *c, const nap_synth_options *o, nap_trace *out,
                          nap_error *e);
nap_status nap_trace_run(const nap_flow *f, const nap_core *c, const nap_synth_options *o,
                         nap_trace *t, nap_error *e);
void nap_trace_free(nap_trace *t);
/* Power of a mapped unit under a trace: counts changes on its netlist with a delay of one in every
 * cell (so that glitches count), times the energies OpenSTA gives. */
nap_status nap_flow_power(const nap_flow *f, const nap_unit_text *u, const nap_mapped *m,
                          nap_hash key, const nap_trace_unit *t, double *watts, nap_error *e);
/* That power if it is known already. */
bool nap_flow_power_known(const nap_mapped *m, nap_hash key, double *watts);
/* Power with every net changing `activity` times a cycle: units no trace was made for. */
nap_status nap_flow_power_assumed(const nap_mapped *m, double activity, double *watts,
                                  nap_error *e);

/* A whole design; units in two threads with a pool. */
nap_status nap_flow_design(const nap_flow *f, const nap_core *c, const nap_rtl *r,
                           const nap_synth_options *o, nap_pool *pool, nap_synth *out,
                           nap_error *e);

#endif
