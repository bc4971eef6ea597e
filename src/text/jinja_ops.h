/* Operators and protocols of values, with Python's rules. */
#ifndef NAP_TEXT_JINJA_OPS_H
#define NAP_TEXT_JINJA_OPS_H

#include "text/jinja_value.h"

typedef enum nap_j_op {
    NAP_J_ADD,
    NAP_J_SUB,
    NAP_J_MUL,
    NAP_J_DIV,
    NAP_J_FLOORDIV,
    NAP_J_MOD,
    NAP_J_POW,
    NAP_J_NEG,
    NAP_J_POS,
    NAP_J_EQ,
    NAP_J_NE,
    NAP_J_LT,
    NAP_J_LE,
    NAP_J_GT,
    NAP_J_GE,
    NAP_J_IN,
    NAP_J_NOT_IN
} nap_j_op;

bool nap_j_truth(nap_j_run *r, nap_j_val v, bool *out);
bool nap_j_equal(nap_j_run *r, nap_j_val a, nap_j_val b, bool *out);
bool nap_j_same(nap_j_val a, nap_j_val b); /* Python's "is" */
bool nap_j_compare(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val b,
                   bool *out); /* NAP_J_EQ to NAP_J_NOT_IN */
bool nap_j_binary(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val b,
                  nap_j_val *out); /* NAP_J_ADD to NAP_J_POW */
bool nap_j_unary(nap_j_run *r, nap_j_op op, nap_j_val a, nap_j_val *out); /* NAP_J_NEG, NAP_J_POS */
bool nap_j_length(nap_j_run *r, nap_j_val v, size_t *out);
bool nap_j_contains(nap_j_run *r, nap_j_val haystack, nap_j_val needle, bool *out);

/* The text of a value as {{ }} prints it, and as Python's repr() shows it. */
bool nap_j_put_str(nap_j_run *r, nap_j_sb *b, nap_j_val v);
bool nap_j_put_repr(nap_j_run *r, nap_j_sb *b, nap_j_val v);
bool nap_j_to_string(nap_j_run *r, nap_j_val v, nap_j_val *out);
void nap_j_format_double(double f, char out[40]); /* the shortest text that reads back */
bool nap_j_parse_double(const char *p, size_t n, double *out); /* Python's float("...") */
bool nap_j_parse_int(nap_j_run *r, const char *p, size_t n, int64_t base, int64_t *out,
                     bool *valid);

/* a ~ b. Appends in place where b's bytes can follow a's, so that building a long text piece by
 * piece in a loop takes linear time and memory. */
bool nap_j_concat(nap_j_run *r, const nap_j_str *a, const nap_j_str *b, nap_j_val *out);
bool nap_j_escape(nap_j_run *r, nap_j_val v, nap_j_val *out); /* HTML, as markupsafe */
bool nap_j_markup(nap_j_run *r, nap_j_val v, nap_j_val *out);
/* A method of a string that may be marked: markup stays markup, and what is put in is escaped. */
bool nap_j_call_str(nap_j_run *r, const nap_j_row *row, nap_j_val self, const nap_j_call *c,
                    nap_j_val *out);

/* x.name, x[key], x[a:b:c]. */
bool nap_j_getattr(nap_j_run *r, nap_j_val v, const nap_j_str *name, nap_j_val *out);
bool nap_j_getitem(nap_j_run *r, nap_j_val v, nap_j_val key, nap_j_val *out);
bool nap_j_slice(nap_j_run *r, nap_j_val v, const nap_j_val part[3], nap_j_val *out);
/* Attributes that are no methods of a str, list or dict; *found says whether there is one. */
bool nap_j_loop_attribute(nap_j_run *r, nap_j_val v, const nap_j_str *name, nap_j_val *out,
                          bool *found);
bool nap_j_object_attribute(nap_j_run *r, nap_j_val v, const nap_j_str *name, nap_j_val *out,
                            bool *found);
bool nap_j_substring(nap_j_run *r, const nap_j_str *s, size_t from, size_t to,
                     nap_j_val *out); /* chars */

/* Iteration. */
bool nap_j_iterate(nap_j_run *r, nap_j_val v,
                   nap_j_iter **out); /* fails on what cannot be walked */
bool nap_j_is_iterable(nap_j_val v);
bool nap_j_next(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end);
bool nap_j_to_list(nap_j_run *r, nap_j_val v, const nap_j_list **out);
bool nap_j_iter_new(nap_j_run *r, const char *kind, nap_j_val src,
                    bool (*next)(nap_j_run *, nap_j_iter *, nap_j_val *, bool *), nap_j_iter **out);

/* JSON. nap_j_put_json writes as Python's json.dumps does. */
typedef struct nap_j_json_style {
    const char *item_sep, *key_sep, *indent; /* indent: one level of it, or NULL */
    size_t item_sep_n, key_sep_n, indent_n;
    bool ascii, sort;
} nap_j_json_style;
bool nap_j_put_json(nap_j_run *r, nap_j_sb *b, nap_j_val v, const nap_j_json_style *style);
/* The members of a JSON object as a dict. */
bool nap_j_read_json(nap_j_run *r, const char *json, size_t n, nap_j_dict **out);
/* Sorts in place by `key[i]`, ascending and stable. */
bool nap_j_sort(nap_j_run *r, nap_j_val *v, nap_j_val *key, size_t n, bool reverse);

/* Calls. nap_j_call_row binds the arguments to the row's parameters. */
bool nap_j_call_row(nap_j_run *r, const nap_j_row *row, nap_j_val self, const nap_j_call *args,
                    nap_j_val *out);
bool nap_j_call_value(nap_j_run *r, nap_j_val f, nap_j_call *args, nap_j_val *out);

/* "%..." % value and "{...}".format(...). */
bool nap_j_percent(nap_j_run *r, const nap_j_str *fmt, nap_j_val args, nap_j_val *out);
bool nap_j_brace_format(nap_j_run *r, const nap_j_str *fmt, const nap_j_call *args, nap_j_val *out);

/* Tables; NULL if there is no such name. */
const nap_j_row *nap_j_find_filter(const char *name, size_t n);
const nap_j_row *nap_j_find_test(const char *name, size_t n);
const nap_j_row *nap_j_find_str_method(const char *name, size_t n);
const nap_j_row *nap_j_find_row(const nap_j_row *rows, const char *name, size_t n);
extern const nap_j_row nap_j_filter_rows[], nap_j_seq_filter_rows[], nap_j_test_rows[],
    nap_j_str_rows[], nap_j_str_more_rows[], nap_j_dict_rows[], nap_j_list_rows[],
    nap_j_global_rows[];

#endif
