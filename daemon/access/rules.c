#include "daemon/access/rules.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"

static int add_issuer(struct rules *rules, const struct config_section *section,
		      const char *data, struct error *error)
{
	for (size_t i = 0; i < rules->issuer_count; i++)
		if (strcmp(rules->issuers[i].name, section->name) == 0)
			return error_set(error, ERR_USAGE, "%s: has a section already",
					 section->origin);
	struct issuer issuer;
	int err = issuer_read(section, data, &issuer, error);
	if (err)
		return err;
	rules->issuers = must_realloc(rules->issuers, (rules->issuer_count + 1) *
							      sizeof(*rules->issuers));
	rules->issuers[rules->issuer_count++] = issuer;
	return 0;
}

static int add_section(struct rules *rules, const struct config_section *section,
		       const char *data, struct error *error)
{
	if (strcmp(section->kind, "issuer") == 0)
		return add_issuer(rules, section, data, error);
	if (strcmp(section->kind, "user") == 0 || strcmp(section->kind, "group") == 0)
		return user_rules_add(&rules->users, section, error);
	if (strcmp(section->kind, "namespace") == 0)
		return 0; /* terms.h reads it */
	return error_set(
		error, ERR_USAGE,
		"%s: there is no such section; there are issuer, user, group and "
		"namespace",
		section->origin);
}

int rules_read(const struct config *config, struct rules **ret_rules, struct error *error)
{
	struct rules *rules = must_calloc(1, sizeof(*rules));
	atomic_init(&rules->references, 1);
	rules->loopback_needs_token = config->tcp_token;
	int err = 0;
	for (size_t i = 0; err == 0 && i < config->sections.count; i++)
		err = add_section(rules, &config->sections.items[i], config->data, error);
	if (err) {
		rules_unref(rules);
		return err;
	}
	*ret_rules = rules;
	return 0;
}

struct rules *rules_ref(struct rules *rules)
{
	atomic_fetch_add(&rules->references, 1);
	return rules;
}

void rules_unref(struct rules *rules)
{
	if (!rules || atomic_fetch_sub(&rules->references, 1) > 1)
		return;
	for (size_t i = 0; i < rules->issuer_count; i++)
		issuer_fini(&rules->issuers[i]);
	free(rules->issuers);
	user_rules_fini(&rules->users);
	free(rules);
}
