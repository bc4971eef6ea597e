/* Design-space search: lists of designs, synthesized and written as one table.
 *
 * Columns and studies: docs/lutcore-study.md. A run replaces the lines of its studies and its
 * library in an existing table and keeps the others; the order of lines is fixed. */
#ifndef NAP_RTL_DSE_H
#define NAP_RTL_DSE_H

#include "rtl/synth.h"

/* How a point is measured. */
typedef enum nap_point_kind {
    NAP_POINT_ARRAY,      /* composed of units */
    NAP_POINT_FLAT,       /* the whole array as one unit: area and timing */
    NAP_POINT_PRECOMPUTE, /* the precompute unit alone */
    NAP_POINT_TIGHT,      /* composed, at a quarter of the clock period */
    NAP_POINT_RECORDED    /* composed, power on recorded operands (options.operands) */
} nap_point_kind;

typedef struct nap_dse_point {
    const char *study;
    char series[24];
    nap_point_kind kind;
    unsigned operands; /* NAP_POINT_RECORDED: which folder */
    nap_core core;
} nap_dse_point;

typedef struct nap_dse_list {
    nap_dse_point *v;
    size_t count;
} nap_dse_list;

/* The designs of a study ("k", "mnk", "ladder", "bits", "depth", "acc", "fpsum", "clock",
 * "activity", "flat", "precompute"), or of every one ("all"). NAP_ERR_ARGUMENT names them.
 * `recorded` sets of operands take part in "activity". */
nap_status nap_dse_points(const char *study, unsigned recorded, nap_dse_list *out, nap_error *e);
void nap_dse_points_free(nap_dse_list *p);
/* Where a study stands in the table. */
int nap_dse_order(const char *study);

/* Measures them (options.operands: folders, separated by commas) and writes `dir`/study.csv.
 * Designs that no emitter knows are left out and named in a comment line. */
nap_status nap_dse_run(const char *study, const nap_synth_options *o, const char *dir,
                       nap_error *e);

#endif
