#include "base/cpu.h"
#include "base/error.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1UL << 20)
#endif
#endif

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const tier_names[NAP_TIER_COUNT] = {"ref", "avx2", "avxvnni", "avx512", "neon"};

static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static bool g_has[NAP_TIER_COUNT];
static nap_tier g_tier;
static char g_text[256];

const char *nap_tier_name(nap_tier t)
{
    return (unsigned)t < NAP_TIER_COUNT ? tier_names[t] : "?";
}

nap_tier nap_tier_parse(const char *name)
{
    for (int i = 0; i < NAP_TIER_COUNT; i++) {
        if (strcmp(name, tier_names[i]) == 0) return (nap_tier)i;
    }
    return NAP_TIER_COUNT;
}

static void read_model_name(char *out, size_t size)
{
    snprintf(out, size, "unknown CPU");
    FILE *f = fopen("/proc/cpuinfo", "re");
    if (!f) return;
    char line[512];
    while (fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            snprintf(out, size, "%s", colon + 2);
            out[strcspn(out, "\n")] = '\0';
            break;
        }
    }
    fclose(f);
}

#if defined(__x86_64__)
/* AVX-VNNI is CPUID.(7,1):EAX[4]; older compilers' __builtin_cpu_supports does not know it. */
static bool cpu_has_avxvnni(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

/* Clang 14 does not know the name "f16c". */
static bool cpu_has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
}
#endif

static nap_tier best(void)
{
    for (int i = NAP_TIER_COUNT - 1; i > 0; i--) {
        if (g_has[i]) return (nap_tier)i;
    }
    return NAP_TIER_REF;
}

static void detect(void)
{
    g_has[NAP_TIER_REF] = true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    g_has[NAP_TIER_AVX2] =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && cpu_has_f16c();
    g_has[NAP_TIER_AVXVNNI] = g_has[NAP_TIER_AVX2] && cpu_has_avxvnni();
    g_has[NAP_TIER_AVX512] =
        g_has[NAP_TIER_AVX2] && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
        __builtin_cpu_supports("avx512vbmi");
#elif defined(__aarch64__)
    g_has[NAP_TIER_NEON] = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#endif
    g_tier = best();
    const char *env = getenv("NAPIER_CPU");
    if (env && *env && strcmp(env, "auto") != 0) {
        const nap_tier t = nap_tier_parse(env);
        if (t < NAP_TIER_COUNT && g_has[t])
            g_tier = t;
        else
            nap_log("NAPIER_CPU=%s is unknown or not available here; using %s", env,
                    tier_names[g_tier]);
    }
    char name[128];
    read_model_name(name, sizeof name);
    int n = snprintf(g_text, sizeof g_text, "%s (", name);
    for (int i = 0; i < NAP_TIER_COUNT; i++) {
        if (g_has[i] && n > 0 && (size_t)n < sizeof g_text) {
            n += snprintf(g_text + n, sizeof g_text - (size_t)n, "%s%s", i ? " " : "",
                          tier_names[i]);
        }
    }
    if (n > 0 && (size_t)n < sizeof g_text - 1) strcat(g_text, ")");
}

bool nap_tier_available(nap_tier t)
{
    pthread_once(&g_once, detect);
    return (unsigned)t < NAP_TIER_COUNT && g_has[t];
}

nap_tier nap_cpu_tier(void)
{
    pthread_once(&g_once, detect);
    return g_tier;
}

nap_status nap_cpu_force(const char *name, nap_error *e)
{
    pthread_once(&g_once, detect);
    if (!name || !*name || strcmp(name, "auto") == 0) {
        g_tier = best();
        return NAP_OK;
    }
    const nap_tier t = nap_tier_parse(name);
    if (t == NAP_TIER_COUNT) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "CPU tier: found '%s', expected auto, ref, avx2, avxvnni, avx512 or neon",
                        name);
    }
    if (!g_has[t]) {
        return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "CPU tier '%s' is not available on this machine: %s", name, g_text);
    }
    g_tier = t;
    return NAP_OK;
}

bool nap_tier_serves(nap_tier row, nap_tier chosen)
{
    if (row == NAP_TIER_REF || row == chosen) return true;
    if (row == NAP_TIER_AVX2) return chosen == NAP_TIER_AVXVNNI || chosen == NAP_TIER_AVX512;
    return false; /* AVX-VNNI is no subset of what every AVX-512 machine has */
}

const char *nap_cpu_describe(void)
{
    pthread_once(&g_once, detect);
    return g_text;
}
