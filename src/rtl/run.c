/* Programs on the core's RTL. See run.h and simulate.h. */
#include "rtl/simulate.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMORY_MAX = 1 << 30 };

nap_status nap_rtl_tool(const char *const argv[], const char *dir, const char *hint, nap_error *e)
{
    nap_buf output = {0};
    int code = 0;
    nap_status status = nap_process_run(argv, dir, &output, &code, hint, e);
    if (status == NAP_OK && code != 0) {
        /* the first complaint says most */
        const char *text = output.len > 0 ? output.data : "no message";
        const char *at = strstr(text, "rror");
        if (at != NULL) {
            while (at > text && at[-1] != '\n') at--;
            text = at;
        }
        status = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "%s: exit code %d: %.300s", argv[0],
                          code, text);
    }
    nap_buf_free(&output);
    return status;
}

static nap_status check_jobs(const nap_core *c, const nap_rtl_job *jobs, size_t count, nap_error *e)
{
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].bytes == 0 || jobs[i].bytes % c->bus_bytes != 0 || jobs[i].bytes > MEMORY_MAX)
            return nap_fail(
                e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                "memory of the RTL: found %zu bytes, expected a multiple of %u up to %d",
                jobs[i].bytes, c->bus_bytes, MEMORY_MAX);
        if (jobs[i].program->count == 0)
            return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "LMMA program: it is empty");
    }
    return NAP_OK;
}

/* ---- waveforms: the simulators write `temp`, which is then put in place */

static nap_status cannot_write(const char *path, nap_error *e)
{
    return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot write the waveform: %s", path,
                    strerror(errno));
}

/* Is there a device or a pipe? A file put in its place would remove it. */
static bool is_device(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Makes `temp`: beside the file, or for a device in the job's folder, as simulators seek and try
 * again where a device can neither. */
static nap_status vcd_start(const char *path, const char *folder, nap_buf *temp, nap_error *e)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET,
                        "%s: found a folder, expected a file for the waveform", path);
    if (is_device(path)) {
        if (access(path, W_OK) != 0) return cannot_write(path, e);
        if (folder == NULL) return NAP_OK;
        nap_buf_printf(temp, "%s/waves", folder);
    } else {
        nap_buf_printf(temp, "%s.new-%ld", path, (long)getpid());
    }
    if (temp->failed) return nap_fail_memory(e, strlen(path), "path");
    FILE *f = fopen(temp->data, "wb");
    if (f == NULL) return cannot_write(path, e);
    fclose(f);
    return NAP_OK;
}

static nap_status copy_to(const char *path, const char *from, nap_error *e)
{
    char block[16384];
    FILE *in = fopen(from, "rb"), *out = fopen(path, "wb");
    bool good = in != NULL && out != NULL;
    for (size_t n; good && (n = fread(block, 1, sizeof block, in)) > 0;)
        good = fwrite(block, 1, n, out) == n;
    good = good && ferror(in) == 0;
    if (in != NULL) fclose(in);
    if (out != NULL && fclose(out) != 0) good = false;
    return good ? NAP_OK : cannot_write(path, e);
}

/* A run that failed leaves what was there before. */
static nap_status vcd_end(const char *path, const nap_buf *temp, nap_status status, nap_error *e)
{
    if (temp->len == 0 || temp->failed) return status;
    if (status == NAP_OK) {
        if (is_device(path))
            status = copy_to(path, temp->data, e);
        else if (rename(temp->data, path) != 0)
            status = cannot_write(path, e);
    }
    (void)unlink(temp->data);
    return status;
}

nap_status nap_rtl_vcd_check(const char *path, nap_error *e)
{
    nap_buf temp = {0};
    const nap_status status = vcd_start(path, NULL, &temp, e);
    if (temp.len > 0 && !temp.failed) (void)unlink(temp.data);
    nap_buf_free(&temp);
    return status;
}

nap_status nap_rtl_run_jobs(const nap_rtl *rtl, const nap_core *c, nap_rtl_sim sim,
                            nap_rtl_job *jobs, size_t count, const char *cache, const char *vcd,
                            nap_error *e)
{
    NAP_TRY(check_jobs(c, jobs, count, e));
    char *folder = NULL, *base = NULL;
    nap_buf path = {0};
    nap_status status = NAP_OK;
    if (cache == NULL) {
        NAP_TRY(nap_cache_folder("rtl", &base, e));
        cache = base;
    } else {
        status = nap_make_folder(cache, e);
    }
    if (status == NAP_OK) {
        nap_buf_printf(&path, "%s/job-XXXXXX", cache);
        folder = nap_buf_take(&path, NULL);
        if (folder == NULL)
            status = nap_fail_memory(e, 256, "a path");
        else if (mkdtemp(folder) == NULL)
            status = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot make a folder", folder);
    }
    if (status == NAP_OK) {
        nap_buf temp = {0};
        if (vcd != NULL) status = vcd_start(vcd, folder, &temp, e);
        const char *waves = temp.len > 0 ? temp.data : NULL;
        if (status == NAP_OK)
            status = sim == NAP_RTL_ICARUS
                         ? nap_rtl_icarus(rtl, c, jobs, count, folder, waves, e)
                         : nap_rtl_verilator(rtl, c, jobs, count, cache, folder, waves, e);
        if (vcd != NULL) status = vcd_end(vcd, &temp, status, e);
        nap_buf_free(&temp);
        const char *const rm[] = {"rm", "-rf", folder, NULL};
        int code;
        nap_process_run(rm, NULL, NULL, &code, NULL, NULL);
    }
    nap_free(folder);
    nap_free(base);
    return status;
}

static nap_status outcome(const nap_rtl_job *j, nap_error *e)
{
    switch (j->end) {
    case NAP_RTL_DONE:
        return NAP_OK;
    case NAP_RTL_FAULT:
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "LMMA program: instruction %llu: the core's fault output rose",
                        (unsigned long long)j->at);
    case NAP_RTL_LIMIT:
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET, "LMMA program: no halt within %llu cycles",
                        (unsigned long long)j->max_cycles);
    case NAP_RTL_OUTSIDE:
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "LMMA program: an access at address %llu, beyond the memory of %zu bytes",
                        (unsigned long long)j->at, j->bytes);
    default:
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "LMMA program: it read a register that nothing wrote");
    }
}

nap_status nap_rtl_run(const nap_core *c, nap_rtl_sim sim, const nap_program *p, uint8_t *memory,
                       size_t bytes, uint64_t max_cycles, const char *cache, const char *vcd,
                       nap_lutstat *stat, nap_error *e)
{
    nap_rtl rtl = {0};
    /* the memory port moves whole beats */
    const size_t padded = (bytes + c->bus_bytes - 1) / c->bus_bytes * c->bus_bytes;
    uint8_t *image = nap_calloc(padded > 0 ? padded : 1, 1);
    if (image == NULL) return nap_fail_memory(e, padded, "the memory image");
    if (bytes > 0) memcpy(image, memory, bytes);
    nap_rtl_job job = {.program = p, .memory = image, .bytes = padded, .max_cycles = max_cycles};
    nap_status status = nap_rtl_core(c, &rtl, e);
    if (status == NAP_OK) status = nap_rtl_run_jobs(&rtl, c, sim, &job, 1, cache, vcd, e);
    if (status == NAP_OK) status = outcome(&job, e);
    if (status == NAP_OK) {
        memcpy(memory, image, bytes);
        if (stat != NULL) *stat = (nap_lutstat){.cycles = job.cycles};
    }
    nap_rtl_free(&rtl);
    nap_free(image);
    return status;
}
