/*
 * Histories told in a line, for the tests of views. A story is a list of events in the
 * order in which they happened, separated by ';':
 *
 *   WHO makes LAYER            commits a layer whose content is its name
 *   WHO makes LAYER=CONTENT    … whose content is this word
 *   WHO recalls LAYER=CONTENT  a shadow: a base that was not inherited
 *   WHO sees LAYER...          attached these, one or more
 *   WHO needs [JOB...]         declared needs, perhaps none
 *   WHO starts                 was heard of
 *
 * WHO is JOB[#SHARD][@RUN][!ATTEMPT], with ~ in front for an inherited one.
 *
 * A question is "WHO asks [needs JOB...] [from JOB...] [keep]"; `anyone` asks without a
 * job, `log` for every run. The answer reads "A B<A C<A,B": layers in order, each with
 * what it comes directly after; then " stale S(A)" with the base at fault, " unknown x",
 * or "error: SENTENCE [advice]" alone. "states" answers "A=replaced(B) B=visible".
 */
#ifndef BATON_TESTS_UNIT_STORY_H
#define BATON_TESTS_UNIT_STORY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/view/view.h"
#include "proto/base/cleanup.h"
#include "tests/harness/advised.h"

#define STORY_ITEMS 64
#define STORY_TEXT 2048

struct story {
	char text[STORY_TEXT]; /* cut into words in place */
	struct history_execution executions[STORY_ITEMS];
	struct history_layer layers[STORY_ITEMS];
	const char *names[STORY_ITEMS]; /* of layers */
	uint32_t attached[STORY_ITEMS][STORY_ITEMS];
	uint32_t bases[STORY_ITEMS][STORY_ITEMS];
	const char *needs[STORY_ITEMS][STORY_ITEMS];
	const char *runs[STORY_ITEMS];
	size_t run_count;
	struct history history;
};

static inline void story_begin(struct story *story)
{
	memset(story, 0, sizeof(*story));
	story->history.executions = story->executions;
	story->history.layers = story->layers;
}

static inline uint64_t story_run_heard(struct story *story, const char *run)
{
	for (size_t i = 0; i < story->run_count; i++)
		if (strcmp(story->runs[i], run) == 0)
			return i;
	claim(story->run_count < STORY_ITEMS);
	story->runs[story->run_count] = run;
	return story->run_count++;
}

/* Cuts "job#shard@run!attempt" up. */
static inline struct history_execution story_who(char *word)
{
	struct history_execution who = {.run = "1", .shard = "", .attempt = "1"};
	who.inherited = word[0] == '~';
	who.job = word + who.inherited;
	for (char *at = word; *at; at++) {
		char kind = *at;
		if (kind != '#' && kind != '@' && kind != '!')
			continue;
		*at = '\0';
		*(kind == '#'   ? &who.shard
		  : kind == '@' ? &who.run
				: &who.attempt) = at + 1;
	}
	return who;
}

static inline bool story_same(const struct history_execution *a,
			      const struct history_execution *b)
{
	return a->inherited == b->inherited && strcmp(a->job, b->job) == 0 &&
	       strcmp(a->shard, b->shard) == 0 && strcmp(a->run, b->run) == 0 &&
	       strcmp(a->attempt, b->attempt) == 0;
}

static inline uint32_t story_find(const struct story *story,
				  const struct history_execution *who)
{
	for (uint32_t i = 0; i < story->history.execution_count; i++)
		if (story_same(&story->executions[i], who))
			return i;
	return VIEW_NONE;
}

static inline uint32_t story_execution(struct story *story, struct history_execution who)
{
	uint32_t at = story_find(story, &who);
	if (at != VIEW_NONE)
		return at;
	claim(story->history.execution_count < STORY_ITEMS);
	at = (uint32_t)story->history.execution_count++;
	who.heard = at;
	who.fact = true; /* until it does more than recalling */
	who.run_heard = story_run_heard(story, who.run);
	who.attached = story->attached[at];
	who.needs = story->needs[at];
	story->executions[at] = who;
	return at;
}

static inline uint32_t story_layer_named(const struct story *story, const char *name)
{
	for (uint32_t i = 0; i < story->history.layer_count; i++)
		if (strcmp(story->names[i], name) == 0)
			return i;
	claim_failed(name, __FILE__, __LINE__);
}

static inline void story_see(struct story *story, uint32_t execution, uint32_t layer)
{
	struct history_execution *who = &story->executions[execution];
	for (size_t i = 0; i < who->attached_count; i++)
		if (story->attached[execution][i] == layer)
			return;
	story->attached[execution][who->attached_count++] = layer;
}

static inline uint32_t story_make(struct story *story, uint32_t execution,
				  const char *name, const char *content)
{
	claim(story->history.layer_count < STORY_ITEMS);
	uint32_t at = (uint32_t)story->history.layer_count++;
	const struct history_execution *who = &story->executions[execution];
	uint32_t sequence = 1;
	for (uint32_t i = 0; i < at; i++)
		sequence += story->layers[i].execution == execution;
	story->names[at] = name;
	story->layers[at] = (struct history_layer){
		.execution = execution,
		.sequence = sequence,
		.commit = 100 + at,
		.content = sha256_of(content, strlen(content)),
		.inherited = who->inherited,
		.bases = story->bases[at],
		.base_count = who->attached_count,
	};
	memcpy(story->bases[at], story->attached[execution], sizeof(story->bases[at]));
	return at;
}

static inline void story_event(struct story *story, char *event)
{
	char *rest = NULL;
	char *word = strtok_r(event, " ", &rest);
	if (!word)
		return;
	uint32_t at = story_execution(story, story_who(word));
	struct history_execution *who = &story->executions[at];
	const char *verb = strtok_r(NULL, " ", &rest);
	claim(verb);
	who->fact &= verb[0] == 'r';
	if (strcmp(verb, "needs") == 0)
		who->has_needs = true;
	while ((word = strtok_r(NULL, " ", &rest))) {
		if (verb[0] == 'n') {
			story->needs[at][who->need_count++] = word;
		} else if (verb[0] == 's') {
			story_see(story, at, story_layer_named(story, word));
		} else {
			char *content = strchr(word, '=');
			if (content)
				*content++ = '\0';
			uint32_t layer =
				story_make(story, at, word, content ? content : word);
			story->layers[layer].shadow = verb[0] == 'r';
		}
	}
}

static inline void story_tell(struct story *story, const char *text)
{
	story_begin(story);
	claim(strlen(text) < sizeof(story->text));
	memcpy(story->text, text, strlen(text) + 1);
	char *rest = NULL;
	for (char *event = strtok_r(story->text, ";", &rest); event;
	     event = strtok_r(NULL, ";", &rest))
		story_event(story, event);
}

/* ---- questions ---- */

struct question {
	char text[256];
	struct view_request request;
	const char *needs[16];
	const char *from[16];
};

static inline void question_word(struct question *question, const char **list,
				 const char *word)
{
	if (list == question->needs)
		question->needs[question->request.need_count++] = word;
	else
		question->from[question->request.from_count++] = word;
}

static inline void question_ask(const struct story *story, const char *text,
				struct question *ret_question)
{
	struct question *it = ret_question;
	memset(it, 0, sizeof(*it));
	claim(strlen(text) < sizeof(it->text));
	memcpy(it->text, text, strlen(text) + 1);
	it->request = (struct view_request){.run = "1",
					    .execution = VIEW_NONE,
					    .layer = VIEW_NONE,
					    .needs = it->needs,
					    .from = it->from};
	char *rest = NULL, *word = strtok_r(it->text, " ", &rest);
	struct history_execution who = story_who(word);
	it->request.run = strcmp(who.job, "log") == 0 ? NULL : who.run;
	if (it->request.run && strcmp(who.job, "anyone") != 0) {
		it->request.job = who.job;
		it->request.execution = story_find(story, &who);
	}
	const char **list = it->needs;
	claim(strcmp(strtok_r(NULL, " ", &rest), "asks") == 0);
	while ((word = strtok_r(NULL, " ", &rest))) {
		if (strcmp(word, "needs") == 0)
			it->request.has_needs = true;
		else if (strcmp(word, "from") == 0)
			list = it->from;
		else if (strcmp(word, "keep") == 0)
			it->request.stale_keep = true;
		else
			question_word(it, list, word);
	}
}

/* ---- answers ---- */

static inline void answer_view(FILE *out, const struct story *story,
			       const struct question *question, const struct view *view)
{
	for (size_t i = 0; i < view->layer_count; i++) {
		const struct view_layer *layer = &view->layers[i];
		fprintf(out, "%s%s", i ? " " : "", story->names[layer->layer]);
		for (size_t k = 0; k < layer->after_count; k++)
			fprintf(out, "%s%s", k ? "," : "<",
				story->names[view->layers[layer->after[k]].layer]);
	}
	for (size_t i = 0; i < view->stale_count; i++)
		fprintf(out, " stale %s(%s)", story->names[view->stale[i]],
			story->names[view->reasons[view->stale[i]]]);
	for (size_t i = 0; i < view->unknown_need_count; i++)
		fprintf(out, " unknown %s", question->needs[view->unknown_needs[i]]);
}

static inline void answer_states(FILE *out, const struct story *story,
				 const struct view *view)
{
	static const char *const names[] = {
		[LAYER_VISIBLE] = "visible", [LAYER_REPLACED] = "replaced",
		[LAYER_LATE] = "late",       [LAYER_STALE] = "stale",
		[LAYER_HIDDEN] = "hidden",
	};
	for (uint32_t i = 0; i < story->history.layer_count; i++) {
		fprintf(out, "%s%s=%s", i ? " " : "", story->names[i],
			names[view->states[i]]);
		if (view->reasons[i] != VIEW_NONE)
			fprintf(out, "(%s)", story->names[view->reasons[i]]);
	}
}

/* The answer as text, owned by the caller. */
static inline char *story_answer(const struct story *story, const char *text)
{
	char *answer = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&answer, &len);
	claim(out);
	bool states = strncmp(text, "states", 6) == 0;
	struct question question;
	question_ask(story, states ? "log asks" : text, &question);
	struct view view AUTO(view_fini) = {0};
	struct error error = {0};
	char said[ADVISED_SIZE];
	int result = view_make(&story->history, &question.request, &view, &error);
	if (result < 0)
		fprintf(out, "error: %s", advised(&error, said));
	else if (states)
		answer_states(out, story, &view);
	else
		answer_view(out, story, &question, &view);
	claim(fclose(out) == 0);
	return answer;
}

#endif
