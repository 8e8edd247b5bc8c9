#include "daemon/access/grant/principal.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/access/grant/namespace_pattern.h"
#include "proto/base/advice.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

struct principal *principal_new(const char *name, enum tier tier)
{
	struct principal *principal = must_calloc(1, sizeof(*principal));
	principal->name = must_strdup(name);
	principal->tier = tier;
	return principal;
}

void principal_free(struct principal *principal)
{
	if (!principal)
		return;
	for (size_t i = 0; i < principal->grant_count; i++)
		grant_fini(&principal->grants[i]);
	free(principal->grants);
	free(principal->token_id);
	free(principal->name);
	free(principal);
}

bool principal_is_expired(const struct principal *principal, int64_t now_s,
			  int64_t grace_s)
{
	return principal->expires_s && now_s - grace_s >= principal->expires_s;
}

void principal_add(struct principal *principal, struct grant *grant)
{
	principal->grants =
		must_realloc(principal->grants,
			     (principal->grant_count + 1) * sizeof(*principal->grants));
	principal->grants[principal->grant_count++] = *grant;
	*grant = (struct grant){0};
}

void principal_add_all(struct principal *principal)
{
	struct grant all = {.verbs = VERBS_ALL};
	string_list_add(&all.namespaces, "**");
	principal_add(principal, &all);
}

/* ---- questions ---- */

static bool covers_namespace(const struct grant *grant, struct text namespace)
{
	for (size_t i = 0; i < grant->namespaces.count; i++) {
		const char *pattern = grant->namespaces.items[i];
		if (grant->exact ? text_is(namespace, pattern)
				 : namespace_pattern_covers(pattern, namespace))
			return true;
	}
	return false;
}

static bool covers(const struct grant *grant, const struct access_question *question)
{
	return grant->verbs & question->verb &&
	       covers_namespace(grant, question->namespace) &&
	       (!grant->workflow || text_is(question->workflow, grant->workflow)) &&
	       (!grant->job || question->any_job || text_is(question->job, grant->job));
}

bool principal_allows(const struct principal *principal,
		      const struct access_question *question)
{
	for (size_t i = 0; i < principal->grant_count; i++)
		if (covers(&principal->grants[i], question))
			return true;
	return false;
}

bool principal_has_namespace(const struct principal *principal, struct text namespace)
{
	for (size_t i = 0; i < principal->grant_count; i++)
		if (covers_namespace(&principal->grants[i], namespace))
			return true;
	return false;
}

int principal_check(const struct principal *principal,
		    const struct access_question *question, struct error *error)
{
	if (principal_allows(principal, question))
		return 0;
	struct buffer grants AUTO(buffer_fini) = {0};
	char namespace[NAME_LEN_MAX + 1];
	principal_describe(principal, &grants);
	buffer_put_u8(&grants, 0);
	(void)text_clean(question->namespace, namespace, sizeof(namespace));
	(void)error_set(error, ERR_DENIED,
			"%s may not %s this in namespace `%s`: its grant is `%s`",
			principal->name, verbs_text(question->verb), namespace,
			(const char *)grants.at);
	return principal_has_namespace(principal, question->namespace)
		       ? ERR_DENIED
		       : error_advise(error, ADVICE_NAME_NAMESPACE);
}

bool principal_is_admin_of_all(const struct principal *principal)
{
	for (size_t i = 0; i < principal->grant_count; i++) {
		const struct grant *grant = &principal->grants[i];
		if (grant->exact || grant->workflow || grant->job ||
		    !(grant->verbs & VERB_ADMIN))
			continue;
		for (size_t at = 0; at < grant->namespaces.count; at++)
			if (namespace_pattern_is_all(grant->namespaces.items[at]))
				return true;
	}
	return false;
}

void principal_describe(const struct principal *principal, struct buffer *out)
{
	for (size_t i = 0; i < principal->grant_count; i++) {
		buffer_put(out, "; ", i ? 2 : 0);
		grant_describe(&principal->grants[i], out);
	}
}
