/*
 * Gives a target each input of the files that are named, with any compiler: what fuzzers
 * found once stays mended. Speaks TAP, one line for each file.
 *
 * A file has inputs in hexadecimal digits: lines that follow one another make one, an
 * empty line or a comment (#) ends it. A `.` is an empty input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/error.h"
#include "proto/unit/digest.h"
#include "tests/fuzz/fuzz.h"

struct inputs {
	struct buffer input; /* owned; the one that is being read */
	bool has_one;
	unsigned count;
};

/* A copy of its own, so that a sanitizer sees a byte too much. */
static void give(struct inputs *inputs)
{
	if (!inputs->has_one)
		return;
	uint8_t *copy AUTO_FREE = malloc(inputs->input.len + !inputs->input.len);
	claim(copy);
	if (inputs->input.len)
		memcpy(copy, inputs->input.at, inputs->input.len);
	claim(LLVMFuzzerTestOneInput(copy, inputs->input.len) == 0);
	buffer_clear(&inputs->input);
	inputs->has_one = false;
	inputs->count++;
}

static bool take_line(struct inputs *inputs, char *line)
{
	line[strcspn(line, "#\n")] = '\0';
	size_t digits = strlen(line);
	if (digits == 0) {
		give(inputs);
		return true;
	}
	inputs->has_one = true;
	if (strcmp(line, ".") == 0)
		return true;
	buffer_reserve(&inputs->input, digits / 2);
	if (digits % 2 ||
	    !hex_decode(line, digits / 2, inputs->input.at + inputs->input.len))
		return false;
	inputs->input.len += digits / 2;
	return true;
}

static bool replay(const char *path, unsigned *ret_count)
{
	AUTO_STREAM FILE *stream = fopen(path, "re");
	if (!stream)
		return false;
	struct inputs inputs = {0};
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	bool good = true;
	while (good && getline(&line, &room, stream) >= 0)
		good = take_line(&inputs, line);
	give(&inputs);
	buffer_fini(&inputs.input);
	*ret_count = inputs.count;
	return good;
}

int main(int argc, char **argv)
{
	bool good = true;
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		unsigned count = 0;
		bool read = replay(argv[i], &count);
		printf("%s %d - %s (%u inputs)\n", read ? "ok" : "not ok", i, argv[i],
		       count);
		good &= read;
	}
	return good ? 0 : 1;
}
