/* Any bytes as a configuration: a sentence that names the file, or a design and a machine; a design
 * that is accepted is legal, and written as text it reads back to itself. */
#include "fuzz.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "lutcore/config.h"
#include "lutcore/sim.h"

#include <string.h>

static void look_at_core(nap_config *c)
{
    nap_core core, back;
    nap_config again;
    nap_error e = {0};
    nap_buf text = {0};
    if (nap_core_read(c, &core, &e) != NAP_OK) {
        FUZZ_CHECK(strncmp(e.text, "fuzz.cfg", 8) == 0);
        return;
    }
    FUZZ_CHECK(nap_core_check(&core, "fuzz", &e) == NAP_OK);
    nap_core_write(&core, &text);
    FUZZ_CHECK(nap_config_parse(text.data, text.len, "again", &again, &e) == NAP_OK);
    FUZZ_CHECK(nap_core_read(&again, &back, &e) == NAP_OK);
    FUZZ_CHECK(memcmp(&core, &back, sizeof core) == 0);
    nap_config_free(&again);
    nap_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nap_config c;
    nap_machine machine;
    nap_error e = {0};
    const nap_status status = nap_config_parse((const char *)data, size, "fuzz.cfg", &c, &e);
    if (status != NAP_OK) {
        FUZZ_CHECK(c.items == NULL && e.code == status);
        FUZZ_CHECK(strncmp(e.text, "fuzz.cfg", 8) == 0);
        FUZZ_CHECK(e.offset <= size || e.offset == NAP_NO_OFFSET);
        return 0;
    }
    for (size_t i = 0; i < c.count; i++) {
        FUZZ_CHECK(c.items[i].line > 0 && c.items[i].key[0] != '\0' && c.items[i].value[0] != '\0');
        FUZZ_CHECK(nap_config_has(&c, c.items[i].section));
    }
    look_at_core(&c);
    if (nap_machine_read(&c, &machine, &e) != NAP_OK) FUZZ_CHECK(e.text[0] != '\0');
    nap_config_free(&c);
    return 0;
}
