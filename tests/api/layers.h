/* Every linear layer of a model: compiled, run on the interpreter, and its outputs compared with
 * the CPU engine's reference kernel, bit for bit. */
#ifndef NAP_TESTS_API_LAYERS_H
#define NAP_TESTS_API_LAYERS_H

#include "cmocka_all.h"

#include "api/lutcore_layer.h"
#include "lutcore/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The outputs of one layer; at most `columns` of them (0: all). Cycles are added to *cycles. */
static inline void layer_agrees(const nap_model *m, const nap_lut_inputs *in, const char *tensor,
                                size_t columns, const nap_core *design, uint64_t *cycles)
{
    nap_lut_linear l;
    nap_lcompiled x;
    nap_lutstat stat;
    nap_error e;
    if (nap_lut_linear_init(&l, m, in, tensor, columns, &e) != NAP_OK) fail_msg("%s", e.text);
    const nap_core core = design != NULL ? *design : nap_lut_linear_core(&l);
    if (nap_lgemm_compile(&l.g, &core, &x, &e) != NAP_OK) fail_msg("%s: %s", tensor, e.text);
    if (nap_program_check(&x.program, &core, x.bytes, tensor, &e) != NAP_OK) fail_msg("%s", e.text);
    if (nap_lmma_run(&x.program, &core, x.memory, x.bytes, 0, &stat, &e) != NAP_OK)
        fail_msg("%s: %s", tensor, e.text);
    assert_int_equal(stat.cycles, x.predicted_cycles);
    const size_t count = l.rows * l.outputs, groups = l.cols / l.g.group;
    int32_t *sums = malloc(count * groups * sizeof *sums);
    float *got = malloc(count * sizeof *got), *want = malloc(count * sizeof *want);
    nap_lgemm_result(&l.g, &core, &x, x.memory, sums);
    nap_lut_linear_finish(&l, sums, got);
    if (nap_lut_linear_ref(&l, want, &e) != NAP_OK) fail_msg("%s", e.text);
    for (size_t i = 0; i < count; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: output %zu of token %zu is %a, expected %a", tensor, i % l.outputs,
                     i / l.outputs, (double)got[i], (double)want[i]);
    *cycles += stat.cycles;
    free(sums);
    free(got);
    free(want);
    nap_lcompiled_free(&x);
    nap_lut_linear_free(&l);
}

/* All that the model multiplies by codes; returns how many layers. */
static inline size_t all_layers_agree(const char *path, size_t rows, size_t columns,
                                      const nap_core *design, uint64_t *cycles)
{
    nap_model *m;
    nap_lut_inputs in;
    nap_error e;
    *cycles = 0;
    if (nap_model_open(&m, path, &e) != NAP_OK) fail_msg("%s", e.text);
    if (nap_lut_inputs_capture(m, NULL, rows, &in, &e) != NAP_OK) fail_msg("%s", e.text);
    const size_t layers = in.count;
    for (size_t i = 0; i < in.count; i++) {
        assert_int_equal(in.v[i].rows, rows);
        layer_agrees(m, &in, in.v[i].tensor, columns, design, cycles);
    }
    nap_lut_inputs_free(&in);
    nap_model_close(m);
    return layers;
}

#endif
