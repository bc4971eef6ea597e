/* The [core] section: which designs there are. The rules are docs/lmma.md's "Legal designs"; each
 * keeps every part of Napier that takes a design (emitter, interpreter, compiler) free of cases
 * that have no meaning or no hardware. */
#include "lutcore/config.h"

#include "base/buf.h"
#include "base/error.h"
#include "lutcore/isa.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

nap_core nap_core_default(void)
{
    return (nap_core){
        .name = "lut_m2n64k4_s8",
        .method = NAP_METHOD_LUT,
        .m = 2,
        .n = 64,
        .k = 4,
        .depth = 1,
        .act = NAP_ACT_S8,
        .table = NAP_TABLE_EXACT,
        .wtype = NAP_W_BITS,
        .wbits = 4,
        .acc = NAP_ACC_S32,
        .fpsum = NAP_FPSUM_DISCRETE,
        .pipeline = 1,
        .pre_units = 1,
        .a_regs = 8,
        .t_regs = 16,
        .w_regs = 8,
        .c_regs = 8,
        .s_regs = 8,
        .bus_bytes = 32,
        .mem_latency = 2,
    };
}

/* What is wrong with a design: the key at fault and "found ..., expected ...". */
typedef struct fault {
    const char *key;
    char text[300];
} fault;

__attribute__((format(printf, 3, 4))) static bool wrong(fault *f, const char *key, const char *fmt,
                                                        ...)
{
    va_list ap;
    f->key = key;
    va_start(ap, fmt);
    (void)vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    return false;
}

static bool within(fault *f, const char *key, unsigned v, unsigned min, unsigned max)
{
    return (v >= min && v <= max) || wrong(f, key, "found %u, expected %u to %u", v, min, max);
}

static bool check_name(const nap_core *c, fault *f)
{
    size_t n = 0;
    while (n < sizeof c->name && c->name[n] != '\0') n++;
    bool good = n > 0 && n < sizeof c->name && c->name[0] >= 'a' && c->name[0] <= 'z';
    for (size_t i = 0; good && i < n; i++)
        good = (c->name[i] >= 'a' && c->name[i] <= 'z') || c->name[i] == '_' ||
               (c->name[i] >= '0' && c->name[i] <= '9');
    return good ||
           wrong(f, "name", "found '%.*s', expected 1 to 47 of a-z, 0-9 and '_', a letter first",
                 (int)n, c->name);
}

static bool check_kinds(const nap_core *c, fault *f)
{
    if (c->method >= NAP_METHOD_COUNT) return wrong(f, "method", "found %d", (int)c->method);
    if (c->act >= NAP_ACT_COUNT) return wrong(f, "act", "found %d", (int)c->act);
    if (c->table >= NAP_TABLE_COUNT) return wrong(f, "table", "found %d", (int)c->table);
    if (c->wtype >= NAP_W_COUNT) return wrong(f, "wtype", "found %d", (int)c->wtype);
    if (c->acc >= NAP_ACC_COUNT) return wrong(f, "acc", "found %d", (int)c->acc);
    if (c->fpsum >= NAP_FPSUM_COUNT) return wrong(f, "fpsum", "found %d", (int)c->fpsum);
    return true;
}

static bool check_shape(const nap_core *c, fault *f)
{
    if (!within(f, "m", c->m, 1, 64) || !within(f, "n", c->n, 1, 256) ||
        !within(f, "depth", c->depth, 1, 64))
        return false;
    const bool looks_up = c->method != NAP_METHOD_ADD && c->method != NAP_METHOD_MAC &&
                          c->method != NAP_METHOD_MAC_NATIVE;
    if (c->wtype == NAP_W_TERNARY) {
        if (c->k != 3) return wrong(f, "k", "found %u with wtype ternary, expected 3", c->k);
    } else if (!looks_up && c->k != 1) {
        return wrong(f, "k", "found %u with method %s, expected 1: products are added by depth",
                     c->k, nap_method_name(c->method));
    }
    return within(f, "k", c->k, 1, 8);
}

static bool check_weights(const nap_core *c, fault *f)
{
    if (c->wtype != NAP_W_BITS && c->method != NAP_METHOD_LUT)
        return wrong(f, "wtype", "found %s with method %s, expected method lut",
                     nap_wtype_name(c->wtype), nap_method_name(c->method));
    switch (c->wtype) {
    case NAP_W_TERNARY:
        return c->wbits == 1 ||
               wrong(f, "wbits", "found %u with wtype ternary, expected 1", c->wbits);
    case NAP_W_E2M1:
        return c->wbits == 5 || wrong(f, "wbits", "found %u with wtype e2m1, expected 5", c->wbits);
    default:
        return within(f, "wbits", c->wbits, 1, c->method == NAP_METHOD_MAC_NATIVE ? 4 : 8);
    }
}

static bool check_sums(const nap_core *c, fault *f)
{
    const bool is_float = nap_act_is_float(c->act);
    if (c->method == NAP_METHOD_UNPU && is_float)
        return wrong(f, "act", "found %s with method unpu, expected s8 or s16",
                     nap_act_name(c->act));
    if (c->table == NAP_TABLE_S8) {
        if (!is_float)
            return wrong(f, "table",
                         "found s8 with act %s, expected exact: int8 tables are for "
                         "floating-point activations",
                         nap_act_name(c->act));
        if (c->method != NAP_METHOD_LUT)
            return wrong(f, "table", "found s8 with method %s, expected method lut",
                         nap_method_name(c->method));
    }
    const bool float_terms = is_float && c->table == NAP_TABLE_EXACT;
    if (nap_acc_is_float(c->acc) != float_terms)
        return wrong(f, "acc", "found %s, expected %s with act %s and table %s",
                     nap_acc_name(c->acc), float_terms ? "f16 or f32" : "s16, s24 or s32",
                     nap_act_name(c->act), nap_table_name(c->table));
    if (c->fpsum == NAP_FPSUM_FUSED && !float_terms)
        return wrong(f, "fpsum", "found fused with acc %s, expected acc f16 or f32",
                     nap_acc_name(c->acc));
    if (c->fpsum == NAP_FPSUM_PREALIGNED && c->act != NAP_ACT_S16)
        return wrong(f, "fpsum", "found prealigned with act %s, expected act s16",
                     nap_act_name(c->act));
    return true;
}

static bool check_rest(const nap_core *c, fault *f)
{
    const bool makes_tables = c->method == NAP_METHOD_LUT;
    if (!within(f, "pipeline", c->pipeline, 1, 2) ||
        !within(f, "pre_units", c->pre_units, 1, makes_tables ? c->m * c->depth : 4096))
        return false;
    const struct {
        const char *key;
        unsigned v;
    } regs[] = {{"a_regs", c->a_regs},
                {"t_regs", c->t_regs},
                {"w_regs", c->w_regs},
                {"c_regs", c->c_regs},
                {"s_regs", c->s_regs}};
    for (size_t i = 0; i < sizeof regs / sizeof *regs; i++)
        if (!within(f, regs[i].key, regs[i].v, 1, NAP_L_REG_NONE - 1)) return false;
    if (c->bus_bytes != 8 && c->bus_bytes != 16 && c->bus_bytes != 32 && c->bus_bytes != 64)
        return wrong(f, "bus_bytes", "found %u, expected 8, 16, 32 or 64", c->bus_bytes);
    return within(f, "mem_latency", c->mem_latency, 1, 1000);
}

static bool legal(const nap_core *c, fault *f)
{
    return check_name(c, f) && check_kinds(c, f) && check_shape(c, f) && check_weights(c, f) &&
           check_sums(c, f) && check_rest(c, f);
}

nap_status nap_core_check(const nap_core *c, const char *where, nap_error *e)
{
    fault f;
    if (legal(c, &f)) return NAP_OK;
    return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "%s: [core] %s: %s", where, f.key, f.text);
}

/* Every key, once: reading, writing and the manual follow this list. */
typedef struct key {
    const char *name;
    size_t offset;
    const char *const *choices; /* NULL: a number */
    unsigned min, max;          /* of a number, whatever the other keys are */
} key;

static const char *const methods[] = {"lut",        "lut_conv",  "unpu",       "add", "mac",
                                      "mac_native", "unpu_half", "unpu_remap", NULL};
static const char *const acts[] = {"s8", "s16", "e4m3", "e5m2", "f16", NULL};
static const char *const tables[] = {"exact", "s8", NULL};
static const char *const wtypes[] = {"bits", "ternary", "e2m1", NULL};
static const char *const accs[] = {"s16", "s24", "s32", "f16", "f32", NULL};
static const char *const fpsums[] = {"discrete", "fused", "prealigned", NULL};

static const key keys[] = {
    {"method", offsetof(nap_core, method), methods, 0, 0},
    {"m", offsetof(nap_core, m), NULL, 1, 64},
    {"n", offsetof(nap_core, n), NULL, 1, 256},
    {"k", offsetof(nap_core, k), NULL, 1, 8},
    {"depth", offsetof(nap_core, depth), NULL, 1, 64},
    {"act", offsetof(nap_core, act), acts, 0, 0},
    {"table", offsetof(nap_core, table), tables, 0, 0},
    {"wtype", offsetof(nap_core, wtype), wtypes, 0, 0},
    {"wbits", offsetof(nap_core, wbits), NULL, 1, 8},
    {"acc", offsetof(nap_core, acc), accs, 0, 0},
    {"fpsum", offsetof(nap_core, fpsum), fpsums, 0, 0},
    {"pipeline", offsetof(nap_core, pipeline), NULL, 1, 2},
    {"pre_units", offsetof(nap_core, pre_units), NULL, 1, 4096},
    {"a_regs", offsetof(nap_core, a_regs), NULL, 1, NAP_L_REG_NONE - 1},
    {"t_regs", offsetof(nap_core, t_regs), NULL, 1, NAP_L_REG_NONE - 1},
    {"w_regs", offsetof(nap_core, w_regs), NULL, 1, NAP_L_REG_NONE - 1},
    {"c_regs", offsetof(nap_core, c_regs), NULL, 1, NAP_L_REG_NONE - 1},
    {"s_regs", offsetof(nap_core, s_regs), NULL, 1, NAP_L_REG_NONE - 1},
    {"bus_bytes", offsetof(nap_core, bus_bytes), NULL, 8, 64},
    {"mem_latency", offsetof(nap_core, mem_latency), NULL, 1, 1000},
};
enum { KEYS = sizeof keys / sizeof *keys };

/* Enumerations and numbers of the record are all of unsigned's size; copied as bytes. */
_Static_assert(sizeof(nap_method) == sizeof(unsigned), "enumerations are as wide as unsigned");

static unsigned field(const nap_core *c, const key *k)
{
    unsigned v;
    memcpy(&v, (const char *)c + k->offset, sizeof v);
    return v;
}

static void set_field(nap_core *c, const key *k, unsigned v)
{
    memcpy((char *)c + k->offset, &v, sizeof v);
}

/* What follows from other keys where the file leaves them out: a method without tables covers one
 * activation by each product, ternary weights come in threes, floating-point terms need a
 * floating-point sum. */
static void settle_defaults(const nap_config *c, nap_core *x)
{
    const bool float_terms = nap_act_is_float(x->act) && x->table == NAP_TABLE_EXACT;
    const bool products = x->method == NAP_METHOD_ADD || x->method == NAP_METHOD_MAC ||
                          x->method == NAP_METHOD_MAC_NATIVE;
    if (nap_config_line(c, "core", "k") == 0)
        x->k = x->wtype == NAP_W_TERNARY ? 3 : products ? 1 : 4;
    if (nap_config_line(c, "core", "wbits") == 0)
        x->wbits = x->wtype == NAP_W_TERNARY ? 1 : x->wtype == NAP_W_E2M1 ? 5 : x->wbits;
    if (nap_config_line(c, "core", "acc") == 0) x->acc = float_terms ? NAP_ACC_F32 : NAP_ACC_S32;
}

nap_status nap_core_read(nap_config *c, nap_core *out, nap_error *e)
{
    nap_core x = nap_core_default();
    NAP_TRY(nap_config_text(c, "core", "name", x.name, sizeof x.name, e));
    for (size_t i = 0; i < KEYS; i++) {
        unsigned v = field(&x, &keys[i]);
        if (keys[i].choices != NULL) {
            NAP_TRY(nap_config_choice(c, "core", keys[i].name, keys[i].choices, &v, e));
        } else {
            uint64_t wide = v;
            NAP_TRY(nap_config_uint(c, "core", keys[i].name, keys[i].min, keys[i].max, &wide, e));
            v = (unsigned)wide;
        }
        set_field(&x, &keys[i], v);
    }
    char known[300] = "name";
    for (size_t i = 0, n = 4; i < KEYS; i++, n = strlen(known))
        snprintf(known + n, sizeof known - n, ", %s", keys[i].name);
    NAP_TRY(nap_config_done(c, "core", known, e));
    settle_defaults(c, &x);
    fault f;
    if (!legal(&x, &f)) {
        const unsigned line = nap_config_line(c, "core", f.key);
        if (line == 0)
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "%s: [core] %s (left out: the default): %s", c->name, f.key, f.text);
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "%s:%u: [core] %s: %s", c->name, line,
                        f.key, f.text);
    }
    *out = x;
    return NAP_OK;
}

nap_status nap_core_load(const char *path, nap_core *out, nap_error *e)
{
    nap_config c;
    NAP_TRY(nap_config_load(path, &c, e));
    nap_status status;
    if (nap_config_has(&c, "core"))
        status = nap_core_read(&c, out, e);
    else
        status = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                          "%s: section [core]: found none, expected one", path);
    nap_config_free(&c);
    return status;
}

void nap_core_write(const nap_core *c, struct nap_buf *out)
{
    nap_buf_printf(out, "[core]\nname = %s\n", c->name);
    for (size_t i = 0; i < KEYS; i++) {
        const unsigned v = field(c, &keys[i]);
        if (keys[i].choices != NULL)
            nap_buf_printf(out, "%s = %s\n", keys[i].name, keys[i].choices[v]);
        else
            nap_buf_printf(out, "%s = %u\n", keys[i].name, v);
    }
}
