#include "daemon/verb/persist/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/history/names.h"
#include "daemon/session/authorise.h"
#include "daemon/session/layer_message.h"
#include "daemon/workspace/outcome.h"
#include "daemon/workspace/rival.h"
#include "proto/base/advice.h"
#include "proto/base/cleanup.h"
#include "proto/base/enumeration.h"
#include "proto/base/escape.h"
#include "proto/bounds.h"

#define WARNING_SIZE 1000u
#define WARNINGS_MAX 6u
#define LABEL_SIZE 600u

static void list_replaced(struct session *session, const struct outcome *outcome,
			  struct msg_committed *message)
{
	message->replaces.items = arena_take(
		session->arena, (outcome->replaced_count + 1) * sizeof(struct text));
	for (size_t i = 0; i < outcome->replaced_count; i++)
		message->replaces.items[message->replaces.count++] = layer_message_id(
			session->arena, &outcome->now.records[outcome->replaced[i]]);
}

/* advice: its name; "": there is none. */
static void warn(struct session *session, struct msg_committed *message,
		 const char *advice, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void warn(struct session *session, struct msg_committed *message,
		 const char *advice, const char *format, ...)
{
	char sentence[WARNING_SIZE];
	char *whole AUTO_FREE = NULL;
	va_list arguments;
	va_start(arguments, format);
	int len = vasprintf(&whole, format, arguments);
	va_end(arguments);
	text_shorten(len < 0 ? format : whole, sentence, sizeof(sentence));
	message->warning_advice.items[message->warning_advice.count++] = text_of(advice);
	message->warnings.items[message->warnings.count++] =
		arena_copy(session->arena, sentence);
}

static const char *label_of(const struct outcome *outcome, uint32_t layer,
			    char ret_label[LABEL_SIZE])
{
	const struct history *history = &outcome->now.history;
	execution_label(&history->executions[history->layers[layer].execution], ret_label,
			LABEL_SIZE);
	return ret_label;
}

static void warn_if_late(struct session *session, const struct outcome *outcome,
			 struct msg_committed *message)
{
	char label[LABEL_SIZE];
	if (outcome->view.states[outcome->layer] == LAYER_LATE)
		warn(session, message, advice_name(ADVICE_AT_LOG_ALL),
		     "a later execution of this job has persisted already: what `%s` "
		     "persisted now stays out of every view",
		     label_of(outcome, outcome->layer, label));
}

/* Rule W9: what it was built on was replaced while it was made. */
static void warn_if_stale(struct session *session, const struct outcome *outcome,
			  struct msg_committed *message)
{
	char sentence[WARNING_SIZE];
	if (outcome->view.states[outcome->layer] != LAYER_STALE)
		return;
	view_stale_sentence(&outcome->now.history, &outcome->view, outcome->layer,
			    sentence, sizeof(sentence));
	warn(session, message, "", "%s", sentence);
}

static void warn_of_conflict(struct session *session, const struct outcome *outcome,
			     struct msg_committed *message)
{
	char label[LABEL_SIZE], path[ESCAPE_SHOWN_SIZE];
	warn(session, message, advice_name(ADVICE_AT_CHOOSE_LATER),
	     "`%s` was also persisted by `%s`, with %s and without either "
	     "having seen the other: an attach of both will fail until one is chosen",
	     escape_shown(outcome->conflict_path, outcome->conflict_path_len, path),
	     label_of(outcome, outcome->conflict_with, label),
	     outcome->conflict_of_mode ? "another mode" : "other content");
}

/* Rule W7: a persist that already sees a conflict coming warns. */
static int warn_if_conflicting(struct session *session, struct outcome *outcome,
			       struct msg_committed *message, struct error *error)
{
	const struct services *services = session->services;
	if (!outcome_has_concurrent(outcome))
		return 0;
	/* One permit for all of it: so as many merges as there are cores have their
	 * layers in memory, however many persists end at once. */
	crew_enter(services->crew);
	int err = outcome_foresee(services->store, outcome, session->wake_fd, error);
	crew_leave(services->crew);
	if (err == 0 && outcome->conflict_path)
		warn_of_conflict(session, outcome, message);
	return err;
}

static bool is_heard_of(const struct history *history, struct text job)
{
	for (size_t i = 0; i < history->execution_count; i++)
		if (!history->executions[i].fact &&
		    text_is(job, history->executions[i].job))
			return true;
	return false;
}

/* Mostly mistyped, and without effect until such a job is there. */
static void warn_of_needs(struct session *session, const struct outcome *outcome,
			  struct msg_committed *message)
{
	const struct text_list *needs = &session->request->persist.identity.needs;
	struct enumeration unknown AUTO(enumeration_fini) = {0};
	bool is_any = false, has_comma = false;
	for (size_t i = 0; i < needs->count; i++) {
		struct text need = needs->items[i];
		char quoted[NAME_LEN_MAX + 3];
		if (is_heard_of(&outcome->now.history, need))
			continue;
		text_print(quoted, sizeof(quoted), "`%.*s`", (int)need.len, need.at);
		enumeration_add(&unknown, quoted);
		is_any = true;
		has_comma |= need.len && memchr(need.at, ',', need.len);
	}
	if (is_any)
		warn(session, message,
		     has_comma ? advice_name(ADVICE_AT_ONE_NEED_EACH) : "",
		     "needs %s: the daemon never heard of that in this workflow",
		     enumeration_end(&unknown));
}

/* A layer of an earlier execution that this one replaced, committed when it had begun
 * already: a retry begins when what it retries has ended. VIEW_NONE: there is none. */
static uint32_t find_beside(const struct outcome *outcome, int64_t last_layer_before)
{
	const struct history_layer *layers = outcome->now.history.layers;
	for (size_t i = 0; i < outcome->replaced_count; i++) {
		uint32_t at = outcome->replaced[i];
		if (outcome->now.records[at].id > last_layer_before &&
		    !digest_equal(&layers[at].content, &layers[outcome->layer].content))
			return at;
	}
	return VIEW_NONE;
}

/* Executions of one name that ran side by side may be two jobs, not a job and its retry.
 */
static void warn_if_beside(struct session *session, const struct outcome *outcome,
			   const struct contact *contact, struct msg_committed *message)
{
	char label[LABEL_SIZE], other[LABEL_SIZE];
	uint32_t beside = find_beside(
		outcome,
		catalogue_last_layer_before(store_catalogue(session->services->store),
					    contact->execution_id));
	if (beside == VIEW_NONE)
		return;
	warn(session, message, advice_name(ADVICE_AT_NAME_SHARD),
	     "`%s` replaces what `%s` persisted while both were running: that is right "
	     "for a retry, but not for two jobs of one name",
	     label_of(outcome, outcome->layer, label), label_of(outcome, beside, other));
}

static void warn_of_rival(struct session *session, const struct outcome *outcome,
			  const struct overlap_path *path, struct msg_committed *message)
{
	char label[LABEL_SIZE], shown[ESCAPE_SHOWN_SIZE];
	warn(session, message, advice_name(ADVICE_AT_NAME_SHARD),
	     "another persist as `%s` was there at the same time, with other content at "
	     "`%s`: the one that ended later counts, which is chance",
	     label_of(outcome, outcome->layer, label),
	     escape_shown(path->path, path->len, shown));
}

/* The sequence of the last layer that the execution had. */
static uint32_t last_sequence(const struct catalogue_history *history)
{
	uint32_t last = 0;
	for (size_t i = 0; i < history->history.layer_count; i++) {
		const struct history_layer *layer = &history->history.layers[i];
		if (!layer->shadow && layer->execution == history->own_execution &&
		    layer->sequence > last)
			last = layer->sequence;
	}
	return last;
}

/* What belongs to one execution, for all that is known, may be of two jobs. */
static int warn_if_rivalled(struct session *session, const struct outcome *outcome,
			    const struct catalogue_history *before,
			    struct msg_committed *message, struct error *error)
{
	const struct services *services = session->services;
	const struct rivalry rivalry = {&outcome->now, outcome->layer,
					last_sequence(before)};
	if (!rival_exists(&rivalry))
		return 0;
	struct overlap overlap AUTO(overlap_fini) = {0};
	crew_enter(services->crew);
	int err =
		rival_find(services->store, &rivalry, session->wake_fd, &overlap, error);
	crew_leave(services->crew);
	if (err == 0 && overlap.count > 0)
		warn_of_rival(session, outcome, &overlap.paths[0], message);
	return err;
}

int session_outcome(struct session *session, const struct persisted *persisted,
		    struct msg_committed *message, struct error *error)
{
	struct outcome outcome AUTO(outcome_fini) = {0};
	struct text run = session->request->persist.identity.run;
	message->warnings.items =
		arena_take(session->arena, WARNINGS_MAX * sizeof(struct text));
	message->warning_advice.items =
		arena_take(session->arena, WARNINGS_MAX * sizeof(struct text));
	int err = outcome_make(store_catalogue(session->services->store),
			       persisted->contact,
			       arena_text(session->arena, run.len ? run : text_of("1")),
			       persisted->layer_id, &outcome, error);
	if (err)
		return err;
	warn_if_late(session, &outcome, message);
	warn_if_stale(session, &outcome, message);
	warn_if_beside(session, &outcome, persisted->contact, message);
	warn_of_needs(session, &outcome, message);
	list_replaced(session, &outcome, message);
	/* What follows tells of others' content: who may not read could ask by guessing.
	 */
	if (!session_reads_workflow(session))
		return 0;
	err = warn_if_rivalled(session, &outcome, persisted->before, message, error);
	return err ? err : warn_if_conflicting(session, &outcome, message, error);
}
