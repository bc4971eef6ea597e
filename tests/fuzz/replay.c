/* Runs files, and all files of folders, through a fuzz target, without a fuzzing engine. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX ((size_t)16 << 20)

/* An exact-size block, so that a sanitizer sees a read past its end. */
static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0 || (size_t)st.st_size > INPUT_MAX) {
        fprintf(stderr, "%s: cannot read\n", path);
        if (f) fclose(f);
        return 1;
    }
    const size_t len = (size_t)st.st_size;
    uint8_t *bytes = malloc(len ? len : 1);
    const int failed = !bytes || fread(bytes, 1, len, f) != len;
    fclose(f);
    if (failed) {
        fprintf(stderr, "%s: cannot read\n", path);
    } else {
        LLVMFuzzerTestOneInput(bytes, len);
    }
    free(bytes);
    return failed;
}

static int run_folder(const char *path, unsigned long *count)
{
    struct dirent **names;
    const int n = scandir(path, &names, NULL, alphasort); /* the same order everywhere */
    int failed = n < 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        const int len = snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && len > 0 && (size_t)len < sizeof file) {
            failed |= run_file(file);
            ++*count;
        }
        free(names[i]);
    }
    if (n >= 0) free(names);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned long count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            failed |= run_folder(argv[i], &count);
        } else {
            failed |= run_file(argv[i]);
            count++;
        }
    }
    printf("%lu inputs\n", count);
    return failed || count == 0;
}
