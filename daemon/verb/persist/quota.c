#include "daemon/verb/persist/quota.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/access/grant/tier.h"
#include "daemon/store/life/ending.h"
#include "daemon/terms/terms.h"

#define ENDING_SIZE 512u

static struct text namespace_of(const struct persisting *persist)
{
	return request_namespace(persist->session->request);
}

static struct terms terms_now(const struct persisting *persist)
{
	const struct session *session = persist->session;
	return terms_of(session->services->terms, namespace_of(persist), session->tier);
}

int persist_quota_enter(struct persisting *persist, struct error *error)
{
	struct terms terms = terms_now(persist);
	const struct quota quota = {.bytes = terms.quota, .layers = terms.layers};
	return transaction_enter(persist->transaction, &quota, error);
}

void persist_quota_renew(struct persisting *persist)
{
	transaction_set_quota(persist->transaction, terms_now(persist).quota);
}

/* "14 days", "3 hours", "2 minutes". */
static void say_time(uint64_t ms, char *ret_text, size_t room)
{
	uint64_t minutes = ms / 60000, hours = minutes / 60, days = hours / 24;
	if (days > 1)
		(void)snprintf(ret_text, room, "%" PRIu64 " days", days);
	else if (hours > 1)
		(void)snprintf(ret_text, room, "%" PRIu64 " hours", hours);
	else
		(void)snprintf(ret_text, room, "%" PRIu64 " minutes", minutes + 1);
}

static void say_ending(const struct ending *ending, char ret_text[ENDING_SIZE])
{
	char time[32];
	say_time(ending->in_ms, time, sizeof(time));
	if (!ending->workflow[0])
		(void)snprintf(ret_text, ENDING_SIZE, "nothing in it ends by itself");
	else if (ending->has_expired)
		(void)snprintf(ret_text, ENDING_SIZE,
			       "workflow `%s` has expired, and its room comes back first",
			       ending->workflow);
	else
		(void)snprintf(ret_text, ENDING_SIZE, "workflow `%s` ends first, in %s",
			       ending->workflow, time);
}

void persist_quota_explain(const struct persisting *persist, struct error *error)
{
	struct text namespace = namespace_of(persist);
	enum tier tier = persist->session->tier;
	struct ending ending = {0};
	struct error why = *error, ignored;
	(void)ending_next(store_catalogue(persist->session->services->store),
			  persist->contact.namespace_id, terms_now(persist).retention_ms,
			  &ending, &ignored);
	char next[ENDING_SIZE];
	say_ending(&ending, next);
	(void)error_set(error, ERR_QUOTA, "namespace `%.*s`%s%s%s: %s; %s",
			(int)namespace.len, namespace.at,
			tier == TIER_UNTRUSTED ? " (" : "",
			tier == TIER_UNTRUSTED ? tier_text(tier) : "",
			tier == TIER_UNTRUSTED ? ")" : "", why.text, next);
}
