/*
 * A catalogue of its own for each unit test, and steps that must succeed. Its clocks
 * stand still until the test sets them.
 */
#ifndef BATON_TESTS_CATALOGUE_FIXTURE_H
#define BATON_TESTS_CATALOGUE_FIXTURE_H

#include "daemon/store/disk/io.h"
#include "tests/harness/catalogue_steps.h"

struct catalogue_fixture {
	char *directory;             /* owned */
	struct catalogue *catalogue; /* owned */
	struct io io;                /* the operating system's, but for the clocks */
	struct clocks clocks;
	bool synchronised;
	struct error error;
};

/* For cmocka_unit_test_setup_teardown. Every test ends with a catalogue that checks
 * clean. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_open(struct catalogue_fixture *fixture);
void fixture_reopen(struct catalogue_fixture *fixture);

/* For visit_fini. */
struct visit fixture_visit(struct catalogue_fixture *fixture, struct who who,
			   enum contact_kind kind);
struct visit fixture_persists(struct catalogue_fixture *fixture, struct who who);
void fixture_assert_refused(struct catalogue_fixture *fixture, struct who who,
			    enum contact_kind kind, int code, const char *sentence);

struct layer_record fixture_commit(struct catalogue_fixture *fixture,
				   const struct visit *visit, uint32_t key,
				   uint32_t content);
void fixture_attach(struct catalogue_fixture *fixture, const struct visit *visit,
		    const int64_t *layers, size_t count);
/* Loads the history again into the visit. */
void fixture_reload(struct catalogue_fixture *fixture, struct visit *visit);
struct catalogue_figures fixture_figures(struct catalogue_fixture *fixture);

#endif
