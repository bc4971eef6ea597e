/* Truth, equality, order, arithmetic: Python's rules for the types templates have. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <math.h>
#include <string.h>

static bool undefined_error(nap_j_run *r, nap_j_val v)
{
    return nap_j_raise(r, "%.*s", (int)v.u.s->n, v.u.s->p);
}

bool nap_j_length(nap_j_run *r, nap_j_val v, size_t *out)
{
    switch (v.type) {
    case NAP_J_UNDEFINED:
        return *out = 0, true;
    case NAP_J_STR:
        return *out = v.u.s->chars, true;
    case NAP_J_LIST:
    case NAP_J_TUPLE:
        return *out = v.u.l->n, true;
    case NAP_J_DICT:
        return *out = v.u.d->n, true;
    case NAP_J_RANGE:
        return *out = v.u.range->n, true;
    case NAP_J_VIEW:
        return *out = v.u.view->d->n, true;
    case NAP_J_LOOP: {
        nap_j_val n;
        const nap_j_str name = {.p = "length", .n = 6, .chars = 6};
        if (!nap_j_getattr(r, v, &name, &n)) return false;
        return *out = (size_t)n.u.i, true;
    }
    default:
        return nap_j_raise(r, "object of type '%s' has no len()", nap_j_type_name(v));
    }
}

bool nap_j_truth(nap_j_run *r, nap_j_val v, bool *out)
{
    size_t n = 1;
    switch (v.type) {
    case NAP_J_UNDEFINED:
    case NAP_J_NONE:
        return *out = false, true;
    case NAP_J_BOOL:
        return *out = v.u.b, true;
    case NAP_J_INT:
        return *out = v.u.i != 0, true;
    case NAP_J_FLOAT:
        return *out = v.u.f != 0, true;
    case NAP_J_STR:
    case NAP_J_LIST:
    case NAP_J_TUPLE:
    case NAP_J_DICT:
    case NAP_J_RANGE:
    case NAP_J_VIEW:
    case NAP_J_LOOP:
        if (!nap_j_length(r, v, &n)) return false;
        break;
    default:
        break;
    }
    *out = n != 0;
    return true;
}

/* -1, 0, 1; 2 if unordered (NaN). A long double holds every 64-bit integer exactly where it is
 * wider than a double; elsewhere two integers are compared as such. */
static int order_numbers(nap_j_val a, nap_j_val b)
{
    int64_t i, k;
    if (nap_j_as_int(a, &i) && nap_j_as_int(b, &k)) return i < k ? -1 : i > k;
    const long double x = nap_j_as_int(a, &i) ? (long double)i : (long double)a.u.f;
    const long double y = nap_j_as_int(b, &k) ? (long double)k : (long double)b.u.f;
    if (isnan(x) || isnan(y)) return 2;
    return x < y ? -1 : x > y;
}

static int order_strings(const nap_j_str *a, const nap_j_str *b)
{
    const int c = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);
    return c ? (c < 0 ? -1 : 1) : a->n < b->n ? -1 : a->n > b->n;
}

bool nap_j_same(nap_j_val a, nap_j_val b)
{
    if (a.type != b.type) return false;
    switch (a.type) {
    case NAP_J_NONE:
        return true;
    case NAP_J_BOOL:
        return a.u.b == b.u.b;
    case NAP_J_INT:
        return a.u.i == b.u.i;
    case NAP_J_FLOAT:
        return a.u.f == b.u.f;
    case NAP_J_STR:
        return a.u.s == b.u.s || order_strings(a.u.s, b.u.s) == 0;
    default:
        return a.u.l == b.u.l;
    }
}

static bool equal_deep(nap_j_run *r, nap_j_val a, nap_j_val b, bool *out)
{
    *out = false;
    if (a.type == NAP_J_DICT) {
        if (a.u.d->n != b.u.d->n) return true;
        for (size_t i = 0; i < a.u.d->n; i++) {
            nap_j_val other;
            bool found;
            if (!nap_j_dict_get(r, b.u.d, a.u.d->e[i].key, &other, &found)) return false;
            if (!found) return *out = false, true;
            if (!nap_j_equal(r, a.u.d->e[i].val, other, out)) return false;
            if (!*out) return true;
        }
        return *out = true, true;
    }
    if (a.u.l->n != b.u.l->n) return true;
    *out = true;
    for (size_t i = 0; *out && i < a.u.l->n; i++)
        if (!nap_j_equal(r, a.u.l->v[i], b.u.l->v[i], out)) return false;
    return true;
}

bool nap_j_equal(nap_j_run *r, nap_j_val a, nap_j_val b, bool *out)
{
    if (nap_j_is_number(a) && nap_j_is_number(b)) return *out = order_numbers(a, b) == 0, true;
    *out = false;
    if (a.type != b.type) return true;
    switch (a.type) {
    case NAP_J_UNDEFINED:
    case NAP_J_NONE:
        return *out = true, true;
    case NAP_J_STR:
        *out = a.u.s->n == b.u.s->n && memcmp(a.u.s->p, b.u.s->p, a.u.s->n) == 0;
        return nap_j_spend(r, a.u.s->n);
    case NAP_J_RANGE:
        *out = a.u.range->n == b.u.range->n &&
               (a.u.range->n == 0 || a.u.range->start == b.u.range->start) &&
               (a.u.range->n <= 1 || a.u.range->step == b.u.range->step);
        return true;
    case NAP_J_LIST:
    case NAP_J_TUPLE:
    case NAP_J_DICT: {
        if (a.u.l == b.u.l) return *out = true, true;
        if (!nap_j_enter(r)) return false;
        const bool ok = equal_deep(r, a, b, out);
        nap_j_leave(r);
        return ok;
    }
    default:
        return *out = nap_j_same(a, b), true;
    }
}

static const char *const g_op_text[] = {"+",           "-", "*",  "/",  "//",    "%",
                                        "** or pow()", "-", "+",  "==", "!=",    "<",
                                        "<=",          ">", ">=", "in", "not in"};

static bool order(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val b, bool *out);

static bool order_lists(nap_j_run *r, nap_j_op op, const nap_j_list *a, const nap_j_list *b,
                        bool *out)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        bool eq;
        if (!nap_j_equal(r, a->v[i], b->v[i], &eq)) return false;
        if (!eq) return order(r, op, a->v[i], b->v[i], out);
    }
    return order(r, op, nap_j_int((int64_t)a->n), nap_j_int((int64_t)b->n), out);
}

static bool order(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val b, bool *out)
{
    int c;
    if (a.type == NAP_J_UNDEFINED) return undefined_error(r, a);
    if (b.type == NAP_J_UNDEFINED) return undefined_error(r, b);
    if (nap_j_is_number(a) && nap_j_is_number(b)) {
        c = order_numbers(a, b);
    } else if (a.type == NAP_J_STR && b.type == NAP_J_STR) {
        if (!nap_j_spend(r, a.u.s->n)) return false;
        c = order_strings(a.u.s, b.u.s);
    } else if (a.type == b.type && (a.type == NAP_J_LIST || a.type == NAP_J_TUPLE)) {
        if (!nap_j_enter(r)) return false;
        const bool ok = order_lists(r, op, a.u.l, b.u.l, out);
        nap_j_leave(r);
        return ok;
    } else {
        return nap_j_raise(r, "'%s' not supported between instances of '%s' and '%s'",
                           g_op_text[op], nap_j_type_name(a), nap_j_type_name(b));
    }
    *out = c != 2 && (op == NAP_J_LT   ? c < 0
                      : op == NAP_J_LE ? c <= 0
                      : op == NAP_J_GT ? c > 0
                                       : c >= 0);
    return true;
}

bool nap_j_contains(nap_j_run *r, nap_j_val h, nap_j_val needle, bool *out)
{
    *out = false;
    if (h.type == NAP_J_STR) {
        if (needle.type != NAP_J_STR)
            return nap_j_raise(r, "'in <string>' requires string as left operand, not %s",
                               nap_j_type_name(needle));
        *out = needle.u.s->n == 0 || memmem(h.u.s->p, h.u.s->n, needle.u.s->p, needle.u.s->n);
        return nap_j_spend(r, h.u.s->n);
    }
    const bool keys = h.type == NAP_J_VIEW && h.u.view->kind == NAP_J_KEYS;
    if (h.type == NAP_J_DICT || keys) {
        nap_j_val ignored;
        bool hashable;
        if (!nap_j_hashable(r, needle, &hashable)) return false;
        if (!hashable) return nap_j_raise(r, "unhashable type: '%s'", nap_j_type_name(needle));
        return nap_j_dict_get(r, keys ? h.u.view->d : h.u.d, needle, &ignored, out);
    }
    nap_j_iter *it;
    if (!nap_j_is_iterable(h))
        return nap_j_raise(r, "argument of type '%s' is not iterable", nap_j_type_name(h));
    if (!nap_j_iterate(r, h, &it)) return false;
    for (;;) {
        nap_j_val v;
        bool end;
        if (!nap_j_next(r, it, &v, &end)) return false;
        if (end) return true;
        if (!nap_j_equal(r, v, needle, out)) return false;
        if (*out) return true;
    }
}

bool nap_j_compare(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val b, bool *out)
{
    switch (op) {
    case NAP_J_EQ:
        return nap_j_equal(r, a, b, out);
    case NAP_J_NE:
        if (!nap_j_equal(r, a, b, out)) return false;
        return *out = !*out, true;
    case NAP_J_IN:
        return nap_j_contains(r, b, a, out);
    case NAP_J_NOT_IN:
        if (!nap_j_contains(r, b, a, out)) return false;
        return *out = !*out, true;
    default:
        return order(r, op, a, b, out);
    }
}

static bool too_big(nap_j_run *r)
{
    return nap_j_limit(r, "an integer beyond 64 bits");
}

static bool int_power(nap_j_run *r, int64_t base, int64_t exponent, nap_j_val *out)
{
    int64_t result = 1;
    if (exponent < 0) {
        if (base == 0) return nap_j_raise(r, "0.0 cannot be raised to a negative power");
        *out = nap_j_float(pow((double)base, (double)exponent));
        return true;
    }
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return too_big(r);
        exponent >>= 1;
        if (exponent && __builtin_mul_overflow(base, base, &base)) return too_big(r);
    }
    *out = nap_j_int(result);
    return true;
}

static bool int_binary(nap_j_run *r, nap_j_op op, int64_t a, int64_t b, nap_j_val *out)
{
    int64_t v = 0;
    bool over = false;
    if (b == 0 && (op == NAP_J_DIV || op == NAP_J_FLOORDIV || op == NAP_J_MOD))
        return nap_j_raise(r, "division by zero");
    switch (op) {
    case NAP_J_ADD:
        over = __builtin_add_overflow(a, b, &v);
        break;
    case NAP_J_SUB:
        over = __builtin_sub_overflow(a, b, &v);
        break;
    case NAP_J_MUL:
        over = __builtin_mul_overflow(a, b, &v);
        break;
    case NAP_J_DIV:
        *out = nap_j_float((double)((long double)a / (long double)b));
        return true;
    case NAP_J_FLOORDIV:
        if (b == -1) {
            over = __builtin_sub_overflow((int64_t)0, a, &v);
        } else {
            v = a / b;
            if (a % b != 0 && ((a < 0) != (b < 0))) v--;
        }
        break;
    case NAP_J_MOD:
        v = b == -1 ? 0 : a % b;
        if (v != 0 && ((v < 0) != (b < 0))) v += b;
        break;
    default:
        return int_power(r, a, b, out);
    }
    if (over) return too_big(r);
    *out = nap_j_int(v);
    return true;
}

static bool float_binary(nap_j_run *r, nap_j_op op, double a, double b, nap_j_val *out)
{
    double v;
    if (b == 0 && (op == NAP_J_DIV || op == NAP_J_FLOORDIV || op == NAP_J_MOD))
        return nap_j_raise(r, "float division by zero");
    switch (op) {
    case NAP_J_ADD:
        v = a + b;
        break;
    case NAP_J_SUB:
        v = a - b;
        break;
    case NAP_J_MUL:
        v = a * b;
        break;
    case NAP_J_DIV:
        v = a / b;
        break;
    case NAP_J_FLOORDIV:
    case NAP_J_MOD: {
        double mod = fmod(a, b), div = (a - mod) / b;
        if (mod != 0) {
            if ((b < 0) != (mod < 0)) {
                mod += b;
                div -= 1;
            }
        } else {
            mod = copysign(0, b);
        }
        double whole = floor(div);
        if (div - whole > 0.5) whole += 1;
        if (div == 0) whole = copysign(0, a / b);
        v = op == NAP_J_MOD ? mod : whole;
        break;
    }
    default:
        if (a == 0 && b < 0) return nap_j_raise(r, "0.0 cannot be raised to a negative power");
        if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
            return nap_j_unsupported(r, "a power with a complex result");
        v = pow(a, b);
        if (isinf(v) && isfinite(a) && isfinite(b)) return nap_j_raise(r, "result too large");
        break;
    }
    *out = nap_j_float(v);
    return true;
}

static bool repeat_list(nap_j_run *r, nap_j_type type, const nap_j_list *l, int64_t times,
                        nap_j_val *out)
{
    nap_j_vec vec = {0};
    for (int64_t i = 0; i < times && l->n; i++) {
        if (!nap_j_spend(r, l->n * sizeof(nap_j_val))) return false;
        for (size_t k = 0; k < l->n; k++)
            if (!nap_j_push(r, &vec, l->v[k])) return false;
    }
    if (!nap_j_vec_list(r, &vec, out)) return false;
    out->type = type;
    return true;
}

static bool join_lists(nap_j_run *r, nap_j_val a, nap_j_val b, nap_j_val *out)
{
    nap_j_vec vec = {0};
    if (!nap_j_spend(r, (a.u.l->n + b.u.l->n) * sizeof(nap_j_val))) return false;
    for (size_t i = 0; i < a.u.l->n; i++)
        if (!nap_j_push(r, &vec, a.u.l->v[i])) return false;
    for (size_t i = 0; i < b.u.l->n; i++)
        if (!nap_j_push(r, &vec, b.u.l->v[i])) return false;
    if (!nap_j_vec_list(r, &vec, out)) return false;
    out->type = a.type;
    return true;
}

static bool add_strings(nap_j_run *r, nap_j_val a, nap_j_val b, nap_j_val *out)
{
    const bool markup = a.u.s->markup || b.u.s->markup;
    if (markup && (!nap_j_escape(r, a, &a) || !nap_j_escape(r, b, &b))) return false;
    return nap_j_concat(r, a.u.s, b.u.s, out) && (!markup || nap_j_markup(r, *out, out));
}

static bool repeat_sequence(nap_j_run *r, nap_j_val s, int64_t times, nap_j_val *out)
{
    if (s.type != NAP_J_STR) return repeat_list(r, s.type, s.u.l, times, out);
    nap_j_sb b = {0};
    return nap_j_put_repeat(r, &b, s.u.s->p, s.u.s->n, times) && nap_j_sb_string(r, &b, out) &&
           (!s.u.s->markup || nap_j_markup(r, *out, out));
}

bool nap_j_binary(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val b, nap_j_val *out)
{
    int64_t i, k;
    if (a.type == NAP_J_STR && op == NAP_J_MOD && a.u.s->markup)
        return nap_j_unsupported(r, "%% of a string marked safe");
    if (a.type == NAP_J_STR && op == NAP_J_MOD) return nap_j_percent(r, a.u.s, b, out);
    if (a.type == NAP_J_UNDEFINED) return undefined_error(r, a);
    if (b.type == NAP_J_UNDEFINED) return undefined_error(r, b);
    if (nap_j_as_int(a, &i) && nap_j_as_int(b, &k)) return int_binary(r, op, i, k, out);
    if (nap_j_is_number(a) && nap_j_is_number(b))
        return float_binary(r, op, nap_j_as_double(a), nap_j_as_double(b), out);
    const bool sequence_a = a.type == NAP_J_STR || a.type == NAP_J_LIST || a.type == NAP_J_TUPLE;
    const bool sequence_b = b.type == NAP_J_STR || b.type == NAP_J_LIST || b.type == NAP_J_TUPLE;
    if (op == NAP_J_ADD && sequence_a && a.type == b.type)
        return a.type == NAP_J_STR ? add_strings(r, a, b, out) : join_lists(r, a, b, out);
    if (op == NAP_J_MUL && sequence_a && nap_j_as_int(b, &k)) return repeat_sequence(r, a, k, out);
    if (op == NAP_J_MUL && sequence_b && nap_j_as_int(a, &i)) return repeat_sequence(r, b, i, out);
    return nap_j_raise(r, "unsupported operand type(s) for %s: '%s' and '%s'", g_op_text[op],
                       nap_j_type_name(a), nap_j_type_name(b));
}

bool nap_j_unary(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val *out)
{
    int64_t i;
    if (a.type == NAP_J_UNDEFINED) return undefined_error(r, a);
    if (nap_j_as_int(a, &i)) {
        if (op == NAP_J_NEG && i == INT64_MIN) return too_big(r);
        *out = nap_j_int(op == NAP_J_NEG ? -i : i);
        return true;
    }
    if (a.type != NAP_J_FLOAT)
        return nap_j_raise(r, "bad operand type for unary %s: '%s'", g_op_text[op],
                           nap_j_type_name(a));
    *out = nap_j_float(op == NAP_J_NEG ? -a.u.f : a.u.f);
    return true;
}

/* A block with room behind a string; the last string built in it may be extended in place. */
struct nap_j_tail {
    size_t used, cap;
    char bytes[];
};

bool nap_j_concat(nap_j_run *r, const nap_j_str *a, const nap_j_str *b, nap_j_val *out)
{
    const size_t n = a->n + b->n;
    if (n > r->max_output) return nap_j_limit(r, "a string of %zu bytes exceeds the limit", n);
    if (!nap_j_spend(r, b->n)) return false;
    nap_j_str *s = nap_j_alloc(r, sizeof *s);
    if (!s) return false;
    struct nap_j_tail *tail = a->tail;
    if (!tail || tail->used != a->n || tail->cap - tail->used < b->n) {
        const size_t cap = n < 64 ? n : n * 2;
        if (!nap_j_spend(r, a->n)) return false;
        tail = nap_j_alloc(r, sizeof *tail + cap);
        if (!tail) return false;
        tail->cap = cap;
        if (a->n) memcpy(tail->bytes, a->p, a->n);
    }
    if (b->n) memcpy(tail->bytes + a->n, b->p, b->n);
    tail->used = n;
    *s = (nap_j_str){.p = tail->bytes, .n = n, .chars = a->chars + b->chars, .tail = tail};
    *out = nap_j_str_val(s);
    return true;
}

bool nap_j_markup(nap_j_run *r, nap_j_val v, nap_j_val *out)
{
    nap_j_val text;
    nap_j_str *s = nap_j_alloc(r, sizeof *s);
    if (!s || !nap_j_to_string(r, v, &text)) return false;
    *s = *text.u.s;
    s->markup = true;
    *out = nap_j_str_val(s);
    return true;
}

bool nap_j_escape(nap_j_run *r, nap_j_val v, nap_j_val *out)
{
    if (v.type == NAP_J_STR && v.u.s->markup) return *out = v, true;
    nap_j_val text;
    if (!nap_j_to_string(r, v, &text)) return false;
    nap_j_sb b = {0};
    for (size_t i = 0; i < text.u.s->n; i++) {
        const char c = text.u.s->p[i];
        const char *e = c == '&'    ? "&amp;"
                        : c == '<'  ? "&lt;"
                        : c == '>'  ? "&gt;"
                        : c == '\'' ? "&#39;"
                        : c == '"'  ? "&#34;"
                                    : NULL;
        if (!(e ? nap_j_puts(r, &b, e) : nap_j_putc(r, &b, c))) return false;
    }
    return nap_j_sb_string(r, &b, &text) && nap_j_markup(r, text, out);
}
