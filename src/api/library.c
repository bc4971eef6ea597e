/* Facts about the library itself: versions and the kernel table. */
#include "napier/napier.h"
#include "base/cpu.h"
#include "kernel/kernel.h"
#include "version.h"

const char *nap_version(void)
{
    return NAPIER_VERSION;
}

const char *nap_version_commit(void)
{
    return NAPIER_COMMIT;
}

const char *nap_version_compiler(void)
{
    return NAPIER_COMPILER;
}

const char *nap_version_cpu(void)
{
    return nap_cpu_describe();
}

size_t nap_kernel_row_count(void)
{
    return nap_kernel_count();
}

nap_kernel_row nap_kernel_row_at(size_t i)
{
    static const char *const forms[NAP_ACT_FORM_COUNT] = {"f32", "q8", "q8_1", "q8_k"};
    const nap_kernel *k = nap_kernel_at(i);
    return (nap_kernel_row){
        .name = k->name,
        .op = nap_kop_name(k->op),
        .tier = nap_tier_name(k->tier),
        .layout = k->layout ? k->layout->name : "",
        .act = forms[k->act],
        .note = k->note ? k->note : "",
        .available = nap_tier_available(k->tier),
    };
}
