/* Opening bytes that may be no model: what every outcome must fulfil. */
#ifndef NAP_TESTS_FILE_OPENING_H
#define NAP_TESTS_FILE_OPENING_H

#include "base/buf.h"
#include "file/gguf.h"

/* Opens an exact-size copy, so that a sanitizer sees reading past its end. Either it opens, and
 * all of it can be read; or there is a named error at a byte of the file. Memory is bounded. */
nap_status try_open(const void *bytes, size_t len, nap_error *e);
/* The bytes of model_small. */
nap_buf small(void);

#endif
