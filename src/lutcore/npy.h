/* NumPy .npy files (format versions 1 to 3), C order, little-endian: int8, uint8, int16, uint16,
 * int32, float32; up to 4 dimensions. Bad files: file, field, found, expected, byte offset. */
#ifndef NAP_LUTCORE_NPY_H
#define NAP_LUTCORE_NPY_H

#include "napier/status.h"

typedef enum nap_npy_type {
    NAP_NPY_I1,
    NAP_NPY_U1,
    NAP_NPY_I2,
    NAP_NPY_U2,
    NAP_NPY_I4,
    NAP_NPY_F4
} nap_npy_type;

typedef struct nap_npy {
    nap_npy_type type;
    unsigned dims;
    uint64_t shape[4];
    void *data; /* nap_free via nap_npy_free */
    size_t bytes;
} nap_npy;

nap_status nap_npy_parse(const void *bytes, size_t len, const char *name, nap_npy *out,
                         nap_error *e);
nap_status nap_npy_read(const char *path, nap_npy *out, nap_error *e);
nap_status nap_npy_write(const char *path, nap_npy_type type, unsigned dims, const uint64_t *shape,
                         const void *data, nap_error *e);
void nap_npy_free(nap_npy *x);

#endif
