/* The simulators' results as CSV: published points beside ours, whole models, agreement. Nothing is
 * stored: every figure is simulated from the configurations in a folder when asked for. */
#ifndef NAP_LUTCORE_SIM_STUDY_H
#define NAP_LUTCORE_SIM_STUDY_H

#include "base/buf.h"
#include "lutcore/sim.h"

/* Paper, Tables 1 and 4, the artifact's example run: every point by both simulators, its published
 * value from `published` (share/lutcore/published.csv), the error, and mean absolute errors. */
nap_status nap_study_published(const char *configs, const char *published, nap_buf *csv,
                               nap_error *e);
/* Four models on every machine, prefill and decode, with the areas of arrays and registers. */
nap_status nap_study_models(const char *configs, nap_buf *csv, nap_error *e);
/* Arrays of 1X to 8X beside register files of 1X to 8X on the A100, by the tile simulator, with the
 * area of both. */
nap_status nap_study_registers(const char *configs, nap_buf *csv, nap_error *e);
/* The paper's kernel study (its Figure 15): LLAMA2-13B's 2048 x 27648 x 5120 on MAC cores and on
 * LUT arrays of 1X to 8X, each rated at the weights' own width, with one and two register files. */
nap_status nap_study_kernels(const char *configs, nap_buf *csv, nap_error *e);
/* Closed form, tile and cycle simulator on a grid of small products and machines. */
nap_status nap_study_agreement(const char *configs, nap_buf *csv, nap_error *e);

#endif
