/* How much memory there is, and what an engine would take. */
#ifndef NAP_RUN_MEMORY_H
#define NAP_RUN_MEMORY_H

#include <stdint.h>

/* Bytes this process could still take: what the system calls available, or less if a control
 * group limits it. UINT64_MAX if nothing is known. */
uint64_t nap_memory_available(void);

#endif
