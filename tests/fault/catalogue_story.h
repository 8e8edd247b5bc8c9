/*
 * What the fault tests of the catalogue tell it, step by step: two workflows, of which
 * the second retries the first; and what must be there afterwards.
 */
#ifndef BATON_TESTS_CATALOGUE_STORY_H
#define BATON_TESTS_CATALOGUE_STORY_H

#include "tests/harness/catalogue_steps.h"

enum step {
	STEP_OPEN,
	STEP_BUILD, /* W1's job build */
	STEP_BUILD_LAYER,
	STEP_TEST, /* W1's job test, which needs build */
	STEP_TEST_ATTACH,
	STEP_TEST_LAYER,
	STEP_REOPEN,
	STEP_RETRY, /* W2, which retries W1: job test */
	STEP_RETRY_LAYER,
	STEP_SETTING,
	STEP_COUNT,
};

struct story {
	const struct io *io;
	const char *directory;
	struct catalogue *catalogue; /* NULL: it did not open */
	bool acknowledged[STEP_COUNT];
	bool retry_was_there; /* W2, when it was asked after a start */
	struct visit build, test, retry;
	struct layer_record build_layer;
	struct error error;
};

/* Takes every step that is possible after those that were acknowledged. Asserts that
 * failures are known ones and that nothing is acknowledged after a failed write. */
void story_tell(struct story *story);
/* Closes and forgets; what was acknowledged stays. */
void story_end(struct story *story);

int story_open(struct story *story);
int story_close(struct story *story);
int story_step(struct story *story, enum step step);
int story_persists(struct story *story, struct who who, struct visit *ret_visit);
int story_commits(struct story *story, const struct visit *visit, uint32_t number);

struct catalogue_history story_look(struct catalogue *catalogue, const char *workflow);
/* NULL: the history has no layer of this number. */
const struct layer_record *story_find(const struct catalogue_history *history,
				      uint32_t number, size_t *ret_position);

/* Opens the catalogue anew on a disk without faults: it checks clean, all that was
 * acknowledged is there, nothing is half there, and the story told again comes to its
 * end. */
void story_assert_recovers(const struct story *story);

#endif
