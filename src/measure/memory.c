/* Peak resident memory: what Linux calls VmHWM; elsewhere getrusage. */
#include "napier/measure.h"

#include <stdio.h>
#include <sys/resource.h>

uint64_t nap_peak_memory(void)
{
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    if (f) {
        char line[256];
        while (kib == 0 && fgets(line, sizeof line, f)) {
            if (sscanf(line, "VmHWM: %llu kB", &kib) != 1) kib = 0;
        }
        fclose(f);
    }
    if (kib == 0) {
        struct rusage u;
        if (getrusage(RUSAGE_SELF, &u) == 0) kib = (unsigned long long)u.ru_maxrss;
    }
    return kib * 1024;
}
