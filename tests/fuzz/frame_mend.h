/*
 * Makes the checksums of a frame right, as far as it looks like one (FORMAT.md §3), so
 * that a fuzzer gets behind them.
 */
#ifndef BATON_TESTS_FUZZ_FRAME_MEND_H
#define BATON_TESTS_FUZZ_FRAME_MEND_H

#include <stddef.h>
#include <stdint.h>

/* Of the one that begins at bytes[0]. */
void frame_mend(uint8_t *bytes, size_t len);

#endif
