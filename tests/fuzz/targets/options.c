/*
 * Command lines, of which a CI system's variables and a step's inputs make parts: words
 * that end with NULs, for both programs.
 */
#include "client/options/options.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text AUTO_FREE = must_alloc(len + 1);
	char *argv[WORDS_MAX + 2];
	char program[] = "baton";
	int argc = 1;
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	claim(clearenv() == 0); /* which has options, too */
	argv[0] = program;
	for (size_t at = 0; at <= len && argc <= WORDS_MAX; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	argv[argc] = NULL;
	struct options options = {0};
	struct error error = {0};
	struct msg_identity identity;
	struct text *items = NULL;
	int err = options_parse(&options, argc, argv, &error);
	if (err == 0)
		err = options_identity(&options, true, &identity, &items, &error);
	claim(err == 0 || error.code == err);
	free(items);
	options_fini(&options);
	return 0;
}
