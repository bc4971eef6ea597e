/* Row sums: the sums of the tables that PRE makes in a cycle, added to their rows' sums. */
#include "rtl/core.h"

/* Unit u's sum, in those groups in which it makes a table of this row. */
static void emit_term(const nap_coregeo *g, nap_buf *b, unsigned u, unsigned row)
{
    unsigned hits = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        if (pass == 1 && hits == 0) return;
        if (pass == 1 && hits == g->groups) {
            nap_buf_printf(b, "\n                         + sum_%u", u);
            return;
        }
        if (pass == 1) nap_buf_puts(b, "\n                         + (");
        unsigned written = 0;
        for (unsigned i = 0; i < g->groups; i++) {
            const unsigned tt = i * g->core->pre_units + u;
            if (tt >= g->tables || tt / g->core->depth != row) continue;
            if (pass == 0)
                hits++;
            else
                nap_buf_printf(b, "%s(group_i == %u'd%u)", written++ > 0 ? " | " : "",
                               g->group_bits, i);
        }
    }
    nap_buf_printf(b, " ? sum_%u : 32'd0)", u);
}

void nap_core_sums(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out)
{
    nap_buf *b = &out->text;
    nap_tvars v = *t;
    nap_tvar_uint(&v, "U-1", 32 * g->core->pre_units - 1);
    nap_expand(b,
               "// Adds the sums of a group's tables to those of their rows.\n"
               "module @P@_sums (\n"
               "  input  wire [@G-1@:0] group_i,\n"
               "  input  wire [@U-1@:0] sums_i,\n"
               "  input  wire [@SW-1@:0] s_i,\n"
               "  output wire [@SW-1@:0] s_o\n"
               ");\n",
               &v);
    for (unsigned u = 0; u < g->core->pre_units; u++)
        nap_buf_printf(b, "  wire [31:0] sum_%u = sums_i[%u:%u];\n", u, 32 * u + 31, 32 * u);
    nap_buf_puts(b, "  wire unused_group = &{1'b0, group_i};\n");
    for (unsigned row = 0; row < g->core->m; row++) {
        nap_buf_printf(b, "  assign s_o[%u:%u] = s_i[%u:%u]", 32 * row + 31, 32 * row,
                       32 * row + 31, 32 * row);
        for (unsigned u = 0; u < g->core->pre_units; u++) emit_term(g, b, u, row);
        nap_buf_puts(b, ";\n");
    }
    nap_buf_puts(b, "endmodule\n\n");
}
