/* Names and widths of the types of a design. */
#include "lutcore/types.h"

static const char *const method_names[] = {"lut", "lut_conv",   "unpu",      "add",
                                           "mac", "mac_native", "unpu_half", "unpu_remap"};
static const char *const act_names[] = {"s8", "s16", "e4m3", "e5m2", "f16"};
static const char *const table_names[] = {"exact", "s8"};
static const char *const wtype_names[] = {"bits", "ternary", "e2m1"};
static const char *const acc_names[] = {"s16", "s24", "s32", "f16", "f32"};
static const char *const fpsum_names[] = {"discrete", "fused", "prealigned"};

const char *nap_method_name(nap_method v)
{
    return v < NAP_METHOD_COUNT ? method_names[v] : "?";
}

const char *nap_act_name(nap_act v)
{
    return v < NAP_ACT_COUNT ? act_names[v] : "?";
}

const char *nap_table_name(nap_table v)
{
    return v < NAP_TABLE_COUNT ? table_names[v] : "?";
}

const char *nap_wtype_name(nap_wtype v)
{
    return v < NAP_W_COUNT ? wtype_names[v] : "?";
}

const char *nap_acc_name(nap_acc v)
{
    return v < NAP_ACC_COUNT ? acc_names[v] : "?";
}

const char *nap_fpsum_name(nap_fpsum v)
{
    return v < NAP_FPSUM_COUNT ? fpsum_names[v] : "?";
}

bool nap_act_is_float(nap_act v)
{
    return v == NAP_ACT_E4M3 || v == NAP_ACT_E5M2 || v == NAP_ACT_F16;
}

unsigned nap_act_bits(nap_act v)
{
    return v == NAP_ACT_S16 || v == NAP_ACT_F16 ? 16 : 8;
}

bool nap_acc_is_float(nap_acc v)
{
    return v == NAP_ACC_F16 || v == NAP_ACC_F32;
}

unsigned nap_acc_bits(nap_acc v)
{
    switch (v) {
    case NAP_ACC_S16:
    case NAP_ACC_F16:
        return 16;
    case NAP_ACC_S24:
        return 24;
    default:
        return 32;
    }
}
