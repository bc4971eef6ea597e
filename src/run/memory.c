/* Linux's view of free memory: /proc/meminfo and the control group (v2, then v1). Page cache that
 * a group holds counts as free, since the kernel gives it up. */
#include "run/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The number after `key` in a file of "key value" lines; with an empty key, the file's first. */
static bool read_number(const char *path, const char *key, uint64_t *out)
{
    FILE *f = fopen(path, "re");
    if (!f) return false;
    char line[256];
    const size_t len = strlen(key);
    bool found = false;
    while (!found && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, len) == 0) found = sscanf(line + len, " %" SCNu64, out) == 1;
    }
    fclose(f);
    return found;
}

static uint64_t group_available(const char *limit, const char *usage, const char *stat,
                                const char *cache_key)
{
    uint64_t max, used, cache = 0;
    if (!read_number(limit, "", &max) || !read_number(usage, "", &used)) return UINT64_MAX;
    read_number(stat, cache_key, &cache);
    used = used > cache ? used - cache : 0;
    return max > used ? max - used : 0;
}

uint64_t nap_memory_available(void)
{
    uint64_t kib, system = UINT64_MAX;
    if (read_number("/proc/meminfo", "MemAvailable:", &kib)) system = kib * 1024;
    uint64_t group = group_available("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current",
                                     "/sys/fs/cgroup/memory.stat", "inactive_file ");
    if (group == UINT64_MAX) {
        group = group_available("/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                "/sys/fs/cgroup/memory/memory.usage_in_bytes",
                                "/sys/fs/cgroup/memory/memory.stat", "total_inactive_file ");
    }
    return system < group ? system : group;
}
