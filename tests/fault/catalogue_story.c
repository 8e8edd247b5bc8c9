#include "tests/fault/catalogue_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"

int story_open(struct story *story)
{
	return catalogue_open(story->io, story->directory, &story->catalogue,
			      &story->error);
}

int story_close(struct story *story)
{
	struct catalogue *catalogue = take_ptr(&story->catalogue);
	return catalogue_close(catalogue, &story->error);
}

int story_persists(struct story *story, struct who who, struct visit *ret_visit)
{
	return visit_catalogue(story->catalogue, &who, CONTACT_PERSIST, ret_visit,
			       &story->error);
}

int story_commits(struct story *story, const struct visit *visit, uint32_t number)
{
	struct layer_record record;
	int result = commit_numbered(story->catalogue, &visit->contact, number, number,
				     &record, &story->error);
	if (result == 0 && number == 1)
		story->build_layer = record;
	return result;
}

static int reopen(struct story *story)
{
	(void)story_close(story);
	return story_open(story);
}

int story_step(struct story *story, enum step step)
{
	static const struct who build = {.workflow = "W1", .job = "build"};
	static const struct who test = {
		.workflow = "W1", .job = "test", .needs = {"build"}};
	static const struct who retry = {
		.workflow = "W2", .job = "test", .retry_of = "W1"};
	switch (step) {
	case STEP_OPEN:
		return story_open(story);
	case STEP_BUILD:
		return story_persists(story, build, &story->build);
	case STEP_BUILD_LAYER:
		return story_commits(story, &story->build, 1);
	case STEP_TEST:
		return story_persists(story, test, &story->test);
	case STEP_TEST_ATTACH:
		return catalogue_record_attach(story->catalogue, &story->test.contact,
					       &story->build_layer.id, 1, &story->error);
	case STEP_TEST_LAYER:
		return story_commits(story, &story->test, 2);
	case STEP_REOPEN:
		return reopen(story);
	case STEP_RETRY:
		return story_persists(story, retry, &story->retry);
	case STEP_RETRY_LAYER:
		return story_commits(story, &story->retry, 3);
	case STEP_SETTING:
		return catalogue_set_setting(story->catalogue, "clean_stop", 42,
					     &story->error);
	case STEP_COUNT:
		break;
	}
	fail();
	return -1;
}

/* A client whose request failed asks for nothing that builds on it. */
static bool is_possible(const struct story *story, enum step step)
{
	static const enum step before[STEP_COUNT] = {
		[STEP_BUILD_LAYER] = STEP_BUILD, [STEP_TEST] = STEP_BUILD_LAYER,
		[STEP_TEST_ATTACH] = STEP_TEST,  [STEP_TEST_LAYER] = STEP_TEST_ATTACH,
		[STEP_RETRY] = STEP_TEST_LAYER,  [STEP_RETRY_LAYER] = STEP_RETRY,
	};
	return step == STEP_OPEN ||
	       (story->catalogue && story->acknowledged[before[step]]);
}

static void assert_known_failure(const struct story *story, int code)
{
	if (code != ERR_LOCAL && code != ERR_NO_ROOM && code != ERR_READ_ONLY)
		fail_msg("%s: %s", error_name(code), story->error.text);
}

/* Nothing is acknowledged after a failed write. */
void story_tell(struct story *story)
{
	for (enum step step = STEP_OPEN; step < STEP_COUNT; step++) {
		if (!is_possible(story, step))
			continue;
		bool refuses = step != STEP_REOPEN && story->catalogue &&
			       catalogue_is_read_only(story->catalogue);
		int result = story_step(story, step);
		story->acknowledged[step] = result == 0;
		if (result < 0)
			assert_known_failure(story, result);
		if (refuses)
			assert_int_equal(result, ERR_READ_ONLY);
	}
}

void story_end(struct story *story)
{
	(void)story_close(story);
	visit_fini(&story->build);
	visit_fini(&story->test);
	visit_fini(&story->retry);
}

/* ---- what must be there afterwards ----------------------------------------------- */

const struct layer_record *story_find(const struct catalogue_history *history,
				      uint32_t number, size_t *ret_position)
{
	struct digest digest = numbered_digest(number);
	for (size_t i = 0; i < history->history.layer_count; i++) {
		if (!digest_equal(&history->records[i].digest, &digest))
			continue;
		*ret_position = i;
		return &history->records[i];
	}
	return NULL;
}

/* A layer is whole, or not there and then was not acknowledged. */
static void assert_layer(struct catalogue *catalogue,
			 const struct catalogue_history *history, uint32_t number,
			 size_t bases, bool acknowledged)
{
	size_t position;
	const struct layer_record *record = story_find(history, number, &position);
	if (!record) {
		assert_false(acknowledged);
		return;
	}
	struct error error;
	struct layer_place place;
	assert_int_equal(history->history.layers[position].base_count, bases);
	assert_int_equal(catalogue_layer_place(catalogue, record->id, &place, &error), 0);
	assert_int_equal(place.segment_count, 1);
	free(place.segments);
}

struct catalogue_history story_look(struct catalogue *catalogue, const char *workflow)
{
	struct visit visit = {0};
	struct error error;
	assert_int_equal(visit_catalogue(catalogue, &(struct who){.workflow = workflow},
					 CONTACT_LOOK, &visit, &error),
			 0);
	return visit.history;
}

static void assert_acknowledged(struct catalogue *catalogue, const struct story *story)
{
	const bool *acknowledged = story->acknowledged;
	struct catalogue_history first AUTO(catalogue_history_fini) =
		story_look(catalogue, "W1");
	size_t executions = first.history.execution_count;
	/* The contact of a persist is durable with what is committed behind it. */
	assert_true(executions >= (size_t)acknowledged[STEP_BUILD_LAYER] +
					  (size_t)acknowledged[STEP_TEST_ATTACH]);
	assert_layer(catalogue, &first, 1, 0, acknowledged[STEP_BUILD_LAYER]);
	assert_layer(catalogue, &first, 2, 1, acknowledged[STEP_TEST_LAYER]);
	if (executions == 2) {
		assert_int_equal(first.history.executions[1].need_count, 1);
		assert_true(first.history.executions[1].attached_count >=
			    (size_t)acknowledged[STEP_TEST_ATTACH]);
	}
	struct catalogue_history second AUTO(catalogue_history_fini) =
		story_look(catalogue, "W2");
	if (second.history.execution_count > 0) {
		assert_string_equal(second.parent, "W1");
		assert_int_equal(second.history.execution_count, 3);
		assert_layer(catalogue, &second, 1, 0, true);
		assert_layer(catalogue, &second, 2, 1, true);
	} else {
		assert_false(acknowledged[STEP_RETRY_LAYER] || story->retry_was_there);
	}
	assert_layer(catalogue, &second, 3, 0, acknowledged[STEP_RETRY_LAYER]);
	int64_t setting = catalogue_setting(catalogue, "clean_stop");
	assert_true(setting == 42 || (setting == 0 && !acknowledged[STEP_SETTING]));
}

/* The story told once more, by clients who try again. */
static void assert_goes_on(const struct io *io, const char *directory)
{
	struct story again AUTO(story_end) = {.io = io, .directory = directory};
	story_tell(&again);
	for (enum step step = STEP_OPEN; step < STEP_COUNT; step++)
		assert_true(again.acknowledged[step]);
	struct catalogue_figures figures;
	assert_int_equal(catalogue_figures(again.catalogue, &figures, &again.error), 0);
	assert_int_equal(figures.layers, 3);
	assert_int_equal(figures.workflows, 2);
	assert_int_equal(figures.segments, 3);
}

/* Its log tells of no more than what it has, in whatever order it was written. */
static void assert_nothing_behind(const char *directory)
{
	struct catalogue *catalogue;
	struct error error;
	if (catalogue_open_to_read(&io_system, directory, &catalogue, &error) < 0)
		return;
	assert_true(catalogue_log_commits(catalogue) <=
		    catalogue_mark(catalogue).commits);
	assert_int_equal(catalogue_close(catalogue, &error), 0);
}

void story_assert_recovers(const struct story *story)
{
	struct catalogue *catalogue;
	struct error error;
	assert_nothing_behind(story->directory);
	if (catalogue_open(&io_system, story->directory, &catalogue, &error) < 0 ||
	    catalogue_check(catalogue, &error) < 0)
		fail_msg("%s", error.text);
	assert_acknowledged(catalogue, story);
	assert_int_equal(catalogue_close(catalogue, &error), 0);
	assert_goes_on(&io_system, story->directory);
}
