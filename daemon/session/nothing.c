#include "daemon/session/nothing.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/session/unknown.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/enumeration.h"
#include "proto/bounds.h"

static void say(struct buffer *sentence, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct buffer *sentence, const char *format, ...)
{
	char *part AUTO_FREE = NULL;
	va_list arguments;
	va_start(arguments, format);
	int len = vasprintf(&part, format, arguments);
	va_end(arguments);
	if (len > 0)
		buffer_put(sentence, part, (size_t)len);
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

/* Names them after `intro`, or the first few. */
static void say_names(struct session *session, const char *intro,
		      const struct text_list *names, struct buffer *sentence)
{
	struct enumeration enumeration AUTO(enumeration_fini) = {0};
	for (size_t i = 0; i < names->count; i++) {
		char quoted[NAME_LEN_MAX + 3];
		text_print(quoted, sizeof(quoted), "`%s`",
			   arena_text(session->arena, names->items[i]));
		enumeration_add(&enumeration, quoted);
	}
	if (names->count > 0)
		say(sentence, "%s %s", intro, enumeration_end(&enumeration));
}

/* Adds the names in the request that the daemon never heard of. Returns advice. */
static uint32_t say_unknown(struct session *session, const struct session_view *view,
			    struct buffer *sentence)
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
	struct buffer sentence AUTO(buffer_fini) = {0};
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
	(void)error_set(error, ERR_NOT_FOUND, "%.*s", (int)sentence.len,
			(const char *)sentence.at);
	return error_advise(error, advice);
}
