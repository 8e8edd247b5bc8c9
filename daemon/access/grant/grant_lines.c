#include "daemon/access/grant/grant_lines.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define BLANKS " \t"

/* The sentence of the value's own check, behind the line's origin. */
static int refuse(const struct config_line *line, const struct error *why,
		  struct error *error)
{
	return error_set(error, ERR_USAGE, "%s: %s", line->origin, why->text);
}

int grant_lines_verbs(const struct config_section *section, uint32_t *verbs,
		      struct error *error)
{
	const struct config_line *line = config_section_find(section, "verbs");
	struct error why = {0};
	if (line && verbs_parse(line->value, verbs, &why))
		return refuse(line, &why, error);
	return 0;
}

int grant_lines_tier(const struct config_section *section, enum tier *tier,
		     struct error *error)
{
	const struct config_line *line = config_section_find(section, "tier");
	if (line && !tier_parse(line->value, tier))
		return error_set(error, ERR_USAGE,
				 "%s: `%s`: choose trusted or untrusted", line->origin,
				 line->value);
	return 0;
}

static int read_namespaces(const struct config_line *line, struct grant *grant,
			   struct error *error)
{
	const char *at = line ? line->value : "**";
	struct error why = {0};
	for (bool more = true; more;) {
		at += strspn(at, BLANKS);
		size_t len = strcspn(at, ","), cut = len;
		while (cut > 0 && strchr(BLANKS, at[cut - 1]))
			cut--;
		char *pattern AUTO_FREE = must_memdup(at, cut);
		if (grant_add_namespace(grant, pattern, &why))
			return refuse(line, &why, error);
		more = at[len] == ',';
		at += len + more;
	}
	return 0;
}

static char *copy_of(const struct config_line *line)
{
	return line && *line->value ? must_strdup(line->value) : NULL;
}

int grant_lines_read(const struct config_section *section, struct grant *grant,
		     enum tier *ret_tier, struct error *error)
{
	*ret_tier = TIER_TRUSTED;
	grant->verbs = VERBS_ALL;
	int err =
		read_namespaces(config_section_find(section, "namespace"), grant, error);
	if (err == 0)
		err = grant_lines_verbs(section, &grant->verbs, error);
	if (err == 0)
		err = grant_lines_tier(section, ret_tier, error);
	grant->workflow = copy_of(config_section_find(section, "workflow"));
	grant->job = copy_of(config_section_find(section, "job"));
	return err;
}
