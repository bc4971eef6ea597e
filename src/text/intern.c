#include "text/intern.h"

#include "base/alloc.h"

#include <string.h>
#include <unistd.h>

static uint64_t mix(uint64_t a, uint64_t b)
{
    const unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Multiply-and-fold over 8-byte words, as in wyhash (public domain, Wang Yi). */
static uint32_t hash(uint64_t seed, const char *s, size_t len)
{
    uint64_t h = seed ^ (uint64_t)len * 0x9e3779b97f4a7c15u, w;
    for (; len >= 8; s += 8, len -= 8) {
        memcpy(&w, s, 8);
        h = mix(h ^ w, 0xa0761d6478bd642fu);
    }
    w = 0;
    if (len) memcpy(&w, s, len);
    h = mix(h ^ w, 0xe7037ed1a0b428dbu);
    return (uint32_t)(mix(h ^ seed, 0x8ebc6af09c88c6e3u) >> 16);
}

bool nap_intern_init(nap_intern *t, size_t n, size_t bytes)
{
    memset(t, 0, sizeof *t);
    if (getentropy(&t->seed, sizeof t->seed) != 0) t->seed = 0x2545f4914f6cdd1du;
    size_t slots = 64;
    while (slots / 8 * 5 < n + 1) slots *= 2;
    t->cap = n + 1;
    t->bytes_cap = bytes + n + 1;
    t->bytes = nap_alloc(t->bytes_cap);
    t->start = nap_calloc(t->cap + 1, sizeof *t->start);
    t->slots = nap_alloc(slots * sizeof *t->slots);
    if (!t->bytes || !t->start || !t->slots) {
        nap_intern_free(t);
        return false;
    }
    memset(t->slots, 0xff, slots * sizeof *t->slots); /* id NAP_INTERN_NONE: free */
    t->mask = slots - 1;
    return true;
}

void nap_intern_free(nap_intern *t)
{
    nap_free(t->bytes);
    nap_free(t->start);
    nap_free(t->slots);
    memset(t, 0, sizeof *t);
}

/* The slot that holds `s`, or the free slot where it belongs. */
static size_t slot_of(const nap_intern *t, const char *s, size_t len, uint32_t h)
{
    size_t i = h & t->mask;
    for (; t->slots[i].id != NAP_INTERN_NONE; i = (i + 1) & t->mask) {
        if (t->slots[i].hash != h) continue;
        const nap_text have = nap_intern_text(t, t->slots[i].id);
        if (have.len == len && memcmp(have.data, s, len) == 0) break;
    }
    return i;
}

uint32_t nap_intern_find(const nap_intern *t, const char *s, size_t len)
{
    return t->slots[slot_of(t, s, len, hash(t->seed, s, len))].id;
}

static bool grow_slots(nap_intern *t)
{
    const size_t slots = (t->mask + 1) * 2;
    void *fresh = nap_alloc(slots * sizeof *t->slots);
    if (!fresh) return false;
    nap_free(t->slots);
    t->slots = fresh;
    t->mask = slots - 1;
    memset(t->slots, 0xff, slots * sizeof *t->slots);
    for (uint32_t id = 0; id < t->n; id++) {
        const nap_text s = nap_intern_text(t, id);
        const uint32_t h = hash(t->seed, s.data, s.len);
        size_t i = h & t->mask;
        while (t->slots[i].id != NAP_INTERN_NONE) i = (i + 1) & t->mask;
        t->slots[i].hash = h;
        t->slots[i].id = id;
    }
    return true;
}

bool nap_intern_add(nap_intern *t, const char *s, size_t len, uint32_t *id, bool *added)
{
    const uint32_t h = hash(t->seed, s, len);
    size_t slot = slot_of(t, s, len, h);
    *added = t->slots[slot].id == NAP_INTERN_NONE;
    if (!*added) {
        *id = t->slots[slot].id;
        return true;
    }
    if (t->n >= NAP_INTERN_NONE - 1) return false;
    if (t->n == t->cap) {
        size_t *p = nap_realloc(t->start, t->cap * 2 + 1, sizeof *p);
        if (!p) return false;
        t->start = p;
        t->cap *= 2;
    }
    if (t->bytes_cap - t->bytes_len <= len) {
        const size_t cap = (t->bytes_len + len + 1) * 2;
        char *p = nap_realloc(t->bytes, cap, 1);
        if (!p) return false;
        t->bytes = p;
        t->bytes_cap = cap;
    }
    if ((t->n + 1) > (t->mask + 1) / 8 * 5) {
        if (!grow_slots(t)) return false;
        slot = slot_of(t, s, len, h);
    }
    *id = (uint32_t)t->n;
    memcpy(t->bytes + t->bytes_len, s, len);
    t->bytes[t->bytes_len + len] = 0;
    t->bytes_len += len + 1;
    t->start[++t->n] = t->bytes_len;
    t->slots[slot].hash = h;
    t->slots[slot].id = *id;
    return true;
}
