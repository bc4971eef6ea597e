/* `napier lutcore figures`: every figure and table of the hardware study, from the committed
 * results and the simulators, offline. */
#ifndef NAP_FIGURES_FIGURES_H
#define NAP_FIGURES_FIGURES_H

#include "napier/status.h"

/* data: folder with study.csv, published.csv, causes.csv; configs: folder with the machines.
 * Writes index.html and, for each figure, NAME.svg, NAME.png, NAME.gp and NAME.csv into dir. */
nap_status nap_figures_write(const char *data, const char *configs, const char *dir,
                             nap_progress_fn progress, void *user, nap_error *e);

#endif
