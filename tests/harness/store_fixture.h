/*
 * A store of its own for each test, opened and closed as often as it likes. Every call
 * must succeed.
 */
#ifndef BATON_TESTS_STORE_FIXTURE_H
#define BATON_TESTS_STORE_FIXTURE_H

#include "daemon/store/store.h"
#include "proto/base/error.h"
#include "tests/harness/assert_ok.h"

struct store_fixture {
	char *directory;      /* owned */
	struct store *store;  /* owned; NULL while it is closed */
	struct error error;   /* of the call that failed */
	uint64_t segment_len; /* of the store that is opened next; 0: the usual one */
	uint32_t key;         /* of the latest persist, where the test counts them */
	char notes[4096]; /* what the store has noted since it was opened, a line each */
};

/* In functions whose fixture has this name. */
#define assert_ok(expression) assert_ok_of(expression, fixture->error.text)

/* An empty directory; the store is not opened. */
void store_fixture_init(struct store_fixture *fixture);
/* Closes the store, if it is open. */
void store_fixture_fini(struct store_fixture *fixture);
/* The same for cmocka_unit_test_setup_teardown. */
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);

/* How store_fixture_open opens it. */
struct store_options store_fixture_options(struct store_fixture *fixture);
void store_fixture_open(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture);
/* A closed store looks as after a crash: the file `clean` goes, if it is there. */
void store_fixture_crash(struct store_fixture *fixture);

#endif
