/* The decoder: fields of a word and whether this design can run it, from the same tables as the
 * assembler (lutcore/isa_table.h). What it refuses is what nap_linst_decode() refuses, and types,
 * shapes and register numbers that are not the design's. */
#include "rtl/core.h"

#include "lutcore/isa_table.h"

static const char head[] = "// Takes an instruction apart and says whether this core can run it.\n"
                           "module @P@_decode (\n"
                           "  input  wire [63:0] inst_i,\n"
                           "  output reg         legal_o,\n"
                           "  output wire        halt_o,\n"
                           "  output wire        mov_o,\n"
                           "  output wire        add_o,\n"
                           "  output wire        loop_o,\n"
                           "  output wire        end_o,\n"
                           "  output wire        wait_o,\n"
                           "  output wire        mem_o,\n"
                           "  output wire        pre_o,\n"
                           "  output wire        lmma_o,\n"
                           "  output wire        zero_o,\n"
                           "  output wire [31:0] imm_o,\n"
                           "  // MEM\n"
                           "  output wire        store_o,\n"
                           "  output reg  [2:0]  file_o,\n"
                           "  // lmma\n"
                           "  output wire [2:0]  rows_o,   // i - 1, j - 1, l - 1\n"
                           "  output wire [2:0]  cols_o,\n"
                           "  output wire [2:0]  deep_o";

static const char head_planes[] = ",\n  // ldw, sto, lmma\n  output wire [3:0]  planes_o";
static const char head_sto[] = ",\n"
                               "  output wire        sto_o,\n"
                               "  output wire [10:0] scale_o   // 2^planes - 1 - 2 Z";

static const char body[] = "\n);\n"
                           "  wire [4:0] op = inst_i[4:0];\n"
                           "  assign halt_o = op == 5'd@HALT@;\n"
                           "  assign mov_o = op == 5'd@MOV@;\n"
                           "  assign add_o = op == 5'd@ADD@;\n"
                           "  assign loop_o = op == 5'd@LOOP@;\n"
                           "  assign end_o = op == 5'd@END@;\n"
                           "  assign wait_o = op == 5'd@WAIT@;\n"
                           "  assign mem_o = (op >= 5'd@LDA@) & (op <= 5'd@STO@);\n"
                           "  assign store_o = op >= 5'd@STT@;\n"
                           "  assign pre_o = op == 5'd@PRE@;\n"
                           "  assign lmma_o = op == 5'd@LMMA@;\n"
                           "  assign zero_o = (op == 5'd@ZEROC@) | (op == 5'd@ZEROS@);\n"
                           "  assign imm_o = mem_o ? {inst_i[63:35], 3'd0} : inst_i[63:32];\n"
                           "  assign rows_o = 3'd7 >> (2'd3 - inst_i[26:25]);\n"
                           "  assign cols_o = 3'd7 >> (2'd3 - inst_i[28:27]);\n"
                           "  assign deep_o = 3'd7 >> (2'd3 - inst_i[30:29]);\n";

static const char body_planes[] = "  assign planes_o = lmma_o ? inst_i[34:31] : inst_i[23:20];\n";
static const char body_sto[] =
    "  assign sto_o = op == 5'd@STO@;\n"
    "  assign scale_o = (11'd1 << inst_i[23:20]) - 11'd1 - {inst_i[33:24], 1'b0};\n";

static const char body_blocks[] =
    "\n"
    "  // one past the last register of each operand of an lmma\n"
    "  wire [7:0] c_end = {2'd0, inst_i[10:5]} + (8'd1 << ({1'b0, inst_i[26:25]}\n"
    "                                                      + {1'b0, inst_i[28:27]}));\n"
    "  wire [7:0] x_end = {2'd0, inst_i[16:11]} + (8'd1 << ({1'b0, inst_i[26:25]}\n"
    "                                                       + {1'b0, inst_i[30:29]}));\n"
    "  wire [7:0] w_end = {2'd0, inst_i[22:17]} + (8'd1 << ({1'b0, inst_i[28:27]}\n"
    "                                                       + {1'b0, inst_i[30:29]}));\n"
    "\n"
    "  always @* begin\n"
    "    case (op)\n";

static const char files[] = "  always @* begin\n"
                            "    case (op)\n"
                            "      5'd@LDA@: file_o = 3'd0;\n"
                            "      5'd@LDT@, 5'd@STT@: file_o = 3'd1;\n"
                            "      5'd@LDW@: file_o = 3'd2;\n"
                            "      5'd@LDS@, 5'd@STS@: file_o = 3'd4;\n"
                            "      default: file_o = 3'd3;\n"
                            "    endcase\n"
                            "  end\n"
                            "endmodule\n"
                            "\n";

/* A word's bits that must have given values, collected over its fields. */
typedef struct fixed {
    uint64_t mask, value;
} fixed;

static void fix(fixed *x, const nap_lfield *f, uint64_t value)
{
    const uint64_t mask = (UINT64_MAX >> (63 - f->high)) & (UINT64_MAX << f->low);
    x->mask |= mask;
    x->value |= value << f->low & mask;
}

static void below(nap_buf *b, const nap_lfield *f, unsigned limit)
{
    nap_buf_printf(b, "\n                  & (inst_i[%u:%u] < %u'd%u)", f->high, f->low,
                   f->high - f->low + 1u, limit);
}

static unsigned weight_code(const nap_core *c)
{
    if (c->wtype == NAP_W_TERNARY) return NAP_L_WT_TERNARY;
    return c->wtype == NAP_W_E2M1 ? NAP_L_WT_E2M1 : c->wbits;
}

/* Which instructions the design has at all. */
static bool present(const nap_coregeo *g, nap_lop op)
{
    switch (op) {
    case NAP_L_LDT:
    case NAP_L_STT:
    case NAP_L_PRE:
        return g->lut;
    case NAP_L_LDS:
    case NAP_L_STS:
    case NAP_L_ZEROS:
        return g->sums;
    case NAP_L_STO:
        return g->sto;
    default:
        return true;
    }
}

static unsigned limit_of(const nap_coregeo *g, nap_lop op, nap_lfield_id id)
{
    if (op == NAP_L_STO && id == NAP_LF_RT) return g->regs[NAP_RF_S];
    if (op == NAP_L_PRE && id == NAP_LF_RS) return g->regs[NAP_RF_A];
    return g->regs[nap_lops[op].file];
}

static void field_rule(const nap_coregeo *g, nap_lop op, const nap_lfield *f, fixed *x, nap_buf *b)
{
    const nap_core *c = g->core;
    switch ((nap_lfield_id)f->id) {
    case NAP_LF_RD:
    case NAP_LF_RS:
    case NAP_LF_RT:
        if (op != NAP_L_LMMA) below(b, f, limit_of(g, op, (nap_lfield_id)f->id));
        break;
    case NAP_LF_RT_NONE:
        nap_buf_printf(b, "\n                  & (&inst_i[%u:%u]", f->high, f->low);
        if (g->sums)
            nap_buf_printf(b, " | (inst_i[%u:%u] < 6'd%u)", f->high, f->low, g->regs[NAP_RF_S]);
        nap_buf_puts(b, ")");
        break;
    case NAP_LF_COUNT:
    case NAP_LF_UNITS:
        nap_buf_printf(b, "\n                  & |inst_i[%u:%u]", f->high, f->low);
        break;
    case NAP_LF_Z:
        nap_buf_printf(b, "\n                  & (inst_i[%u:%u] != 2'b10)", f->high, f->high - 1u);
        break;
    case NAP_LF_WT:
    case NAP_LF_P:
        if (f->id == NAP_LF_P && c->wtype == NAP_W_E2M1)
            fix(x, f, 5);
        else if (!g->planes_vary)
            fix(x, f, weight_code(c));
        else
            nap_buf_printf(b, "\n                  & |inst_i[%u:%u] & (inst_i[%u:%u] <= 4'd%u)",
                           f->high, f->low, f->high, f->low, c->wbits);
        break;
    case NAP_LF_M:
        fix(x, f, c->m - 1);
        break;
    case NAP_LF_N:
        fix(x, f, c->n - 1);
        break;
    case NAP_LF_KD:
        fix(x, f, nap_core_kdim(c) - 1);
        break;
    case NAP_LF_A_OPERAND:
        fix(x, f, !g->lut);
        break;
    case NAP_LF_AD:
        fix(x, f, (uint64_t)nap_core_ladt(c));
        break;
    case NAP_LF_ACC:
        fix(x, f, (uint64_t)c->acc - (nap_acc_is_float(c->acc) ? NAP_ACC_F16 : NAP_ACC_S16));
        break;
    default:
        break;
    }
}

static void legality(const nap_coregeo *g, nap_lop op, nap_buf *b)
{
    const nap_lopinfo *info = &nap_lops[op];
    nap_buf rules = {0};
    fixed x = {0};
    uint64_t named = 31;
    for (const nap_lfield *f = info->field; f->high != 0; f++) {
        fixed whole = {0};
        fix(&whole, f, 0);
        named |= whole.mask;
        field_rule(g, op, f, &x, &rules);
    }
    x.mask |= ~named; /* bits that no field has are zero */
    nap_buf_printf(
        b, "      5'd%u: // %s\n        legal_o = ((inst_i & 64'h%016llx) == 64'h%016llx)",
        (unsigned)op, info->name, (unsigned long long)x.mask, (unsigned long long)x.value);
    if (rules.len != 0) nap_buf_put(b, rules.data, rules.len);
    if (rules.failed) b->failed = true;
    nap_buf_free(&rules);
    if (op == NAP_L_LMMA)
        nap_buf_printf(b,
                       "\n                  & (c_end <= 8'd%u) & (x_end <= 8'd%u)"
                       " & (w_end <= 8'd%u)",
                       g->regs[NAP_RF_C], g->regs[g->lut ? NAP_RF_T : NAP_RF_A], g->regs[NAP_RF_W]);
    nap_buf_puts(b, ";\n");
}

void nap_core_decode(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out)
{
    static const struct {
        const char *key;
        nap_lop op;
    } names[] = {{"HALT", NAP_L_HALT},   {"MOV", NAP_L_MOV},    {"ADD", NAP_L_ADD},
                 {"LOOP", NAP_L_LOOP},   {"END", NAP_L_END},    {"WAIT", NAP_L_WAIT},
                 {"LDA", NAP_L_LDA},     {"LDT", NAP_L_LDT},    {"LDW", NAP_L_LDW},
                 {"LDS", NAP_L_LDS},     {"STT", NAP_L_STT},    {"STS", NAP_L_STS},
                 {"STO", NAP_L_STO},     {"PRE", NAP_L_PRE},    {"LMMA", NAP_L_LMMA},
                 {"ZEROC", NAP_L_ZEROC}, {"ZEROS", NAP_L_ZEROS}};
    nap_tvars v = *t;
    nap_buf *b = &out->text;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        nap_tvar_uint(&v, names[i].key, (unsigned)names[i].op);
    nap_expand(b, head, &v);
    if (g->planes_vary) nap_expand(b, head_planes, &v);
    if (g->sto) nap_expand(b, head_sto, &v);
    nap_expand(b, body, &v);
    if (g->planes_vary) nap_expand(b, body_planes, &v);
    if (g->sto) nap_expand(b, body_sto, &v);
    nap_expand(b, body_blocks, &v);
    for (unsigned op = 0; op < NAP_L_COUNT; op++)
        if (present(g, (nap_lop)op)) legality(g, (nap_lop)op, b);
    nap_buf_puts(b, "      default:\n        legal_o = 1'b0;\n    endcase\n  end\n\n");
    nap_expand(b, files, &v);
}
