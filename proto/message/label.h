/*
 * What to call the maker of a layer in a sentence. Both programs say it in the same
 * words, so that a user finds the name of one in what the other said.
 */
#ifndef BATON_PROTO_MESSAGE_LABEL_H
#define BATON_PROTO_MESSAGE_LABEL_H

#include "proto/base/text.h"

struct label {
	struct text job, shard; /* shard may be empty */
	struct text run, attempt;
};

/* "build", "test 3/10", "test 3/10 (run 2, attempt 3)": run and attempt where they are
 * neither empty nor "1". Writes at most room bytes with NUL, whole characters. Returns
 * ret_text. */
const char *label_text(const struct label *label, char *ret_text, size_t room);

#endif
