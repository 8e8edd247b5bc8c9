#include "daemon/session/nothing.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/session/unknown.h"
#include "proto/base/advice.h"

#define SENTENCE_SIZE 1000u

struct sentence {
	char text[SENTENCE_SIZE];
	size_t len;
};

static void say(struct sentence *sentence, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct sentence *sentence, const char *format, ...)
{
	size_t room = sizeof(sentence->text) - sentence->len;
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(sentence->text + sentence->len, room, format, arguments);
	va_end(arguments);
	if (len > 0)
		sentence->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* Whether a name has a comma in it: it may have been meant as a list. */
static bool has_comma(const struct text_list *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i].len &&
		    memchr(names->items[i].at, ',', names->items[i].len))
			return true;
	return false;
}

/* Names them after `intro`. */
static void say_names(struct session *session, const char *intro,
		      const struct text_list *names, struct sentence *sentence)
{
	for (size_t i = 0; i < names->count; i++)
		say(sentence, "%s `%s`", i ? "," : intro,
		    arena_text(session->arena, names->items[i]));
}

/* Adds the names in the request that the daemon never heard of. Returns advice. */
static uint32_t say_unknown(struct session *session, const struct session_view *view,
			    struct sentence *sentence)
{
	struct text_list needs = unknown_in_needs(session, view);
	struct text_list from = {0};
	say_names(session, "; the daemon never heard of the job", &needs, sentence);
	if (view->contact.workflow_id || session->request->attach.from_workflow.len)
		from = unknown_in_names(session, view, &session->request->attach.from);
	say_names(session, "; the daemon never heard of", &from, sentence);
	return (has_comma(&needs) ? ADVICE_ONE_NEED_EACH : 0u) |
	       (has_comma(&from) ? ADVICE_ONE_FROM_EACH : 0u);
}

int nothing_error(struct session *session, const struct session_view *view,
		  struct error *error)
{
	const struct msg_attach *attach = &session->request->attach;
	bool other = attach->from_workflow.len > 0;
	const char *workflow =
		arena_text(session->arena,
			   other ? attach->from_workflow : attach->identity.workflow);
	uint32_t advice = ADVICE_ALLOW_EMPTY;
	struct sentence sentence = {0};
	if (!other && view->contact.workflow_id == 0) {
		say(&sentence,
		    "workflow `%s` is unknown here: nothing was persisted under that "
		    "name",
		    workflow);
		advice |= ADVICE_RETRY_OF;
	} else {
		say(&sentence, "workflow `%s` has no layer that this job would see",
		    workflow);
	}
	say_names(session, " from", &attach->from, &sentence);
	advice |= say_unknown(session, view, &sentence);
	if (view->view.stale_count) {
		say(&sentence, "; %zu stale ones were left out", view->view.stale_count);
		advice |= ADVICE_STALE_BACK;
	}
	if (view->left_out.count) {
		say(&sentence, "; %" PRIu64 " of untrusted jobs were left out",
		    view->left_out.count);
		advice |= ADVICE_UNTRUSTED_TOO;
	}
	(void)error_set(error, ERR_NOT_FOUND, "%s", sentence.text);
	return error_advise(error, advice);
}
