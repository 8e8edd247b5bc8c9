#include "daemon/access/token/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/access/token/claims.h"
#include "daemon/access/token/vault.h"
#include "proto/base/cleanup.h"

static json_t *tokens_of(const struct ledger *ledger)
{
	return json_object_get(ledger->root, "tokens");
}

static bool is_understood(const json_t *root)
{
	const json_t *tokens = json_object_get(root, "tokens");
	for (size_t i = 0; i < json_array_size(tokens); i++) {
		const json_t *token = json_array_get(tokens, i);
		if (!json_is_string(json_object_get(token, "id")) ||
		    !json_is_string(json_object_get(token, "subject")) ||
		    !json_is_integer(json_object_get(token, "expires")) ||
		    !json_is_boolean(json_object_get(token, "revoked")))
			return false;
	}
	return json_is_array(tokens);
}

int ledger_load(int vault_fd, struct ledger *ret_ledger, struct error *error)
{
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct ledger ledger = {0};
	int err = vault_read(vault_fd, LEDGER_NAME, &bytes, &ledger.seen, error);
	if (err)
		return err;
	if (ledger.seen.st_ino)
		ledger.root = json_loadb((const char *)bytes.at, bytes.len,
					 JSON_REJECT_DUPLICATES, NULL);
	if (ledger.seen.st_ino && !is_understood(ledger.root)) {
		json_decref(ledger.root);
		return error_set(error, ERR_DAMAGED,
				 "`access/" LEDGER_NAME
				 "`: is no list of tokens; none of "
				 "this daemon's is accepted (put it back from a copy, or "
				 "remove it and create every token anew)");
	}
	*ret_ledger = ledger;
	return 0;
}

void ledger_fini(struct ledger *ledger)
{
	json_decref(ledger->root);
	*ledger = (struct ledger){0};
}

size_t ledger_count(const struct ledger *ledger)
{
	return json_array_size(tokens_of(ledger));
}

struct ledger_entry ledger_at(const struct ledger *ledger, size_t at)
{
	const json_t *token = json_array_get(tokens_of(ledger), at);
	return (struct ledger_entry){
		.id = json_string_value(json_object_get(token, "id")),
		.subject = json_string_value(json_object_get(token, "subject")),
		.expires_s = json_integer_value(json_object_get(token, "expires")),
		.revoked = json_is_true(json_object_get(token, "revoked")),
	};
}

bool ledger_find(const struct ledger *ledger, const char *id,
		 struct ledger_entry *ret_entry)
{
	for (size_t i = 0; i < ledger_count(ledger); i++) {
		*ret_entry = ledger_at(ledger, i);
		if (strcmp(ret_entry->id, id) == 0)
			return true;
	}
	return false;
}

/* Only where room is needed, and those that expired first: were the clock ahead once, all
 * tokens would be refused for good. */
static void make_room(struct ledger *ledger, int64_t now_s)
{
	size_t first = 0;
	for (size_t i = 1; i < ledger_count(ledger); i++)
		if (ledger_at(ledger, i).expires_s < ledger_at(ledger, first).expires_s)
			first = i;
	if (ledger_count(ledger) >= LEDGER_MAX &&
	    ledger_at(ledger, first).expires_s < now_s - CLOCK_TOLERANCE_S)
		(void)json_array_remove(tokens_of(ledger), first);
}

int ledger_save(struct ledger *ledger, int vault_fd, struct error *error)
{
	char *text AUTO_FREE = json_dumps(ledger->root, JSON_INDENT(1));
	if (!text)
		return error_set(error, ERR_NO_MEMORY, "no memory for the tokens");
	return vault_replace(vault_fd, LEDGER_NAME, text, strlen(text), error);
}

int ledger_add(struct ledger *ledger, const struct ledger_entry *entry, int64_t now_s,
	       struct error *error)
{
	if (!ledger->root)
		ledger->root = json_pack("{s:[]}", "tokens");
	make_room(ledger, now_s);
	if (ledger_count(ledger) >= LEDGER_MAX)
		return error_set(
			error, ERR_LIMIT,
			"%u tokens have not expired, which is as many as can be; "
			"give them a shorter life (--expires)",
			LEDGER_MAX);
	json_t *token = json_pack("{s:s, s:s, s:I, s:b}", "id", entry->id, "subject",
				  entry->subject, "expires", (json_int_t)entry->expires_s,
				  "revoked", 0);
	if (!token || json_array_append_new(tokens_of(ledger), token) < 0)
		return error_set(error, ERR_NO_MEMORY, "no memory for the token");
	return 0;
}

int ledger_revoke(struct ledger *ledger, const char *id, struct error *error)
{
	for (size_t i = 0; i < ledger_count(ledger); i++) {
		if (strcmp(ledger_at(ledger, i).id, id) != 0)
			continue;
		json_t *token = json_array_get(tokens_of(ledger), i);
		(void)json_object_set_new(token, "revoked", json_true());
		return 0;
	}
	return error_set(error, ERR_NOT_FOUND,
			 "there is no token `%s`, or it has expired; `batond token list` "
			 "shows their ids",
			 id);
}

int64_t ledger_last_expiry(const struct ledger *ledger)
{
	int64_t last = 0;
	for (size_t i = 0; i < ledger_count(ledger); i++) {
		struct ledger_entry entry = ledger_at(ledger, i);
		if (!entry.revoked && entry.expires_s > last)
			last = entry.expires_s;
	}
	return last;
}
