/* Any bytes as LMMA text and as words. Text that assembles disassembles to text that assembles to
 * the same words; a word that decodes encodes to itself; the checker gives a verdict on both, and
 * a program that it accepts runs within its memory. */
#include "fuzz.h"

#include "base/buf.h"
#include "lutcore/config.h"
#include "lutcore/interp.h"

#include <string.h>

enum { MEMORY = 1 << 14 };

static void judge(const nap_program *p)
{
    nap_core c = nap_core_default();
    c.m = 1;
    c.n = 2;
    c.wbits = 2;
    static uint8_t memory[MEMORY];
    nap_error e = {0};
    const nap_status s = nap_program_check(p, &c, MEMORY, "fuzz", &e);
    if (s != NAP_OK) {
        FUZZ_CHECK(e.code == s && e.text[0] != '\0');
        FUZZ_CHECK(s == NAP_ERR_FORMAT || s == NAP_ERR_LIMIT);
        return;
    }
    memset(memory, 1, MEMORY);
    const nap_status ran = nap_lmma_run(p, &c, memory, MEMORY, 100000, NULL, &e);
    FUZZ_CHECK(ran == NAP_OK || ran == NAP_ERR_LIMIT);
}

static void round_trip(const nap_program *p)
{
    nap_buf text = {0};
    nap_program again;
    nap_error e;
    FUZZ_CHECK(nap_lmma_disassemble(p, &text, &e) == NAP_OK);
    FUZZ_CHECK(nap_lmma_assemble(p->count > 0 ? text.data : "", text.len, "again", &again, &e) ==
               NAP_OK);
    FUZZ_CHECK(again.count == p->count);
    FUZZ_CHECK(p->count == 0 || memcmp(again.word, p->word, p->count * sizeof p->word[0]) == 0);
    nap_program_free(&again);
    nap_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nap_error e = {0};
    nap_program p;
    const nap_status s = nap_lmma_assemble((const char *)data, size, "fuzz", &p, &e);
    if (s == NAP_OK) {
        round_trip(&p);
        judge(&p);
        nap_program_free(&p);
    } else {
        FUZZ_CHECK(s == NAP_ERR_FORMAT && e.code == s && e.text[0] != '\0' && e.offset <= size);
    }
    p = (nap_program){0};
    bool all_decode = true;
    for (size_t k = 0; k + 8 <= size; k += 8) {
        uint64_t word;
        memcpy(&word, data + k, 8);
        nap_linst i;
        if (nap_linst_decode(word, k / 8, &i, &e) == NAP_OK)
            FUZZ_CHECK(nap_linst_encode(&i) == word);
        else
            all_decode = false;
        FUZZ_CHECK(nap_program_add(&p, word, 0));
    }
    if (all_decode) round_trip(&p);
    judge(&p);
    nap_program_free(&p);
    return 0;
}
