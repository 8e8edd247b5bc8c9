/*
 * Texts with blanks that a token's claims fill: `{repository}/{run_id}`. Pure; any
 * thread.
 */
#ifndef BATON_DAEMON_ACCESS_ISSUER_TEMPLATE_H
#define BATON_DAEMON_ACCESS_ISSUER_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/access/token/claims.h"
#include "proto/base/error.h"

/* What other words than claims stand for: {host}, say. Ends with a NULL name. */
struct template_word {
	const char *name, *value;
};

/* Whether every `{` has its `}` and a name between: ERR_USAGE, a sentence that begins
 * with origin. */
int template_check(const char *origin, const char *template, struct error *error);

/* Whether anything is to be filled in. */
bool template_has_blanks(const char *template);

/* Fills it in. claims: NULL: there are none. ERR_DENIED with a sentence: a claim is not
 * there or no text, or the whole is longer than NAME_LEN_MAX. */
int template_fill(const char *template, const struct template_word *words,
		  const json_t *claims, struct claim_text *ret_text, struct error *error);

#endif
