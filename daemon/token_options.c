#include "daemon/token_options.h"

#include "daemon/access/grant/namespace_pattern.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/bounds.h"
#include "proto/options/apply.h"
#include "proto/options/kind.h"
#include "proto/options/verb.h"

#define EXPIRES_MIN_MS 1000ull
#define EXPIRES_MAX_MS (3650 * 86400000ull)

#define CREATE (1u << TOKEN_CREATE)
#define ALL OPTION_OF_ALL

/* ---- kinds ------------------------------------------------------------------------- */

static int set_name(void *target, const struct option_use *use, struct error *error)
{
	struct text text = text_of(use->value);
	if (text.len == 0 || text.len > NAME_LEN_MAX || !text_is_clean(text))
		return error_set(error, ERR_USAGE,
				 "%s: it takes UTF-8 without control characters, of 1 to "
				 "%u bytes",
				 use->origin, NAME_LEN_MAX);
	option_keep(option_place(target, use), use->value);
	return 0;
}

static int set_namespace(void *target, const struct option_use *use, struct error *error)
{
	int err = namespace_pattern_check(use->value, error);
	return err ? err
		   : option_add(option_place(target, use), GRANT_NAMESPACES_MAX, use,
				error);
}

static int set_verbs(void *target, const struct option_use *use, struct error *error)
{
	return verbs_parse(use->value, option_place(target, use), error);
}

static int set_expires(void *target, const struct option_use *use, struct error *error)
{
	int err = option_duration.set(target, use, error);
	uint64_t *time_ms = option_place(target, use);
	if (err == 0 && (*time_ms < EXPIRES_MIN_MS || *time_ms > EXPIRES_MAX_MS))
		err = option_refuse(use, "a token is valid for 1s to 3650d", error);
	return err;
}

static const struct option_kind option_name = {set_name, option_text_fini, false};
static const struct option_kind option_namespace = {set_namespace, option_list_fini,
						    true};
static const struct option_kind option_verbs = {set_verbs, NULL, false};
static const struct option_kind option_expires = {set_expires, NULL, false};

/* ---- tables ------------------------------------------------------------------------ */

#define TO(kind_, member)                                                                \
	.kind = &option_##kind_, .at = offsetof(struct token_options, member)

/* clang-format off */
static const struct verb verbs[] = {
	[TOKEN_CREATE] = {"create", "", 0, 0,
		"sign a token and print it, alone and this once, on standard output"},
	[TOKEN_LIST] = {"list", "", 0, 0,
		"the tokens that have not expired: id, expiry, state, subject"},
	[TOKEN_REVOKE] = {"revoke", "ID", 1, 1, "end a token at once"},
	[TOKEN_ROTATE] = {"rotate", "", 0, 0,
		"make a new key, which signs from now on; the old one verifies until the last token that it signed has expired"},
	[TOKEN_HELP] = {"help", "[COMMAND]", 0, 1, "explain a command and its options"},
	{.name = NULL},
};

static const struct option options[] = {
	{"--namespace", 0, "PATTERN", NULL, CREATE, TO(namespace, grant.namespaces),
		"a namespace that it is good for, repeatable; in it `*` is any run of characters but `/`, and `**` at the end whatever follows"},
	{"--verbs", 0, "LIST", NULL, CREATE, TO(verbs, grant.verbs),
		"read, write, admin, separated by commas (default)", .initial = "read,write"},
	{"--workflow", 0, "ID", NULL, CREATE, TO(name, grant.workflow),
		"only in this workflow"},
	{"--job", 0, "NAME", NULL, CREATE, TO(name, grant.job), "only as this job"},
	{"--tier", 0, "trusted|untrusted", NULL, CREATE, TO(choice, tier),
		"how far its bearer is trusted (default)", .initial = "trusted"},
	{"--expires", 0, "TIME", NULL, CREATE, TO(expires, expires_ms),
		"it is valid so long, at most 3650d (default)", .initial = "12h"},
	{"--subject", 0, "NAME", NULL, CREATE, TO(name, subject),
		"who it is for, shown in the list and in the daemon's log (default: the first namespace)"},
	{"--json", 0, NULL, NULL, ALL, TO(flag, json), "print one JSON object"},
	{"--config", 0, "FILE", NULL, ALL, TO(text, config),
		"the daemon's configuration, which names its data directory"},
	{"--data", 0, "DIR", NULL, ALL, TO(text, data), "the daemon's data directory"},
	{"--help", 'h', NULL, NULL, ALL, .kind = &option_verb, .help = "explain the command"},
	{.flag = NULL},
};
/* clang-format on */

const struct program batond_token = {
	.name = "batond token",
	.about =
		"What lets jobs on other machines in. A running daemon sees every change "
		"with its next request.",
	.options = options,
	.verbs = verbs,
	.common = "options of every command",
	.notes =
		"Whoever has a token may do what it says: keep it as a secret. TIME is a "
		"number with\ns, m, h or d.\n",
};

/* ---- all of it --------------------------------------------------------------------- */

int token_options_read(struct token_options *token, int argc, char *const *argv,
		       struct error *error)
{
	*token = (struct token_options){0};
	option_apply_initial(&batond_token, token);
	struct option_words words AUTO(option_words_fini) = {0};
	int err = option_words_split(&batond_token, argc, argv, &words, error);
	if (err == 0)
		err = option_verb_take(&batond_token, &words, error);
	if (err == 0)
		err = option_apply_words(&batond_token, &words, token, &token->arguments,
					 error);
	if (err < 0)
		return err;
	token->verb = (enum token_verb)(words.verb - verbs);
	if (token->verb == TOKEN_CREATE && token->grant.namespaces.count == 0)
		return error_set(
			error, ERR_USAGE,
			"token create: needs --namespace PATTERN (`**` for all)");
	return 0;
}

void token_options_fini(struct token_options *token)
{
	option_fini(&batond_token, token);
	string_list_fini(&token->arguments);
}
