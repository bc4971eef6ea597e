/* For the comparison with gguf-py (agree.py): makes random models, and prints what the reader sees.
 *
 *     gguf_tool make SEED FILE
 *     gguf_tool small FILE
 *     gguf_tool copy FROM TO
 *     gguf_tool dump FILE         a line for each key and tensor, with its bytes in hexadecimal */
#include "models.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(const nap_error *e)
{
    fprintf(stderr, "%s\n", e->text);
    return 1;
}

static void print_hex(const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) printf("%02x", p[i]);
    putchar('\n');
}

static int dump(const char *path)
{
    nap_gguf *g;
    nap_error e;
    int result = 0;
    if (nap_gguf_open(&g, path, &e) != NAP_OK) return complain(&e);
    for (size_t i = 0; i < nap_gguf_kv_count(g); i++) {
        const nap_gguf_kv *kv = nap_gguf_kv_at(g, i);
        printf("key %s %d %d %" PRIu64 " ", kv->key, kv->kind, kv->elem, kv->count);
        print_hex(kv->data, kv->size);
    }
    for (size_t i = 0; i < nap_gguf_tensor_count(g) && result == 0; i++) {
        const nap_tensor *t = nap_gguf_tensor_at(g, i);
        uint8_t *bytes = malloc(t->bytes);
        printf("tensor %s %s", t->name, t->format->name);
        for (uint32_t d = 0; d < t->n_dims; d++) printf(" %" PRIu64, t->ne[d]);
        printf(" at %" PRIu64 " ", t->offset);
        if (!bytes || nap_gguf_read(g, t, 0, bytes, t->bytes, &e) != NAP_OK) {
            result = complain(&e);
        } else {
            print_hex(bytes, t->bytes);
        }
        free(bytes);
    }
    nap_gguf_close(g);
    return result;
}

static int make(uint64_t seed, const char *path)
{
    nap_gguf_writer *w;
    nap_error e;
    if (nap_gguf_writer_create(&w, &e) != NAP_OK) return complain(&e);
    nap_status status = model_random(w, seed, &e);
    if (status == NAP_OK) status = nap_gguf_write(w, path, model_data, NULL, &e);
    nap_gguf_writer_destroy(w);
    return status == NAP_OK ? 0 : complain(&e);
}

static int copy(const char *from, const char *to)
{
    nap_gguf *g;
    nap_gguf_writer *w = NULL;
    nap_error e;
    if (nap_gguf_open(&g, from, &e) != NAP_OK) return complain(&e);
    nap_status status = nap_gguf_writer_create(&w, &e);
    if (status == NAP_OK) status = model_copy(w, g, &e);
    if (status == NAP_OK) status = nap_gguf_write(w, to, model_copy_data, g, &e);
    nap_gguf_writer_destroy(w);
    nap_gguf_close(g);
    return status == NAP_OK ? 0 : complain(&e);
}

static int write_small(const char *path)
{
    nap_buf b = {0};
    nap_error e;
    if (model_small(&b, &e) != NAP_OK) return complain(&e);
    FILE *f = fopen(path, "wb");
    const bool ok = f && fwrite(b.data, 1, b.len, f) == b.len;
    if (f) fclose(f);
    nap_buf_free(&b);
    return !ok;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "make") == 0)
        return make(strtoull(argv[2], NULL, 10), argv[3]);
    if (argc == 4 && strcmp(argv[1], "copy") == 0) return copy(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "small") == 0) return write_small(argv[2]);
    if (argc == 3 && strcmp(argv[1], "dump") == 0) return dump(argv[2]);
    fprintf(stderr, "usage: gguf_tool make SEED FILE | small FILE | copy FROM TO | dump FILE\n");
    return 2;
}
