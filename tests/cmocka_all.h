/* cmocka wants these before itself; one include for every test. */
#ifndef NAP_TESTS_CMOCKA_ALL_H
#define NAP_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
