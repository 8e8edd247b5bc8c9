#include "tests/harness/store_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "tests/harness/scratch.h"

void store_fixture_init(struct store_fixture *fixture)
{
	*fixture = (struct store_fixture){.directory = scratch_new()};
}

void store_fixture_fini(struct store_fixture *fixture)
{
	if (fixture->store)
		store_fixture_close(fixture);
	scratch_free(fixture->directory);
}

int store_fixture_setup(void **state)
{
	struct store_fixture *fixture = must_calloc(1, sizeof(*fixture));
	store_fixture_init(fixture);
	*state = fixture;
	return 0;
}

int store_fixture_teardown(void **state)
{
	store_fixture_fini(*state);
	free(*state);
	return 0;
}

static void on_note(void *context, const char *sentence)
{
	struct store_fixture *fixture = context;
	size_t have = strlen(fixture->notes);
	(void)snprintf(fixture->notes + have, sizeof(fixture->notes) - have, "%s\n",
		       sentence);
}

struct store_options store_fixture_options(struct store_fixture *fixture)
{
	return (struct store_options){
		.directory = fixture->directory,
		.segment_len = fixture->segment_len,
		.on_note = on_note,
		.context = fixture,
	};
}

void store_fixture_open(struct store_fixture *fixture)
{
	struct store_options options = store_fixture_options(fixture);
	fixture->notes[0] = '\0';
	assert_ok(store_open(&options, &fixture->store, &fixture->error));
}

void store_fixture_close(struct store_fixture *fixture)
{
	assert_ok(store_close(fixture->store, &fixture->error));
	fixture->store = NULL;
}

void store_fixture_crash(struct store_fixture *fixture)
{
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/clean", fixture->directory) > 0);
	assert_true(unlink(path) == 0 || errno == ENOENT);
}
