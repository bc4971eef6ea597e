/* The record of an emitted design: modules once, units counted. */
#include "rtl/rtl.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

const char *nap_part_name(nap_part p)
{
    static const char *const names[] = {"table", "weight", "pe", "acc", "precompute", "control"};
    return p < NAP_PART_COUNT ? names[p] : "?";
}

bool nap_rtl_has_module(const nap_rtl *r, const char *module)
{
    if (r->text.data == NULL) return false;
    const size_t n = strlen(module);
    for (const char *p = r->text.data; (p = strstr(p, "\nmodule ")) != NULL;) {
        p += 8;
        if (strncmp(p, module, n) == 0 && (p[n] == ' ' || p[n] == '(' || p[n] == '\n')) return true;
    }
    return false;
}

bool nap_rtl_add_unit(nap_rtl *r, const char *module, nap_part part, uint64_t count)
{
    for (size_t i = 0; i < r->units; i++)
        if (r->unit[i].part == part && strcmp(r->unit[i].module, module) == 0) {
            r->unit[i].count += count;
            return true;
        }
    nap_rtl_unit *grown = nap_realloc(r->unit, r->units + 1, sizeof *grown);
    if (grown == NULL) return false;
    r->unit = grown;
    nap_rtl_unit *u = &grown[r->units++];
    snprintf(u->module, sizeof u->module, "%s", module);
    u->part = part;
    u->count = count;
    return true;
}

void nap_rtl_free(nap_rtl *r)
{
    nap_buf_free(&r->text);
    nap_free(r->unit);
    memset(r, 0, sizeof *r);
}
