#include "daemon/token_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/access/token/claims.h"
#include "daemon/access/token/keyring.h"
#include "daemon/access/token/ledger.h"
#include "daemon/access/token/token.h"
#include "daemon/access/token/vault.h"
#include "daemon/service/config.h"
#include "daemon/token_options.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/json_writer.h"
#include "proto/base/text.h"
#include "proto/options/help.h"

/* The vault, and what lies in it, with its lock held. */
struct desk {
	int vault_fd, lock_fd; /* owned */
	bool has_data;         /* the data directory is there */
	struct keyring keyring;
	struct ledger ledger;
	int64_t now_s;
};

static void desk_close(struct desk *desk)
{
	keyring_fini(&desk->keyring);
	ledger_fini(&desk->ledger);
	cleanup_fd_(&desk->lock_fd);
	cleanup_fd_(&desk->vault_fd);
}

/* The daemon's data directory, as the daemon itself would find it. */
static int find_data(const struct token_options *options, struct config *config,
		     struct error *error)
{
	char *arguments[5] = {must_strdup("batond")};
	int count = 1;
	if (options->config) {
		arguments[count++] = must_strdup("--config");
		arguments[count++] = must_strdup(options->config);
	}
	if (options->data) {
		arguments[count++] = must_strdup("--data");
		arguments[count++] = must_strdup(options->data);
	}
	int err = config_read(config, count, arguments, error);
	for (int i = 0; i < count; i++)
		free(arguments[i]);
	return err;
}

/* What only reads makes no folder. */
static int desk_open(struct desk *desk, const struct token_options *options,
		     struct error *error)
{
	struct config config AUTO(config_fini) = {0};
	int err = find_data(options, &config, error);
	desk->has_data = err == 0 && access(config.data, F_OK) == 0;
	if (err == 0)
		err = vault_open(config.data, options->verb != TOKEN_LIST,
				 &desk->vault_fd, error);
	if (err == 0)
		err = vault_lock(desk->vault_fd, &desk->lock_fd, error);
	if (err == 0)
		err = keyring_load(desk->vault_fd, &desk->keyring, error);
	return err ? err : ledger_load(desk->vault_fd, &desk->ledger, error);
}

/* ---- create ---- */

static int make_first_key(struct desk *desk, struct error *error)
{
	if (keyring_signer(&desk->keyring))
		return 0;
	int err = keyring_rotate(&desk->keyring, desk->now_s, error);
	return err ? err
		   : keyring_save(&desk->keyring, desk->vault_fd, desk->now_s, error);
}

static void print_token(const struct token *token, const char *text, bool json)
{
	struct buffer out AUTO(buffer_fini) = {0};
	grant_describe(token->grant, &out);
	buffer_put_u8(&out, 0);
	struct buffer line AUTO(buffer_fini) = {0};
	struct json_writer writer;
	if (!json) {
		printf("%s\n", text);
		fprintf(stderr, "token %s for %s, until %s; it is shown this once\n",
			token->id, (const char *)out.at,
			time_text_of(token->expires_s).at);
		return;
	}
	json_writer_init(&writer, &line);
	json_writer_object_begin(&writer, NULL);
	json_writer_text(&writer, "token", text);
	json_writer_text(&writer, "id", token->id);
	json_writer_text(&writer, "subject", token->subject);
	json_writer_text(&writer, "grant", (const char *)out.at);
	json_writer_text(&writer, "tier", tier_text(token->tier));
	json_writer_signed(&writer, "expires", token->expires_s);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	(void)fwrite(line.at, 1, line.len, stdout);
}

/* The token is in the ledger before anybody can have it. */
static int create_token(struct desk *desk, const struct token_options *options,
			struct error *error)
{
	char id[ACCESS_ID_LEN + 1], *text AUTO_FREE = NULL;
	struct token token = {
		.id = id,
		.subject = options->subject ? options->subject
					    : options->grant.namespaces.items[0],
		.grant = &options->grant,
		.tier = options->tier,
		.issued_s = desk->now_s,
		.expires_s = desk->now_s + (int64_t)(options->expires_ms / 1000),
	};
	int err = access_id_make(id, error);
	if (err == 0)
		err = make_first_key(desk, error);
	if (err == 0)
		err = token_sign(&token, keyring_signer(&desk->keyring), &text, error);
	if (err == 0 && strlen(text) > TOKEN_LEN_MAX)
		err = error_set(error, ERR_USAGE,
				"the token would be longer than %u bytes; give it fewer "
				"namespaces",
				TOKEN_LEN_MAX);
	struct ledger_entry entry = {
		.id = id, .subject = token.subject, .expires_s = token.expires_s};
	if (err == 0)
		err = ledger_add(&desk->ledger, &entry, desk->now_s, error);
	if (err == 0)
		err = ledger_save(&desk->ledger, desk->vault_fd, error);
	if (err == 0)
		print_token(&token, text, options->json);
	return err;
}

/* ---- list, revoke, rotate ---- */

/* For a minute an expired one is still taken: clocks differ. */
static bool is_taken(const struct ledger_entry *entry, int64_t now_s)
{
	return now_s < entry->expires_s + CLOCK_TOLERANCE_S;
}

static const char *state_of(const struct ledger_entry *entry, int64_t now_s)
{
	if (entry->revoked)
		return "revoked";
	return now_s < entry->expires_s ? "valid" : "expiring";
}

/* Whatever the file says. */
static void print_entry(const struct ledger_entry *entry, int64_t now_s)
{
	char id[NAME_LEN_MAX + 1], subject[NAME_LEN_MAX + 1];
	(void)text_clean(text_of(entry->id), id, sizeof(id));
	(void)text_clean(text_of(entry->subject), subject, sizeof(subject));
	printf("%-*s  %-23s  %-8s  %s\n", (int)ACCESS_ID_LEN, id,
	       time_text_of(entry->expires_s).at, state_of(entry, now_s), subject);
}

static void list_json(const struct desk *desk)
{
	struct buffer line AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &line);
	json_writer_object_begin(&writer, NULL);
	json_writer_array_begin(&writer, "tokens");
	for (size_t i = 0; i < ledger_count(&desk->ledger); i++) {
		struct ledger_entry entry = ledger_at(&desk->ledger, i);
		if (!is_taken(&entry, desk->now_s))
			continue;
		json_writer_object_begin(&writer, NULL);
		json_writer_text(&writer, "id", entry.id);
		json_writer_text(&writer, "subject", entry.subject);
		json_writer_signed(&writer, "expires", entry.expires_s);
		json_writer_boolean(&writer, "revoked", entry.revoked);
		json_writer_text(&writer, "state", state_of(&entry, desk->now_s));
		json_writer_object_end(&writer);
	}
	json_writer_array_end(&writer);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	(void)fwrite(line.at, 1, line.len, stdout);
}

static int list_tokens(struct desk *desk, const struct token_options *options)
{
	if (options->json) {
		list_json(desk);
		return 0;
	}
	for (size_t i = 0; i < ledger_count(&desk->ledger); i++) {
		struct ledger_entry entry = ledger_at(&desk->ledger, i);
		if (is_taken(&entry, desk->now_s))
			print_entry(&entry, desk->now_s);
	}
	return 0;
}

/* What revoke and rotate have to say, as a sentence or as an object of one member. */
static void print_done(const struct token_options *options, const char *name,
		       const char *value, const char *sentence)
{
	struct buffer line AUTO(buffer_fini) = {0};
	struct json_writer writer;
	if (!options->json) {
		printf("%s\n", sentence);
		return;
	}
	json_writer_init(&writer, &line);
	json_writer_object_begin(&writer, NULL);
	json_writer_text(&writer, name, value);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	(void)fwrite(line.at, 1, line.len, stdout);
}

static int revoke_token(struct desk *desk, const struct token_options *options,
			struct error *error)
{
	int err = ledger_revoke(&desk->ledger, options->arguments.items[0], error);
	if (err == 0)
		err = ledger_save(&desk->ledger, desk->vault_fd, error);
	char sentence[128];
	(void)snprintf(sentence, sizeof(sentence), "token %.40s is revoked",
		       options->arguments.items[0]);
	if (err == 0)
		print_done(options, "revoked", options->arguments.items[0], sentence);
	return err;
}

static int rotate_key(struct desk *desk, const struct token_options *options,
		      struct error *error)
{
	int64_t until_s = ledger_last_expiry(&desk->ledger);
	int err = keyring_rotate(&desk->keyring, until_s, error);
	if (err == 0)
		err = keyring_save(&desk->keyring, desk->vault_fd, desk->now_s, error);
	if (err)
		return err;
	const json_t *signer = keyring_signer(&desk->keyring);
	const char *id = json_string_value(json_object_get(signer, "kid"));
	char sentence[256];
	bool needed = until_s > desk->now_s;
	(void)snprintf(sentence, sizeof(sentence), "key %s signs from now on%s%s", id,
		       needed ? "; tokens that are out stay valid, the last one until "
			      : "",
		       needed ? time_text_of(until_s).at : "");
	print_done(options, "key", id, sentence);
	return 0;
}

static int run(const struct token_options *options, struct error *error)
{
	struct desk desk AUTO(desk_close) = {
		.vault_fd = -1,
		.lock_fd = -1,
		.now_s = clock_wall_ms() / 1000,
	};
	int err = desk_open(&desk, options, error);
	if (err == ERR_NOT_FOUND && options->verb == TOKEN_LIST && desk.has_data)
		return list_tokens(&desk, options); /* no token was ever made */
	if (err)
		return err;
	switch (options->verb) {
	case TOKEN_CREATE:
		return create_token(&desk, options, error);
	case TOKEN_REVOKE:
		return revoke_token(&desk, options, error);
	case TOKEN_ROTATE:
		return rotate_key(&desk, options, error);
	default:
		return list_tokens(&desk, options);
	}
}

int token_command_run(int argc, char *const *argv)
{
	struct token_options options AUTO(token_options_fini) = {0};
	struct error error = {0};
	int err = token_options_read(&options, argc, argv, &error);
	if (err == 0 && options.verb == TOKEN_HELP)
		err = option_help(&batond_token,
				  options.arguments.count ? options.arguments.items[0]
							  : NULL,
				  &error);
	else if (err == 0)
		err = run(&options, &error);
	if (err == 0 && fflush(stdout) != 0)
		err = error_set_errno(&error, ERR_LOCAL, errno, "standard output");
	if (err)
		error_print("batond", &error);
	return error_exit_status(err);
}
