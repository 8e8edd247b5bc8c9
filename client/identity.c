#include "client/identity.h"

#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "proto/cleanup.h"

#define AT(member) offsetof(struct options, member)

const struct identity_value identity_values[] = {
	{"namespace", "--namespace", AT(namespace), "\"default\" is used"},
	{"workflow", "--workflow", AT(workflow), "required"},
	{"run", "--run", AT(run), "1 is used"},
	{"job", "--job", AT(job),
	 "a persist needs one; an attach without one is anonymous"},
	{"shard", "--shard", AT(shard), "the job is not cut into shards"},
	{"attempt", "--attempt", AT(attempt), "1 is used"},
	{"execution", "--execution", AT(execution),
	 "two executions with one identity go unnoticed"},
	{"needs", "--needs", AT(needs_origin), "every visible layer is attached"},
	{"parent", "--retry-of", AT(retry_of), "the workflow retries nothing"},
	{.name = NULL},
};

const struct identity_source identity_sources[] = {
	{.flag = NULL},
};

const struct setting *identity_setting(const struct identity_value *value,
				       const struct options *options)
{
	return (const struct setting *)((const char *)options + value->at);
}

/* The value of the variable whose name has len bytes; NULL: not set or empty. */
static const char *variable(const char *name, size_t len)
{
	char *copy AUTO_FREE = must_memdup(name, len);
	const char *value = getenv(copy);
	return value && *value ? value : NULL;
}

/* The form with its variables' values; NULL if one is missing. */
static char *fill(const char *form)
{
	struct buffer text AUTO(buffer_fini) = {0};
	while (*form) {
		size_t len = strcspn(form, "{");
		buffer_put(&text, form, len);
		form += len;
		if (*form == '\0')
			break;
		len = strcspn(form, "}");
		const char *value = variable(form + 1, len - 1);
		if (!value)
			return NULL;
		buffer_put(&text, value, strlen(value));
		form += len + 1;
	}
	return must_memdup(text.at, text.len);
}

char *identity_find(const struct identity_source *sources, const char *flag,
		    const char **ret_origin)
{
	for (; sources->flag; sources++) {
		if (strcmp(sources->flag, flag) != 0)
			continue;
		char *text = fill(sources->form);
		if (!text)
			continue;
		*ret_origin = sources->origin;
		return text;
	}
	return NULL;
}
