/*
 * What to do about an error or a warning of the daemon. The daemon only names what would
 * help (proto/base/advice.h); the words for it, with baton's options, are here.
 */
#ifndef BATON_CLIENT_TERMINAL_ADVICE_H
#define BATON_CLIENT_TERMINAL_ADVICE_H

#include <stddef.h>
#include <stdint.h>

/* Room for what follows a sentence, whatever is advised. */
#define ADVICE_TEXT_SIZE 1600u

/* What follows the sentence, "" for no advice. Returns ret_text. */
const char *advice_text(uint32_t advice, char ret_text[ADVICE_TEXT_SIZE]);

#endif
