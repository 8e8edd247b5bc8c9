#include "daemon/access/grant/grant.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/access/grant/namespace_pattern.h"

static const struct {
	const char *name;
	uint32_t verb;
} verb_names[] = {{"read", VERB_READ}, {"write", VERB_WRITE}, {"admin", VERB_ADMIN}};

#define VERB_COUNT (sizeof(verb_names) / sizeof(*verb_names))

void grant_fini(struct grant *grant)
{
	string_list_fini(&grant->namespaces);
	free(grant->workflow);
	free(grant->job);
	*grant = (struct grant){0};
}

struct grant grant_copy(const struct grant *grant)
{
	struct grant copy = {.exact = grant->exact, .verbs = grant->verbs};
	for (size_t i = 0; i < grant->namespaces.count; i++)
		string_list_add(&copy.namespaces, grant->namespaces.items[i]);
	copy.workflow = grant->workflow ? must_strdup(grant->workflow) : NULL;
	copy.job = grant->job ? must_strdup(grant->job) : NULL;
	return copy;
}

int grant_add_namespace(struct grant *grant, const char *pattern, struct error *error)
{
	if (grant->namespaces.count == GRANT_NAMESPACES_MAX)
		return error_set(error, ERR_USAGE,
				 "a grant has at most %u namespace patterns",
				 GRANT_NAMESPACES_MAX);
	int err = namespace_pattern_check(pattern, error);
	if (err == 0)
		string_list_add(&grant->namespaces, pattern);
	return err;
}

/* 0: there is no such verb. */
static uint32_t verb_named(const char *name, size_t len)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strlen(verb_names[i].name) == len &&
		    memcmp(verb_names[i].name, name, len) == 0)
			return verb_names[i].verb;
	return 0;
}

int verbs_parse(const char *text, uint32_t *ret_verbs, struct error *error)
{
	uint32_t verbs = 0;
	const char *at = text;
	for (;;) {
		at += strspn(at, " ");
		size_t len = strcspn(at, ", ");
		uint32_t verb = verb_named(at, len);
		if (!verb)
			return error_set(error, ERR_USAGE,
					 "`%.*s` is no verb; verbs are read, write and "
					 "admin, separated by commas",
					 len > 40 ? 40 : (int)len, at);
		verbs |= verb;
		at += len;
		at += strspn(at, " ");
		if (!*at)
			break;
		at += *at == ',';
	}
	*ret_verbs = verbs;
	return 0;
}

const char *verbs_text(uint32_t verbs)
{
	static const char *const texts[] = {
		"nothing", "read",       "write",       "read,write",
		"admin",   "read,admin", "write,admin", "read,write,admin",
	};
	return texts[verbs & VERBS_ALL];
}

static void put(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

void grant_describe(const struct grant *grant, struct buffer *out)
{
	for (size_t i = 0; i < grant->namespaces.count; i++) {
		put(out, i ? ", " : "");
		put(out, grant->namespaces.items[i]);
	}
	put(out, ": ");
	put(out, verbs_text(grant->verbs));
	if (grant->workflow) {
		put(out, ", workflow ");
		put(out, grant->workflow);
	}
	if (grant->job) {
		put(out, ", job ");
		put(out, grant->job);
	}
}
