/* 04_lutcore: a product of int8 activations and 2-bit weights on the LUT tensor core.
 *
 * Writes the two matrices as NumPy files into the current folder, multiplies them by the definition
 * and by a compiled LMMA program, and prints the program's report. */
#include <napier/napier.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { M = 4, N = 64, K = 128, BITS = 2, ZERO = 2 };

/* A .npy file of version 1.0: magic, length of the header, header, elements. */
static bool write_npy(const char *path, const char *type, int rows, const void *bytes)
{
    char header[128];
    const int n =
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }\n", type, rows, K);
    FILE *f = fopen(path, "wb");
    if (f == NULL) return false;
    bool good = fwrite("\x93NUMPY\x01\x00", 1, 8, f) == 8;
    good = fputc(n & 255, f) != EOF && fputc(n >> 8, f) != EOF && good;
    good = fwrite(header, 1, (size_t)n, f) == (size_t)n && good;
    good = fwrite(bytes, 1, (size_t)rows * K, f) == (size_t)rows * K && good;
    return fclose(f) == 0 && good;
}

int main(void)
{
    static int8_t a[M][K];
    static uint8_t w[N][K];
    nap_error err = {0};
    char *json = NULL;
    for (int i = 0; i < M * K; i++) a[i / K][i % K] = (int8_t)(i * 37 % 255 - 127);
    for (int i = 0; i < N * K; i++) w[i / K][i % K] = (uint8_t)(i * 13 / 5 % (1 << BITS));
    if (!write_npy("A.npy", "|i1", M, a) || !write_npy("W.npy", "|u1", N, w)) {
        perror("A.npy, W.npy");
        return 1;
    }

    /* The definition, in plain loops. */
    nap_lut_gemm g = {.a = "A.npy", .w = "W.npy", .o = "expected.npy", .bits = BITS, .zero = ZERO};
    g.target = NAP_LUT_REF;
    if (nap_lutcore_gemm(&g, &json, &err) != NAP_OK) goto done;
    nap_text_free(json);

    /* The same through the compiler and the instruction set's interpreter. NAP_LUT_RTL would run
     * the program on the emitted Verilog. */
    g.o = "O.npy";
    g.target = NAP_LUT_INTERP;
    if (nap_lutcore_gemm(&g, &json, &err) != NAP_OK) goto done;
    fputs(json, stdout);

done:
    if (err.code != NAP_OK) fprintf(stderr, "%s\n", err.text);
    nap_text_free(json);
    return err.code != NAP_OK;
}
