/* What holds for every history: the order is an order, the listing follows it, the states
 * agree with each other, and the facts' places in their arrays do not matter. Random
 * histories, fixed seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/random.h"
#include "tests/harness/story.h"

#define ROUNDS 20000

static const char *one_of(const char *const *words, uint32_t count)
{
	return words[random_below(count)];
}

static const char *const jobs[] = {"a", "b", "c", "d", "e"};
static const char *const shards[] = {"", "", "", "", "1/2", "2/2", "1/3", "x"};
static const char *const runs[] = {"1", "1", "1", "1", "2", "10", "z"};
static const char *const attempts[] = {"1", "1", "1", "2", "10", "02", "y"};

/* ---- random histories ---- */

static uint32_t random_execution(struct story *story, bool letters)
{
	struct history_execution who = {
		.job = one_of(jobs, 5),
		.shard = one_of(shards, 8),
		.run = one_of(runs, letters ? 7 : 6),
		.attempt = one_of(attempts, letters ? 7 : 6),
		.inherited = random_below(6) == 0,
	};
	return story_execution(story, who);
}

/* The latest layers are likelier to be seen, as in life. */
static void see_some(struct story *story, uint32_t at)
{
	uint32_t made = (uint32_t)story->history.layer_count;
	for (uint32_t count = random_below(4); made > 0 && count > 0; count--) {
		uint32_t back = random_below(made);
		story_see(story, at, made - 1 - random_below(back + 1));
	}
}

static void random_event(struct story *story, uint32_t at)
{
	static char names[STORY_ITEMS][12];
	static const char *const contents[] = {"x", "y", "z"};
	struct history_execution *who = &story->executions[at];
	uint32_t kind = random_below(8);
	size_t made = story->history.layer_count;
	if (kind == 0 && who->need_count < 4) {
		who->has_needs = true;
		story->needs[at][who->need_count++] = one_of(jobs, 5);
	}
	if (kind < 6)
		see_some(story, at);
	if (kind > 2) {
		(void)snprintf(names[made], sizeof(names[0]), "%zu", made);
		uint32_t layer = story_make(story, at, names[made], one_of(contents, 3));
		story->layers[layer].shadow = who->inherited && random_below(4) == 0;
	}
}

static void random_story(struct story *story)
{
	story_begin(story);
	bool letters = random_below(3) == 0;
	uint32_t events = 3 + random_below(30);
	for (uint32_t i = 0; i < events; i++)
		random_event(story, random_execution(story, letters));
}

static void random_question(const struct story *story, struct question *question)
{
	question_ask(story, "log asks", question);
	struct view_request *request = &question->request;
	if (random_below(3) == 0)
		request->run = one_of(runs, 7);
	if (random_below(2) == 0) {
		request->execution =
			random_below((uint32_t)story->history.execution_count);
		request->job = story->executions[request->execution].job;
		request->run = story->executions[request->execution].run;
	}
	request->has_needs = random_below(3) == 0;
	request->need_count = request->has_needs ? random_below(4) : 0;
	for (size_t i = 0; i < request->need_count; i++)
		question->needs[i] = one_of(jobs, 5);
	request->from_count = random_below(4) == 0 ? 1 + random_below(2) : 0;
	for (size_t i = 0; i < request->from_count; i++)
		question->from[i] = one_of(jobs, 5);
	request->stale_keep = random_below(2) == 0;
}

/* ---- what always holds ---- */

static bool has_base(const struct history_layer *layer, uint32_t base)
{
	for (size_t i = 0; i < layer->base_count; i++)
		if (layer->bases[i] == base)
			return true;
	return false;
}

static void check_order(const struct story *story, const struct view *view)
{
	for (uint32_t b = 0; b < view->layer_count; b++) {
		const struct history_layer *layer = &story->layers[view->layers[b].layer];
		for (uint32_t a = 0; a < view->layer_count; a++) {
			bool before = view_is_before(view, a, b);
			const struct history_layer *other =
				&story->layers[view->layers[a].layer];
			/* The listing is a linear extension, so it is irreflexive too. */
			assert_true(!before || a < b);
			if (has_base(layer, view->layers[a].layer) ||
			    (layer->execution == other->execution &&
			     other->sequence < layer->sequence))
				assert_true(before);
			for (uint32_t c = 0; before && c < view->layer_count; c++)
				if (view_is_before(view, c, a))
					assert_true(view_is_before(view, c, b));
		}
	}
}

/* `after` holds exactly those before it with nothing in between. */
static void check_direct(const struct view *view)
{
	for (uint32_t b = 0; b < view->layer_count; b++) {
		size_t direct = 0;
		for (uint32_t a = 0; a < b; a++) {
			bool between = false;
			for (uint32_t c = 0; c < view->layer_count; c++)
				between |= view_is_before(view, a, c) &&
					   view_is_before(view, c, b);
			if (!view_is_before(view, a, b) || between)
				continue;
			assert_true(direct < view->layers[b].after_count);
			assert_int_equal(view->layers[b].after[direct++], a);
		}
		assert_int_equal(direct, view->layers[b].after_count);
	}
}

static void check_reason(const struct story *story, const struct view *view, uint32_t at)
{
	uint32_t reason = view->reasons[at];
	const struct history_layer *layers = story->layers;
	switch (view->states[at]) {
	case LAYER_VISIBLE:
		assert_int_equal(reason, VIEW_NONE);
		break;
	case LAYER_REPLACED:
	case LAYER_LATE:
		assert_string_equal(story->executions[layers[reason].execution].job,
				    story->executions[layers[at].execution].job);
		assert_int_equal(layers[reason].commit < layers[at].commit,
				 view->states[at] == LAYER_LATE);
		assert_false(layers[reason].shadow);
		break;
	case LAYER_STALE:
		/* a base that is gone, and what replaced it was another layer */
		assert_int_not_equal(view->states[reason], LAYER_VISIBLE);
		assert_int_not_equal(view->states[reason], LAYER_STALE);
		assert_int_not_equal(view->reasons[reason], VIEW_NONE);
		break;
	default:
		assert_int_equal(view->states[at], LAYER_HIDDEN);
	}
}

static void check_states(const struct story *story, const struct question *question,
			 const struct view *view)
{
	for (uint32_t i = 0; i < story->history.layer_count; i++) {
		check_reason(story, view, i);
		const struct history_layer *layer = &story->layers[i];
		if (layer->shadow)
			assert_int_equal(view->states[i], LAYER_HIDDEN);
		/* All layers of one execution share their fate, staleness aside. */
		for (uint32_t k = 0; k < i && !layer->shadow; k++)
			if (story->layers[k].execution == layer->execution &&
			    !story->layers[k].shadow)
				assert_int_equal(view->states[k] == LAYER_HIDDEN,
						 view->states[i] == LAYER_HIDDEN);
		for (size_t k = 0; k < layer->base_count; k++)
			if (view->states[layer->bases[k]] == LAYER_STALE)
				assert_int_not_equal(view->states[i], LAYER_VISIBLE);
	}
	for (size_t i = 0; i < view->layer_count; i++) {
		uint8_t state = view->states[view->layers[i].layer];
		assert_true(state == LAYER_VISIBLE ||
			    (state == LAYER_STALE && question->request.stale_keep));
	}
	for (size_t i = 0; i < view->stale_count; i++) {
		assert_int_equal(view->states[view->stale[i]], LAYER_STALE);
		assert_true(i == 0 || story->layers[view->stale[i - 1]].commit <
					      story->layers[view->stale[i]].commit);
	}
}

/* Of each slice one execution at most is in sight, and if any has layers that are not
 * hidden, its job has one in sight. */
static void check_replacing(const struct story *story, const struct view *view)
{
	for (uint32_t i = 0; i < story->history.layer_count; i++) {
		const struct history_execution *who =
			&story->executions[story->layers[i].execution];
		bool in_sight = false;
		for (uint32_t k = 0; k < story->history.layer_count; k++) {
			bool seen = view->states[k] == LAYER_VISIBLE ||
				    view->states[k] == LAYER_STALE;
			const struct history_execution *other =
				&story->executions[story->layers[k].execution];
			in_sight |= seen && strcmp(who->job, other->job) == 0;
			if (seen && (view->states[i] == LAYER_VISIBLE ||
				     view->states[i] == LAYER_STALE))
				assert_true(who == other ||
					    strcmp(who->job, other->job) ||
					    strcmp(who->shard, other->shard));
		}
		assert_true(in_sight || view->states[i] == LAYER_HIDDEN);
	}
}

static void check_own_job(const struct story *story, const struct question *question,
			  const struct view *view)
{
	for (uint32_t i = 0; question->request.job && i < view->layer_count; i++) {
		uint32_t maker = story->layers[view->layers[i].layer].execution;
		if (maker == question->request.execution)
			continue;
		assert_string_not_equal(story->executions[maker].job,
					question->request.job);
		for (size_t k = 0; k < view->layers[i].before_count; k++) {
			uint32_t other = view->layers[view->layers[i].before[k]].layer;
			assert_string_not_equal(
				story->executions[story->layers[other].execution].job,
				question->request.job);
		}
	}
}

static void holds_for_every_history(void **state)
{
	(void)state;
	static struct story story;
	size_t answers = 0, edges = 0, stale = 0;
	for (int round = 0; round < ROUNDS; round++) {
		random_story(&story);
		struct question question;
		random_question(&story, &question);
		struct view view AUTO(view_fini) = {0};
		struct error error = {0};
		int result = view_make(&story.history, &question.request, &view, &error);
		assert_true(result == 0 || result == ERR_STALE);
		if (result < 0)
			continue;
		check_order(&story, &view);
		check_direct(&view);
		check_states(&story, &question, &view);
		check_replacing(&story, &view);
		check_own_job(&story, &question, &view);
		answers++;
		stale += view.stale_count;
		for (size_t i = 0; i < view.layer_count; i++)
			edges += view.layers[i].after_count;
	}
	/* The dice were worth throwing. */
	assert_true(answers > ROUNDS / 2 && edges > ROUNDS / 4 && stale > ROUNDS / 20);
}

/* ---- places do not matter ---- */

static void shuffle(uint32_t *ret_places, size_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = random_below(i + 1);
		ret_places[i] = i;
		ret_places[i] = ret_places[at];
		ret_places[at] = i;
	}
}

static void move_story(const struct story *from, struct story *to,
		       struct question *question)
{
	uint32_t executions[STORY_ITEMS], layers[STORY_ITEMS];
	shuffle(executions, from->history.execution_count);
	shuffle(layers, from->history.layer_count);
	*to = *from;
	to->history.executions = to->executions;
	to->history.layers = to->layers;
	for (size_t i = 0; i < from->history.execution_count; i++) {
		struct history_execution *it = &to->executions[executions[i]];
		*it = from->executions[i];
		it->attached = to->attached[executions[i]];
		for (size_t k = 0; k < it->attached_count; k++)
			to->attached[executions[i]][it->attached_count - 1 - k] =
				layers[from->attached[i][k]];
	}
	for (size_t i = 0; i < from->history.layer_count; i++) {
		struct history_layer *it = &to->layers[layers[i]];
		*it = from->layers[i];
		it->execution = executions[it->execution];
		it->bases = to->bases[layers[i]];
		to->names[layers[i]] = from->names[i];
		for (size_t k = 0; k < it->base_count; k++)
			to->bases[layers[i]][it->base_count - 1 - k] =
				layers[from->bases[i][k]];
	}
	if (question->request.execution != VIEW_NONE)
		question->request.execution = executions[question->request.execution];
}

static char *answer(const struct story *story, const struct question *question)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct view view AUTO(view_fini) = {0};
	struct error error = {0};
	if (view_make(&story->history, &question->request, &view, &error) < 0)
		fprintf(out, "%s", error.text);
	else
		answer_view(out, story, question, &view);
	claim(fclose(out) == 0);
	return text;
}

static void the_places_of_facts_do_not_matter(void **state)
{
	(void)state;
	static struct story story, moved;
	for (int round = 0; round < ROUNDS; round++) {
		random_story(&story);
		struct question question;
		random_question(&story, &question);
		char *expected AUTO_FREE = answer(&story, &question);
		move_story(&story, &moved, &question);
		char *again AUTO_FREE = answer(&moved, &question);
		assert_string_equal(again, expected);
	}
}

int main(void)
{
	random_begin(20261120);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_for_every_history),
		cmocka_unit_test(the_places_of_facts_do_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
