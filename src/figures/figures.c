/* The report, section by section. See figures.h. */
#include "figures/figures.h"

#include "base/error.h"
#include "figures/study.h"

nap_status nap_figures_write(const char *data, const char *configs, const char *dir,
                             nap_progress_fn progress, void *user, nap_error *e)
{
    nap_study s;
    nap_page p = {0};
    NAP_TRY(nap_study_load(data, &s, e));
    nap_status st = nap_page_open(
        &p, dir, "The LUT Tensor Core, in open tools",
        "Every figure of the hardware study, drawn again from its results. Ours are synthesized "
        "(Yosys, OpenSTA, open cell libraries) or simulated; published ones are those of LUT "
        "Tensor "
        "Core, ISCA 2025, arXiv 2408.06003. The paper's cells are a 28 nm process that is not "
        "open: "
        "compare ratios, not areas.",
        e);
    nap_status (*const sections[])(nap_page *, const nap_study *, nap_error *) = {
        nap_figure_k,      nap_figure_panels, nap_figure_cores,
        nap_figure_ladder, nap_figure_bits,   nap_figure_axes};
    enum { SECTIONS = sizeof sections / sizeof sections[0] };
    for (size_t i = 0; st == NAP_OK && i <= SECTIONS; i++) {
        if (progress != NULL && !progress(user, "figures", i, SECTIONS + 1))
            st = nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "figures: stopped");
        else
            st = i < SECTIONS ? sections[i](&p, &s, e) : nap_figure_models(&p, &s, configs, e);
    }
    if (st == NAP_OK) st = nap_page_close(&p, e);
    nap_page_free(&p);
    nap_study_free(&s);
    return st;
}
