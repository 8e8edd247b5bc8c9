#include "client/options/option_set.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/link/address.h"
#include "proto/message/message.h"
#include "proto/unit/digest.h"

#define SETTER(name)                                                                     \
	int option_set_##name(struct options *options, const struct option_use *use,     \
			      struct error *error)

#define TIMEOUT_MAX_S 1000000.0
#define LAYER_ID_LEN 16u

static void *place(struct options *options, const struct option_use *use)
{
	return (char *)options + use->option->at;
}

/* "--job=VALUE: WHY" */
static int refuse(const struct option_use *use, const char *why, struct error *error)
{
	return error_set(error, ERR_USAGE, "%s=%s: %s", use->origin, use->value, why);
}

static int refuse_empty(const struct option_use *use, struct error *error)
{
	return error_set(error, ERR_USAGE,
			 "%s: it is empty; give a value or leave it out", use->origin);
}

static void keep(char **place, const char *value)
{
	free(*place);
	*place = must_strdup(value);
}

static void keep_setting(struct setting *setting, const struct option_use *use)
{
	keep(&setting->value, use->value);
	keep(&setting->origin, use->origin);
}

SETTER(flag)
{
	(void)error;
	*(bool *)place(options, use) = true;
	return 0;
}

SETTER(text)
{
	if (use->value[0] == '\0')
		return refuse_empty(use, error);
	keep(place(options, use), use->value);
	return 0;
}

/* ---- names ------------------------------------------------------------------------- */

static int check_name(const struct option_use *use, struct error *error)
{
	struct text name = text_of(use->value);
	if (name.len == 0)
		return refuse_empty(use, error);
	if (name.len > NAME_LEN_MAX)
		return error_set(error, ERR_USAGE,
				 "%s=%.40s…: a name of %zu bytes; at most %u are allowed",
				 use->origin, use->value, name.len, NAME_LEN_MAX);
	if (!text_is_clean(name))
		return refuse(use,
			      "not a name: it has to be UTF-8 without control characters",
			      error);
	return 0;
}

SETTER(name)
{
	int err = check_name(use, error);
	if (err == 0)
		keep(place(options, use), use->value);
	return err;
}

static int add(struct string_list *list, size_t max, const struct option_use *use,
	       struct error *error)
{
	if (list->count >= max)
		return error_set(error, ERR_USAGE,
				 "%s: given more than %zu times, which is the most",
				 use->origin, max);
	string_list_add(list, use->value);
	return 0;
}

SETTER(names)
{
	int err = check_name(use, error);
	return err < 0 ? err : add(place(options, use), NEEDS_MAX, use, error);
}

SETTER(setting)
{
	int err = check_name(use, error);
	if (err == 0)
		keep_setting(place(options, use), use);
	return err;
}

SETTER(needs)
{
	int err = use->value[0] ? option_set_names(options, use, error) : 0;
	if (err < 0)
		return err;
	options->has_needs = true;
	keep(&options->needs_origin.origin, use->origin);
	return 0;
}

SETTER(retry_of)
{
	int err = option_set_setting(options, use, error);
	if (err < 0)
		return err;
	options->retry_none = strcmp(use->value, "none") == 0;
	if (options->retry_none)
		free(take_ptr(&options->retry_of.value));
	return 0;
}

/* ---- choices ----------------------------------------------------------------------- */

/* Which of "error|warn|ok" the value is; -1: none. */
static int choice_of(const struct option_use *use)
{
	size_t len = strlen(use->value);
	int index = 0;
	for (const char *at = use->option->argument;; at++, index++) {
		size_t choice_len = strcspn(at, "|");
		if (choice_len == len && memcmp(at, use->value, len) == 0)
			return index;
		at += choice_len;
		if (*at == '\0')
			return -1;
	}
}

/* "choose error, warn or ok" */
static int refuse_choice(const struct option_use *use, struct error *error)
{
	struct buffer why AUTO(buffer_fini) = {0};
	buffer_put(&why, "choose ", strlen("choose "));
	const char *last = strrchr(use->option->argument, '|');
	for (const char *at = use->option->argument; *at; at++) {
		if (*at != '|')
			buffer_put_u8(&why, (uint8_t)*at);
		else
			buffer_put(&why, at == last ? " or " : ", ", at == last ? 4 : 2);
	}
	buffer_put_u8(&why, '\0');
	return refuse(use, (const char *)why.at, error);
}

SETTER(choice)
{
	_Static_assert(sizeof(enum if_empty) == sizeof(int) &&
			       sizeof(enum if_changed) == sizeof(int),
		       "choices are kept as int");
	int index = choice_of(use);
	if (index < 0)
		return refuse_choice(use, error);
	memcpy(place(options, use), &index, sizeof(index));
	return 0;
}

SETTER(choice_word)
{
	if (choice_of(use) < 0)
		return refuse_choice(use, error);
	keep(place(options, use), use->value);
	return 0;
}

SETTER(choice_bool)
{
	int index = choice_of(use);
	if (index < 0)
		return refuse_choice(use, error);
	*(bool *)place(options, use) = index == 1;
	return 0;
}

/* ---- values with a form of their own ----------------------------------------------- */

SETTER(patterns)
{
	if (use->value[0] == '\0')
		return refuse_empty(use, error);
	if (strlen(use->value) > PATTERN_LEN_MAX)
		return error_set(error, ERR_USAGE,
				 "%s=%.40s…: a pattern of %zu bytes; at most %u are "
				 "allowed",
				 use->origin, use->value, strlen(use->value),
				 PATTERN_LEN_MAX);
	return add(place(options, use), PATTERNS_MAX, use, error);
}

SETTER(server)
{
	struct address address AUTO(address_fini) = {0};
	struct error why;
	if (address_parse(use->value, &address, &why) < 0)
		return error_set(error, why.code, "%s=%s", use->origin, why.text);
	keep_setting(place(options, use), use);
	return 0;
}

SETTER(timeout)
{
	char *end;
	double seconds = strtod(use->value, &end);
	if (end == use->value || *end || !(seconds >= 0.001 && seconds <= TIMEOUT_MAX_S))
		return refuse(use, "not a number of seconds between 0.001 and 1000000",
			      error);
	options->timeout_ms = (int)(seconds * 1000);
	options->timeout_given = true;
	return 0;
}

/* Who gives a token believes that it protects something. */
SETTER(no_token)
{
	(void)options;
	return error_set(error, ERR_USAGE,
			 "%s: this version has no tokens, and who reaches the daemon may "
			 "do everything; leave it out",
			 use->origin);
}

SETTER(layer)
{
	size_t len = strlen(use->value);
	if (len == 0 || len > LAYER_ID_LEN ||
	    strspn(use->value, "0123456789abcdef") != len)
		return refuse(use,
			      "not a layer's id: up to 16 of 0-9 and a-f, as `baton log` "
			      "shows them",
			      error);
	keep(place(options, use), use->value);
	return 0;
}

SETTER(digest)
{
	struct digest digest;
	if (!digest_parse(use->value, &digest))
		return refuse(use, "not a digest: sha256: and 64 hexadecimal digits",
			      error);
	keep(place(options, use), use->value);
	return 0;
}
