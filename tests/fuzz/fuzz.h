/*
 * What each file of targets/ is: one decoder, fed with any bytes. libFuzzer calls it with
 * inputs that it makes up (`./build.sh fuzz`), replay.c with those of the corpus
 * (`./build.sh test`). A target claims what has to be true of whatever came out
 * (error.h); a claim that fails, a sanitizer's finding, or a long time is a finding.
 *
 * A target gives the same for the same input, whatever came before it.
 */
#ifndef BATON_TESTS_FUZZ_H
#define BATON_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A target that mends checksums in what was made up has this; libFuzzer alone calls it.
 * Returns the new length. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t room, unsigned seed);
/* libFuzzer's own, for it. Only there with -Dfuzz=true. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t room);

#endif
