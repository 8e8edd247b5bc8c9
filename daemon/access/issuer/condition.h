/*
 * Conditions on what a token claims: `repository_owner=acme, ref_protected=true`. The
 * value is a pattern, as a namespace's (namespace_pattern.h). Constant once read; any
 * thread.
 */
#ifndef BATON_DAEMON_ACCESS_ISSUER_CONDITION_H
#define BATON_DAEMON_ACCESS_ISSUER_CONDITION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/base/error.h"

struct condition {
	char *claim, *pattern; /* owned */
};

struct condition_list {
	struct condition *items; /* owned */
	size_t count;
};

#define CONDITIONS_MAX 32u

/* Adds those of a text, separated by commas. ERR_USAGE with a sentence that begins with
 * origin. */
int condition_list_read(struct condition_list *list, const char *origin, const char *text,
			struct error *error);
void condition_list_fini(struct condition_list *list);

/* For conditions that let in: a claim that is missing, or cannot be read (claims_text()),
 * meets none. The first that is not met; NULL: all are. */
const struct condition *condition_list_unmet(const struct condition_list *list,
					     const json_t *claims);
/* For conditions that keep out: a claim that is missing, or cannot be read, meets all
 * that are about it. */
bool condition_list_has_any_met(const struct condition_list *list, const json_t *claims);
/* Whether one says all of what this claim has to be: its pattern has no `*`. */
bool condition_list_pins(const struct condition_list *list, const char *claim);

/* Whether its pattern begins with something certain: its first component has no `*`. */
bool condition_is_narrow(const struct condition *condition);

#endif
