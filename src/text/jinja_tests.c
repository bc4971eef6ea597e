/* Tests: x is name(...). To add one: write the function, add its row. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <string.h>

#define TEST(name, condition)                                                                      \
    static bool name(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)               \
    {                                                                                              \
        (void)r;                                                                                   \
        (void)c;                                                                                   \
        *out = nap_j_bool(condition);                                                              \
        return true;                                                                               \
    }
TEST(t_defined, v.type != NAP_J_UNDEFINED)
TEST(t_undefined, v.type == NAP_J_UNDEFINED)
TEST(t_none, v.type == NAP_J_NONE)
TEST(t_boolean, v.type == NAP_J_BOOL)
TEST(t_true, v.type == NAP_J_BOOL && v.u.b)
TEST(t_false, v.type == NAP_J_BOOL && !v.u.b)
TEST(t_integer, v.type == NAP_J_INT)
TEST(t_float, v.type == NAP_J_FLOAT)
TEST(t_number, nap_j_is_number(v))
TEST(t_string, v.type == NAP_J_STR)
TEST(t_mapping, v.type == NAP_J_DICT)
TEST(t_iterable, nap_j_is_iterable(v))
TEST(t_sequence, v.type == NAP_J_STR || v.type == NAP_J_LIST || v.type == NAP_J_TUPLE ||
                     v.type == NAP_J_DICT || v.type == NAP_J_RANGE || v.type == NAP_J_UNDEFINED)
TEST(t_callable, v.type == NAP_J_FUNC || v.type == NAP_J_MACRO || v.type == NAP_J_LOOP ||
                     v.type == NAP_J_JOINER || v.type == NAP_J_UNDEFINED)
TEST(t_escaped, v.type == NAP_J_STR && v.u.s->markup)
TEST(t_sameas, nap_j_same(v, c->arg[0]))

/* Is there a filter, or test, of that name? Asked of a Python dict, so the name must be hashable.
 */
static bool name_known(nap_j_run *r, nap_j_val v, const nap_j_row *(*find)(const char *, size_t),
                       nap_j_val *out)
{
    bool hashable;
    if (!nap_j_hashable(r, v, &hashable)) return false;
    if (!hashable) return nap_j_raise(r, "unhashable type: '%s'", nap_j_type_name(v));
    *out = nap_j_bool(v.type == NAP_J_STR && find(v.u.s->p, v.u.s->n));
    return true;
}

static bool t_filter(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return name_known(r, v, nap_j_find_filter, out);
}

static bool t_test(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return name_known(r, v, nap_j_find_test, out);
}

/* v % by == want */
static bool remainder_is(nap_j_run *r, nap_j_val v, nap_j_val by, int64_t want, nap_j_val *out)
{
    nap_j_val rest;
    bool yes;
    if (!nap_j_binary(r, NAP_J_MOD, v, by, &rest) || !nap_j_equal(r, rest, nap_j_int(want), &yes))
        return false;
    *out = nap_j_bool(yes);
    return true;
}

static bool t_odd(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return remainder_is(r, v, nap_j_int(2), 1, out);
}

static bool t_even(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return remainder_is(r, v, nap_j_int(2), 0, out);
}

static bool t_divisibleby(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)
{
    return remainder_is(r, v, c->arg[0], 0, out);
}

static bool text_is(nap_j_run *r, nap_j_val v, const char *method, nap_j_val *out)
{
    const nap_j_call none = {0};
    return nap_j_to_string(r, v, &v) &&
           nap_j_call_row(r, nap_j_find_str_method(method, strlen(method)), v, &none, out);
}

static bool t_lower(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return text_is(r, v, "islower", out);
}

static bool t_upper(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return text_is(r, v, "isupper", out);
}

#define COMPARISON(name, op)                                                                       \
    static bool name(nap_j_run *r, nap_j_val v, const nap_j_call *c, nap_j_val *out)               \
    {                                                                                              \
        bool yes;                                                                                  \
        if (!nap_j_compare(r, op, v, c->arg[0], &yes)) return false;                               \
        *out = nap_j_bool(yes);                                                                    \
        return true;                                                                               \
    }
COMPARISON(t_eq, NAP_J_EQ)
COMPARISON(t_ne, NAP_J_NE)
COMPARISON(t_lt, NAP_J_LT)
COMPARISON(t_le, NAP_J_LE)
COMPARISON(t_gt, NAP_J_GT)
COMPARISON(t_ge, NAP_J_GE)
COMPARISON(t_in, NAP_J_IN)

const nap_j_row nap_j_test_rows[] = {
    {"!=", "other", t_ne},
    {"<", "other", t_lt},
    {"<=", "other", t_le},
    {"==", "other", t_eq},
    {">", "other", t_gt},
    {">=", "other", t_ge},
    {"boolean", "", t_boolean},
    {"callable", "", t_callable},
    {"defined", "", t_defined},
    {"divisibleby", "num", t_divisibleby},
    {"eq", "/ other", t_eq},
    {"equalto", "/ other", t_eq},
    {"escaped", "", t_escaped},
    {"even", "", t_even},
    {"false", "", t_false},
    {"filter", "", t_filter},
    {"float", "", t_float},
    {"ge", "/ other", t_ge},
    {"greaterthan", "/ other", t_gt},
    {"gt", "/ other", t_gt},
    {"in", "seq", t_in},
    {"integer", "", t_integer},
    {"iterable", "", t_iterable},
    {"le", "/ other", t_le},
    {"lessthan", "/ other", t_lt},
    {"lower", "", t_lower},
    {"lt", "/ other", t_lt},
    {"mapping", "", t_mapping},
    {"ne", "/ other", t_ne},
    {"none", "", t_none},
    {"number", "", t_number},
    {"odd", "", t_odd},
    {"sameas", "other", t_sameas},
    {"sequence", "", t_sequence},
    {"string", "", t_string},
    {"test", "", t_test},
    {"true", "", t_true},
    {"undefined", "", t_undefined},
    {"upper", "", t_upper},
    {NULL, NULL, NULL},
};

const nap_j_row *nap_j_find_test(const char *name, size_t n)
{
    return nap_j_find_row(nap_j_test_rows, name, n);
}
