/* JSON in (by jansson) and out (as Python's json.dumps writes it). */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

/* --- in --- */

static bool convert(nap_j_run *r, json_t *j, nap_j_val *out);

static bool convert_array(nap_j_run *r, json_t *j, nap_j_val *out)
{
    nap_j_vec vec = {0};
    for (size_t i = 0; i < json_array_size(j); i++) {
        nap_j_val v;
        if (!convert(r, json_array_get(j, i), &v) || !nap_j_push(r, &vec, v)) return false;
    }
    return nap_j_vec_list(r, &vec, out);
}

static bool convert_object(nap_j_run *r, json_t *j, nap_j_dict **out)
{
    const char *key;
    size_t n;
    json_t *member;
    if (!nap_j_dict_new(r, out)) return false;
    json_object_keylen_foreach(j, key, n, member)
    {
        nap_j_val k, v;
        if (!nap_j_string(r, key, n, &k) || !convert(r, member, &v) ||
            !nap_j_dict_set(r, *out, k, v))
            return false;
    }
    return true;
}

static bool convert(nap_j_run *r, json_t *j, nap_j_val *out)
{
    bool ok;
    switch (json_typeof(j)) {
    case JSON_NULL:
        return *out = nap_j_none(), true;
    case JSON_TRUE:
    case JSON_FALSE:
        return *out = nap_j_bool(json_is_true(j)), true;
    case JSON_INTEGER:
        return *out = nap_j_int(json_integer_value(j)), true;
    case JSON_REAL:
        return *out = nap_j_float(json_real_value(j)), true;
    case JSON_STRING:
        return nap_j_string(r, json_string_value(j), json_string_length(j), out);
    default:
        break;
    }
    if (!nap_j_enter(r)) return false;
    if (json_is_array(j)) {
        ok = convert_array(r, j, out);
    } else {
        out->type = NAP_J_DICT;
        ok = convert_object(r, j, &out->u.d);
    }
    nap_j_leave(r);
    return ok;
}

bool nap_j_read_json(nap_j_run *r, const char *json, size_t n, nap_j_dict **out)
{
    json_error_t error;
    json_t *j = json_loadb(json, n, JSON_ALLOW_NUL, &error);
    bool ok = false;
    if (!j) {
        const uint64_t at = error.position < 0 ? NAP_NO_OFFSET : (uint64_t)error.position;
        r->status = nap_fail(r->e, NAP_ERR_FORMAT, at, "the template's variables: JSON line %d: %s",
                             error.line, error.text);
    } else if (!json_is_object(j)) {
        r->status = nap_fail(r->e, NAP_ERR_FORMAT, 0,
                             "the template's variables: a JSON object was expected");
    } else {
        ok = convert_object(r, j, out);
    }
    json_decref(j);
    return ok;
}

/* --- out --- */

static bool put_escaped(nap_j_run *r, nap_j_sb *b, uint32_t cp, bool ascii, const char *p, size_t n)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    char text[16];
    for (size_t i = 0; from[i]; i++)
        if (cp == (uint32_t)from[i]) {
            const char pair[2] = {'\\', to[i]};
            return nap_j_put(r, b, pair, 2);
        }
    if (cp >= 0x20 && (!ascii || cp < 0x7f)) return nap_j_put(r, b, p, n);
    if (cp >= 0x10000)
        (void)snprintf(text, sizeof text, "\\u%04" PRIx32 "\\u%04" PRIx32,
                       0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
    else
        (void)snprintf(text, sizeof text, "\\u%04" PRIx32, cp);
    return nap_j_puts(r, b, text);
}

static bool put_string(nap_j_run *r, nap_j_sb *b, const nap_j_str *s, bool ascii)
{
    if (!nap_j_spend(r, s->n) || !nap_j_putc(r, b, '"')) return false;
    for (size_t i = 0; i < s->n;) {
        const size_t at = i;
        const uint32_t cp = nap_j_cp_next(s->p, &i);
        if (!put_escaped(r, b, cp, ascii, s->p + at, i - at)) return false;
    }
    return nap_j_putc(r, b, '"');
}

static bool put_number(nap_j_run *r, nap_j_sb *b, nap_j_val v)
{
    if (v.type == NAP_J_FLOAT && isnan(v.u.f)) return nap_j_puts(r, b, "NaN");
    if (v.type == NAP_J_FLOAT && isinf(v.u.f))
        return nap_j_puts(r, b, v.u.f < 0 ? "-Infinity" : "Infinity");
    if (v.type == NAP_J_BOOL) return nap_j_puts(r, b, v.u.b ? "true" : "false");
    return nap_j_put_repr(r, b, v);
}

static bool put_key(nap_j_run *r, nap_j_sb *b, nap_j_val key, bool ascii)
{
    if (key.type == NAP_J_STR) return put_string(r, b, key.u.s, ascii);
    if (key.type != NAP_J_NONE && !nap_j_is_number(key))
        return nap_j_raise(r, "keys must be str, int, float, bool or None, not %s",
                           nap_j_type_name(key));
    return nap_j_putc(r, b, '"') &&
           (key.type == NAP_J_NONE ? nap_j_puts(r, b, "null") : put_number(r, b, key)) &&
           nap_j_putc(r, b, '"');
}

typedef struct writer {
    const nap_j_json_style *style;
    size_t level;
} writer;

static bool put_value(nap_j_run *r, nap_j_sb *b, nap_j_val v, writer *w);

static bool new_line(nap_j_run *r, nap_j_sb *b, const writer *w)
{
    if (!w->style->indent) return true;
    return nap_j_putc(r, b, '\n') &&
           nap_j_put_repeat(r, b, w->style->indent, w->style->indent_n, (int64_t)w->level);
}

static bool put_separator(nap_j_run *r, nap_j_sb *b, const writer *w, bool first)
{
    return (first || nap_j_put(r, b, w->style->item_sep, w->style->item_sep_n)) &&
           new_line(r, b, w);
}

static bool put_array(nap_j_run *r, nap_j_sb *b, const nap_j_list *l, writer *w)
{
    if (l->n == 0) return nap_j_puts(r, b, "[]");
    if (!nap_j_putc(r, b, '[')) return false;
    w->level++;
    for (size_t i = 0; i < l->n; i++)
        if (!put_separator(r, b, w, i == 0) || !put_value(r, b, l->v[i], w)) return false;
    w->level--;
    return new_line(r, b, w) && nap_j_putc(r, b, ']');
}

static bool put_object(nap_j_run *r, nap_j_sb *b, const nap_j_dict *d, writer *w)
{
    nap_j_val *key = nap_j_alloc(r, d->n * sizeof *key), *val = nap_j_alloc(r, d->n * sizeof *val);
    if (!key || !val) return false;
    for (size_t i = 0; i < d->n; i++) {
        key[i] = d->e[i].key;
        val[i] = d->e[i].val;
    }
    if (w->style->sort && !nap_j_sort(r, val, key, d->n, false)) return false;
    if (d->n == 0) return nap_j_puts(r, b, "{}");
    if (!nap_j_putc(r, b, '{')) return false;
    w->level++;
    for (size_t i = 0; i < d->n; i++)
        if (!put_separator(r, b, w, i == 0) || !put_key(r, b, key[i], w->style->ascii) ||
            !nap_j_put(r, b, w->style->key_sep, w->style->key_sep_n) || !put_value(r, b, val[i], w))
            return false;
    w->level--;
    return new_line(r, b, w) && nap_j_putc(r, b, '}');
}

static bool put_value(nap_j_run *r, nap_j_sb *b, nap_j_val v, writer *w)
{
    if (!nap_j_enter(r)) return false;
    bool ok;
    switch (v.type) {
    case NAP_J_NONE:
        ok = nap_j_puts(r, b, "null");
        break;
    case NAP_J_BOOL:
    case NAP_J_INT:
    case NAP_J_FLOAT:
        ok = put_number(r, b, v);
        break;
    case NAP_J_STR:
        ok = put_string(r, b, v.u.s, w->style->ascii);
        break;
    case NAP_J_LIST:
    case NAP_J_TUPLE:
        ok = put_array(r, b, v.u.l, w);
        break;
    case NAP_J_DICT:
        ok = put_object(r, b, v.u.d, w);
        break;
    default:
        ok = nap_j_raise(r, "Object of type %s is not JSON serializable", nap_j_type_name(v));
        break;
    }
    nap_j_leave(r);
    return ok;
}

bool nap_j_put_json(nap_j_run *r, nap_j_sb *b, nap_j_val v, const nap_j_json_style *style)
{
    writer w = {.style = style, .level = 0};
    return put_value(r, b, v, &w);
}
