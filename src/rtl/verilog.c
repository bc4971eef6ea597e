/* Verilog text from templates. See verilog.h. */
#include "rtl/verilog.h"

#include "base/error.h"

#include <ctype.h>
#include <string.h>

static const nap_vvar *find(const nap_vvar *vars, const char *name, size_t n)
{
    for (; vars->name != NULL; vars++)
        if (strlen(vars->name) == n && memcmp(vars->name, name, n) == 0) return vars;
    return NULL;
}

bool nap_v_put(nap_buf *b, const char *text, const nap_vvar *vars)
{
    while (*text != '\0') {
        const size_t plain = strcspn(text, "@");
        nap_buf_put(b, text, plain);
        text += plain;
        if (*text == '\0') break;
        const size_t n = strcspn(text + 1, "@ (\n");
        if (n == 0 || text[1 + n] != '@') { /* "always @(": not a variable */
            nap_buf_putc(b, *text++);
            continue;
        }
        const nap_vvar *v = find(vars, text + 1, n);
        if (v == NULL) {
            b->failed = true;
            return false;
        }
        if (v->text != NULL)
            nap_buf_puts(b, v->text);
        else
            nap_buf_printf(b, "%u", v->number);
        text += n + 2;
    }
    return !b->failed;
}

static const char *method_words(const nap_core *c)
{
    switch (c->method) {
    case NAP_METHOD_LUT:
        return "LUT tensor core: half tables, weights remapped beforehand";
    case NAP_METHOD_LUT_CONV:
        return "conventional look-up: full tables made inside";
    case NAP_METHOD_UNPU:
        return "UNPU-style look-up: full tables made inside, planes of two's complement";
    case NAP_METHOD_UNPU_HALF:
        return "UNPU-style look-up: half tables made inside, weights remapped inside";
    case NAP_METHOD_UNPU_REMAP:
        return "UNPU-style look-up: half tables made inside, weights remapped beforehand";
    case NAP_METHOD_ADD:
        return "bit-serial addition";
    case NAP_METHOD_MAC:
        return "multiply-accumulate, both operands of the activation's type";
    case NAP_METHOD_MAC_NATIVE:
        return "multiply-accumulate, activation by narrow integer weight";
    default:
        return "?";
    }
}

bool nap_v_header(nap_rtl *r, const nap_core *c)
{
    if (r->text.len != 0) return true;
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"method", method_words(c), 0},
                             {"m", NULL, c->m},
                             {"n", NULL, c->n},
                             {"k", NULL, c->k},
                             {"depth", NULL, c->depth},
                             {"act", nap_act_name(c->act), 0},
                             {"table", nap_table_name(c->table), 0},
                             {"wtype", nap_wtype_name(c->wtype), 0},
                             {"wbits", NULL, c->wbits},
                             {"acc", nap_acc_name(c->acc), 0},
                             {"fpsum", nap_fpsum_name(c->fpsum), 0},
                             {"pipeline", NULL, c->pipeline},
                             {0}};
    return nap_v_put(
        &r->text,
        "// @name@: @method@.\n"
        "//\n"
        "//   array         @m@ rows x @n@ columns, k = @k@, depth = @depth@\n"
        "//   activations   @act@, table entries @table@\n"
        "//   weights       @wtype@, at most @wbits@ planes\n"
        "//   accumulators  @acc@, floating-point sums @fpsum@\n"
        "//   pipeline      @pipeline@\n"
        "//\n"
        "// Written by Napier (docs/lmma.md): Verilog-2005 without parameters, one clock,\n"
        "// asynchronous reset, active low, on control only.\n",
        vars);
}

unsigned nap_v_log2(unsigned values)
{
    unsigned n = 0;
    while (n < 32 && values > 1u << n) n++;
    return n;
}

unsigned nap_v_bits(unsigned values)
{
    const unsigned n = nap_v_log2(values);
    return n == 0 ? 1 : n;
}

/* A port's line: direction, width in brackets (maybe none), name and what follows. */
typedef struct port {
    const char *range, *name;
    size_t range_len, name_len;
    bool input;
} port;

static bool read_port(const char *line, size_t len, port *out)
{
    static const char in[] = "  input ", to[] = "  output ";
    const char *p = line, *const end = line + len;
    if (len > sizeof in && memcmp(p, in, sizeof in - 1) == 0) {
        p += sizeof in - 1;
        out->input = true;
    } else if (len > sizeof to && memcmp(p, to, sizeof to - 1) == 0) {
        p += sizeof to - 1;
        out->input = false;
    } else {
        return false;
    }
    while (p < end && *p == ' ') p++;
    out->range = p;
    if (p < end && *p == '[') {
        while (p < end && *p != ']') p++;
        if (p < end) p++;
    }
    out->range_len = (size_t)(p - out->range);
    while (p < end && *p == ' ') p++;
    out->name = p;
    out->name_len = (size_t)(end - p);
    return true;
}

/* The end of the ports from `text` on, and the width of the widest range among them. */
static const char *measure_ports(const char *text, const char *end, size_t *widest)
{
    port p;
    *widest = 0;
    while (text < end) {
        const size_t len = strcspn(text, "\n");
        if (!read_port(text, len, &p)) break;
        if (p.range_len > *widest) *widest = p.range_len;
        text += len + 1;
    }
    return text;
}

/* A line of at most LINE_MAX_CHARS, the rest below it, four further in. Breaks at spaces. */
static void put_line(nap_buf *b, const char *line, size_t len)
{
    enum { LINE_MAX_CHARS = 100 };
    size_t indent = 0, room = LINE_MAX_CHARS;
    while (indent < len && line[indent] == ' ') indent++;
    const bool comment = len >= indent + 2 && memcmp(line + indent, "//", 2) == 0;
    while (len > room && !comment) {
        size_t cut = room;
        const size_t least = room == LINE_MAX_CHARS ? indent : 0;
        while (cut > least && line[cut] != ' ') cut--;
        if (cut <= least) break;
        nap_buf_put(b, line, cut);
        if (room == LINE_MAX_CHARS) { /* what follows is indented here, not in the text */
            room -= indent + 4;
            indent += 4;
        }
        nap_buf_printf(b, "\n%*s", (int)indent, "");
        line += cut + 1;
        len -= cut + 1;
    }
    nap_buf_put(b, line, len);
    nap_buf_putc(b, '\n');
}

/* Puts the ports of every module in columns, and breaks long lines. */
static void lay_out(nap_buf *b)
{
    nap_buf out = {0};
    const char *at = b->data, *const end = b->data + b->len;
    nap_buf_reserve(&out, b->len + b->len / 16);
    while (at < end) {
        size_t widest = 0;
        const char *const last = measure_ports(at, end, &widest);
        for (port p; at < last; at += strcspn(at, "\n") + 1) {
            read_port(at, strcspn(at, "\n"), &p);
            nap_buf_printf(&out, "  %-6s ", p.input ? "input" : "output");
            if (widest > 0)
                nap_buf_printf(&out, "%*s%.*s ", (int)(widest - p.range_len), "", (int)p.range_len,
                               p.range);
            nap_buf_put(&out, p.name, p.name_len);
            nap_buf_putc(&out, '\n');
        }
        if (at >= end) break;
        const size_t len = strcspn(at, "\n");
        put_line(&out, at, len);
        at += len + 1;
    }
    if (out.failed) {
        nap_buf_free(&out);
        b->failed = true;
        return;
    }
    nap_buf_free(b);
    *b = out;
}

nap_status nap_v_done(nap_rtl *r, nap_error *e)
{
    if (!r->text.failed) lay_out(&r->text);
    if (!r->text.failed) return NAP_OK;
    return nap_fail_memory(e, r->text.cap, "the Verilog text");
}
