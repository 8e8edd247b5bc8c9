#include "client/options/option_kinds.h"

#include <stdlib.h>
#include <string.h>

#include "client/options/options.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/message/message.h"
#include "proto/transport/address.h"

#define SETTER(name)                                                                     \
	static int set_##name(void *target, const struct option_use *use,                \
			      struct error *error)

#define KIND(name, ...) const struct option_kind option_##name = {set_##name, __VA_ARGS__}

#define TIMEOUT_MAX_S 1000000.0

static void keep_setting(struct setting *setting, const struct option_use *use)
{
	option_keep(&setting->value, use->value);
	option_keep(&setting->origin, use->origin);
}

static void fini_setting(void *place)
{
	struct setting *setting = place;
	free(take_ptr(&setting->value));
	free(take_ptr(&setting->origin));
}

/* ---- names ------------------------------------------------------------------------- */

static int check_name(const struct option_use *use, struct error *error)
{
	struct text name = text_of(use->value);
	if (name.len == 0)
		return option_refuse_empty(use, error);
	if (name.len > NAME_LEN_MAX)
		return error_set(error, ERR_USAGE,
				 "%s=%.40s…: a name of %zu bytes; at most %u are allowed",
				 use->origin, use->value, name.len, NAME_LEN_MAX);
	if (!text_is_clean(name))
		return option_refuse(
			use, "not a name: it has to be UTF-8 without control characters",
			error);
	return 0;
}

SETTER(name)
{
	int err = check_name(use, error);
	if (err == 0)
		option_keep(option_place(target, use), use->value);
	return err;
}
KIND(name, option_text_fini, false);

SETTER(names)
{
	int err = check_name(use, error);
	return err < 0 ? err
		       : option_add(option_place(target, use), NEEDS_MAX, use, error);
}
KIND(names, option_list_fini, true);

SETTER(setting)
{
	int err = check_name(use, error);
	if (err == 0)
		keep_setting(option_place(target, use), use);
	return err;
}
KIND(setting, fini_setting, false);

SETTER(needs)
{
	struct options *options = target;
	int err = use->value[0] ? set_names(target, use, error) : 0;
	if (err < 0)
		return err;
	options->has_needs = true;
	option_keep(&options->needs_origin.origin, use->origin);
	return 0;
}
KIND(needs, option_list_fini, true);

SETTER(retry_of)
{
	struct options *options = target;
	int err = set_setting(target, use, error);
	if (err < 0)
		return err;
	options->retry_none = strcmp(use->value, "none") == 0;
	if (options->retry_none)
		free(take_ptr(&options->retry_of.value));
	return 0;
}
KIND(retry_of, fini_setting, false);

/* ---- values with a form of their own ----------------------------------------------- */

SETTER(patterns)
{
	if (use->value[0] == '\0')
		return option_refuse_empty(use, error);
	if (strlen(use->value) > PATTERN_LEN_MAX)
		return error_set(error, ERR_USAGE,
				 "%s=%.40s…: a pattern of %zu bytes; at most %u are "
				 "allowed",
				 use->origin, use->value, strlen(use->value),
				 PATTERN_LEN_MAX);
	return option_add(option_place(target, use), PATTERNS_MAX, use, error);
}
KIND(patterns, option_list_fini, true);

SETTER(server)
{
	struct address address AUTO(address_fini) = {0};
	struct error why;
	if (address_parse(use->value, &address, &why) < 0)
		return error_set(error, why.code, "%s=%s", use->origin, why.text);
	keep_setting(option_place(target, use), use);
	return 0;
}
KIND(server, fini_setting, false);

SETTER(timeout)
{
	struct options *options = target;
	char *end;
	double seconds = strtod(use->value, &end);
	if (end == use->value || *end || !(seconds >= 0.001 && seconds <= TIMEOUT_MAX_S))
		return option_refuse(
			use, "not a number of seconds between 0.001 and 1000000", error);
	options->timeout_ms = (int)(seconds * 1000);
	options->timeout_given = use->origin;
	return 0;
}
KIND(timeout, NULL, false);

SETTER(layer)
{
	size_t len = strlen(use->value);
	if (len == 0 || len > LAYER_ID_DIGITS ||
	    strspn(use->value, "0123456789abcdef") != len)
		return option_refuse(
			use,
			"not a layer's id: up to 16 of 0-9 and a-f, as `baton log` "
			"shows them",
			error);
	option_keep(option_place(target, use), use->value);
	return 0;
}
KIND(layer, option_text_fini, false);

SETTER(digest)
{
	struct expected *expected = option_place(target, use);
	expected->given = digest_parse(use->value, &expected->digest);
	static const char *const why = "not a digest: sha256: and 64 hexadecimal digits";
	return expected->given ? 0 : option_refuse(use, why, error);
}
KIND(digest, NULL, false);
