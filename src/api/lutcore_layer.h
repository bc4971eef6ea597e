/* One linear layer of a model on the LUT core beside the CPU engine. Tests use this header to look
 * at many layers with one run of the model. */
#ifndef NAP_API_LUTCORE_LAYER_H
#define NAP_API_LUTCORE_LAYER_H

#include "kernel/kernel.h"
#include "lutcore/compile.h"
#include "model/model.h"
#include "napier/lutcore.h"

/* What entered the linear layers when the model read the first tokens of a built-in text: for every
 * matrix `rows` tokens in the form NAP_ACT_Q8. */
typedef struct nap_lut_input {
    char *tensor;
    size_t cols, stride, rows; /* bytes of a token; tokens seen */
    uint8_t *act;              /* 64-byte aligned */
} nap_lut_input;
typedef struct nap_lut_inputs {
    nap_lut_input *v;
    size_t count, rows;
    bool text; /* false: the model has no usable vocabulary, token ids are made up */
} nap_lut_inputs;
/* tensor NULL: of all matrices. */
nap_status nap_lut_inputs_capture(const nap_model *m, const char *tensor, size_t rows,
                                  nap_lut_inputs *out, nap_error *e);
void nap_lut_inputs_free(nap_lut_inputs *x);

/* A layer made ready: codes and activations as the product wants them. */
typedef struct nap_lut_linear {
    const nap_format *format;
    size_t rows, cols, outputs; /* tokens, elements, columns of the product taken */
    nap_lgemm g;
    int8_t *a;
    uint8_t *w;
    uint8_t *bytes; /* the tensor's rows as in the file */
    const nap_lut_input *input;
} nap_lut_linear;
nap_status nap_lut_linear_init(nap_lut_linear *l, const nap_model *m, const nap_lut_inputs *in,
                               const char *tensor, size_t columns, nap_error *e);
void nap_lut_linear_free(nap_lut_linear *l);

/* The float part, as written at nap_matmul_args: partial sums [groups][rows][outputs] to
 * out[rows][outputs]. */
void nap_lut_linear_finish(const nap_lut_linear *l, const int32_t *sums, float *out);
/* The reference kernel's outputs of the same product. */
nap_status nap_lut_linear_ref(const nap_lut_linear *l, float *out, nap_error *e);

/* The design for it: the default, with as many planes as the format has bits. */
nap_core nap_lut_linear_core(const nap_lut_linear *l);

#endif
