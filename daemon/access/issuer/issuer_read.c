/* `[issuer NAME]` of the configuration, over what a preset knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access/grant/grant_lines.h"
#include "daemon/access/grant/namespace_pattern.h"
#include "daemon/access/issuer/fetch.h"
#include "daemon/access/issuer/issuer.h"
#include "daemon/access/issuer/preset.h"
#include "daemon/access/issuer/template.h"
#include "daemon/access/token/token.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static const char *const issuer_key_names[] = {
	"preset", "url",   "audience", "keys",      "algorithms", "namespace", "workflow",
	"job",    "verbs", "tier",     "untrusted", "require",    NULL,
};

#define DISCOVERY "{url}/.well-known/openid-configuration"

/* A section while it is read. */
struct issuer_reading {
	const struct config_section *section; /* borrowed */
	const struct preset *preset;          /* NULL: none */
	struct issuer *issuer;                /* borrowed */
	char *host;                           /* owned */
};

/* The line's value, or else what the preset has; NULL: neither. *ret_origin: for
 * sentences. */
static const char *value_of(const struct issuer_reading *reading, const char *key,
			    const char *preset_value, const char **ret_origin)
{
	const struct config_line *line = config_section_find(reading->section, key);
	*ret_origin = line ? line->origin : reading->section->origin;
	if (line)
		return *line->value ? line->value : NULL;
	return preset_value;
}

#define VALUE(reading, key, member, ret_origin)                                          \
	value_of(reading, key, (reading)->preset ? (reading)->preset->member : NULL,     \
		 ret_origin)

static int missing(const struct issuer_reading *reading, const char *key,
		   struct error *error)
{
	return error_set(error, ERR_USAGE, "%s: needs `%s`", reading->section->origin,
			 key);
}

/* ---- who it is ---- */

static int check_name(const struct issuer_reading *reading, struct error *error)
{
	const char *name = reading->section->name;
	size_t len = strlen(name);
	if (len > 32 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
		return error_set(error, ERR_USAGE,
				 "%s: an issuer's name has up to 32 of a-z, 0-9 and `-`",
				 reading->section->origin);
	reading->issuer->name = must_strdup(name);
	return 0;
}

static int find_preset(struct issuer_reading *reading, struct error *error)
{
	const struct config_line *line = config_section_find(reading->section, "preset");
	reading->preset = preset_named(line ? line->value : reading->section->name);
	if (line && !reading->preset)
		return error_set(error, ERR_USAGE,
				 "%s: `%s`: there are presets for github, gitlab, "
				 "circleci and buildkite",
				 line->origin, line->value);
	return 0;
}

/* Behind "https://", up to a port or a path. */
static char *host_of(const char *url)
{
	const char *at = strstr(url, "://");
	at = at ? at + 3 : url;
	return must_memdup(at, strcspn(at, ":/"));
}

static int read_url(struct issuer_reading *reading, struct error *error)
{
	const char *origin;
	struct claim_text text;
	struct issuer *issuer = reading->issuer;
	const char *audience = value_of(reading, "audience", NULL, &origin);
	if (!audience)
		return missing(reading, "audience", error);
	issuer->audience = must_strdup(audience);
	const char *url = VALUE(reading, "url", url, &origin);
	if (!url)
		return missing(reading, "url", error);
	const struct template_word words[] = {{"audience", audience}, {NULL, NULL}};
	int err = template_check(origin, url, error);
	if (err == 0)
		err = template_fill(url, words, NULL, &text, error);
	if (err == 0 && strcmp(text.at, TOKEN_ISSUER) == 0)
		err = error_set(error, ERR_USAGE, "%s: that is this daemon's own name",
				origin);
	if (err)
		return err;
	issuer->url = must_strdup(text.at);
	reading->host = host_of(text.at);
	return 0;
}

static int read_algorithms(struct issuer_reading *reading, struct error *error)
{
	const char *origin;
	const char *at = value_of(reading, "algorithms", JOSE_ALGORITHMS, &origin);
	while (at && *at) {
		size_t len = strcspn(at, ", ");
		unsigned i = 0;
		while (jose_algorithms[i] && (strlen(jose_algorithms[i]) != len ||
					      memcmp(jose_algorithms[i], at, len) != 0))
			i++;
		if (!jose_algorithms[i])
			return error_set(error, ERR_USAGE,
					 "%s: choose from " JOSE_ALGORITHMS, origin);
		reading->issuer->algorithms |= 1u << i;
		at += len + strspn(at + len, ", ");
	}
	return 0;
}

static int begin_keys(struct issuer_reading *reading, const char *data,
		      struct error *error)
{
	const char *origin;
	struct claim_text keys;
	struct issuer *issuer = reading->issuer;
	const char *where = value_of(reading, "keys", DISCOVERY, &origin);
	const struct template_word words[] = {{"url", issuer->url}, {NULL, NULL}};
	if (!where)
		return missing(reading, "keys", error);
	int err = template_check(origin, where, error);
	if (err == 0)
		err = template_fill(where, words, NULL, &keys, error);
	if (err == 0 && keys.at[0] != '/')
		err = fetch_check_url(origin, keys.at, error);
	const struct issuer_keys_source source = {
		.data = data,
		.name = issuer->name,
		.url = issuer->url,
		.keys = keys.at,
	};
	return err ? err : issuer_keys_new(&source, &issuer->keys, error);
}

/* ---- what it grants ---- */

/* A template in which {host} is filled in already, so that claims are all that is left.
 */
static int read_template(const struct issuer_reading *reading, const char *origin,
			 const char *template, char **ret_template, struct error *error)
{
	struct buffer text AUTO(buffer_fini) = {0};
	int err = template_check(origin, template, error);
	for (const char *at = template; err == 0 && *at;) {
		const char *word = strstr(at, "{host}");
		size_t len = word ? (size_t)(word - at) : strlen(at);
		buffer_put(&text, at, len);
		if (word)
			buffer_put(&text, reading->host, strlen(reading->host));
		at += len + (word ? strlen("{host}") : 0);
	}
	buffer_put_u8(&text, 0);
	if (err == 0)
		*ret_template = must_strdup((const char *)text.at);
	return err;
}

static int read_templates(struct issuer_reading *reading, struct error *error)
{
	struct issuer *issuer = reading->issuer;
	const char *origin;
	const char *namespace = VALUE(reading, "namespace", namespace, &origin);
	if (!namespace)
		return missing(reading, "namespace", error);
	int err = read_template(reading, origin, namespace, &issuer->namespace, error);
	struct error why = {0};
	if (err == 0 && !template_has_blanks(issuer->namespace) &&
	    namespace_pattern_check(issuer->namespace, &why))
		err = error_set(error, ERR_USAGE, "%s: %s", origin, why.text);
	if (err == 0 && !namespace_pattern_is_straight(issuer->namespace))
		err = error_set(error, ERR_USAGE,
				"%s: a namespace has no `.` or `..` in it", origin);
	const char *workflow = VALUE(reading, "workflow", workflow, &origin);
	if (err == 0 && workflow)
		err = read_template(reading, origin, workflow, &issuer->workflow, error);
	const char *job = value_of(reading, "job", NULL, &origin);
	if (err == 0 && job)
		err = read_template(reading, origin, job, &issuer->job, error);
	return err;
}

static int read_tier(struct issuer_reading *reading, struct error *error)
{
	struct issuer *issuer = reading->issuer;
	const char *origin;
	const char *untrusted = VALUE(reading, "untrusted", untrusted, &origin);
	issuer->verbs = VERB_READ | VERB_WRITE;
	int err = untrusted ? condition_list_read(&issuer->untrusted, origin, untrusted,
						  error)
			    : 0;
	if (err == 0)
		err = grant_lines_verbs(reading->section, &issuer->verbs, error);
	const struct preset *preset = reading->preset;
	bool is_pinned = !preset || !preset->trusted_by ||
			 condition_list_pins(&issuer->require, preset->trusted_by);
	issuer->tier = is_pinned ? TIER_TRUSTED : TIER_UNTRUSTED;
	return err ? err : grant_lines_tier(reading->section, &issuer->tier, error);
}

/* ---- who may come ---- */

/* Claims that every token has, or that say nothing of whose it is. */
static bool says_nothing(const char *claim_name)
{
	static const char *const names[] = {"iss", "aud", "exp", "nbf", "iat", "jti"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], claim_name) == 0)
			return true;
	return false;
}

/* Whether whoever has a repository of his own cannot make it the beginning of `sub`. */
static bool is_whose(const struct preset *preset, const struct condition *condition)
{
	const char *subject = preset->subject;
	return !subject || strcmp(condition->claim, "sub") != 0 ||
	       strncmp(condition->pattern, subject, strlen(subject)) == 0;
}

static bool narrows(const struct preset *preset, const struct condition *condition)
{
	if (!condition_is_narrow(condition) || says_nothing(condition->claim))
		return false;
	for (const char *const *at = preset ? preset->narrowing : NULL; at && *at; at++)
		if (strcmp(*at, condition->claim) == 0)
			return is_whose(preset, condition);
	return !preset;
}

static int read_require(struct issuer_reading *reading, struct error *error)
{
	struct condition_list *require = &reading->issuer->require;
	const struct config_line *line = config_section_find(reading->section, "require");
	const char *origin = line ? line->origin : reading->section->origin;
	int err = line ? condition_list_read(require, origin, line->value, error) : 0;
	for (size_t i = 0; err == 0 && i < require->count; i++)
		if (narrows(reading->preset, &require->items[i]))
			return 0;
	return err ? err
		   : error_set(error, ERR_USAGE,
			       "%s: everybody can get a token of that issuer: `require` "
			       "has to say whose are taken%s%s%s",
			       origin, reading->preset ? ", as in `require = " : "",
			       reading->preset ? reading->preset->narrowing[0] : "",
			       reading->preset ? "=…`" : "");
}

int issuer_read(const struct config_section *section, const char *data,
		struct issuer *ret_issuer, struct error *error)
{
	struct issuer issuer AUTO(issuer_fini) = {0};
	struct issuer_reading reading = {.section = section, .issuer = &issuer};
	int err = config_section_check(section, issuer_key_names, error);
	if (err == 0)
		err = check_name(&reading, error);
	if (err == 0)
		err = find_preset(&reading, error);
	if (err == 0)
		err = read_url(&reading, error);
	if (err == 0)
		err = read_require(&reading, error);
	if (err == 0)
		err = read_templates(&reading, error);
	if (err == 0)
		err = read_tier(&reading, error);
	if (err == 0)
		err = read_algorithms(&reading, error);
	if (err == 0)
		err = begin_keys(&reading, data, error);
	free(reading.host);
	if (err)
		return err;
	*ret_issuer = issuer;
	issuer = (struct issuer){0};
	return 0;
}
