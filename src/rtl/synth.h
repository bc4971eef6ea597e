/* Area, timing and power with open tools: Yosys and abc map each distinct unit of a design to a
 * Liberty library once (cached by the text's hash, the library's and the tools' versions), OpenSTA
 * times it and estimates power from switching activity simulated on the mapped netlist; the
 * design is composed from its units. */
#ifndef NAP_RTL_SYNTH_H
#define NAP_RTL_SYNTH_H

#include "rtl/rtl.h"

typedef enum nap_activity {
    NAP_ACTIVITY_RANDOM, /* uniform operands */
    NAP_ACTIVITY_FILE    /* operand fragments recorded from a real model's layer */
} nap_activity;

typedef struct nap_synth_options {
    const char *liberty; /* one file, or several of one library separated by commas; NULL: OSU
                            180 nm as Debian's qflow-tech-osu018 installs it */
    const char *cache;   /* NULL: $XDG_CACHE_HOME/napier/synth */
    const char *yosys;   /* NULL: yosys on PATH */
    const char *sta;     /* NULL: sta on PATH */
    double clock_ns;     /* target; 0: the library's default (synth.c) */
    nap_activity activity;
    const char *operands; /* NAP_ACTIVITY_FILE: .npy files' folder */
    nap_progress_fn progress;
    void *user;
} nap_synth_options;

typedef struct nap_synth_unit {
    char module[96];
    nap_part part;
    uint64_t count;
    uint64_t cells;
    double area;     /* of one, in the library's unit */
    double delay_ns; /* longest path, register to register or through */
    double power;    /* W of one at clock_ns */
    bool cached;
} nap_synth_unit;

typedef struct nap_synth {
    nap_synth_unit *unit;
    size_t units;
    double area, power, delay_ns, slack_ns, clock_ns;
    double part_area[NAP_PART_COUNT], part_power[NAP_PART_COUNT];
    double fanout_area, fanout_power; /* buffers of the operands' broadcast; in area and power */
    uint64_t cells;                   /* buffers included */
    char library[96], tools[256];     /* "Yosys 0.23 + abc; OpenSTA 2.0.17; ..." */
} nap_synth;

/* r: nap_rtl_array() or nap_rtl_core() of c. Power is that of the array at work on the operands;
 * units that the array does not have (a core's front end) are charged with nets that change
 * NAP_SYNTH_ASSUMED times a cycle, an assumption. Buffers for what is broadcast to more than eight
 * readers are an assumption too: trees of the library's buffer, sixteen readers each. */
#define NAP_SYNTH_ASSUMED 0.1
nap_status nap_synthesize(const nap_core *c, const nap_rtl *r, const nap_synth_options *o,
                          nap_synth *out, nap_error *e);
void nap_synth_free(nap_synth *s);
/* CSV: header and one line per unit, then the total (RFC 4180, '.' decimals). */
void nap_synth_csv(const nap_core *c, const nap_synth *s, bool header, nap_buf *out);

#endif
