#include "tests/harness/catalogue_fixture.h"
#include "tests/harness/advised.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "tests/harness/scratch.h"

static void tell_clocks(void *context, struct clocks *ret_clocks)
{
	const struct catalogue_fixture *fixture = context;
	*ret_clocks = fixture->clocks;
}

static bool tell_synchronised(void *context)
{
	const struct catalogue_fixture *fixture = context;
	return fixture->synchronised;
}

static void set_clocks(struct catalogue_fixture *fixture)
{
	fixture->clocks = (struct clocks){
		.boot = 1,
		.uptime_ms = 3600000,
		.awake_ms = 3600000,
		.wall_ms = 1795000000000, /* in November 2026 */
	};
	fixture->io = io_system;
	fixture->io.context = fixture;
	fixture->io.clocks = tell_clocks;
	fixture->io.synchronised = tell_synchronised;
}

void fixture_open(struct catalogue_fixture *fixture)
{
	if (!fixture->io.clocks)
		set_clocks(fixture);
	assert_int_equal(catalogue_open(&fixture->io, fixture->directory,
					&fixture->catalogue, &fixture->error),
			 0);
}

int fixture_setup(void **state)
{
	struct catalogue_fixture *fixture = must_calloc(1, sizeof(*fixture));
	fixture->directory = scratch_new();
	fixture_open(fixture);
	struct expiry expiry; /* as the daemon begins */
	assert_int_equal(expire_after(fixture->catalogue, 0, &expiry, &fixture->error),
			 0);
	*state = fixture;
	return 0;
}

/* Every test ends with a catalogue that checks clean. */
int fixture_teardown(void **state)
{
	struct catalogue_fixture *fixture = *state;
	int result = catalogue_check(fixture->catalogue, &fixture->error);
	if (result == 0)
		result = catalogue_close(fixture->catalogue, &fixture->error);
	scratch_free(fixture->directory);
	free(fixture);
	return result;
}

void fixture_reopen(struct catalogue_fixture *fixture)
{
	assert_int_equal(catalogue_close(fixture->catalogue, &fixture->error), 0);
	fixture_open(fixture);
}

struct visit fixture_visit(struct catalogue_fixture *fixture, struct who who,
			   enum contact_kind kind)
{
	struct visit visit = {0};
	if (visit_catalogue(fixture->catalogue, &who, kind, &visit, &fixture->error) < 0)
		fail_msg("%s", fixture->error.text);
	return visit;
}

struct visit fixture_persists(struct catalogue_fixture *fixture, struct who who)
{
	return fixture_visit(fixture, who, CONTACT_PERSIST);
}

void fixture_assert_refused(struct catalogue_fixture *fixture, struct who who,
			    enum contact_kind kind, int code, const char *sentence)
{
	struct visit visit = {0};
	int result =
		visit_catalogue(fixture->catalogue, &who, kind, &visit, &fixture->error);
	assert_int_equal(result, code);
	char text[ADVISED_SIZE];
	assert_string_equal(advised(&fixture->error, text), sentence);
}

struct layer_record fixture_commit(struct catalogue_fixture *fixture,
				   const struct visit *visit, uint32_t key,
				   uint32_t content)
{
	struct layer_record record;
	if (commit_numbered(fixture->catalogue, &visit->contact, key, content, &record,
			    &fixture->error) < 0)
		fail_msg("%s", fixture->error.text);
	return record;
}

void fixture_attach(struct catalogue_fixture *fixture, const struct visit *visit,
		    const int64_t *layers, size_t count)
{
	assert_int_equal(catalogue_record_attach(fixture->catalogue, &visit->contact,
						 layers, count, &fixture->error),
			 0);
}

/* Loads it again into the visit. */
void fixture_reload(struct catalogue_fixture *fixture, struct visit *visit)
{
	catalogue_history_fini(&visit->history);
	assert_int_equal(catalogue_history_load(fixture->catalogue, &visit->contact,
						visit->contact.both, &visit->history,
						&fixture->error),
			 0);
}

struct catalogue_figures fixture_figures(struct catalogue_fixture *fixture)
{
	struct catalogue_figures figures;
	assert_int_equal(catalogue_figures(fixture->catalogue, &figures, &fixture->error),
			 0);
	return figures;
}
